"""Airflow DAG: reconstruct a Cartesian measurement from S3 into DICOM and a preview.

The work is done by `scanhub_reconstruction`, imported in the task so that parsing stays fast.
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
    dag_id="cartesian_reconstruction",
    dag_display_name="Cartesian reconstruction",
    description="2D or 3D Cartesian raw data (ISMRMRD, NumPy) to DICOM: FFT, sum of squares.",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=False,
    tags=["accepts:ismrmrd", "accepts:numpy", "reconstruction"],
) as dag:
    # Retries are for S3 or the callback being away; faulty data fail at once.
    @task(  # type: ignore[untyped-decorator]
        retries=2,
        retry_delay=timedelta(seconds=5),
        execution_timeout=timedelta(minutes=30),
        on_failure_callback=report_failure,
    )
    def reconstruct(dag_run: Any = None) -> None:
        """Run the reconstruction."""
        from scanhub_reconstruction.pipeline import run_reconstruction

        with open_run(dag_run) as run:
            run_reconstruction(run)

    reconstruct()
