"""Airflow's lists of runs and tasks, read so that what has ended beside them costs nothing."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from workflow_manager.deadline import limit
from workflow_manager.domain.orchestrator_run import (
    OrchestratorRun,
    OrchestratorRunState,
    RunKey,
    TaskInstance,
)
from workflow_manager.orchestrators.airflow_api import (
    MAX_N_PAGES,
    MAX_N_RUN_PAGES,
    PAGE_SIZE,
    AirflowApi,
    DagRunPage,
    TaskInstancePage,
)
from workflow_manager.orchestrators.answers import Answer, read_pages

LIST_RUNS = "/dags/~/dagRuns/list"
LIST_TASK_INSTANCES = "/dags/~/dagRuns/~/taskInstances/list"
# All pages of a list together, however many an Airflow says there are.
LIST_S = 25
# Of a hundred runs; more of them are looked for in a list first. All requests for a hundred take
# less together than what the reconciler takes for a neighbour that holds it up.
MAX_N_ALONE = 5
_GOING_ON = (OrchestratorRunState.QUEUED, OrchestratorRunState.RUNNING)
_ENDED = (OrchestratorRunState.SUCCESS, OrchestratorRunState.FAILED)

Ids = tuple[str, str]


class RunLists:
    """The lists of one Airflow.

    Parameters
    ----------
    api
        What its version wants.
    post
        Sends a body to a path.
    get_run
        Asks for one run; None: Airflow has none, or cannot be asked for it.
    """

    def __init__(
        self,
        api: AirflowApi,
        post: Callable[[str, Mapping[str, Any]], Answer],
        get_run: Callable[[RunKey], OrchestratorRun | None],
    ) -> None:
        self._api = api
        self._post = post
        self._get_run = get_run

    def list_dag_runs(self, runs: Sequence[RunKey]) -> list[OrchestratorRun]:
        """Return what Airflow has of these runs; no version can be asked for a list of ids."""
        return [found for batch in _split(runs) for found in self._find_batch(batch)]

    def list_task_instances(self, runs: Sequence[RunKey]) -> list[TaskInstance]:
        """Return the tasks of these runs."""
        return [task for batch in _split(runs) for task in self._list_tasks(batch)]

    def _find_batch(self, batch: Sequence[RunKey]) -> list[OrchestratorRun]:
        with limit(LIST_S):
            found = self._find_listed(batch, _GOING_ON)
            rest = [run for run in batch if _ids(run) not in found]
            found |= self._find_others(rest) if rest else {}
        return list(found.values())

    def _find_others(self, runs: Sequence[RunKey]) -> dict[Ids, OrchestratorRun]:
        """Return what Airflow has of runs that are not in its list of those that go on.

        Tasks can be asked for by the ids of their runs, and a run has its tasks at once.
        """
        at_work: dict[Ids, bool] = {}
        for task, ids in self._read_tasks(runs):
            at_work[ids] = at_work.get(ids, False) or not task.is_done
        ended = [run for run in runs if at_work.get(_ids(run)) is False]
        found = self._find_listed(ended, _ENDED) if len(ended) > MAX_N_ALONE else {}
        going_on = [run for run in runs if at_work.get(_ids(run))]
        # A DAG may have no tasks at all.
        bare = [run for run in runs if run.started_at and _ids(run) not in at_work]
        rest = [run for run in ended + going_on + bare if _ids(run) not in found]
        answers = {_ids(run): self._get_run(run) for run in rest[:MAX_N_ALONE]}
        # Those that nobody has asked for are at work, or looked for again by the next turn.
        seen = {_ids(run): _make_running(run) for run in going_on}
        return seen | found | {ids: answer for ids, answer in answers.items() if answer}

    def _find_listed(
        self, runs: Sequence[RunKey], states: Collection[str]
    ) -> dict[Ids, OrchestratorRun]:
        wanted = {_ids(run) for run in runs}
        # By id is oldest first, as the window begins: most runs start soon after their creation.
        body = {
            "dag_ids": sorted({run.dag_id for run in runs}),
            "states": sorted(states),
            "order_by": "id",
            **self._api.make_window(runs),
        }
        found: dict[Ids, OrchestratorRun] = {}
        for page in read_pages(DagRunPage, self._ask(LIST_RUNS, body), MAX_N_RUN_PAGES):
            for document in page.items:
                if (ids := (document.dag_id, document.dag_run_id)) in wanted:
                    found[ids] = document.to_run()
            if len(found) == len(wanted):
                break
        return found

    def _list_tasks(self, batch: Sequence[RunKey]) -> list[TaskInstance]:
        with limit(LIST_S):
            return [task for task, _ in self._read_tasks(batch)]

    def _read_tasks(self, batch: Sequence[RunKey]) -> list[tuple[TaskInstance, Ids]]:
        wanted = {_ids(run) for run in batch}
        body = {
            "dag_ids": sorted({run.dag_id for run in batch}),
            "dag_run_ids": sorted({run.dag_run_id for run in batch}),
        }
        pages = read_pages(TaskInstancePage, self._ask(LIST_TASK_INSTANCES, body), MAX_N_PAGES)
        # Airflow combines every DAG with every run.
        return [
            (task.to_task_instance(), ids)
            for page in pages
            for task in page.items
            if (ids := (task.dag_id, task.dag_run_id)) in wanted
        ]

    def _ask(self, path: str, body: Mapping[str, Any]) -> Callable[[int], Answer]:
        def ask(offset: int) -> Answer:
            return self._post(path, {**body, "page_limit": PAGE_SIZE, "page_offset": offset})

        return ask


def _ids(run: RunKey) -> Ids:
    return run.dag_id, run.dag_run_id


def _make_running(run: RunKey) -> OrchestratorRun:
    return OrchestratorRun(
        dag_id=run.dag_id, dag_run_id=run.dag_run_id, state=OrchestratorRunState.RUNNING
    )


def _split(runs: Sequence[RunKey]) -> list[list[RunKey]]:
    """Return batches of a page each; by age, so that each looks at a short time."""
    ordered = sorted(runs, key=lambda run: run.created_at)
    return [ordered[start : start + PAGE_SIZE] for start in range(0, len(ordered), PAGE_SIZE)]
