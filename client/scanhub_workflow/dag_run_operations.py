"""The operations of the API on runs, their files and what fits nothing, under their own names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from scanhub_workflow.http import Operations, get, make_path, post
from scanhub_workflow.models import (
    CancelledDagRunView,
    DagRunDetail,
    DagRunList,
    DagRunState,
    DagRunView,
    RejectedObjectList,
    RejectedObjectView,
    ResultList,
    ResultView,
)
from scanhub_workflow.params import drop_none, to_text


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
        params = drop_none({"state": state, "dag_id": dag_id, "workflow_id": workflow_id})
        params |= drop_none({"from": to_text(since), "to": to_text(until), "limit": page_size})
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
        params = drop_none({"from": to_text(since), "to": to_text(until), "limit": page_size})
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
