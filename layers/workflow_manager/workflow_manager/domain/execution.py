"""A workflow that is being decided upon, and the moves that keep it consistent.

Every move changes the workflow item too: two writers meet at its version, and one decides again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from workflow_manager.domain.attempt_times import AttemptTimes
from workflow_manager.domain.change_set import ChangeSet
from workflow_manager.domain.dag_run import DagRun, DagRunState
from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.device_look import DeviceLook
from workflow_manager.domain.entity import UNREADABLE, Cause, Event, record_event
from workflow_manager.domain.errors import (
    InvalidInputError,
    InvalidTransitionError,
    StoreUnavailableError,
)
from workflow_manager.domain.policy import ExecutionPolicy
from workflow_manager.domain.task import REPORT_WAIT, Task, TaskStatus
from workflow_manager.domain.task_graph import TaskGraph
from workflow_manager.domain.task_run import make_task_run
from workflow_manager.domain.transitions import (
    WORKFLOW_MOVE_TO,
    DagRunMove,
    TaskMove,
    move_run,
    transition_task,
    transition_workflow,
)
from workflow_manager.domain.workflow import WorkflowStatus

# Longer than the functions that start scans may take: nobody waits for the device after that.
SCAN_START_LEASE_S = 90
# As long as a function may take that makes a task ready again.
REMAKE_LEASE_S = 60
LATE_DATA = "late_data"
_OF_ONE_MOVE = (
    "start_lease_until",
    "may_scan_until",
    "missing_since",
    "ask_again_at",
    "device_look",
    "watched_until",
)


@dataclass
class Execution:
    """A workflow as it stands now, and what has changed since it was loaded.

    A move that the state machine does not have raises `InvalidTransitionError`.
    """

    graph: TaskGraph
    changes: ChangeSet = field(default_factory=ChangeSet)

    def as_committed(self) -> "Execution":
        """Return the workflow as the commit of its changes has left it."""
        if not self.changes:
            return self
        graph = self.graph.with_workflow(version=self.graph.workflow.version + 1)
        for task in self.changes.tasks.values():
            graph = graph.with_task(task.evolve(version=task.version + 1))
        return Execution(graph)

    def put_workflow(self, **changes: object) -> None:
        """Change fields of the workflow, which is committed whatever else is."""
        if changes:
            self.graph = self.graph.with_workflow(**changes)
        self.changes.workflow = self.graph.workflow

    def put_task(self, task: Task, cause: Cause) -> None:
        """Create or change a task."""
        task = task.evolve(updated_at=cause.at)
        self.graph = self.graph.with_task(task)
        self.changes.tasks[task.task_id] = task
        self.put_workflow()

    def put_run(self, run: DagRun) -> None:
        """Create or change a run of the workflow."""
        self.changes.runs[run.dag_run_id] = run
        self.put_workflow()

    def record(
        self,
        entity: str,
        name: str,
        states: tuple[str | None, str],
        cause: Cause,
        reason: str | None = None,
    ) -> Event:
        """Add a line to the audit trail."""
        subject, last_event_id = self.graph.workflow.subject, self.graph.workflow.last_event_id
        line = record_event(subject, entity, name, states, cause, reason, last_event_id)
        self._append(line)
        return line

    def _append(self, line: Event) -> None:
        self.changes.events.append(line)
        self.put_workflow(last_event_id=line.event_id)

    def follow_tasks(self, cause: Cause) -> None:
        """Let the workflow's status follow from its tasks', unless we do not know it."""
        before, status = self.graph.workflow.status, self.graph.demanded_status()
        if before is WorkflowStatus.UNKNOWN:
            status = before
        if status is not before:
            move = WORKFLOW_MOVE_TO[status]
            status = transition_workflow(before, move)
            self.record(self.graph.workflow.subject, move, (before, status), cause)
        self.put_workflow(status=status, updated_at=cause.at)

    def _move_task(
        self,
        task_id: str,
        move: TaskMove,
        cause: Cause,
        note: str | None = None,
        /,
        **changes: object,
    ) -> Task:
        before = self.graph.tasks[task_id]
        status = transition_task(before.status, move)
        # What device and exam-manager said of one attempt says nothing of the next.
        moved = before.evolve(**{**dict.fromkeys(_OF_ONE_MOVE), **changes, "status": status})
        moved = moved.evolve(times=_time(before, moved, cause))
        self.put_task(moved, cause)
        self.record(f"task:{task_id}", move, (before.status, status), cause, note or moved.reason)
        self.follow_tasks(cause)
        return self.graph.tasks[task_id]

    def move_run(self, run: DagRun, move: DagRunMove, cause: Cause, **changes: object) -> DagRun:
        """Move a run of the workflow, and let the audit trail follow."""
        # Releases before noted the start of a run without its workflow.
        trail = (self.graph.workflow.last_event_id, run.last_event_id)
        last_event_id = max((each for each in trail if each), default=None)
        moved, line = move_run(run.evolve(last_event_id=last_event_id), move, cause, **changes)
        self.put_run(moved)
        self._append(line)
        return moved

    def claim_for_scan(self, task_id: str, policy: ExecutionPolicy, cause: Cause) -> Task:
        """Claim a pending device task for one attempt, before its start is sent.

        Raises
        ------
        InvalidInputError
            It names no time that can be, or its args could not be kept.
        """
        task = self.graph.tasks[task_id]
        task.check_size()
        return self._claim(
            task_id,
            cause,
            deadline=cause.at + timedelta(seconds=task.timeout_s(policy)),
            start_lease_until=cause.at + timedelta(seconds=SCAN_START_LEASE_S),
            # It is told inline. An outstanding report of an earlier attempt may arrive behind that:
            # then the reconciler looks, once nobody can be making it any more.
            report_retry_at=cause.at + REPORT_WAIT if task.is_mirror_due else None,
        )

    def claim_for_dag(self, task_id: str, policy: ExecutionPolicy, cause: Cause) -> None:
        """Claim a pending DAG task and create its run, to be committed together.

        Raises
        ------
        InvalidInputError
            It names no DAG or no time that can be, or takes no data; it is claimed without a run.
        """
        task = self._claim(task_id, cause)
        run = make_task_run(self.graph, task, policy, cause)
        running = {"dag_run_id": run.dag_run_id, "deadline": None, "is_mirror_due": True}
        self.put_task(task.evolve(**running), cause)
        line = self.record(f"dag_run:{run.dag_run_id}", "create", (None, run.state), cause)
        self.put_run(run.evolve(last_event_id=line.event_id))

    def _claim(self, task_id: str, cause: Cause, **changes: object) -> Task:
        if self.graph.workflow.status is WorkflowStatus.UNKNOWN:
            raise InvalidTransitionError(UNREADABLE)
        fresh = {"attempt": self.graph.tasks[task_id].attempt + 1, "progress": 0, "reason": None}
        return self._move_task(task_id, TaskMove.CLAIM, cause, **fresh, **changes)

    def advance(self, policy: ExecutionPolicy, cause: Cause, but: Task | None = None) -> None:
        """Claim DAG tasks that have become ready, and leave `but` to the caller, never a scan.

        Of very many tasks some wait until others end, for each end advances the workflow again.
        """
        if not self.graph.advances(policy):
            return
        ready = [task for task in self.graph.ready_dag_tasks() if task is not but]
        if self.graph.workflow.remade_task_id is not None:
            ready = [task for task in ready if not self.graph.is_held(task, cause.at)]
        for task in ready:
            if self.changes.is_full:
                break
            try:
                self.claim_for_dag(task.task_id, policy, cause)
            except InvalidInputError as error:
                self.fail(task.task_id, error.detail, cause)

    def set_auto_advance(self, cause: Cause, *, is_on: bool) -> None:
        """Let DAG tasks start by themselves from now on, or not."""
        if is_on is not self.graph.workflow.auto_advance:
            self.put_workflow(auto_advance=is_on)
            status, name = self.graph.workflow.status, f"auto_advance_{'on' if is_on else 'off'}"
            self.record(self.graph.workflow.subject, name, (status, status), cause)

    def confirm_scan(self, task_id: str, cause: Cause) -> None:
        """Note that the device has confirmed its start."""
        task = self.graph.tasks[task_id]
        self.put_task(task.evolve(start_lease_until=None), cause)
        self.record(f"task:{task_id}", "confirm_scan", (task.status, task.status), cause)

    def note_scan(self, task_id: str, progress: int, cause: Cause) -> None:
        """Note how far a scan is [%]; progress is a word of the device that it has started."""
        before = self.graph.tasks[task_id]
        if before.start_lease_until is not None and progress > 0:
            self.confirm_scan(task_id, cause)
        # The operator is told that it waits for its data: later, for mostly they come at once.
        is_over = progress == 100 != before.progress and self.graph.has_followers(before)
        told = {"is_mirror_due": True} if is_over else {}
        task = self.graph.tasks[task_id]
        look = task.own_look or DeviceLook(attempt=task.attempt, moved_at=cause.at)
        moved = {"progress": progress, "device_look": look.move(cause.at), **told}
        self.put_task(task.evolve(**moved), cause)

    def record_late_data(self, task_id: str, data_id: str, cause: Cause) -> Event:
        """Keep in the audit trail that data came for a task that does not wait for any."""
        # An id, for the object's key may hold a name that somebody gave it.
        status = self.graph.tasks[task_id].status
        reason = f"Data {data_id} arrived for a task that is {status}."
        return self.record(f"task:{task_id}", LATE_DATA, (status, status), cause, reason)

    def record_late_end(self, task_id: str, cause: Cause) -> None:
        """Keep in the audit trail that a scan has ended that went on after its task."""
        task = self.graph.tasks[task_id]
        self.put_task(task.evolve(watched_until=None, may_scan_until=None), cause)
        states, reason = (task.status, task.status), f"The scan of a task that is {task.status}"
        reason += " has ended at the scanner."
        self.record(f"task:{task_id}", "late_end", states, cause, reason)

    def record_refusal(self, task_id: str, reason: str, cause: Cause) -> None:
        """Keep in the audit trail that exam-manager does not take what it is told of a task."""
        status = self.graph.tasks[task_id].status
        self.record(f"task:{task_id}", "report_refused", (status, status), cause, reason)

    def follow_run(self, run: DagRun, cause: Cause) -> None:
        """Let a task follow its run, which has just become final.

        Raises
        ------
        StoreUnavailableError
            This version does not know the task's state: the run ends when one does.
        """
        task = self.graph.tasks[run.task_id or ""]
        if task.status is TaskStatus.UNKNOWN:
            raise StoreUnavailableError(UNREADABLE)
        if task.dag_run_id != run.dag_run_id:
            return
        if run.state is DagRunState.SUCCEEDED and task.status is not TaskStatus.COMPLETED:
            results = [ObjectVersion(bucket=run.bucket, key=each.key) for each in run.results]
            self.complete(task.task_id, results[0] if results else None, cause)
        elif task.status is TaskStatus.IN_PROGRESS and run.state is DagRunState.CANCELLED:
            self.cancel(task.task_id, run, run.reason or "The DAG failed.", cause)
        elif task.status is TaskStatus.IN_PROGRESS:
            self.fail(task.task_id, run.reason or "The DAG failed.", cause)

    def complete(
        self, task_id: str, data: ObjectVersion | None, cause: Cause, note: str | None = None
    ) -> None:
        """Complete a task with the data that it hands on; the audit trail has the note."""
        told = {"progress": 100, "data": data, "reason": None, "is_mirror_due": True}
        self._move_task(task_id, TaskMove.COMPLETE, cause, note, **told)

    def fail(
        self,
        task_id: str,
        reason: str,
        cause: Cause,
        *,
        is_mirrored: bool = True,
        may_scan: bool = False,
    ) -> None:
        """Fail a task, which exam-manager makes NEW; a device that may scan is kept from others."""
        told: dict[str, object] = {"progress": 0, "reason": reason, "is_mirror_due": is_mirrored}
        task = self.graph.tasks[task_id]
        told["may_scan_until"] = task.deadline if may_scan else None
        if is_mirrored and (may_scan or task.start_lease_until is None):
            told |= _watch(task, cause)
        self._move_task(task_id, TaskMove.FAIL, cause, **told)

    def cancel(self, task_id: str, run: DagRun | None, reason: str, cause: Cause) -> None:
        """Cancel a task that is pending or in progress, and its run if it has one."""
        told: dict[str, object] = {"progress": 0, "reason": reason, "is_mirror_due": True}
        told |= _watch(self.graph.tasks[task_id], cause)
        self._move_task(task_id, TaskMove.CANCEL, cause, **told)
        if run is not None and not run.state.is_final:
            self._cancel_run(run, reason, cause)

    def _cancel_run(self, run: DagRun, reason: str, cause: Cause) -> None:
        # Airflow is still to be told.
        ended = {"reason": reason, "finished_at": cause.at, **run.stop_fields(cause.at)}
        self.move_run(run, DagRunMove.CANCEL, cause, **ended)

    def tell_again(self, task_id: str, cause: Cause) -> None:
        """Let exam-manager be told of a task that has ended, whatever it was told since."""
        if (task := self.graph.tasks[task_id]).status is not TaskStatus.UNKNOWN:
            self.put_task(task.evolve(is_mirror_due=True), cause)

    def reset(self, task_id: str, cause: Cause) -> None:
        """Make a task that has ended ready for its next attempt; nothing behind it is started."""
        # Scans behind it stand: they take no data, and nobody scans a patient twice for nothing.
        # What the scan has left stays, until there is something better.
        self._reset(self.graph.tasks[task_id], self.graph.tasks[task_id].data, cause)
        self.end_remake()

    def end_remake(self) -> None:
        """Note that nothing is being made ready any more, so that what is ready may start."""
        if self.graph.workflow.remade_task_id is not None:
            self.put_workflow(remade_task_id=None, remade_until=None)

    def reset_behind(
        self, task_id: str, some: Sequence[Task], runs: Sequence[DagRun], cause: Cause
    ) -> None:
        """Let the first of `TaskGraph.tasks_to_reset` wait again, and cancel runs on old data."""
        until = cause.at + timedelta(seconds=REMAKE_LEASE_S)
        self.put_workflow(remade_task_id=task_id, remade_until=until)
        for follower in some:
            self._reset(follower, None, cause)
        for run in runs:
            self._cancel_run(run, "Its data is being made anew.", cause)

    def _reset(self, task: Task, data: ObjectVersion | None, cause: Cause) -> None:
        if task.status in (TaskStatus.PENDING, TaskStatus.UNKNOWN):
            return
        fresh = {"progress": 0, "reason": None, "dag_run_id": None, "deadline": None}
        told = {"data": data, "is_mirror_due": True}
        self._move_task(task.task_id, TaskMove.RESET, cause, **fresh, **told)


def _time(before: Task, after: Task, cause: Cause) -> AttemptTimes | None:
    if after.status is TaskStatus.PENDING:
        return None
    if after.status is TaskStatus.IN_PROGRESS:
        return AttemptTimes(attempt=after.attempt, started_at=cause.at)
    return before.own_times.model_copy(update={"finished_at": cause.at})


def _watch(task: Task, cause: Cause) -> dict[str, object]:
    # No device knows a stop: it goes on for as long as its attempt might have.
    is_watched = task.is_scanning and task.deadline is not None and task.deadline > cause.at
    return {"watched_until": task.deadline} if is_watched else {}
