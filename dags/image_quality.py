"""Airflow DAG: measure signal-to-noise, ghosting and uniformity of a reconstruction's DICOM series.

The work is done by `scanhub_image_quality`, imported in the task so that parsing stays fast.
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
    dag_id="image_quality",
    dag_display_name="Image quality",
    description="MR images (DICOM) to signal-to-noise, ghosting and uniformity (JSON).",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=False,
    tags=["accepts:dicom", "processing"],
) as dag:
    # Retries are for S3 or the callback being away; faulty data fail at once.
    @task(  # type: ignore[untyped-decorator]
        retries=2,
        retry_delay=timedelta(seconds=5),
        execution_timeout=timedelta(minutes=30),
        on_failure_callback=report_failure,
    )
    def measure(dag_run: Any = None) -> None:
        """Measure the series."""
        from scanhub_image_quality.run import run_image_quality

        with open_run(dag_run) as run:
            run_image_quality(run)

    measure()
