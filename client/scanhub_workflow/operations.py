"""The operations of the API on workflows and their tasks, under their own names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime

from pydantic import BaseModel, RootModel

from scanhub_workflow.errors import UnexpectedAnswerError
from scanhub_workflow.http import Call, Operations, get, make_path, parse, post
from scanhub_workflow.models import (
    AvailableTasks,
    CancelledTaskView,
    CancelledWorkflowView,
    Dag,
    DagList,
    EventList,
    EventView,
    MeView,
    ProcessedWorkflowView,
    RetriedWorkflowView,
    TriggeredTaskView,
    ValidatedWorkflowView,
    WorkflowList,
    WorkflowStatus,
    WorkflowSummary,
    WorkflowView,
)
from scanhub_workflow.params import drop_none, to_text

_NO_CONTENT = 204


class _Greeting(BaseModel):
    message: str


class _Jobs(RootModel[list[Dag]]):
    """The DAGs, as a server for ScanHub of 2026-02 has them."""


class WorkflowOperations(Operations):
    """What can be done with workflows and their tasks."""

    def hello(self) -> str:
        """Return the API's greeting: the URL and the token are right."""
        return self._api.ask(get("hello/"), _Greeting).message

    def get_me(self) -> MeView:
        """Return who the caller is, and what he may do."""
        return self._api.ask(get("me/"), MeView)

    def list_available_tasks(self) -> AvailableTasks:
        """Return the DAGs that a task can name."""
        answer = self._api.send(get("tasks/"))
        if not answer.content.lstrip().startswith(b"["):
            return parse(answer, AvailableTasks)
        dags = parse(answer, _Jobs).root
        return AvailableTasks(tasks=DagList(dags=dags, total_entries=len(dags)))

    def process_workflow(
        self, workflow_id: str, *, auto_advance: bool | None = None
    ) -> ProcessedWorkflowView:
        """Start the first task that is pending and ready, be it a scan; sent once only.

        Parameters
        ----------
        workflow_id
            The workflow.
        auto_advance
            From now on, whether DAG tasks start by themselves once they are ready.
        """
        path = make_path("process", workflow_id)
        params = drop_none({"auto_advance": auto_advance})
        return self._api.ask(post(path, params=params), ProcessedWorkflowView)

    def trigger_task(
        self, task_id: str, *, expected_attempt: int | None = None
    ) -> TriggeredTaskView:
        """Start one task, be it a scan; sent once only, unless the attempt is named.

        Parameters
        ----------
        task_id
            The task; one that has ended starts anew.
        expected_attempt
            Its attempt as you know it, 0 before the first: only the next one is started, however
            often the call is sent.

        Raises
        ------
        UnexpectedAnswerError
            An acquisition of ScanHub of 2026-02 has nothing to scan: nothing was started.
        """
        answer = self._api.send(_start(make_path("trigger_task", task_id), expected_attempt))
        if answer.status_code == _NO_CONTENT:
            raise UnexpectedAnswerError(
                "Nothing was started: the acquisition names neither a sequence nor a calibration."
            )
        return parse(answer, TriggeredTaskView)

    def get_workflow(self, workflow_id: str) -> WorkflowView:
        """Return a workflow, its tasks and every change so far.

        Parameters
        ----------
        workflow_id
            The workflow.
        """
        return self._api.ask(get(make_path("workflows", workflow_id)), WorkflowView)

    def list_workflows(
        self,
        *,
        status: WorkflowStatus | str | None = None,
        since: date | str | None = None,
        until: date | str | None = None,
        page_size: int = 50,
    ) -> Iterator[WorkflowSummary]:
        """Yield the workflows that were processed, newest first, page by page.

        Parameters
        ----------
        status
            Those in this state only.
        since, until
            Dates or date-times, UTC unless they say otherwise; the last 30 days if left out.
        page_size
            How many are fetched at once, up to 100.
        """
        params = drop_none(
            {"status": status, "from": to_text(since), "to": to_text(until), "limit": page_size}
        )
        for page in self._api.iterate(get("workflows/", params=params), WorkflowList):
            yield from page.workflows

    def list_workflow_events(
        self, workflow_id: str, *, after: str | None = None, page_size: int = 50
    ) -> Iterator[EventView]:
        """Yield the audit trail of a workflow, oldest first, page by page.

        Parameters
        ----------
        workflow_id
            The workflow.
        after
            The last `event_id` that you know.
        page_size
            How many are fetched at once, up to 100.
        """
        path = make_path("workflows", workflow_id, "events")
        params = drop_none({"cursor": after, "limit": page_size})
        for page in self._api.iterate(get(path, params=params), EventList):
            yield from page.events

    def validate_workflow(self, workflow_id: str) -> ValidatedWorkflowView:
        """Return what processing a workflow would do; nothing is changed.

        Parameters
        ----------
        workflow_id
            The workflow.
        """
        path = make_path("workflows", workflow_id, "validate")
        return self._api.ask(post(path), ValidatedWorkflowView)

    def cancel_workflow(self, workflow_id: str) -> CancelledWorkflowView:
        """Cancel what is not done; runs are stopped in Airflow, scanners are not.

        Parameters
        ----------
        workflow_id
            The workflow.
        """
        path = make_path("workflows", workflow_id, "cancel")
        return self._api.ask(post(path), CancelledWorkflowView)

    def cancel_task(self, workflow_id: str, task_id: str) -> CancelledTaskView:
        """Cancel one task.

        Parameters
        ----------
        workflow_id, task_id
            The task.
        """
        path = make_path("workflows", workflow_id, "tasks", task_id, "cancel")
        return self._api.ask(post(path), CancelledTaskView)

    def retry_task(
        self, workflow_id: str, task_id: str, *, expected_attempt: int | None = None
    ) -> TriggeredTaskView:
        """Begin the next attempt at a task that has ended; sent once only, unless it is named.

        Parameters
        ----------
        workflow_id, task_id
            The task.
        expected_attempt
            The attempt that is to be repeated, however often the call is sent.
        """
        path = make_path("workflows", workflow_id, "tasks", task_id, "retry")
        return self._api.ask(_start(path, expected_attempt), TriggeredTaskView)

    def retry_workflow(
        self, workflow_id: str, *, failed_by: datetime | str | None = None
    ) -> RetriedWorkflowView:
        """Start each DAG task that has failed anew, never a scan; sent once only, unless bounded.

        Parameters
        ----------
        workflow_id
            The workflow; what is completed in it is kept.
        failed_by
            As the `updated_at` that you have seen: only what had failed by then is started,
            however often the call is sent.
        """
        path = make_path("workflows", workflow_id, "retry")
        call = post(path, params=drop_none({"failed_by": to_text(failed_by)}))
        call = replace(call, is_repeatable=failed_by is not None)
        return self._api.ask(call, RetriedWorkflowView)


def _start(path: str, expected_attempt: int | None) -> Call:
    # The attempt makes it safe to send the call again after an answer that was lost.
    params = drop_none({"expected_attempt": expected_attempt})
    return replace(post(path, params=params), is_repeatable=expected_attempt is not None)
