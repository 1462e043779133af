"""Runs that the contract of every orchestrator needs of the stack's Airflow."""

from local.config import DAG_ID
from tests.contracts.orchestrator import Lasting
from tests.e2e.laptop import Laptop, wait_until

# Its task is tried again for ten seconds or more: the bucket that it looks for may still come.
LASTING = Lasting(
    DAG_ID,
    {
        "dag_run_id": "lasting",
        "bucket": "no-such-bucket",
        "key": "raw.npy",
        "output_prefix": "result/lasting/",
        "workflow_manager_endpoint": "http://127.0.0.1:9/results_ready/",
        "user_token": "lasting.nobody",
    },
)


def wait_for_idle_airflow(laptop: Laptop) -> None:
    """Return once every run has ended: on SQLite, a busy scheduler makes requests time out."""
    params = {"state": ["queued", "running"], "limit": 1}

    def is_idle() -> bool:
        answer = laptop.airflow.get("/dags/~/dagRuns", params=params).raise_for_status()
        return int(answer.json()["total_entries"]) == 0

    wait_until(is_idle, "the end of all runs")
