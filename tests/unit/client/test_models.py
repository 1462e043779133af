from tools.client_models import MODELS, make_header


def test_models_are_those_of_the_openapi() -> None:
    digest = make_header().splitlines()[-1]
    assert digest in MODELS.read_text(), "The API has changed: run make client-models."
