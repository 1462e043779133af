"""One scan from `process` to the files, through the real handlers on moto, every call counted.

Time passes by a clock of its own: while the real client waits before it asks again, the scanner and
the DAG tell their progress, and the reconciler has its turns. The file has four bytes, so
`benchmarks.cost` adds what the 64 parts of a real one cost.
"""

from __future__ import annotations

import heapq
import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from itertools import count
from typing import Any
from unittest.mock import patch

import boto3
import httpx
from moto import mock_aws

from benchmarks.aws_meter import AwsMeter
from benchmarks.cost_data import ScanCounts, Timeline, load_profile
from local.scanhub.recorder import find_service
from scanhub_workflow import Client, Clock, Retry
from tests.fakes.wire import AIRFLOW_URL
from tests.integration.deployment import Deployment, deploy, put_part
from workflow_manager import wiring
from workflow_manager.events import cause
from workflow_manager.http import dependencies
from workflow_manager.observability import logger
from workflow_manager.settings import get_settings
from workflow_manager.stores.dynamodb import DynamoDBStore

_BUS = "scanhub"
# Any region but the oldest, where a bucket is made without a location.
_REGION = "eu-central-1"
_MINUTE_S = 60
# How often device-manager is told of a scan's progress.
_SCAN_TELLS_EVERY_S = 10
# The most reports of cartesian_reconstruction on its coils, and those before and after them.
_REPORTED_PERCENT = (25, *range(30, 75, 5), 75)


@dataclass
class Walk:
    """A scan whose calls are counted, and its custom metrics by name and dimensions."""

    deployment: Deployment
    meter: AwsMeter
    log: io.StringIO
    metrics: set[tuple[str, ...]] = field(default_factory=set)
    # Tags count by the clock: each walk begins with a minute.
    begun_at: datetime = field(
        default_factory=lambda: datetime.now(UTC).replace(second=0, microsecond=0)
    )
    now_s: float = 0.0
    agenda: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _places: Iterator[int] = field(default_factory=count)

    def now(self, _: tzinfo = UTC) -> datetime:
        """Return the time as all of ours see it."""
        return self.begun_at + timedelta(seconds=self.now_s)

    def plan(self, time_s: float, act: Callable[[], None]) -> None:
        """Let something happen then [s]."""
        heapq.heappush(self.agenda, (time_s, next(self._places), act))

    def sleep(self, seconds: float) -> None:
        """Let time pass, and what is planned until then happen."""
        until_s = self.now_s + seconds
        while self.agenda and self.agenda[0][0] <= until_s:
            self.now_s, _, act = heapq.heappop(self.agenda)
            act()
        self.now_s = until_s

    def call(self, function: str, method: str, path: str, *args: Any, **kwargs: Any) -> Any:
        """Call a function as API Gateway does, and return what it answers."""
        answer = self._meter(
            function, lambda: self.deployment.call(function, method, path, *args, **kwargs)
        )
        counts = self.meter.counts[function]
        counts["api_requests"] += 1
        counts["api_bytes"] += len(json.dumps(answer))
        if answer["statusCode"] >= 400:
            raise RuntimeError(f"{function}: {answer}")
        return answer

    def invoke(self, function: str, event: dict[str, Any]) -> Any:
        """Call a function with an event."""
        return self._meter(function, lambda: self.deployment.invoke(function, event))

    def watch(self) -> None:
        """Follow the workflow to its end, as the command line does."""
        transport = httpx.MockTransport(self._answer)
        retry = Retry(clock=Clock(lambda: self.now_s, self.sleep))
        with Client("https://api.test/api", "t", transport=transport, retry=retry) as client:
            for _ in client.watch(self.deployment.workflow_id):
                pass

    def _answer(self, request: httpx.Request) -> httpx.Response:
        named = {name: value for name, value in request.headers.items() if name == "if-none-match"}
        path = request.url.path.removeprefix("/api")
        path = path.removeprefix("/v1/workflowmanager")
        answer = self.call("get_workflow", "GET", path, None, named)
        return httpx.Response(answer["statusCode"], headers=answer["headers"], text=answer["body"])

    def drain(self) -> None:
        """Deliver the waiting messages one by one, as the event source does."""
        self._drain("trigger_airflow", os.environ["QUEUE_URL"])
        self._drain("follow_changes", os.environ["CHANGE_QUEUE_URL"])

    def _drain(self, function: str, url: str) -> None:
        sqs = boto3.Session().client("sqs")
        while messages := sqs.receive_message(QueueUrl=url).get("Messages"):
            for message in messages:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                if is_delivered(body := message["Body"]):
                    record = {"messageId": "m", "body": body, "eventSource": "aws:sqs"}
                    self.invoke(function, {"Records": [record]})
                    # We pay for the messages that S3 sends, and for each receipt and deletion.
                    n_requests = 3 if "Records" in json.loads(body) else 2
                    self.meter.counts[function]["sqs_requests"] += n_requests

    def publish(self) -> None:
        """Deliver the audit trail's new lines in a batch per commit, which is the most batches."""
        while self.meter.commits:
            items = self.meter.commits.pop(0)
            lines = [item for item in items if item["SK"]["S"].startswith("EVENT#")]
            if lines:
                records = [make_record(i, line) for i, line in enumerate(lines)]
                self.invoke("publish_events", {"Records": records})

    def _meter(self, function: str, call: Any) -> Any:
        counts = self.meter.switch(function)
        printed = io.StringIO()
        begun = len(self.log.getvalue())
        with redirect_stdout(printed):
            answer = call()
        self.meter.switch(None)
        counts["invocations"] += 1
        counts["log_bytes"] += len(self.log.getvalue()) - begun + len(printed.getvalue())
        self.metrics |= set(find_metrics(printed.getvalue()))
        return answer


