"""The tasks of workflows that were shown lately: most of a board is what it was."""

from threading import Lock

from workflow_manager.domain.entity import Origin
from workflow_manager.domain.task import Task
from workflow_manager.domain.workflow import Workflow

# A version tells all changes of a release (ADR 32); what it may miss is looked at again after that.
KEPT_S = 60
# Of all workflows together: one of them may take 64 KB.
MAX_N_TASKS = 2000

Version = tuple[object, ...]


class TaskMemory:
    """What a warm function keeps; it may be asked by several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._n_tasks = 0
        self._known: dict[str, tuple[Version, float, dict[str, Task]]] = {}

    def get(self, workflow: Workflow, now_s: float) -> dict[str, Task] | None:
        """Return the tasks of a workflow of this version; None if they must be read."""
        with self._lock:
            version, at_s, tasks = self._known.get(workflow.workflow_id, ((), 0.0, {}))
        is_same = version == _version_of(workflow) and 0 <= now_s - at_s < KEPT_S
        return tasks if is_same else None

    def keep(self, workflow: Workflow, tasks: dict[str, Task], now_s: float) -> None:
        """Keep tasks that were read after their workflow, and drop what was kept first.

        Parameters
        ----------
        now_s
            When they were read [s since 1970].
        """
        # What they were read from is for writes alone.
        shown = {task_id: task.evolve(origin=Origin()) for task_id, task in tasks.items()}
        with self._lock:
            self._drop(workflow.workflow_id)
            self._known[workflow.workflow_id] = (_version_of(workflow), now_s, shown)
            self._n_tasks += len(shown)
            while self._n_tasks > MAX_N_TASKS:
                self._drop(next(iter(self._known)))

    def _drop(self, workflow_id: str) -> None:
        _, _, tasks = self._known.pop(workflow_id, ((), 0.0, {}))
        self._n_tasks -= len(tasks)


def _version_of(workflow: Workflow) -> Version:
    # One that was deleted may come again, and counts from 1.
    return workflow.version, workflow.created_at, workflow.last_event_id
