"""What a board keeps of the tasks that it has shown."""

import pytest

from tests.contracts.samples import NOW, make_task, make_workflow
from workflow_manager.domain.entity import Origin
from workflow_manager.domain.task import Task
from workflow_manager.domain.workflow import Workflow
from workflow_manager.stores import task_memory
from workflow_manager.stores.task_memory import KEPT_S, TaskMemory

WORKFLOW = make_workflow(version=3, last_event_id="line-1")


def make_tasks(*task_ids: str) -> dict[str, Task]:
    return {task_id: make_task(task_id) for task_id in task_ids}


def test_tasks_are_kept_without_what_they_were_read_from() -> None:
    memory = TaskMemory()
    memory.keep(WORKFLOW, {"a": make_task("a", origin=Origin({"PK": {"S": "x"}}))}, 1000)
    found = memory.get(WORKFLOW, 1000)
    assert found is not None
    assert found["a"].origin.item == {}


@pytest.mark.parametrize(
    "changes",
    [{"version": 4}, {"last_event_id": "line-2"}, {"created_at": NOW.replace(year=2027)}],
)
def test_tasks_of_another_version_are_read(changes: dict[str, object]) -> None:
    memory = TaskMemory()
    memory.keep(WORKFLOW, make_tasks("a"), 1000)
    assert memory.get(WORKFLOW.evolve(**changes), 1000) is None


@pytest.mark.parametrize("now_s", [1000 + KEPT_S, 999])
def test_tasks_are_read_again_after_a_while(now_s: float) -> None:
    memory = TaskMemory()
    memory.keep(WORKFLOW, make_tasks("a"), 1000)
    assert memory.get(WORKFLOW, 1000 + KEPT_S - 1) == make_tasks("a")
    assert memory.get(WORKFLOW, now_s) is None


def test_no_more_than_so_many_tasks_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_memory, "MAX_N_TASKS", 4)
    memory = TaskMemory()
    one, two, three, large = (make_workflow(f"workflow-{n}") for n in range(4))

    def list_kept() -> list[Workflow]:
        return [each for each in (one, two, three, large) if memory.get(each, 1000)]

    for workflow in (one, two, one, three):
        memory.keep(workflow, make_tasks("a", "b"), 1000)
    assert list_kept() == [one, three]
    memory.keep(large, make_tasks(*"abcde"), 1000)
    assert list_kept() == []
    memory.keep(two, make_tasks(*"abcd"), 1000)
    assert list_kept() == [two]
