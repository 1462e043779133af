"""Airflow DAGs of the contract suite: their runs cost nothing."""

from datetime import UTC, datetime

from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.operators.empty import EmptyOperator

START = datetime(2026, 1, 1, tzinfo=UTC)

with DAG("contract", schedule=None, start_date=START, dag_display_name="Contract", tags=["test"]):
    EmptyOperator(task_id="nothing")

# With a run id, its path is longer than MWAA takes.
with DAG("contract_of_an_orchestrator_behind_mwaa", schedule=None, start_date=START):
    EmptyOperator(task_id="nothing")

with DAG("contract_paused", schedule=None, start_date=START, is_paused_upon_creation=True):
    EmptyOperator(task_id="nothing")

# Its runs last until they are cancelled, or the tests end.
with DAG("contract_sleeping", schedule=None, start_date=START):
    BashOperator(task_id="sleep", bash_command="exec sleep 600")
