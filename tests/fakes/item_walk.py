"""The table after a day's work: an item of each kind, in many states.

``python -m tests.fakes.item_walk NAME`` in a release's checkout writes
``tests/fixtures/items/NAME.json``, which later releases read in their tests.
"""

import json
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
from moto import mock_aws

from tests.fakes.engine import Engine, make_engine
from tests.integration.conftest import create_table
from workflow_manager.domain import dag_run, exam, task, workflow
from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.services.trigger_airflow import ObjectCreated, trigger_airflow
from workflow_manager.settings import Settings
from workflow_manager.stores.dynamodb import DynamoDBStore

FOLDER = Path(__file__).parents[1] / "fixtures" / "items"
SHAPES = ("chain", "one", "no scan", "no scan")
ENUMS = {
    "WORKFLOW": {"status": workflow.WorkflowStatus},
    "TASK": {"status": task.TaskStatus, "task_type": exam.TaskType},
    "DAGRUN": {"state": dag_run.DagRunState},
}
MODELS: dict[str, tuple[ModuleType, str]] = {
    "WORKFLOW": (workflow, "Workflow"),
    "TASK": (task, "Task"),
    "DAGRUN": (dag_run, "DagRun"),
}


def kind_of(item: dict[str, Any]) -> str:
    """Return what an item is: the first part of its sort key."""
    return str(item["SK"]["S"]).partition("#")[0]


def walk(client: Any, table_name: str) -> Engine:
    """Do a day's work on a table: some of it has ended, some waits, some is under way."""
    engine = make_engine(*SHAPES)
    engine.use_store(DynamoDBStore(client, Settings(table_name=table_name)), engine.read)
    engine.scanner.started = lambda *_: None
    deliver_all = (engine.deliver_object, engine.deliver_start)
    # A scan, its reconstruction under way
    engine.process(0)
    engine.scan_goes_on(0)
    engine.put_raw(0)
    for deliver in deliver_all:
        deliver(0)
    # A scan under way, which is told of an upload
    engine.process(1)
    engine.plan_upload(1)
    # A run that has succeeded, the next one waits for its start
    engine.process(2)
    engine.deliver_start(0)
    engine.airflow_ends(1)
    engine.call_back(0)
    # A workflow that was cancelled while it ran
    engine.process(3)
    engine.deliver_start(1)
    engine.cancel_all(3)
    # Data of a DAG, and what fits nothing
    engine.put_dag_data(0)
    engine.deliver_object(0)
    odd = ObjectVersion(bucket="data-lake", key="odd.h5", version_id="v1", size_bytes=4)
    engine.call(trigger_airflow, ObjectCreated(odd), actor="trigger_airflow")
    engine.wait(61)
    engine.reconcile()
    return engine


def read_items(client: Any, table_name: str) -> list[dict[str, Any]]:
    """Return all items of a table, by key."""
    pages = client.get_paginator("scan").paginate(TableName=table_name)
    found = [item for page in pages for item in page["Items"]]
    return sorted(found, key=lambda item: (item["PK"]["S"], item["SK"]["S"]))


def describe_release(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return items, and what this release must find in one to read it."""
    models = {kind: getattr(module, name) for kind, (module, name) in MODELS.items()}
    return {
        "required": {
            kind: sorted(name for name, field in model.model_fields.items() if field.is_required())
            for kind, model in models.items()
        },
        "values": {
            kind: {
                name: sorted(value for value in map(str, enum) if value.upper() != "UNKNOWN")
                for name, enum in enums.items()
            }
            for kind, enums in ENUMS.items()
        },
        "items": found,
    }


def main(name: str) -> None:
    """Write the items of this release."""
    os.environ |= {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    os.environ["AWS_DEFAULT_REGION"] = "eu-central-1"
    with mock_aws():
        client = boto3.client("dynamodb")
        create_table(client, "walk")
        walk(client, "walk")
        release = describe_release(read_items(client, "walk"))
    lines = ",\n".join(json.dumps(item, sort_keys=True) for item in release["items"])
    head = json.dumps({"required": release["required"], "values": release["values"]}, indent=1)
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.json").write_text(f'{head[:-2]},\n "items": [\n{lines}\n ]\n}}\n')


if __name__ == "__main__":
    main(sys.argv[1])
