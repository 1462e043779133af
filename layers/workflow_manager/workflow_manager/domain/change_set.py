"""What is to be committed about a workflow."""

from dataclasses import dataclass, field

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.entity import Entity, Event
from workflow_manager.domain.task import Task
from workflow_manager.domain.workflow import Workflow


@dataclass
class ChangeSet:
    """What a workflow's decisions have changed, as it is to be, and how that came about.

    Parameters
    ----------
    workflow
        None as long as nothing has changed.
    tasks, runs
        Those that are new or have changed, by id.
    events
        Lines of the audit trail, oldest first.
    """

    workflow: Workflow | None = None
    tasks: dict[str, Task] = field(default_factory=dict)
    runs: dict[str, DagRun] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Tell whether there is anything to commit."""
        return self.workflow is not None

    @property
    def entities(self) -> list[Entity]:
        """What is to be written, the workflow always among it if anything is."""
        head = [self.workflow] if self.workflow else []
        return [*head, *self.tasks.values(), *self.runs.values()]
