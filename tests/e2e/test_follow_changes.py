"""An Airflow that hangs while hundreds of runs are to be stopped holds up no report."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from local.config import DAG_ID
from tests.e2e.laptop import Laptop, wait_until
from workflow_manager.domain.dag_run import DagRun, DagRunState
from workflow_manager.queues.sqs import SqsMessageQueue
from workflow_manager.settings import Settings
from workflow_manager.stores.dynamodb import DynamoDBStore

FUNCTION = "FollowChangesFunction"
N_CANCELLED = 200
SIMULATION = {"simulate": "true", "contrast": "image.dcm"}


@pytest.fixture
def _airflow_hangs(laptop: Laptop) -> Iterator[None]:
    # It takes connections, and says nothing.
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with laptop.changed_environ(FUNCTION, AIRFLOW_URL=url):
            yield


@pytest.fixture
def queue(laptop: Laptop) -> Iterator[SqsMessageQueue]:
    name = laptop.find_function(FUNCTION)
    variables = laptop.functions.get_function_configuration(FunctionName=name)["Environment"]
    url = variables["Variables"]["CHANGE_QUEUE_URL"]
    yield SqsMessageQueue(laptop.sqs, Settings(change_queue_url=url))
    laptop.sqs.purge_queue(QueueUrl=url)


@pytest.fixture
def cancelled(laptop: Laptop) -> Iterator[list[str]]:
    """Runs that are to be stopped, and that no reconciler looks at for an hour."""
    store = DynamoDBStore(laptop.dynamodb, Settings(table_name=laptop.stack.table))
    now = datetime.now(UTC)
    runs = [
        DagRun(
            dag_run_id=f"cancelled-{uuid4()}",
            dag_id=DAG_ID,
            bucket=laptop.stack.bucket,
            state=DagRunState.CANCELLED,
            n_start_attempts=1,
            next_attempt_at=now,
            deadline=now,
            created_at=now,
            finished_at=now,
            stop_due_at=now + timedelta(hours=1),
        )
        for _ in range(N_CANCELLED)
    ]
    for run in runs:
        store.commit([run])
    yield [run.dag_run_id for run in runs]
    for run in runs:
        store.delete_dag_run(run.dag_run_id)


def start_task(laptop: Laptop) -> str:
    """Return the id of a task of a workflow of its own, which has just started."""
    task = {"name": "Reconstruct", "type": "RECONSTRUCTION_TASK", "args": SIMULATION}
    ids = laptop.define_workflow(task)
    laptop.process(ids["workflow_id"]).raise_for_status()
    return str(ids["task_ids"][0])


@pytest.mark.usefixtures("_airflow_hangs")
def test_report_of_a_workflow_overtakes_stops_that_hang(
    laptop: Laptop, queue: SqsMessageQueue, cancelled: list[str]
) -> None:
    def is_told(task_id: str) -> bool:
        return bool(laptop.get_exam_task(task_id)["status"] != "NEW")

    # Given many runs to be stopped in an Airflow that hangs, and a function that is warm
    for dag_run_id in cancelled:
        queue.send_stops([dag_run_id])
    first = start_task(laptop)
    wait_until(lambda: is_told(first), "exam-manager to be told by a cold function")
    # When a task of another workflow starts
    second = start_task(laptop)
    # Then exam-manager hears of it at once
    wait_until(lambda: is_told(second), "exam-manager to be told", timeout_s=5)
