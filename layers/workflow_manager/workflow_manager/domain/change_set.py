"""What is to be committed about a workflow."""

from dataclasses import dataclass, field

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.entity import Entity, Event
from workflow_manager.domain.task import Task
from workflow_manager.domain.workflow import Workflow

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
MAX_N_ITEMS = 100
# Task, run and three lines of the audit trail each: with the rest they fit one transaction.
N_TASKS_PER_COMMIT = 15
# What the next claim may add to a transaction, and that of the caller: task, run, lines.
N_ITEMS_OF_TWO_CLAIMS = 11
# Of the runs of one transaction, which may have 4 MB.
MAX_N_INPUTS = 2000
# What a definition has changed is committed by itself if there is more: decisions need the room.
MAX_N_DEFINED = 25


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
    def n_items(self) -> int:
        """How many items are to be written."""
        return len(self.entities) + len(self.events)

    @property
    def is_full(self) -> bool:
        """Whether there may be no room for another claim and one of the caller's."""
        n_inputs = sum(len(run.inputs) for run in self.runs.values())
        return self.n_items + N_ITEMS_OF_TWO_CLAIMS > MAX_N_ITEMS or n_inputs > MAX_N_INPUTS

    @property
    def entities(self) -> list[Entity]:
        """What is to be written, the workflow always among it if anything is."""
        head = [self.workflow] if self.workflow else []
        return [*head, *self.tasks.values(), *self.runs.values()]
