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
try:
    from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout
except ImportError:  # Airflow before 3.2
    from airflow.exceptions import AirflowFailException, AirflowTaskTimeout

DAG_ID = "cartesian_reconstruction"
EXECUTION_TIMEOUT_MINUTES = 30


def report_failure(context: Any) -> None:
    """Tell the workflow manager why the task failed, in a sentence without internals.

    Parameters
    ----------
    context
        Airflow's task context.
    """
    from scanhub_reconstruction.pipeline import report_failure

    error = context.get("exception")
    if isinstance(error, AirflowFailException):
        sentence = str(error)
    elif isinstance(error, AirflowTaskTimeout):
        sentence = f"The reconstruction took longer than {EXECUTION_TIMEOUT_MINUTES} minutes."
    else:
        sentence = f"The reconstruction failed unexpectedly ({type(error).__name__})."
    report_failure(context["dag_run"].conf or {}, DAG_ID, sentence)


with DAG(
    dag_id=DAG_ID,
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
        execution_timeout=timedelta(minutes=EXECUTION_TIMEOUT_MINUTES),
        on_failure_callback=report_failure,
    )
    def reconstruct(dag_run: Any = None) -> None:
        """Run the reconstruction."""
        from scanhub_reconstruction.model import RawDataError
        from scanhub_reconstruction.pipeline import run_reconstruction

        try:
            run_reconstruction(dag_run.conf or {}, DAG_ID)
        except RawDataError as error:
            raise AirflowFailException(str(error)) from None

    reconstruct()
