from tests.unit.functions.conftest import Invoke, load_event, read_body


def test_hello_greets_a_user(invoke: Invoke) -> None:
    answer = invoke("hello", load_event("hello", "success"))

    assert (answer["statusCode"], read_body(answer)) == (200, {"message": "Hello, World!"})
