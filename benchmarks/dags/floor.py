"""Airflow DAG of the pipeline's benchmark: one task, in its own process, that does nothing."""

from datetime import UTC, datetime

from airflow.sdk import DAG, task

with DAG(
    dag_id="floor",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=False,
):
    # This environment has no Airflow, so mypy sees no type of it.
    @task  # type: ignore[untyped-decorator]
    def nothing() -> None:
        """Do nothing."""

    nothing()
