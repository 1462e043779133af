"""Which trace a call belongs to, and where the id goes."""

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.fakes.log import read_log
from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    DAG_ID,
    NOW,
    RECONSTRUCTION,
    RECONSTRUCTION_ID,
    SCAN,
    TOKEN,
    WORKFLOW_ID,
    at,
    callback_token,
    deliver,
    deliver_queue,
    get_task,
    make_dag_data,
    make_exam_task,
    make_raw_data,
)
from tests.unit.domain.test_trace import HOSTILE, TRACE_ID, TRACEPARENT, XRAY_ROOT, XRAY_TRACE_ID
from tests.unit.functions.conftest import Invoke, load_event, read_body
from workflow_manager.domain.dag_run import DagRun, object_dag_run_id
from workflow_manager.domain.errors import UpstreamUnreachableError
from workflow_manager.domain.exam import ExamWorkflow, TaskType
from workflow_manager.domain.trace import TraceContext, parse_traceparent
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.steps.runs.receive_dag_data import receive_dag_data


@pytest.fixture(autouse=True)
def xray(monkeypatch: pytest.MonkeyPatch) -> None:
    header = f"{XRAY_ROOT};Parent=53995c3f42cd8ad8;Sampled=1"
    monkeypatch.setenv("_X_AMZN_TRACE_ID", header)


def with_header(event: dict[str, Any], name: str, value: str) -> dict[str, Any]:
    event["headers"][name] = value
    event["multiValueHeaders"][name] = [value]
    return event


def make_upload_event(traceparent: str | None, name: str = "traceparent") -> dict[str, Any]:
    event = load_event("create_upload", "for_dag")
    return event if traceparent is None else with_header(event, name, traceparent)


def get_upload_trace(world: MemoryPorts, answer: dict[str, Any]) -> TraceContext | None:
    """Return the trace of the object that an upload becomes."""
    upload = world.store.get_upload(read_body(answer)["upload_id"])
    assert upload is not None
    world.lake.put_part(world.lake.presign_part(upload.key, upload.s3_upload_id, 1), b"raw")
    parts = world.lake.list_parts(upload.key, upload.s3_upload_id) or []
    data = world.lake.complete_multipart_upload(upload.key, upload.s3_upload_id, parts, 3)
    assert data is not None
    start = world.lake.read_start(data, 1)
    assert start is not None
    return start.trace


@pytest.mark.parametrize("name", ["traceparent", "Traceparent", "TRACEPARENT"])
def test_trace_of_a_request_is_its_callers(invoke: Invoke, world: MemoryPorts, name: str) -> None:
    answer = invoke("create_upload", make_upload_event(TRACEPARENT, name))

    assert get_upload_trace(world, answer) == parse_traceparent(TRACEPARENT)


@pytest.mark.parametrize("traceparent", [None, *HOSTILE])
def test_trace_of_a_request_is_else_x_rays(
    invoke: Invoke, world: MemoryPorts, traceparent: str | None
) -> None:
    answer = invoke("create_upload", make_upload_event(traceparent))

    assert answer["statusCode"] == 201
    trace = get_upload_trace(world, answer)
    assert trace == TraceContext(XRAY_TRACE_ID, "53995c3f42cd8ad8", is_sampled=True)


