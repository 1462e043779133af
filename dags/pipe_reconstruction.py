"""Airflow DAG: reconstruct a Cartesian measurement by the engine that is installed here.

The work is done by `scanhub_pipe`, imported in the task so that parsing stays fast. One task does
it all: workers share no disk that could take the prepared measurement from one to the next.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

from scanhub_dag import open_run, report_failure

with DAG(
    dag_id="pipe_reconstruction",
    dag_display_name="Reconstruction by an engine",
    description="2D or 3D Cartesian raw data (ISMRMRD), accelerated too, to DICOM by an engine.",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=False,
    tags=["accepts:ismrmrd", "reconstruction"],
) as dag:
    # Retries are for S3 or the callback being away; faulty data, or an engine, fail at once.
    @task(  # type: ignore[untyped-decorator]
        retries=2,
        retry_delay=timedelta(seconds=5),
        execution_timeout=timedelta(minutes=60),
        on_failure_callback=report_failure,
    )
    def reconstruct(dag_run: Any = None) -> None:
        """Prepare the raw data, run the engine, publish its images."""
        from scanhub_pipe.pipeline import run_pipe

        with open_run(dag_run) as run:
            run_pipe(run)

    reconstruct()
