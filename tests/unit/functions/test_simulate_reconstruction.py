import pytest

from tests.unit.functions.conftest import Invoke, load_event


@pytest.mark.parametrize("case", ["first_step", "last_step"])
def test_simulate_reconstruction_handles_its_messages(invoke: Invoke, case: str) -> None:
    answer = invoke("simulate_reconstruction", load_event("simulate_reconstruction", case))

    assert answer == {"batchItemFailures": []}


@pytest.mark.parametrize("body", ["x", "{}", '{"simulate_run": "r", "step": "1"}'])
def test_simulate_reconstruction_gives_back_what_it_does_not_understand(
    invoke: Invoke, body: str
) -> None:
    event = load_event("simulate_reconstruction", "first_step")
    event["Records"][0]["body"] = body

    assert len(invoke("simulate_reconstruction", event)["batchItemFailures"]) == 1