def test_trace_of_a_request_is_else_a_fresh_one(
    invoke: Invoke, world: MemoryPorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("_X_AMZN_TRACE_ID")

    answers = [invoke("create_upload", make_upload_event(None)) for _ in range(2)]

    traces = {get_upload_trace(world, answer) for answer in answers}
    assert len(traces) == 2
    assert None not in traces


def test_small_upload_keeps_its_trace(invoke: Invoke, world: MemoryPorts) -> None:
    event = load_event("upload_and_trigger", "success")

    invoke("upload_and_trigger", with_header(event, "traceparent", TRACEPARENT))

    [key] = world.lake.keys
    [data] = world.lake.list_versions(key)
    start = world.lake.read_start(data, 1)
    assert start is not None
    assert start.trace == parse_traceparent(TRACEPARENT)


def make_object_event(world: MemoryPorts, traceparent: str | None) -> dict[str, Any]:
    event = load_event("trigger_airflow", "upload_arrived")
    [record] = event["Records"]
    body = json.loads(record["body"])
    entry = body["Records"][0]["s3"]["object"]
    trace = parse_traceparent(traceparent)
    entry["versionId"] = world.lake.put(entry["key"], b"raw data", "", trace).version_id
    record["body"] = json.dumps(body)
    return event


def test_run_takes_the_trace_of_its_object_and_so_do_conf_and_log(
    invoke: Invoke, world: MemoryPorts, log: io.StringIO
) -> None:
    invoke("trigger_airflow", make_object_event(world, TRACEPARENT))

    [conf] = world.orchestrator.dag_runs.values()
    run = world.store.get_dag_run(conf["dag_run_id"])
    assert run is not None
    assert conf["traceparent"] == run.traceparent == TRACEPARENT
    [line] = [line for line in read_log(log) if line["message"] == "DAG run started"]
    assert line["trace_id"] == TRACE_ID


def test_run_of_an_object_without_a_trace_is_given_one_for_good(
    invoke: Invoke, world: MemoryPorts
) -> None:
    event = make_object_event(world, None)
    world.orchestrator.fail_with["trigger_dag_run"] = UpstreamUnreachableError("Airflow is away.")
    invoke("trigger_airflow", event)
    [first] = world.store.list_active(None, 10)[0]
    world.orchestrator.fail_with.clear()

    invoke("trigger_airflow", event)

    [conf] = world.orchestrator.dag_runs.values()
    assert isinstance(first, DagRun)
    assert first.trace is not None
    assert conf["traceparent"] == first.traceparent


def test_log_of_a_batch_names_each_runs_own_trace(
    invoke: Invoke, world: MemoryPorts, log: io.StringIO
) -> None:
    other = TRACEPARENT.replace(TRACE_ID, "a" * 32)
    first, second = make_object_event(world, TRACEPARENT), make_object_event(world, other)
    poison = load_event("trigger_airflow", "poison")["Records"][0]
    records = [first["Records"][0], second["Records"][0] | {"messageId": "2"}]
    event = {"Records": [*records, poison | {"messageId": "3"}]}

    invoke("trigger_airflow", event)

    told = [(line["message"], line["trace_id"]) for line in read_log(log)]
    assert told == [
        ("DAG run started", TRACE_ID),
        ("DAG run started", "a" * 32),
        ("message failed", XRAY_TRACE_ID),
    ]


def test_log_keeps_nothing_of_the_call_before(
    invoke: Invoke, world: MemoryPorts, log: io.StringIO
) -> None:
    world.orchestrator.outage = UpstreamUnreachableError("Airflow is away.")

    for traceparent in (TRACEPARENT, None):
        invoke("create_upload", make_upload_event(traceparent))

    lines = [line for line in read_log(log) if line["message"] == "DAG not checked"]
    assert [line["trace_id"] for line in lines] == [TRACE_ID, XRAY_TRACE_ID]


def test_run_that_its_content_fails_still_names_its_trace(
    invoke: Invoke, world: MemoryPorts, log: io.StringIO
) -> None:
    dag = world.orchestrator.dags[DAG_ID]
    world.orchestrator.dags[DAG_ID] = dag.model_copy(update={"tags": ("accepts:ismrmrd",)})

    invoke("trigger_airflow", make_object_event(world, TRACEPARENT))

    [line] = [line for line in read_log(log) if line["message"] == "DAG run finished"]
    run = world.store.get_dag_run(line["dag_run_id"])
    assert run is not None
    assert (line["trace_id"], run.traceparent, run.state) == (TRACE_ID, TRACEPARENT, "FAILED")


def test_reconciler_logs_each_run_in_its_own_trace(
    invoke: Invoke, world: MemoryPorts, log: io.StringIO
) -> None:
    cause = at(-(10**7)).within(parse_traceparent(TRACEPARENT))
    call(receive_dag_data, world, DAG_ID, make_dag_data(), cause)

    invoke("reconcile_runs", load_event("reconcile_runs", "every_minute"))

    [line] = [line for line in read_log(log) if line["message"] == "DAG run finished"]
    assert line["dag_run_id"] == object_dag_run_id(make_dag_data())
    assert line["trace_id"] == TRACE_ID


def test_callback_without_a_trace_is_logged_in_its_runs_trace_and_hands_it_on(
    invoke: Invoke, world: MemoryPorts, log: io.StringIO
) -> None:
    # Given a chain of two DAG tasks, the first of which was started in a trace
    then = make_exam_task("then", TaskType.PROCESSING_TASK, 3, args={"dag_id": DAG_ID})
    world.exam.add_workflow(
        ExamWorkflow(id=WORKFLOW_ID, exam_id="exam-1", tasks=[SCAN, RECONSTRUCTION, then])
    )
    started = (datetime.now(UTC) - NOW).total_seconds()
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(started))
    deliver(world, make_raw_data(), started)
    deliver_queue(world, started)
    run_id = get_task(world, RECONSTRUCTION_ID).dag_run_id or ""
    first = world.store.get_dag_run(run_id)
    token = callback_token(world, run_id)
    success = {"success": True, "results": [{"type": "DICOM", "key": f"result/{run_id}/a.dcm"}]}

    # When a DAG that knows no traces calls back
    event = load_event("receive_results", "success") | {"body": json.dumps(success)}
    answer = invoke("receive_results", with_header(event, "Authorization", f"Bearer {token}"))

    # Then log and next run are in the trace of the first
    second = world.store.get_dag_run(get_task(world, "then").dag_run_id or "")
    assert answer["statusCode"] == 200
    assert first is not None
    assert second is not None
    assert first.trace is not None
    assert second.traceparent == first.traceparent
    [line] = [line for line in read_log(log) if line["message"] == "DAG run finished"]
    assert line["trace_id"] == first.trace.trace_id
