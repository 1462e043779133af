"""Start a scan on a device, at most once."""

from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from http import HTTPStatus

from pydantic import TypeAdapter, ValidationError

from workflow_manager.beside import Beside
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import (
    ConflictError,
    DeviceStartError,
    InvalidInputError,
    LoginExpiredError,
    MissingPermissionError,
    UpstreamError,
    UpstreamRefusedError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from workflow_manager.domain.exam import (
    AcquisitionLimits,
    AcquisitionParameter,
    DeviceTask,
    ParametrizedSequence,
    ScanParameters,
    SequenceParameters,
)
from workflow_manager.domain.task import Task
from workflow_manager.ports import Clock, ScanClient, WorkflowStore
from workflow_manager.steps.scans.claim_device import DeviceHold

# API Gateway gives the operator up after 29 s, and finding the device may take six of them: no
# scanner starts behind the operator's back.
MAX_DELAY = timedelta(seconds=12)
# What exam-manager has in a field of its own, as JSON.
TYPED_PARAMETERS_ARG = "acquisition_parameter"


@dataclass(frozen=True)
class ScanOrder:
    """What an operator's call brings along for a scan; it is stored nowhere.

    Parameters
    ----------
    token
        The operator's token: ScanHub's contract has the device report with it.
    sequence
        The sequence's document, if it was read or asked for before.
    hold
        Who has the device, if that was asked for before.
    """

    exam_id: str | None
    limits: AcquisitionLimits = field(repr=False)
    token: str = field(repr=False)
    sequence: str | Beside[str] | None = field(default=None, repr=False)
    hold: Beside[DeviceHold] | None = field(default=None, repr=False)

    def load_sequence(self, scan: ScanClient, sequence_id: str) -> str:
        """Return the sequence's document, or raise what sequence-manager says."""
        if isinstance(self.sequence, Beside):
            return self.sequence.wait()
        return scan.get_sequence(sequence_id) if self.sequence is None else self.sequence


def start_scan(
    store: WorkflowStore, scan: ScanClient, clock: Clock, task: Task, order: ScanOrder, cause: Cause
) -> None:
    """Load the sequence of a claimed device task and send the start to the device.

    Raises
    ------
    InvalidInputError
        The task's args do not say what to scan.
    DeviceStartError
        The device did not start, or it is unknown whether it did.
    ConflictError
        The task was cancelled meanwhile; nothing was sent.
    LoginExpiredError
        The operator's login is refused; nothing was sent.
    MissingPermissionError
        We may not read whether it was cancelled; nothing was sent.
    """
    parameters = parse_parameters(task)
    sequence_id = require_arg(task, "sequence_id")
    sequence = order.load_sequence(scan, sequence_id)
    device_task = DeviceTask(
        device_id=require_arg(task, "device_id"),
        record_id=task.task_id,
        parametrized_sequence=ParametrizedSequence(
            acquisition_limits=order.limits, sequence_parameters=parameters, sequence=sequence
        ),
        user_access_token=order.token,
        sequence_id=sequence_id,
    )
    if clock() - cause.at > MAX_DELAY:
        raise DeviceStartError("Not started: ScanHub's services answered too slowly.")
    try:
        scan.start(task.task_type, device_task, partial(_check_claim, store, task))
    except (MissingPermissionError, LoginExpiredError):
        # Reading our own claim has failed, or device-manager refuses the login: nothing was sent.
        raise
    except UpstreamError as error:
        raise _explain(error) from error


def _check_claim(store: WorkflowStore, task: Task) -> None:
    # ScanHub's services may have taken seconds, and somebody may have cancelled the task.
    now = store.get_task(task.workflow_id, task.task_id)
    if now is None or (now.status, now.attempt) != (task.status, task.attempt):
        raise ConflictError("Not started: the task was cancelled meanwhile.")


def _explain(error: UpstreamError) -> DeviceStartError:
    if isinstance(error, UpstreamRefusedError):
        if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
            return DeviceStartError("Not started: the device is offline.")
        if error.reason is not None:
            return DeviceStartError(f'Not started: device-manager says "{error.reason}".')
        return DeviceStartError(f"Not started: the device refused (status {error.status}).")
    if isinstance(error, UpstreamUnreachableError):
        return DeviceStartError(error.reason or "Not started: the device cannot be reached.")
    is_late = isinstance(error, UpstreamTimeoutError)
    what = "the device did not answer in time" if is_late else "the device gave no clear answer"
    reason = f"Start not confirmed: {what}. Look at the scanner before you start again."
    return DeviceStartError(reason, may_scan=True)


def require_arg(task: Task, name: str) -> str:
    """Return one of a task's args.

    Raises
    ------
    InvalidInputError
        The arg is missing or empty.
    """
    if value := task.args.get(name):
        return value
    raise InvalidInputError(f'The task\'s args lack "{name}".')


def parse_parameters(task: Task) -> ScanParameters:
    """Return the parameters that a task runs its sequence with; None: as the sequence is.

    Raises
    ------
    InvalidInputError
        The parameters are missing or cannot be read.
    """
    if TYPED_PARAMETERS_ARG in task.args and "sequence_parameters" not in task.args:
        return _parse_typed(task.args[TYPED_PARAMETERS_ARG])
    try:
        return SequenceParameters.model_validate_json(require_arg(task, "sequence_parameters"))
    except ValidationError:
        raise InvalidInputError(
            'The task\'s args "sequence_parameters" must be JSON: fov and fov_offset, each X, Y, Z.'
        ) from None


def _parse_typed(text: str) -> AcquisitionParameter | None:
    try:
        return TypeAdapter(AcquisitionParameter | None).validate_json(text)
    except ValidationError:
        raise InvalidInputError(
            "The task's acquisition_parameter must be null, or fov_scaling, fov_offset and "
            "fov_rotation, each x, y, z."
        ) from None
