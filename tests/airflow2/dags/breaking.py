"""An Airflow DAG that a test breaks."""

from datetime import UTC, datetime

from airflow import DAG

dag = DAG("contract_broken", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC))
