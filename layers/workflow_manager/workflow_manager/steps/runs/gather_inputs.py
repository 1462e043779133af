"""Gather all that the input tasks of a run have left, as its DAG is told."""

import json
from typing import Any

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.dag_run_conf import list_run_inputs
from workflow_manager.domain.errors import InvalidInputError
from workflow_manager.ports import WorkflowStore

# Airflow keeps the conf in its database, and shows it whole: twelve series of 500 images.
MAX_INPUTS_BYTES = 1_000_000


def gather_inputs(store: WorkflowStore, run: DagRun) -> list[dict[str, Any]]:
    """Return the inputs of a run, one for each input task in its place, with all their files.

    Raises
    ------
    InvalidInputError
        They are more than a conf can hold.
    """
    ids = {task.dag_run_id for task in run.input_tasks if task.dag_run_id and task.has_data}
    producers = {each: found for each in ids if (found := store.get_dag_run(each))}
    inputs = [each.describe() for each in list_run_inputs(run, producers)]
    if len(json.dumps(inputs).encode()) > MAX_INPUTS_BYTES:
        n_files = sum(len(each["results"]) for each in inputs)
        raise InvalidInputError(f"The task takes more files ({n_files}) than a DAG can be told of.")
    return inputs
