"""A task of a workflow as we carry it out; exam-manager stays the owner of its definition."""

from datetime import timedelta
from enum import StrEnum

from pydantic import AwareDatetime, Field

from workflow_manager.domain.attempt_times import AttemptTimes
from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.device_look import DeviceLook
from workflow_manager.domain.entity import UNREADABLE, Entity
from workflow_manager.domain.errors import InvalidInputError, InvalidTransitionError
from workflow_manager.domain.exam import TaskType, asks_for_simulation
from workflow_manager.domain.policy import ExecutionPolicy

# Until then, the message that a report is due has brought somebody who makes it.
REPORT_WAIT = timedelta(seconds=60)
# Between two tries of the reconciler: what failed is tried within two of its turns.
REPORT_RETRY = timedelta(seconds=30)
# An exam-manager that is being exchanged may have lost its tasks for a moment.
GONE_AFTER = timedelta(minutes=5)
MAX_TIMEOUT_MINUTES = 7 * 24 * 60
# An item of DynamoDB holds 400 KB, and a transaction of many tasks 4 MB.
MAX_ARGS_BYTES = 64_000

DELETED_REASON = "The task was deleted in exam-manager."


class TaskStatus(StrEnum):
    """Where a task stands; UNKNOWN is what another version wrote, and is never written."""

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    UNKNOWN = "UNKNOWN"

    @property
    def is_open(self) -> bool:
        """Whether it waits, or somebody works on it."""
        return self in (TaskStatus.PENDING, TaskStatus.IN_PROGRESS)

    @property
    def has_ended(self) -> bool:
        """Whether nobody works on the task any more."""
        return self in (TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED)


