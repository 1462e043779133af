"""Airflow DAG of the end-to-end tests: sleeps longer than any test waits."""

import time
from datetime import UTC, datetime

from airflow.sdk import DAG, task

with DAG(
    dag_id="sleeping",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=False,
):

    @task
    def sleep() -> None:
        """Sleep for ten minutes."""
        time.sleep(600)

    sleep()
