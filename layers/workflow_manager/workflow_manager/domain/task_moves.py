"""The moves of single tasks after their claim."""

from dataclasses import dataclass

from workflow_manager.domain.change_set import ChangeSet
from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.task import Task
from workflow_manager.domain.transitions import DagRunEvent, TaskEvent, transition_task


@dataclass
class TaskMoves(ChangeSet):
    """A workflow whose tasks are completed, failed, cancelled and kept up to date."""

    def confirm_scan(self, task_id: str, cause: Cause) -> None:
        """Note that the device has confirmed its start.

        Parameters
        ----------
        task_id
            A device task in progress.
        cause
            Who knows.
        """
        task = self.tasks[task_id]
        self.put_task(task.evolve(start_lease_until=None), cause)
        self.record(f"task:{task_id}", "confirm_scan", (task.status, task.status), cause)

    def complete(
        self, task_id: str, data: ObjectVersion | None, cause: Cause, note: str | None = None
    ) -> Task:
        """Complete a task.

        Parameters
        ----------
        task_id
            The task.
        data
            What it hands on.
        cause
            What completes it.
        note
            What the audit trail says beside that.
        """
        task = self.tasks[task_id]
        status = transition_task(task.status, TaskEvent.COMPLETE)
        completed = task.evolve(status=status, progress=100, data=data, reason=None)
        told = completed.evolve(start_lease_until=None, is_mirror_due=True)
        return self.move_task(told, TaskEvent.COMPLETE, cause, note)

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
        return self._stop(task_id, TaskEvent.FAIL, reason, cause, is_mirrored=is_mirrored)

    def tell_again(self, task_id: str, cause: Cause) -> None:
        """Let exam-manager be told of a task that has ended, whatever it was told since.

        Parameters
        ----------
        task_id
            The task.
        cause
            Who knows that it may show something else.
        """
        self.put_task(self.tasks[task_id].evolve(is_mirror_due=True), cause)

    def cancel(self, task_id: str, run: DagRun | None, reason: str, cause: Cause) -> Task:
        """Cancel a task that is pending or in progress, and its run.

        Parameters
        ----------
        task_id
            The task.
        run
            Its run, if it has one.
        reason
            One sentence for the operator.
        cause
            Who cancels.

        Raises
        ------
        InvalidTransitionError
            It has ended.
        """
        cancelled = self._stop(task_id, TaskEvent.CANCEL, reason, cause)
        if run is not None and not run.state.is_final:
            self.cancel_run(run, reason, cause)
        return cancelled

    def cancel_run(self, run: DagRun, reason: str, cause: Cause) -> DagRun:
        """Cancel a run that is not final; Airflow is still to be told.

        Parameters
        ----------
        run
            The run, of this workflow.
        reason
            One sentence for the operator.
        cause
            Who cancels.
        """
        ended = {"reason": reason, "finished_at": cause.at, **run.stop_fields(cause.at)}
        return self.move_run(run, DagRunEvent.CANCEL, cause, **ended)

    def _stop(
        self, task_id: str, event: TaskEvent, reason: str, cause: Cause, *, is_mirrored: bool = True
    ) -> Task:
        task = self.tasks[task_id]
        stopped = task.evolve(
            status=transition_task(task.status, event),
            progress=0,
            reason=reason,
            start_lease_until=None,
            is_mirror_due=is_mirrored,
        )
        return self.move_task(stopped, event, cause)

    def note_scan(self, task_id: str, progress: int, cause: Cause) -> None:
        """Note how far a scan is; progress is a word of the device that it has started.

        Parameters
        ----------
        task_id
            A device task in progress.
        progress
            0 to 100 [%].
        cause
            What reported it.
        """
        if self.tasks[task_id].start_lease_until is not None and progress > 0:
            self.confirm_scan(task_id, cause)
        self.put_task(self.tasks[task_id].evolve(progress=progress), cause)

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
