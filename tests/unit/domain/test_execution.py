"""What an execution promises to who holds its graph; its moves are tested by their use cases."""

import pytest

from tests.contracts.samples import CAUSE, make_task, make_workflow
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.task import TaskStatus
from workflow_manager.domain.task_graph import TaskGraph
from workflow_manager.domain.workflow import WorkflowStatus


@pytest.fixture
def execution() -> Execution:
    tasks = [make_task("a"), make_task("b", input_task_ids=("a",))]
    return Execution(TaskGraph(make_workflow(), {task.task_id: task for task in tasks}))


def test_move_leaves_the_graph_of_before_as_it_was(execution: Execution) -> None:
    before = execution.graph

    execution.cancel("a", None, "Not needed.", CAUSE)

    assert before.tasks["a"].status is TaskStatus.PENDING
    assert before.workflow.status is WorkflowStatus.RUNNING
    assert execution.graph.tasks["a"].status is TaskStatus.CANCELLED
    assert execution.graph.workflow.status is WorkflowStatus.CANCELLED


def test_changes_are_the_workflow_and_what_has_moved(execution: Execution) -> None:
    assert not execution.changes

    execution.complete("a", None, CAUSE)

    assert execution.changes.entities == [execution.graph.workflow, execution.graph.tasks["a"]]
    assert [event.name for event in execution.changes.events] == ["complete"]
