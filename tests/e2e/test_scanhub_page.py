"""What ScanHub's own page does, request by request, and what exam-manager then holds.

The page knows readiness and `trigger_task` of us, shows no status, detail or reason of an answer,
and reads and writes tasks at exam-manager alone.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import httpx

from tests.e2e.laptop import Json, Laptop, wait_until

OPERATORS = "Patient has a pacemaker:\nask Dr. Weber."
MARKER = "workflow-manager"
# The page gives readiness up after that.
READINESS_LIMIT_S = 1.0


def trigger(laptop: Laptop, task_id: str) -> httpx.Response:
    return laptop.api.post(f"/trigger_task/{task_id}/")


def edit(laptop: Laptop, task_id: str, **changes: Any) -> None:
    """Write a task as the page does: all of it, as it was read before."""
    task = laptop.get_exam_task(task_id) | changes
    laptop.scanhub.put(f"/api/v1/exam/task/{task_id}", json=task).raise_for_status()


def read_comment(laptop: Laptop, task_id: str) -> str:
    return laptop.get_exam_task(task_id)["comment"] or ""


def wait_for_exam_task(laptop: Laptop, task_id: str, **expected: Any) -> Json:
    def read() -> Json | None:
        task = laptop.get_exam_task(task_id)
        return task if expected.items() <= task.items() else None

    return wait_until(read, f"exam-manager to hold {expected} for task {task_id}")


def test_pages_own_sequence_of_requests(laptop: Laptop) -> None:
    ids = laptop.make_workflow()
    scan_id, reconstruction_id = ids["task_ids"]
    for task_id in ids["task_ids"]:
        edit(laptop, task_id, comment=OPERATORS)

    # The page asks every five seconds, and shows us as away where that takes longer than a second.
    def is_ready() -> bool:
        with suppress(httpx.TimeoutException):
            answer = laptop.anonymous.get("/health/readiness", timeout=READINESS_LIMIT_S)
            return bool(answer.json()["status"] == "ok")
        return False

    wait_until(is_ready, "readiness within the page's limit")

    # The play button of the reconstruction, before there is any data. Twice at once, so that both
    # calls of the double click below meet a function that has started.
    with ThreadPoolExecutor() as clicks:
        refused = list(clicks.map(lambda _: trigger(laptop, reconstruction_id), range(2)))
    assert [answer.status_code for answer in refused] == [httpx.codes.CONFLICT] * 2
    told = read_comment(laptop, reconstruction_id)
    assert told.startswith(OPERATORS + "\n")
    assert MARKER in told.splitlines()[-1]

    # A double click on the play button of the scan.
    with ThreadPoolExecutor() as clicks:
        answers = list(clicks.map(lambda _: trigger(laptop, scan_id), range(2)))
    assert [answer.status_code for answer in answers] == [httpx.codes.OK] * 2
    assert {answer.json()["task"]["attempt"] for answer in answers} == {1}

    # An edit in mid scan, which writes all of the task.
    edit(laptop, scan_id, comment=OPERATORS + "\nSedated.")
    laptop.wait_for_workflow(ids["workflow_id"], "completed")
    assert laptop.wait_for_scan(scan_id)["n_starts"] == 1

    wait_for_exam_task(laptop, scan_id, status="FINISHED", progress=100)
    first = wait_for_exam_task(laptop, reconstruction_id, status="FINISHED", progress=100)
    assert len(first["results"]) == 1
    wait_for_exam_task(laptop, scan_id, comment=OPERATORS + "\nSedated.")
    wait_for_exam_task(laptop, reconstruction_id, comment=OPERATORS)


def test_page_shows_the_old_image_until_the_rescan_has_its_data(laptop: Laptop) -> None:
    ids = laptop.make_workflow()
    scan_id, reconstruction_id = ids["task_ids"]
    trigger(laptop, scan_id).raise_for_status()
    laptop.wait_for_workflow(ids["workflow_id"], "completed")
    first = wait_for_exam_task(laptop, reconstruction_id, status="FINISHED", progress=100)

    assert trigger(laptop, scan_id).json()["task"]["attempt"] == 2
    during = laptop.get_exam_task(reconstruction_id)
    is_scanning = laptop.get_exam_task(scan_id)["progress"] < 100
    assert not is_scanning or (during["status"], during["results"]) == (
        "FINISHED",
        first["results"],
    )

    def read() -> Json | None:
        task = laptop.get_exam_task(reconstruction_id)
        return task if len(task["results"]) == 2 and task["status"] == "FINISHED" else None

    wait_until(read, "the second image")
