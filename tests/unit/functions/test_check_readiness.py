from tests.unit.functions.conftest import Invoke, load_event, read_body


def test_check_readiness_says_ok_and_names_what_is_degraded(invoke: Invoke) -> None:
    invoke("reconcile_runs", load_event("reconcile_runs", "every_minute"))

    answer = invoke("check_readiness", load_event("check_readiness", "success"))

    assert answer["statusCode"] == 200
    assert read_body(answer) == {"status": "ok", "degraded": []}
