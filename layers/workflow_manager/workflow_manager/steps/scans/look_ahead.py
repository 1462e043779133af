"""Ask for what a scan needs while others are asked for what its start is decided by."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from workflow_manager.beside import Beside
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.ports import ScanClient, WorkflowStore
from workflow_manager.steps.scans.claim_device import DeviceHold, find_hold


@dataclass(frozen=True)
class LookAhead:
    """What was asked for; what was answered, an error too, counts where it is needed, or never.

    Parameters
    ----------
    hold
        Who has the device.
    sequence
        The sequence's document.
    """

    hold: Beside[DeviceHold] | None = None
    sequence: Beside[str] | None = None


@contextmanager
def look_ahead(
    store: WorkflowStore, scan: ScanClient, task: Task | None, *, has_sequence: bool = False
) -> Iterator[LookAhead]:
    """Look for what the scan of a task needs; the block ends with the answers.

    Parameters
    ----------
    task
        As the decision will find it, most likely; nothing is asked for what is no scan to start.
    has_sequence
        Whether the sequence is known already.
    """
    if task is None or not task.task_type.is_device_task or task.status is TaskStatus.IN_PROGRESS:
        yield LookAhead()
        return
    device_id, sequence_id = task.args.get("device_id"), task.args.get("sequence_id")
    hold = sequence = None
    with ExitStack() as stack:
        if device_id:
            hold = stack.enter_context(Beside(partial(find_hold, store, device_id, task.task_id)))
        if sequence_id and not has_sequence:
            # A port is built when its first attribute is read: here, not in two threads at once.
            get_sequence = scan.get_sequence
            sequence = stack.enter_context(Beside(partial(get_sequence, sequence_id)))
        yield LookAhead(hold, sequence)
