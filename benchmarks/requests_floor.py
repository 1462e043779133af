"""The least that brings an object to a DAG run: one write, Airflow's POST, one write; no checks."""

from __future__ import annotations

import json
import os
from typing import Any

import boto3
import httpx

_clients: dict[str, Any] = {}


def lambda_handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Start the run of each object of a message of S3."""
    if not _clients:
        _clients["table"] = boto3.client("dynamodb")
        _clients["http"] = httpx.Client(trust_env=False)
    for record in event["Records"]:
        [created] = json.loads(record["body"])["Records"]
        start(created["s3"]["object"])
    return {"batchItemFailures": []}


def start(found: dict[str, str]) -> None:
    """Note a run, start it in Airflow, and note that it has started."""
    dag_id, version = found["key"].split("/")[1], found["versionId"]
    _write(version, "pending", "attribute_not_exists(PK)")
    url = f"{os.environ['AIRFLOW_URL']}/api/v2/dags/{dag_id}/dagRuns"
    body = {"dag_run_id": version, "logical_date": None, "conf": found}
    _clients["http"].post(url, json=body).raise_for_status()
    _write(version, "running")


def _write(version: str, state: str, condition: str | None = None) -> None:
    item = {"PK": {"S": f"FLOOR#{version}"}, "SK": {"S": "RUN"}, "state": {"S": state}}
    guard = {"ConditionExpression": condition} if condition else {}
    _clients["table"].put_item(TableName=os.environ["TABLE_NAME"], Item=item, **guard)
