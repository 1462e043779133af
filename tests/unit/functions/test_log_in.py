import io
import json
from datetime import timedelta
from pathlib import Path

import pytest

from tests.fakes.ports import MemoryPorts
from tests.unit.functions.conftest import Invoke, load_event, read_body
from workflow_manager.domain.errors import UpstreamTimeoutError
from workflow_manager.services.log_in import TURN_S


def test_log_in_answers_with_the_token_which_nothing_keeps(
    invoke: Invoke, world: MemoryPorts, log: io.StringIO
) -> None:
    answer = invoke("log_in", load_event("log_in", "success"))

    assert read_body(answer)["access_token"] in world.users.users
    assert answer["headers"]["cache-control"] == "no-store"
    assert read_body(answer)["access_token"] not in log.getvalue()


@pytest.mark.parametrize("case", ["wrong_password", "no_password"])
def test_log_in_repeats_nothing_that_was_sent(invoke: Invoke, log: io.StringIO, case: str) -> None:
    answer = invoke("log_in", load_event("log_in", case))

    for sent in ("operator", "wrong"):
        assert sent not in log.getvalue()
        assert sent not in answer["body"].replace("Name or password is wrong.", "")


def test_log_in_tells_when_to_come_back(invoke: Invoke, world: MemoryPorts) -> None:
    now = world.clock()
    world.store.take_login_turn(now, now + timedelta(seconds=TURN_S))

    answer = invoke("log_in", load_event("log_in", "success"))

    assert (answer["statusCode"], answer["headers"]["retry-after"]) == (429, "2")
    document = json.loads(Path("functions/get_openapi/openapi.json").read_text())
    told = document["paths"]["/login/"]["post"]["responses"]["429"]
    assert told["headers"].keys() == {"Retry-After"}


def test_log_in_tells_that_nobody_answers(invoke: Invoke, world: MemoryPorts) -> None:
    world.users.error = UpstreamTimeoutError("User-login-manager failed.")

    assert invoke("log_in", load_event("log_in", "success"))["statusCode"] == 504
