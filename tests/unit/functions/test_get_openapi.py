from tests.unit.functions.conftest import Invoke, load_event, read_body
from tools.openapi import DOCUMENT, make_document


def test_get_openapi_answers_the_merged_document(invoke: Invoke) -> None:
    answer = invoke("get_openapi", load_event("get_openapi", "openapi"))

    document = read_body(answer)
    assert answer["statusCode"] == 200
    assert "/process/{workflow_id}/" in document["paths"]
    assert document["components"]["securitySchemes"]["oauth2_scheme"]["flows"]["password"]


def test_get_openapi_shows_a_page(invoke: Invoke) -> None:
    answer = invoke("get_openapi", load_event("get_openapi", "docs"))

    assert answer["statusCode"] == 200
    assert "swagger-ui" in answer["body"]
    assert "openapi.json" in answer["body"]


def test_get_openapi_document_is_current() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == make_document()
