"""Airflow DAG of the load test: its run ends without a process of its own."""

from datetime import UTC, datetime

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

with DAG(
    dag_id="nothing",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1000,
    tags=["results:optional"],
):
    EmptyOperator(task_id="nothing")
