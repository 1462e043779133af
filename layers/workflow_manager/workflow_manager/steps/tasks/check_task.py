"""Find what keeps a task from starting."""

from collections.abc import Callable, Iterator
from functools import partial
from http import HTTPStatus

from workflow_manager.domain.errors import (
    ConflictError,
    NeighbourRefusedError,
    ScanHubError,
    UpstreamError,
)
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.ports import Orchestrator, ScanClient
from workflow_manager.settings import Settings
from workflow_manager.steps.runs.check_dag import require_dag, require_data
from workflow_manager.steps.scans.start_scan import parse_parameters, require_arg

# Device-manager's words for a device that takes no scan (generation A).
OFFLINE = frozenset({"offline", "disconnected", "error"})
SERVER_ERROR = HTTPStatus.INTERNAL_SERVER_ERROR
Checked = dict[tuple[str, str], str | None]


def check_task(
    orchestrator: Orchestrator, scan: ScanClient, settings: Settings, task: Task, checked: Checked
) -> Iterator[str]:
    """Yield what is missing for a task, in sentences; nothing is changed.

    Parameters
    ----------
    checked
        Answers found for other tasks, so that no service is asked twice.
    """
    if task.status in (TaskStatus.FAILED, TaskStatus.CANCELLED):
        yield task.reason or f"The task is {task.status}."
    if task.status is not TaskStatus.PENDING:
        return
    if task.is_oversized:
        yield from find_complaints(task.check_size)
        return
    yield from task.input_problems
    yield from find_complaints(partial(task.timeout_s, settings.policy))
    if task.task_type.is_device_task:
        yield from _check_scan(scan, task, checked)
    elif task.is_simulated or not settings.has_orchestrator:
        yield from find_complaints(partial(require_arg, task, "contrast"))
    else:
        yield from _check_dag(orchestrator, settings, task, checked)


def _check_scan(scan: ScanClient, task: Task, checked: Checked) -> Iterator[str]:
    yield from find_complaints(partial(parse_parameters, task))
    checks: dict[str, Callable[[str], object]] = {
        "device_id": partial(_check_device, scan),
        "sequence_id": scan.get_sequence,
    }
    for name, check in checks.items():
        found = list(find_complaints(partial(require_arg, task, name)))
        yield from found
        if not found:
            yield from _check_once(name, task.args[name], check, checked)


def _check_dag(
    orchestrator: Orchestrator, settings: Settings, task: Task, checked: Checked
) -> Iterator[str]:
    found = list(find_complaints(partial(task.find_dag_id, settings.policy)))
    yield from found
    if not found:
        is_fed = bool(task.input_task_ids or task.input_problems)
        name = "dag_id" if is_fed else "dag_id without data"
        check = partial(_check_dag_id, orchestrator, is_fed=is_fed)
        yield from _check_once(name, task.find_dag_id(settings.policy), check, checked)


def _check_dag_id(orchestrator: Orchestrator, dag_id: str, *, is_fed: bool) -> None:
    dag = require_dag(orchestrator, dag_id)
    if not is_fed:
        require_data(dag, 0)


def _check_device(scan: ScanClient, device_id: str) -> None:
    try:
        status = scan.get_device(device_id).status
    except NeighbourRefusedError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        raise ConflictError("Device-manager does not know the device.") from error
    if status.lower() in OFFLINE:
        raise ConflictError(f"The device is {status.lower()}.")


def _check_once(
    name: str, value: str, check: Callable[[str], object], checked: Checked
) -> Iterator[str]:
    if (name, value) not in checked:
        found = list(find_complaints(partial(check, value)))
        checked[name, value] = found[0] if found else None
    if complaint := checked[name, value]:
        yield complaint


def find_complaints(check: Callable[[], object]) -> Iterator[str]:
    """Yield why a check fails, in a sentence; a check raises if something is missing."""
    try:
        check()
    except UpstreamError as error:
        # The service did not answer, so nothing was checked: the operator must know that.
        is_answer = isinstance(error, NeighbourRefusedError) and error.status < SERVER_ERROR
        yield error.detail if is_answer else f"Not checked: {error.detail}"
    except ScanHubError as error:
        yield error.detail
