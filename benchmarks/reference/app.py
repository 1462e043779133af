"""A Lambda as most people write it: ours are compared with it.

FastAPI behind Mangum, Powertools' Logger, Tracer and Metrics as their documentation shows them, and
a boto3 client made at import. It is deployed as ``pip install --target`` leaves it.
"""

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from fastapi import FastAPI
from mangum import Mangum
from mangum.types import LambdaContext
from pydantic import BaseModel

logger = Logger(service="reference")
tracer = Tracer(service="reference")
metrics = Metrics(namespace="Reference", service="reference")
dynamodb = boto3.client("dynamodb")
app = FastAPI()


class Task(BaseModel):
    """What a caller asks for."""

    name: str
    type: str
    device_id: str | None = None
    args: dict[str, Any] = {}


class Triggered(BaseModel):
    """What it is told."""

    task_id: str
    task: Task
    status: str


@app.get("/hello/")
def hello() -> dict[str, str]:
    """Greet."""
    return {"message": "hello"}


@app.get("/workflows/{workflow_id}")
def get_workflow(workflow_id: str) -> dict[str, Any]:
    """Read one item."""
    key = {"PK": {"S": workflow_id}, "SK": {"S": "WORKFLOW"}}
    answer = dynamodb.get_item(TableName=os.environ["TABLE_NAME"], Key=key)
    return {"found": "Item" in answer}


@app.post("/trigger_task/{task_id}")
def trigger_task(task_id: str, task: Task) -> Triggered:
    """Check a task and say that it was triggered; what a real one calls is left out."""
    logger.info("task triggered", extra={"task_id": task_id})
    metrics.add_metric(name="TasksTriggered", unit=MetricUnit.Count, value=1)
    return Triggered(task_id=task_id, task=task, status="STARTED")


mangum = Mangum(app)


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer."""
    answer: dict[str, Any] = mangum(event, context)
    return answer
