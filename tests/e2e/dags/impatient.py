"""Airflow DAG of the end-to-end tests: the project's reconstruction, which calls back for seconds.

The project's own goes on for two minutes, and so does its run, before others look for its results.
"""

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, task

from scanhub_dag import open_run, report_failure

CALLBACK_S = 2.0

with DAG(
    dag_id="impatient",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=False,
    tags=["accepts:ismrmrd", "accepts:numpy"],
):

    @task(on_failure_callback=report_failure)
    def reconstruct(dag_run: Any = None) -> None:
        """Run the reconstruction."""
        from scanhub_dag import callback
        from scanhub_reconstruction.pipeline import run_reconstruction

        callback._TOTAL_S = CALLBACK_S
        with open_run(dag_run) as run:
            run_reconstruction(run)

    reconstruct()
