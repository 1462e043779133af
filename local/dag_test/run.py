"""Run a DAG by Airflow's `dag.test()`, with S3 in memory and a manager that listens."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.config import StackError
from local.dag_test.data_lake import BUCKET, fetch, list_files, list_sizes, put_input, start_s3
from local.dag_test.manager import Manager, make_dag_run, serve
from local.dag_test.process import run_airflow
from workflow_manager.domain.content import START_SIZE_BYTES, check_accepted
from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.data_lake import result_prefix
from workflow_manager.domain.errors import InvalidInputError
from workflow_manager.domain.orchestrator_run import TaskInstance
from workflow_manager.domain.parameters import Parameter
from workflow_manager.domain.result import Result, result_type_of
from workflow_manager.orchestrators.import_errors import summarize
from workflow_manager.ports import Dag
from workflow_manager.steps.runs.explain_failure import explain_failure, explain_no_results

LOG = "airflow.log"
# Of the command alone: it is emptied for each run.
OUT = Path("out/dag-test")


@dataclass(frozen=True)
class Ended:
    """How a run has ended.

    Parameters
    ----------
    reason
        Why it failed, as the workflow manager would tell operators; None: it succeeded.
    results
        What it left and told, or what was found of a run that told nothing.
    sizes
        Of every object in the data lake [bytes], by key.
    traceback
        The last exception of a task, without Airflow's own frames.
    """

    run: DagRun
    reason: str | None
    results: tuple[Result, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)
    traceback: str | None = None
    is_told: bool = True


def run_dag(
    dag: Path,
    file: Path,
    out: Path,
    parameters: Mapping[str, Parameter],
    *,
    timeout_s: float,
    show: Callable[[str], None],
) -> Ended:
    """Run the DAG of a file on a file or a folder, and copy its results to a folder.

    Raises
    ------
    StackError
        There is no such DAG or file, or the DAG does not take it; or it has not ended in time.
    """
    if not dag.is_file():
        raise StackError(f"DAG={dag} is no file.")
    list_files(file)
    with (
        tempfile.TemporaryDirectory(prefix="scanhub-dag-test-") as name,
        start_s3(Path(name)) as lake,
    ):
        clients: list[Any] = []

        def make_run(found: Mapping[str, Any]) -> tuple[DagRun, list[dict[str, Any]]]:
            found_dag = check_found(found, dag)
            check_file(found_dag, file)
            clients.append(lake.open())
            data, given = put_input(clients[0], file, found_dag.dag_id)
            needs_results = found_dag.needs_results
            fields = {"data": data, "parameters": parameters, "needs_results": needs_results}
            return make_dag_run(found_dag.dag_id, BUCKET, **fields), [given]

        manager = Manager(make_run, show)
        log = Path(name) / LOG
        with serve(manager):
            status = run_airflow(dag, manager.url, lake.config, log, timeout_s)
        if manager.refusal is not None:
            raise StackError(manager.refusal)
        if manager.run is None:
            raise StackError(f"Airflow ended with status {status} before it ran the DAG.")
        ended = judge(manager, manager.run, list_sizes(clients[0]), status)
        keep(clients[0], ended, log, out)
        clients[0].close()
    return ended


def check_found(found: Mapping[str, Any], path: Path) -> Dag:
    """Return the one DAG that Airflow has found in a file.

    Raises
    ------
    StackError
        There is none, or more than one, or Airflow cannot read the file.
    """
    if found["errors"]:
        raise StackError(f"Airflow cannot read {path}: {summarize(found['errors'][0], path.name)}")
    dags = found["dags"]
    if not dags:
        raise StackError(
            f"There is no DAG in {path}. Airflow reads only files in which the words airflow and "
            "dag stand."
        )
    if len(dags) > 1:
        raise StackError(f"{path} holds more than one DAG ({', '.join(dags)}): test one in a file.")
    [(dag_id, tags)] = dags.items()
    return Dag(dag_id=dag_id, dag_display_name=dag_id, tags=tags)


def check_file(dag: Dag, path: Path) -> None:
    """Refuse what the workflow manager would not give to the DAG, by the first file's start."""
    with list_files(path)[0].open("rb") as file:
        start = file.read(START_SIZE_BYTES)
    try:
        check_accepted(dag.dag_id, dag.accepts, start, f"FILE={path}")
    except InvalidInputError as error:
        raise StackError(str(error)) from None


def judge(manager: Manager, run: DagRun, sizes: Mapping[str, int], status: int) -> Ended:
    """Return how the workflow manager would take the end of a run."""
    ended = manager.ended
    errors = (ended or {}).get("errors") or [{}]
    traceback = errors[-1].get("traceback")
    if manager.outcome is not None:
        prefix = f"{result_prefix(run.dag_run_id)}/"
        named = (key for each in manager.results for key in (each.key, each.preview_key))
        gone = [key for key in named if key and key.startswith(prefix) and key not in sizes]
        reason = manager.reason
        if gone:
            name = gone[0].removeprefix(prefix)
            reason = f"The DAG told a result that it did not store: {name}."
        return Ended(run, reason, manager.results, sizes, traceback)
    if ended is None:
        word = "was killed" if status < 0 else f"ended with status {status}"
        reason = f"Airflow's process {word}: the DAG ended it, or it had too little memory."
        return Ended(run, reason, (), sizes, is_told=False)
    results, reason = find_untold(run, ended, sizes)
    return Ended(run, reason, results, sizes, traceback, is_told=False)


def find_untold(
    run: DagRun, ended: Mapping[str, Any], sizes: Mapping[str, int]
) -> tuple[tuple[Result, ...], str | None]:
    """Return results, and why it failed, of a run that Airflow has ended and that told nothing."""
    if ended["state"] != "success":
        instances = [
            TaskInstance(dag_run_id=run.dag_run_id, task_id=task_id, state=state)
            for task_id, state in ended["tasks"].items()
        ]
        return (), explain_failure(instances, None)
    prefix = f"{result_prefix(run.dag_run_id)}/"
    keys = [key for key in sizes if key.startswith(prefix)]
    results = tuple(Result(type=result_type_of(key), key=key) for key in keys)
    return results, None if results else explain_no_results(run)


def keep(client: Any, ended: Ended, log: Path, out: Path) -> None:
    """Copy results and log to a folder."""
    if out == OUT:
        shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(log, out / LOG)
    fetch(client, ended.results, result_prefix(ended.run.dag_run_id), out)