def is_delivered(body: str) -> bool:
    """Tell whether a real scan causes this event: moto sends that of a completed upload twice."""
    message = json.loads(body)
    events = [record["eventName"] for record in message.get("Records", [])]
    is_test = message.get("Event") == "s3:TestEvent"
    return not is_test and all(name.endswith("CompleteMultipartUpload") for name in events)


def make_record(n: int, item: Any) -> dict[str, Any]:
    """Return a new item as a record of the table's stream."""
    change = {"Keys": {"PK": item["PK"], "SK": item["SK"]}, "NewImage": item}
    return {"eventName": "INSERT", "dynamodb": change | {"SequenceNumber": str(n)}}


def find_metrics(printed: str) -> Iterator[tuple[str, ...]]:
    """Yield name and dimensions of each metric in lines of embedded metric format."""
    for line in printed.splitlines():
        for directive in json.loads(line)["_aws"]["CloudWatchMetrics"]:
            for metric in directive["Metrics"]:
                for dimensions in directive["Dimensions"]:
                    yield (metric["Name"], *sorted(dimensions))


def count_scan(timeline: Timeline) -> ScanCounts:
    """Walk through a scan and return what was counted."""
    with _begin() as walk:
        # The first turn also sends metrics that others in this process have left behind.
        walk.invoke("reconcile_runs", {})
        walk.meter.counts.clear()
        walk.metrics.clear()
        # A turn's share of the scan is what it costs more than this idle turn.
        walk.invoke("reconcile_runs", {})
        idle = walk.meter.counts.pop("reconcile_runs")
        idle_metrics = set(walk.metrics)
        _scan(walk, timeline)
        counts = walk.meter.counts
        # Idle turns happen without a scan too, so take their counts off.
        for unit, n in idle.items():
            counts["reconcile_runs"][unit] -= n * timeline.total_min
        return ScanCounts(
            n_metrics=len(walk.metrics - idle_metrics),
            n_idle_metrics=len(idle_metrics),
            idle=idle,
            functions={
                name: {unit: n for unit, n in each.items() if n} for name, each in counts.items()
            },
        )


@contextmanager
def _begin() -> Iterator[Walk]:
    # No real account is asked, whatever the shell has.
    environ = {"AWS_DEFAULT_REGION": _REGION, "EVENT_BUS_NAME": _BUS}
    environ |= {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}
    with ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ, environ))
        os.environ.pop("AWS_ENDPOINT_URL", None)
        stack.enter_context(mock_aws())
        boto3.setup_default_session()
        stack.callback(setattr, boto3, "DEFAULT_SESSION", None)
        meter = AwsMeter(boto3.DEFAULT_SESSION, boto3.Session().client("dynamodb"))
        deployment = stack.enter_context(deploy())
        boto3.Session().client("events").create_event_bus(Name=_BUS)
        log = io.StringIO()
        handler: Any = logger.registered_handler
        stack.callback(handler.setStream, handler.setStream(log))

        def count_request(request: httpx.Request) -> None:
            is_airflow = str(request.url).startswith(AIRFLOW_URL)
            meter.add("airflow_calls" if is_airflow else "scanhub_calls")
            if not is_airflow and find_service(request.url.path) is None:
                raise RuntimeError(f"Nobody's: {request.url.path}")

        wiring._http_client().event_hooks = {"request": [count_request]}
        walk = Walk(deployment, meter, log)
        # A new one for each call: functions share no environment, and each marks the lists.
        client, settings = wiring._aws_client("dynamodb"), get_settings()
        make_store = partial(DynamoDBStore, client, settings, lambda: walk.now().timestamp())
        ports = {"clock": lambda: walk.now, "store": make_store}
        stack.enter_context(patch.dict(wiring.PORTS, ports))
        for module in (dependencies, cause):
            stack.enter_context(patch.object(module, "datetime", walk))
        yield walk


