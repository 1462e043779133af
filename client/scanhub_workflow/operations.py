"""The operations of the API on workflows, tasks and runs, under their own names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

from pydantic import BaseModel

from scanhub_workflow.http import Call, Operations, get, make_path, post
from scanhub_workflow.models import (
    AvailableTasks,
    CancelledDagRunView,
    CancelledTaskView,
    CancelledWorkflowView,
    DagRunDetail,
    DagRunList,
    DagRunState,
    DagRunView,
    EventList,
    EventView,
    ProcessedWorkflowView,
    RejectedObjectList,
    RejectedObjectView,
    ResultList,
    ResultView,
    TriggeredTaskView,
    ValidatedWorkflowView,
    WorkflowList,
    WorkflowStatus,
    WorkflowSummary,
    WorkflowView,
)


class _Greeting(BaseModel):
    message: str


class WorkflowOperations(Operations):
    """What can be done with workflows and their tasks."""

    def hello(self) -> str:
        """Return the API's greeting: the URL and the token are right."""
        return self._api.ask(get("hello/"), _Greeting).message

    def list_available_tasks(self) -> AvailableTasks:
        """Return the DAGs that a task can name."""
        return self._api.ask(get("tasks/"), AvailableTasks)

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
        params = _drop_none({"auto_advance": auto_advance})
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
        """
        call = _start(make_path("trigger_task", task_id), expected_attempt)
        return self._api.ask(call, TriggeredTaskView)

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
        params = _drop_none(
            {"status": status, "from": _to_text(since), "to": _to_text(until), "limit": page_size}
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
        params = _drop_none({"cursor": after, "limit": page_size})
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


class DagRunOperations(Operations):
    """What can be done with runs."""

    def get_dag_run(self, dag_run_id: str, *, task_instances: bool = True) -> DagRunDetail:
        """Return a run.

        Parameters
        ----------
        dag_run_id
            The run.
        task_instances
            Whether to ask Airflow for its tasks too.
        """
        path = make_path("dag_runs", dag_run_id)
        return self._api.ask(get(path, params={"task_instances": task_instances}), DagRunDetail)

    def list_dag_runs(
        self,
        *,
        state: DagRunState | str | None = None,
        dag_id: str | None = None,
        workflow_id: str | None = None,
        since: date | str | None = None,
        until: date | str | None = None,
        page_size: int = 50,
    ) -> Iterator[DagRunView]:
        """Yield the runs, newest first, page by page.

        Parameters
        ----------
        state, dag_id, workflow_id
            Those in this state, of this DAG, of this workflow only.
        since, until
            Dates or date-times, UTC unless they say otherwise; the last 30 days if left out.
        page_size
            How many are fetched at once, up to 100.
        """
        params = _drop_none({"state": state, "dag_id": dag_id, "workflow_id": workflow_id})
        params |= _drop_none({"from": _to_text(since), "to": _to_text(until), "limit": page_size})
        for page in self._api.iterate(get("dag_runs/", params=params), DagRunList):
            # An older server does not know this filter, and lists all.
            yield from (run for run in page.dag_runs if workflow_id in (None, run.workflow_id))

    def list_results(self, dag_run_id: str, *, page_size: int = 50) -> Iterator[ResultView]:
        """Yield the files of a run that has succeeded, with URLs that work for some minutes.

        Parameters
        ----------
        dag_run_id
            The run.
        page_size
            How many are fetched at once, up to 100; each page has fresh URLs.
        """
        path = make_path("dag_runs", dag_run_id, "results")
        for page in self._api.iterate(get(path, params={"limit": page_size}), ResultList):
            yield from page.results

    def list_rejected_objects(
        self,
        *,
        since: date | str | None = None,
        until: date | str | None = None,
        page_size: int = 50,
    ) -> Iterator[RejectedObjectView]:
        """Yield the objects that came into the data lake and fit nothing, newest first.

        Parameters
        ----------
        since, until
            Dates or date-times, UTC unless they say otherwise; the last 30 days if left out.
        page_size
            How many are fetched at once, up to 100.
        """
        params = _drop_none({"from": _to_text(since), "to": _to_text(until), "limit": page_size})
        for page in self._api.iterate(get("rejected_objects/", params=params), RejectedObjectList):
            yield from page.rejected_objects

    def cancel_dag_run(self, dag_run_id: str) -> CancelledDagRunView:
        """Stop a run in Airflow.

        Parameters
        ----------
        dag_run_id
            The run.
        """
        return self._api.ask(post(make_path("dag_runs", dag_run_id, "cancel")), CancelledDagRunView)

    def retry_dag_run(self, dag_run_id: str) -> DagRunView:
        """Run the DAG of an upload again; sent once only.

        Parameters
        ----------
        dag_run_id
            The run, which has failed or was cancelled.
        """
        return self._api.ask(post(make_path("dag_runs", dag_run_id, "retry")), DagRunView)


def _start(path: str, expected_attempt: int | None) -> Call:
    # The attempt makes it safe to send the call again after an answer that was lost.
    params = _drop_none({"expected_attempt": expected_attempt})
    return replace(post(path, params=params), is_repeatable=expected_attempt is not None)


def _drop_none(params: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


def _to_text(at: date | str | None) -> str | None:
    # A datetime is a date too, and both say it in the way of ISO 8601.
    return at.isoformat() if isinstance(at, date) else at