class Task(Entity):
    """One task of a workflow and how far it is.

    Attributes
    ----------
    args, destinations
        As exam-manager defines them; name, comment and the names of inputs are left there, for
        they are free text.
    is_oversized
        They are larger than can be kept, and left there too: the task cannot start.
    input_task_ids
        The tasks whose data it takes.
    input_problems
        Sentences that say why that is not known, or what is missing of it: the task cannot start.
    attempt
        Counts from 1 with the first start.
    data
        What a completed task hands to the tasks that take it as input.
    start_lease_until
        A device has not confirmed its start yet; by then, nobody waits for its answer any more.
    may_scan_until
        The start failed without a word of the device, which is kept from other scans until then.
    defined_at
        Its place in the workflow, or ``datetime_created`` of exam-manager, naive server-local: only
        good for sorting.
    is_mirror_due
        Exam-manager has not been told of the present status yet.
    report_retry_at
        When the reconciler tells it (again); None: soon after the last change.
    untold_since
        Since when telling it has failed.
    missing_since
        Since when exam-manager says that it has no such task; None once it has it again.
    ask_again_at
        When the reconciler looks again at an attempt whose time is over.
    device_look
        What was last seen of the device of a scan that did not go on; see `own_look`.
    watched_until
        The attempt has ended here, but its scan may go on: until then, its end is looked for.
    times
        When the last attempt began and ended; see `own_times`.
    created_at
        When it was taken over from exam-manager; None: by a release that did not note it.
    """

    workflow_id: str
    task_id: str
    task_type: TaskType
    args: dict[str, str] = Field(default_factory=dict)
    destinations: dict[str, str] = Field(default_factory=dict)
    is_oversized: bool = False
    input_task_ids: tuple[str, ...] = ()
    input_problems: tuple[str, ...] = ()
    status: TaskStatus = TaskStatus.PENDING
    progress: int = 0
    attempt: int = 0
    dag_run_id: str | None = None
    data: ObjectVersion | None = None
    reason: str | None = None
    deadline: AwareDatetime | None = None
    start_lease_until: AwareDatetime | None = None
    may_scan_until: AwareDatetime | None = None
    defined_at: str
    updated_at: AwareDatetime
    is_mirror_due: bool = False
    report_retry_at: AwareDatetime | None = None
    untold_since: AwareDatetime | None = None
    missing_since: AwareDatetime | None = None
    ask_again_at: AwareDatetime | None = None
    device_look: DeviceLook | None = None
    watched_until: AwareDatetime | None = None
    times: AttemptTimes | None = None
    created_at: AwareDatetime | None = None

    @property
    def due_at(self) -> AwareDatetime | None:
        """When the reconciler must look at this task; the deadline of a DAG task is its run's."""
        # A release that does not know it starts the next attempt and leaves it.
        watched_until = self.watched_until if self.status.has_ended else None
        times = [at for at in (self.report_due_at, self.end_due_at, watched_until) if at]
        return min(times, default=None)

    @property
    def report_due_at(self) -> AwareDatetime | None:
        """When exam-manager must be told, unless it has been by then."""
        if not self.is_mirror_due:
            return None
        return self.report_retry_at or self.updated_at + REPORT_WAIT

    @property
    def end_due_at(self) -> AwareDatetime | None:
        """When a task that no run reports for must have ended."""
        if self.status is not TaskStatus.IN_PROGRESS or self.dag_run_id is not None:
            return None
        if self.ends_at is None or self.ask_again_at is None:
            return self.ends_at
        return max(self.ends_at, self.ask_again_at)

    @property
    def ends_at(self) -> AwareDatetime | None:
        """When an attempt at a device task is over, come what may."""
        return self.start_lease_until or self.deadline

    def put_off_report(self, at: AwareDatetime, *, has_failed: bool) -> "Task":
        """Return the task with the reconciler's next report of it put off.

        Parameters
        ----------
        at
            Now.
        has_failed
            Whether telling exam-manager has failed.
        """
        untold_since = (self.untold_since or at) if has_failed else self.untold_since
        return self.evolve(report_retry_at=at + REPORT_RETRY, untold_since=untold_since)

    def put_off_end(self, at: AwareDatetime) -> "Task":
        """Return the task with the reconciler's next look at its end put off."""
        return self.evolve(ask_again_at=at + REPORT_RETRY)

    def with_report(self, *, is_due: bool) -> "Task":
        """Return the task as exam-manager has been told of it.

        Parameters
        ----------
        is_due
            Whether it is told once more, because an older report may still arrive.
        """
        told = self.evolve(is_mirror_due=is_due, untold_since=None)
        return told if is_due else told.evolve(report_retry_at=None)

    def is_gone(self, at: AwareDatetime) -> bool:
        """Tell whether exam-manager has had no such task for long enough to believe it.

        Parameters
        ----------
        at
            Now.
        """
        return self.missing_since is not None and at - self.missing_since >= GONE_AFTER

    def require_known(self) -> None:
        """Return if this version knows the task's state.

        Raises
        ------
        InvalidTransitionError
            It does not.
        """
        if self.status is TaskStatus.UNKNOWN:
            raise InvalidTransitionError(UNREADABLE)

    @property
    def orders(self) -> dict[str, object]:
        """What exam-manager says of how an attempt is carried out."""
        inputs = ("input_task_ids", "input_problems")
        names = ("task_type", "args", "destinations", "is_oversized", "defined_at", *inputs)
        return {name: getattr(self, name) for name in names}

    @property
    def is_scanning(self) -> bool:
        """Whether a scanner is at work on it, as far as we know."""
        return self.task_type.is_device_task and self.status is TaskStatus.IN_PROGRESS

    @property
    def waits_for_data(self) -> bool:
        """Whether the scanner is done with it, and only its raw data is missing."""
        return self.is_scanning and self.progress == 100

    @property
    def may_show_earlier(self) -> bool:
        """Whether exam-manager may still show an earlier attempt, above all its end."""
        return self.is_mirror_due and not self.waits_for_data

    @property
    def own_look(self) -> DeviceLook | None:
        """What was last seen of the device in this attempt."""
        look = self.device_look
        return look if look is not None and look.attempt == self.attempt else None

    @property
    def own_times(self) -> AttemptTimes:
        """When this attempt began and ended; nothing is known of one that has not begun."""
        is_own = self.times is not None and self.times.attempt == self.attempt
        known = is_own and self.status is not TaskStatus.PENDING
        return self.times if known and self.times else AttemptTimes(attempt=self.attempt)

    @property
    def adopted_fields(self) -> dict[str, object]:
        """What exam-manager may still change before the task starts."""
        return self.orders | {
            name: getattr(self, name) for name in ("status", "reason", "deadline")
        }

    @property
    def is_deleted(self) -> bool:
        """Whether exam-manager has deleted it before it was started."""
        return self.status is TaskStatus.FAILED and self.reason == DELETED_REASON

    @property
    def is_simulated(self) -> bool:
        """Whether the task asks for a simulated run: ``args["simulate"] = "true"``."""
        return asks_for_simulation(self.args)

    def check_size(self) -> None:
        """Refuse a task whose args could not be kept.

        Raises
        ------
        InvalidInputError
            They are too large.
        """
        if self.is_oversized:
            raise InvalidInputError(
                "The task's args and destinations are too large: "
                f"together they may have {MAX_ARGS_BYTES} bytes."
            )

    def timeout_s(self, policy: ExecutionPolicy) -> int:
        """Return how long the task may take once it is started [s].

        Parameters
        ----------
        policy
            Knows the time for tasks that name none in ``args["timeout_minutes"]``.

        Raises
        ------
        InvalidInputError
            It names something else than minutes, or more than a week.
        """
        named = self.args.get("timeout_minutes")
        if named is None:
            return policy.task_timeouts_s[self.task_type]
        try:
            minutes = float(named)
        except ValueError:
            minutes = 0.0
        # NaN compares as false, so it is refused too.
        if not 0 < minutes <= MAX_TIMEOUT_MINUTES:
            raise InvalidInputError(
                f'The args\' "timeout_minutes" must be minutes, at most {MAX_TIMEOUT_MINUTES}.'
            )
        return max(1, round(minutes * 60))

    def find_dag_id(self, policy: ExecutionPolicy) -> str:
        """Return the DAG of a reconstruction or processing task.

        Parameters
        ----------
        policy
            Knows the DAG of tasks that name none.

        Raises
        ------
        InvalidInputError
            The task names none, and the deployment has none for its type.
        """
        for source in (self.destinations, self.args):
            if dag_id := source.get("dag_id"):
                return dag_id
        if dag_id := policy.default_dag_ids.get(self.task_type):
            return dag_id
        raise InvalidInputError(
            'The task names no DAG: set "dag_id" in its destinations or in its args.'
        )
