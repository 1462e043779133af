"""A workflow with its tasks and the moves that keep them consistent.

Every move changes the workflow item too, so that two writers of one workflow always meet at its
version: one wins, the other reads again and decides again. Joins need no further lock.
"""

from dataclasses import dataclass
from datetime import timedelta

from workflow_manager.domain.change_set import ChangeSet
from workflow_manager.domain.dag_run import (
    FIRST_RETRY_S,
    SIMULATED_DAG_ID,
    DagRun,
    DagRunState,
    derive_study_instance_uid,
    task_dag_run_id,
)
from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import InvalidInputError
from workflow_manager.domain.policy import ExecutionPolicy
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.domain.transitions import TASK_TRANSITIONS, TaskEvent, next_state


@dataclass
class Execution(ChangeSet):
    """A workflow being decided upon."""

    def next_ready_task(self) -> Task | None:
        """Return the first pending task whose inputs are all completed."""
        return next((task for task in self.tasks.values() if self._is_ready(task)), None)

    def current_task(self) -> Task | None:
        """Return the first task that is not completed, the one an operator asks about."""
        tasks = (task for task in self.tasks.values() if not task.is_deleted)
        return next((task for task in tasks if task.status is not TaskStatus.COMPLETED), None)

    def reset(self, task_id: str, cause: Cause) -> None:
        """Make a task that has ended ready for its next attempt, and the DAG tasks behind it.

        A run that still works on the old data ends on its own; its task no longer waits for it.
        Scans behind it stand: they take no data, and nobody scans a patient twice for nothing.

        Parameters
        ----------
        task_id
            The task.
        cause
            Who wants it again.

        Raises
        ------
        InvalidTransitionError
            The state machine has no such move.
        """
        # What the scan has left stays, until there is something better.
        self._reset(self.tasks[task_id], self.tasks[task_id].data, cause)
        for follower in self._dag_tasks_behind(task_id):
            self._reset(follower, None, cause)

    def _dag_tasks_behind(self, task_id: str) -> list[Task]:
        behind = {task_id}
        # A task may have been created before the one whose data it takes: until nothing is added.
        while found := [
            task
            for task in self.tasks.values()
            if behind.intersection(task.input_task_ids)
            and task.task_id not in behind
            and not task.task_type.is_device_task
        ]:
            behind.update(task.task_id for task in found)
        return [self.tasks[each] for each in behind - {task_id}]

    def _reset(self, task: Task, data: ObjectVersion | None, cause: Cause) -> None:
        status = next_state(TASK_TRANSITIONS, task.status, TaskEvent.RESET)
        if status is task.status:
            return
        fresh = task.evolve(
            status=status,
            progress=0,
            data=data,
            dag_run_id=None,
            deadline=None,
            reason=None,
            is_mirror_due=True,
        )
        self.move_task(fresh, TaskEvent.RESET, cause)

    def claim(self, task_id: str, timeout_s: int, cause: Cause) -> Task:
        """Claim a pending task for one attempt.

        Parameters
        ----------
        task_id
            The task.
        timeout_s
            Time until it counts as failed [s].
        cause
            Who claims.

        Raises
        ------
        InvalidTransitionError
            It is not pending.
        """
        task = self.tasks[task_id]
        claimed = task.evolve(
            status=next_state(TASK_TRANSITIONS, task.status, TaskEvent.CLAIM),
            attempt=task.attempt + 1,
            deadline=cause.at + timedelta(seconds=timeout_s),
            progress=0,
            reason=None,
            # A scan is reported before its start, and device-manager writes while it runs.
            is_mirror_due=False,
        )
        return self.move_task(claimed, TaskEvent.CLAIM, cause)

    def claim_for_dag(self, task_id: str, policy: ExecutionPolicy, cause: Cause) -> DagRun:
        """Claim a pending DAG task and create its run, to be committed together.

        Parameters
        ----------
        task_id
            The task.
        policy
            How runs are created.
        cause
            Who claims.

        Raises
        ------
        InvalidInputError
            The task names no DAG, or an input task has no data to give.
        """
        task = self.claim(task_id, policy.dag_start_timeout_s, cause)
        is_simulated = task.is_simulated or not policy.has_orchestrator
        exam_id = self.workflow.exam_id
        run = DagRun(
            dag_run_id=task_dag_run_id(task_id, task.attempt),
            dag_id=SIMULATED_DAG_ID if is_simulated else task.dag_id,
            bucket=policy.bucket,
            study_instance_uid=derive_study_instance_uid(exam_id) if exam_id else None,
            is_simulated=is_simulated,
            data=None if is_simulated else self._input_data(task),
            workflow_id=task.workflow_id,
            task_id=task_id,
            next_attempt_at=cause.at + timedelta(seconds=FIRST_RETRY_S),
            deadline=cause.at + timedelta(seconds=policy.dag_start_timeout_s),
            created_at=cause.at,
        )
        claimed = task.evolve(dag_run_id=run.dag_run_id, deadline=None, is_mirror_due=True)
        self.put_task(claimed, cause)
        self._changed[run.dag_run_id] = run
        self.record(f"dag_run:{run.dag_run_id}", "create", (None, run.state), cause)
        return run

    def complete(self, task_id: str, data: ObjectVersion | None, cause: Cause) -> Task:
        """Complete a task.

        Parameters
        ----------
        task_id
            The task.
        data
            What it hands on.
        cause
            What completes it.
        """
        task = self.tasks[task_id]
        status = next_state(TASK_TRANSITIONS, task.status, TaskEvent.COMPLETE)
        completed = task.evolve(status=status, progress=100, data=data, reason=None)
        return self.move_task(completed.evolve(is_mirror_due=True), TaskEvent.COMPLETE, cause)

    def fail(self, task_id: str, reason: str, cause: Cause, *, is_mirrored: bool = True) -> Task:
        """Fail a task.

        Parameters
        ----------
        task_id
            The task.
        reason
            One sentence for the operator, free of patient data.
        cause
            What makes it fail.
        is_mirrored
            Whether exam-manager is told, which makes the task NEW there.
        """
        task = self.tasks[task_id]
        status = next_state(TASK_TRANSITIONS, task.status, TaskEvent.FAIL)
        failed = task.evolve(status=status, progress=0, reason=reason, is_mirror_due=is_mirrored)
        return self.move_task(failed, TaskEvent.FAIL, cause)

    def advance(self, policy: ExecutionPolicy, cause: Cause) -> None:
        """Claim every DAG task that has become ready; a scanner is never started from here.

        Parameters
        ----------
        policy
            How runs are created.
        cause
            What made them ready.
        """
        for task in list(self.tasks.values()):
            if task.task_type.is_device_task or not self._is_ready(task):
                continue
            try:
                self.claim_for_dag(task.task_id, policy, cause)
            except InvalidInputError as error:
                self.fail(task.task_id, error.detail, cause)

    def finish_run(self, run: DagRun, cause: Cause) -> None:
        """Let a task follow its run, which has just become final.

        Parameters
        ----------
        run
            The run, of this workflow; committed with the task.
        cause
            What finished the run.
        """
        self._changed[run.dag_run_id] = run
        task = self.tasks[run.task_id or ""]
        if task.dag_run_id != run.dag_run_id or task.status is TaskStatus.COMPLETED:
            return
        if run.state is DagRunState.SUCCEEDED:
            self.complete(task.task_id, _first_file(run), cause)
        else:
            self.fail(task.task_id, run.reason or "The DAG failed.", cause)

    def note_progress(self, run: DagRun, cause: Cause) -> None:
        """Let a task show its run's progress.

        Parameters
        ----------
        run
            The run, of this workflow; committed with the task.
        cause
            What reported it.
        """
        self._changed[run.dag_run_id] = run
        task = self.tasks[run.task_id or ""]
        if task.dag_run_id == run.dag_run_id and task.status is TaskStatus.IN_PROGRESS:
            self.put_task(task.evolve(progress=run.progress, is_mirror_due=True), cause)

    def record_late_data(self, task_id: str, data_id: str, cause: Cause) -> None:
        """Keep in the audit trail that data came for a task that does not wait for any.

        Parameters
        ----------
        task_id
            The task.
        data_id
            Identifies the object; its key may hold a name that somebody gave it.
        cause
            What brought it.
        """
        status = self.tasks[task_id].status
        reason = f"Data {data_id} arrived for a task that is {status}."
        self.record(f"task:{task_id}", "late_data", (status, status), cause, reason)

    def has_inputs(self, task: Task) -> bool:
        """Tell whether every task whose data it takes is completed."""
        inputs = (self.tasks[input_id] for input_id in task.input_task_ids)
        return all(each.status is TaskStatus.COMPLETED for each in inputs)

    def has_usable_inputs(self, task: Task) -> bool:
        """Tell whether there is data to work on, if only of the scan before a failed rescan."""
        inputs = [self.tasks[input_id] for input_id in task.input_task_ids]
        return all(
            each.status is TaskStatus.COMPLETED
            or (each.status is TaskStatus.FAILED and each.data is not None)
            for each in inputs
        )

    def has_followers(self, task: Task) -> bool:
        """Tell whether a DAG task takes its data; a scan takes none."""
        return any(
            task.task_id in each.input_task_ids and not each.task_type.is_device_task
            for each in self.tasks.values()
        )

    def _is_ready(self, task: Task) -> bool:
        return task.status is TaskStatus.PENDING and self.has_inputs(task)

    def _input_data(self, task: Task) -> ObjectVersion | None:
        inputs = [self.tasks[input_id].data for input_id in task.input_task_ids]
        if inputs and not any(inputs):
            raise InvalidInputError("The task before it has left no data to work on.")
        return next((data for data in inputs if data), None)


def _first_file(run: DagRun) -> ObjectVersion | None:
    if not run.results:
        return None
    return ObjectVersion(bucket=run.bucket, key=run.results[0].key)
