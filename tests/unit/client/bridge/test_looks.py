"""When a workflow is looked at again."""

from itertools import pairwise

import httpx
import pytest

from scanhub_workflow import Retry
from scanhub_workflow.bridge.board import Board, BoardTask, BoardWorkflow
from scanhub_workflow.bridge.items import Item
from scanhub_workflow.bridge.looks import MAX_DONE_WAIT_S, MAX_WAIT_S, Looks
from scanhub_workflow.http import Api

INTERVAL_S = 10


def tell(*statuses: str) -> BoardWorkflow:
    tasks = [
        BoardTask(task_id=f"t-{n}", task_type="DEVICE_TASK_SDK", status=status)
        for n, status in enumerate(statuses)
    ]
    return BoardWorkflow(workflow_id="w", tasks=tasks)


def list_looks(told: BoardWorkflow, items: list[Item], until_s: int) -> list[int]:
    looks = Looks(INTERVAL_S)
    return [at for at in range(0, until_s, INTERVAL_S) if looks.choose_due([told], items, at)]


@pytest.mark.parametrize(
    ("statuses", "longest_s"),
    [(["IN_PROGRESS"], INTERVAL_S), (["FAILED"], MAX_WAIT_S), (["COMPLETED"], MAX_DONE_WAIT_S)],
)
def test_what_is_quiet_is_looked_at_ever_less_often(statuses: list[str], longest_s: float) -> None:
    seen = list_looks(tell(*statuses), [], 30_000)
    waits = [after - before for before, after in pairwise(seen)]
    assert waits[0] == INTERVAL_S
    assert waits == sorted(waits)
    assert waits[-1] == longest_s


def test_change_is_looked_at_once() -> None:
    looks = Looks(INTERVAL_S)
    for at in range(0, 10_000, INTERVAL_S):
        looks.choose_due([tell("COMPLETED")], [], at)
    assert looks.choose_due([tell("FAILED")], [], 10_001)
    assert not looks.choose_due([tell("FAILED")], [], 10_002)
    looks.forget()
    assert looks.choose_due([tell("FAILED")], [], 10_003)


def test_next_try_of_what_has_failed_is_waited_for() -> None:
    item = Item("up t-0", "w", "t-0", next_at_s=500)
    assert list_looks(tell("FAILED"), [item], 1000)[:3] == [0, 10, 500]


def test_board_of_many_pages_is_asked_by_its_tags() -> None:
    # Given a board of two pages
    asked: list[tuple[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        cursor, tag = request.url.params.get("cursor", ""), request.headers.get("If-None-Match", "")
        asked.append((cursor, tag))
        assert request.url.params["include"] == "tasks"
        headers = {"ETag": f'W/"{cursor}"', "Date": "Sun, 29 Nov 2026 12:00:00 GMT"}
        if tag:
            return httpx.Response(304, headers=headers)
        page = {
            "workflows": [{"workflow_id": f"w-{cursor}"}],
            "next_cursor": None if cursor else "2",
        }
        return httpx.Response(200, headers=headers, json=page)

    http = httpx.Client(base_url="https://api.test", transport=httpx.MockTransport(answer))
    board = Board(Api(http, Retry()))

    # When it is read twice; then the second time nothing is sent, and all is there
    assert board.find_time() is None
    first = board.read()
    assert [each.workflow_id for each in first] == ["w-", "w-2"]
    assert board.read() == first
    assert asked == [("", ""), ("2", ""), ("", 'W/""'), ("2", 'W/"2"')]
    # And the time is the API's
    assert board.find_time() == pytest.approx(1_795_953_600, abs=60)