def _scan(walk: Walk, timeline: Timeline) -> None:
    deployment = walk.deployment
    [scan_id, _] = deployment.task_ids
    arn = "arn:aws:execute-api:us-east-1:123456789012:abc/api/GET/v1/workflowmanager/hello"
    asked = {"type": "TOKEN", "authorizationToken": f"Bearer {deployment.token}", "methodArn": arn}
    for _ in range(timeline.total_min):
        walk.invoke("authorize_request", asked)
    walk.call("process_workflow", "POST", f"/process/{deployment.workflow_id}/")
    scan_s, upload_s = timeline.scan_min * _MINUTE_S, timeline.upload_min * _MINUTE_S
    for time_s in range(_MINUTE_S, timeline.total_min * _MINUTE_S + 1, _MINUTE_S):
        walk.plan(time_s, lambda: walk.invoke("reconcile_runs", {}))
        walk.plan(time_s, walk.publish)
    for time_s in range(_SCAN_TELLS_EVERY_S, scan_s + 1, _SCAN_TELLS_EVERY_S):
        percent = 100 * time_s // scan_s
        walk.plan(time_s, partial(_tell_progress, deployment, scan_id, percent))
    walk.plan(scan_s, lambda: _upload(walk, scan_id, upload_s, timeline))
    walk.watch()
    [run] = deployment.airflow.runs.values()
    walk.call("list_results", "GET", f"/dag_runs/{run['conf']['dag_run_id']}/results/")


def _upload(walk: Walk, scan_id: str, upload_s: float, timeline: Timeline) -> None:
    upload = {"task_id": scan_id, "file_name": "raw.h5", "size_bytes": 4}
    key = {"Idempotency-Key": "b0d9c0f8a4564d8b8ad9d2ac0ad3a9b1"}
    plan = json.loads(walk.call("create_upload", "POST", "/uploads/", upload, key)["body"])

    def complete() -> None:
        done = {"parts": [{"part_number": 1, "etag": put_part(plan)}]}
        walk.call("complete_upload", "POST", f"/uploads/{plan['upload_id']}/complete/", done)
        walk.drain()
        walk.publish()
        _plan_reconstruction(walk, timeline.reconstruction_min * _MINUTE_S)

    walk.plan(walk.now_s + upload_s, complete)


def _plan_reconstruction(walk: Walk, length_s: float) -> None:
    [run] = walk.deployment.airflow.runs.values()
    for percent in _REPORTED_PERCENT:
        told = partial(_call_back, walk, run["conf"], {"progress": percent})
        walk.plan(walk.now_s + length_s * percent / 100, told)

    def end() -> None:
        key = f"{run['conf']['output_prefix']}/image.dcm"
        boto3.Session().client("s3").put_object(Bucket=run["conf"]["bucket"], Key=key, Body=b"d")
        results = [{"type": "DICOM", "key": key}]
        _call_back(walk, run["conf"], {"success": True, "results": results})

    walk.plan(walk.now_s + length_s, end)


def _tell_progress(deployment: Deployment, task_id: str, percent: int) -> None:
    """Let device-manager tell exam-manager how far the scan is."""
    path = f"/api/v1/exam/task/{task_id}"
    task = deployment.scanhub.get(path).raise_for_status().json()
    deployment.scanhub.put(path, json=task | {"progress": percent}).raise_for_status()


def _call_back(walk: Walk, conf: dict[str, Any], body: Any) -> None:
    headers = {"Authorization": f"Bearer {conf['user_token']}"}
    walk.call("receive_results", "POST", "/results_ready/", body, headers, actor=None)
    walk.drain()
    walk.publish()


if __name__ == "__main__":
    # For `benchmarks.cost`, which runs it on an older checkout; the handlers print too.
    print(f"\n{count_scan(load_profile().timeline).model_dump_json()}")
