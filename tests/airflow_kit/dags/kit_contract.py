"""An Airflow DAG for each way in which a run of the kit can end."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

from scanhub_dag import Run, RunError, open_run, report_failure

WORK: dict[str, Callable[[Run], None]] = {}
OPTIONS: dict[str, dict[str, Any]] = {}


def as_dag(**options: Any) -> Callable[[Callable[[Run], None]], None]:
    """Make a DAG of a function; options are those of its task, and its tags."""

    def keep(work: Callable[[Run], None]) -> None:
        WORK[work.__name__], OPTIONS[work.__name__] = work, options

    return keep


def leave(run: Run, name: str, text: str = "image") -> None:
    path = run.folder / name
    path.write_text(text)
    run.add_result(path, type="NUMPY", metadata={"n_letters": len(text)})


@as_dag()
def succeeds(run: Run) -> None:
    run.engine = ("BART", "0.9.00")
    run.report_progress(50)
    [path] = run.inputs[0].download()
    leave(run, "copy.npy", path.read_text())


@as_dag(retries=2)
def has_faulty_data(run: Run) -> None:
    raise RunError("The file is empty.")


@as_dag(retries=1)
def raises_once(run: Run) -> None:
    leave(run, "image.npy")
    marker = run.folder.parent / f"kit-contract-{run.dag_run_id}"
    if not marker.exists():
        marker.touch()
        raise ConnectionError("Jane Doe")


@as_dag(retries=1)
def raises_always(run: Run) -> None:
    raise ConnectionError("Jane Doe")


@as_dag(execution_timeout=timedelta(seconds=1))
def takes_too_long(run: Run) -> None:
    time.sleep(60)


@as_dag()
def leaves_nothing(run: Run) -> None:
    pass


@as_dag(tags=["results:optional"])
def may_leave_nothing(run: Run) -> None:
    pass


@as_dag(retries=2)
def leads_elsewhere(run: Run) -> None:
    path = run.folder / "a.npy"
    path.touch()
    run.add_result(path, type="NUMPY", name="../other-run/a.npy")


@as_dag(retries=2)
def misses_its_input(run: Run) -> None:
    run.inputs[0].download()


@as_dag()
def takes_a_series(run: Run) -> None:
    n_letters = [len(path.read_text()) for path in run.inputs[0].download()]
    leave(run, "sum.npy", "x" * sum(n_letters))


@as_dag()
def was_cancelled(run: Run) -> None:
    leave(run, "image.npy")


for name, options in OPTIONS.items():
    with DAG(
        dag_id=name,
        schedule=None,
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        tags=options.pop("tags", []),
        default_args={"on_failure_callback": report_failure, "retry_delay": timedelta(0)},
    ):

        @task(**options)
        def do(name: str, dag_run: Any = None) -> None:
            with open_run(dag_run) as run:
                WORK[name](run)

        do(name)


with DAG(
    dag_id="fails_before_it_opens",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    default_args={"on_failure_callback": report_failure},
):

    @task
    def prepare() -> None:
        raise ModuleNotFoundError("sigpy")

    prepare()


with DAG(dag_id="reports_twice", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):

    @task
    def do_one(name: str, dag_run: Any = None) -> None:
        with open_run(dag_run) as run:
            leave(run, name)

    do_one("a.npy") >> do_one("b.npy")
