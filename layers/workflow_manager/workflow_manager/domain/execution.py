"""A workflow with its tasks and the moves that keep them consistent.

Every move changes the workflow item too, so that two writers of one workflow always meet at its
version: one wins, the other reads again and decides again. Joins need no further lock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

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
from workflow_manager.domain.task import REPORT_WAIT, Task, TaskStatus
from workflow_manager.domain.task_moves import TaskMoves
from workflow_manager.domain.transitions import TaskEvent, transition_task

# Longer than the functions that start scans may take: nobody waits for the device after that.
SCAN_START_LEASE_S = 90
# Task, run and two lines of the audit trail each: with the rest they must fit a transaction of 100.
MAX_N_CLAIMS = 15


@dataclass
class Execution(TaskMoves):
    """A workflow being decided upon: what is claimed, reset and started by itself."""

    def reset(self, task_id: str, runs: Sequence[DagRun], cause: Cause) -> None:
        """Make a task that has ended ready for its next attempt, and the DAG tasks behind it.

        Runs that still work on the old data are cancelled. Scans behind it stand: they take no
        data, and nobody scans a patient twice for nothing.

        Parameters
        ----------
        task_id
            The task.
        runs
            The active runs of `dag_tasks_behind`.
        cause
            Who wants it again.

        Raises
        ------
        InvalidTransitionError
            The state machine has no such move.
        """
        # What the scan has left stays, until there is something better.
        self._reset(self.tasks[task_id], self.tasks[task_id].data, cause)
        for follower in self.dag_tasks_behind(task_id):
            self._reset(follower, None, cause)
        for run in runs:
            self.cancel_run(run, "Its data is being made anew.", cause)

    def _reset(self, task: Task, data: ObjectVersion | None, cause: Cause) -> None:
        if task.status is TaskStatus.PENDING:
            return
        fresh = task.evolve(
            status=transition_task(task.status, TaskEvent.RESET),
            progress=0,
            data=data,
            dag_run_id=None,
            deadline=None,
            start_lease_until=None,
            reason=None,
            is_mirror_due=True,
        )
        self.move_task(fresh, TaskEvent.RESET, cause)

    def claim_for_scan(self, task_id: str, policy: ExecutionPolicy, cause: Cause) -> Task:
        """Claim a pending device task for one attempt, before its start is sent.

        Parameters
        ----------
        task_id
            The task.
        policy
            How long scans may take.
        cause
            Who claims.

        Raises
        ------
        InvalidTransitionError
            It is not pending.
        InvalidInputError
            It names no time that can be.
        """
        timeout_s = self.tasks[task_id].timeout_s(policy)
        claimed = self._claim(task_id, cause).evolve(
            deadline=cause.at + timedelta(seconds=timeout_s),
            start_lease_until=cause.at + timedelta(seconds=SCAN_START_LEASE_S),
            # It is told inline. An outstanding report of an earlier attempt may arrive behind that:
            # then the reconciler looks, once nobody can be making it any more.
            report_retry_at=cause.at + REPORT_WAIT if self.tasks[task_id].is_mirror_due else None,
        )
        self.put_task(claimed, cause)
        return self.tasks[task_id]

    def _claim(self, task_id: str, cause: Cause) -> Task:
        task = self.tasks[task_id]
        claimed = task.evolve(
            status=transition_task(task.status, TaskEvent.CLAIM),
            attempt=task.attempt + 1,
            progress=0,
            reason=None,
        )
        return self.move_task(claimed, TaskEvent.CLAIM, cause)

    def claim_for_dag(self, task_id: str, policy: ExecutionPolicy, cause: Cause) -> None:
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
            The task names no DAG or no time that can be, or an input task has no data to give.
        """
        task = self._claim(task_id, cause)
        is_simulated = task.is_simulated or not policy.has_orchestrator
        inputs = () if is_simulated else self.input_data(task)
        exam_id = self.workflow.exam_id
        run = DagRun(
            dag_run_id=task_dag_run_id(task_id, task.attempt),
            dag_id=SIMULATED_DAG_ID if is_simulated else task.dag_id,
            bucket=policy.bucket,
            study_instance_uid=derive_study_instance_uid(exam_id) if exam_id else None,
            is_simulated=is_simulated,
            data=inputs[0] if inputs else None,
            inputs=inputs,
            attempt=task.attempt,
            timeout_s=task.timeout_s(policy),
            workflow_id=task.workflow_id,
            task_id=task_id,
            next_attempt_at=cause.at + timedelta(seconds=FIRST_RETRY_S),
            deadline=cause.at + timedelta(seconds=policy.dag_start_timeout_s),
            created_at=cause.at,
            traceparent=cause.traceparent,
        )
        claimed = task.evolve(dag_run_id=run.dag_run_id, deadline=None, is_mirror_due=True)
        self.put_task(claimed, cause)
        line = self.record(f"dag_run:{run.dag_run_id}", "create", (None, run.state), cause)
        self.put_run(run.evolve(last_event_id=line.event_id))

    def advance(self, policy: ExecutionPolicy, cause: Cause, but: Task | None = None) -> None:
        """Claim DAG tasks that have become ready, unless the workflow is to go step by step.

        A scanner is never started from here. Of very many tasks some wait until others end, for
        each end advances the workflow again.

        Parameters
        ----------
        policy
            How runs are created.
        cause
            What made them ready.
        but
            Left to the caller.
        """
        if not self.advances(policy):
            return
        ready = [task for task in self.ready_dag_tasks() if task is not but]
        for task in ready[:MAX_N_CLAIMS]:
            try:
                self.claim_for_dag(task.task_id, policy, cause)
            except InvalidInputError as error:
                self.fail(task.task_id, error.detail, cause)

    def set_auto_advance(self, cause: Cause, *, is_on: bool) -> None:
        """Let DAG tasks start by themselves from now on, or not.

        Parameters
        ----------
        cause
            Who wants it.
        is_on
            Whether they do.
        """
        if is_on is not self.workflow.auto_advance:
            self.workflow = self.workflow.evolve(auto_advance=is_on)
            status, name = self.workflow.status, f"auto_advance_{'on' if is_on else 'off'}"
            self.record(self.workflow.subject, name, (status, status), cause)

    def follow_run(self, run: DagRun, cause: Cause) -> None:
        """Let a task follow its run, which has just become final.

        Parameters
        ----------
        run
            The run, of this workflow.
        cause
            What ended the run.
        """
        task = self.tasks[run.task_id or ""]
        if task.dag_run_id != run.dag_run_id:
            return
        if run.state is DagRunState.SUCCEEDED and task.status is not TaskStatus.COMPLETED:
            self.complete(task.task_id, _first_file(run), cause)
        elif task.status is TaskStatus.IN_PROGRESS:
            event = TaskEvent.CANCEL if run.state is DagRunState.CANCELLED else TaskEvent.FAIL
            self._stop(task.task_id, event, run.reason or "The DAG failed.", cause)

    def note_progress(self, run: DagRun, cause: Cause) -> None:
        """Let a task show its run's progress.

        Parameters
        ----------
        run
            The run, of this workflow; committed with the task.
        cause
            What reported it.
        """
        self.put_run(run)
        task = self.tasks[run.task_id or ""]
        if task.dag_run_id == run.dag_run_id and task.status is TaskStatus.IN_PROGRESS:
            self.put_task(task.evolve(progress=run.progress, is_mirror_due=True), cause)


def _first_file(run: DagRun) -> ObjectVersion | None:
    if not run.results:
        return None
    return ObjectVersion(bucket=run.bucket, key=run.results[0].key)
