"""The table of all other calls: uploads, results, Airflow, and what is only read."""

import json
from dataclasses import replace
from typing import Any
from uuid import uuid4

from tests.integration.contract.cells import (
    PASSED_THROUGH,
    TASK_DETAIL,
    Cell,
    Ids,
    Scenario,
    case,
    failures,
    loss,
    without_token,
)
from tests.integration.contract.runner import deliver
from tests.integration.contract.task_cells import (
    FREE_TASK,
    SCANNING,
    SDK_TASK,
    pause_dag,
    trigger_before,
)
from tests.integration.deployment import BUCKET, DAG_ID, Deployment, put_part
from workflow_manager import wiring

FORM = "multipart/form-data; boundary=b"
UNKNOWN = str(uuid4())
NO_DAGS = "Failed to retrieve Airflow DAGs"
NO_UPLOAD = "There is no such upload."


def make_form(name: str = "file", file_name: str = "Jane Doe.h5", content: bytes = b"x") -> bytes:
    disposition = f'form-data; name="{name}"; filename="{file_name}"'
    head = f"--b\r\nContent-Disposition: {disposition}\r\n\r\n".encode()
    return head + content + b"body-of-the-client\r\n--b--\r\n"


def begin_upload(deployment: Deployment, ids: Ids) -> None:
    """Start the scan and send its data, all but the end."""
    trigger_before(deployment, ids)
    send_data(deployment, ids, {"task_id": ids["task_id"]})


def begin_dag_upload(deployment: Deployment, ids: Ids) -> None:
    send_data(deployment, ids, {"dag_id": DAG_ID})


def send_data(deployment: Deployment, ids: Ids, target: dict[str, str]) -> None:
    body = {**target, "file_name": "Jane Doe.h5", "size_bytes": 4}
    plan = read(deployment.call("create_upload", "POST", "/uploads/", body))
    ids["upload_id"], ids["etag"] = plan["upload_id"], put_part(plan)


def end_upload(deployment: Deployment, ids: Ids) -> None:
    begin_upload(deployment, ids)
    body = {"parts": [{"part_number": 1, "etag": ids["etag"]}]}
    path = f"/uploads/{ids['upload_id']}/complete/"
    deployment.call("complete_upload", "POST", path, body)


def abort_upload(deployment: Deployment, ids: Ids) -> None:
    begin_upload(deployment, ids)
    s3 = wiring._s3_client()
    [upload] = [
        item
        for item in s3.list_multipart_uploads(Bucket=BUCKET)["Uploads"]
        if ids["upload_id"] in item["Key"]
    ]
    s3.abort_multipart_upload(Bucket=BUCKET, Key=upload["Key"], UploadId=upload["UploadId"])


def start_run(deployment: Deployment, ids: Ids) -> None:
    trigger_before(deployment, ids)
    deliver(deployment)
    [run] = deployment.airflow.runs.values()
    ids["callback_token"] = run["conf"]["user_token"]
    ids["dag_run_id"] = run["conf"]["dag_run_id"]


def end_run(deployment: Deployment, ids: Ids) -> None:
    start_run(deployment, ids)
    key = f"result/{ids['dag_run_id']}/image.dcm"
    body = {"success": True, "results": [{"type": "DICOM", "key": key}]}
    assert deployment.call_back({"user_token": ids["callback_token"]}, body) == 200


def read(answer: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(answer["body"]))


HELLO = Scenario("hello", "hello", "GET", "/hello/")
READINESS = Scenario(
    "readiness",
    "check_readiness",
    "GET",
    "/health/readiness",
    headers={"Authorization": None},
    actor=None,
)
TASKS = Scenario("list tasks", "list_available_tasks", "GET", "/tasks/")
UPLOAD = Scenario(
    "upload_and_trigger",
    "upload_and_trigger",
    "POST",
    f"/upload_and_trigger/{DAG_ID}/",
    make_form(),
    headers={"Content-Type": FORM},
    has_messages=True,
)
NAMELESS = {"file_name": "Jane Doe.h5", "size_bytes": 4}
CREATE = Scenario(
    "create upload for a DAG", "create_upload", "POST", "/uploads/", {**NAMELESS, "dag_id": DAG_ID}
)
CREATE_FOR_TASK = replace(
    CREATE,
    name="create upload for a task",
    body={**NAMELESS, "task_id": "{task_id}"},
    tasks=(SDK_TASK,),
)
SENT = {"parts": [{"part_number": 1, "etag": "{etag}"}]}
COMPLETE = Scenario(
    "complete upload",
    "complete_upload",
    "POST",
    "/uploads/{upload_id}/complete/",
    SENT,
    tasks=(SDK_TASK,),
    prepare=begin_upload,
    has_messages=True,
)
COMPLETE_BY_ANOTHER = replace(
    COMPLETE, name="complete another's upload", actor="another", has_messages=False
)
SHOW_UPLOAD = replace(
    COMPLETE,
    name="show upload",
    function="get_upload",
    method="GET",
    path="/uploads/{upload_id}/",
    body=None,
    has_messages=False,
)
SHOW_UPLOAD_BY_ANOTHER = replace(SHOW_UPLOAD, name="show another's upload", actor="another")
SHOW_UPLOAD_FOR_DAG = replace(SHOW_UPLOAD, name="show upload for a DAG", prepare=begin_dag_upload)
ABORT = replace(SHOW_UPLOAD, name="abort upload", function="abort_upload", method="DELETE")
ABORT_BY_ANOTHER = replace(ABORT, name="abort another's upload", actor="another")
ABORT_FOR_DAG = replace(ABORT, name="abort upload for a DAG", prepare=begin_dag_upload)
COMPLETE_FOR_DAG = replace(
    COMPLETE, name="complete upload for a DAG", prepare=begin_dag_upload, has_messages=False
)
SHOW = Scenario(
    "get workflow", "get_workflow", "GET", "/workflows/{workflow_id}/", tasks=(SDK_TASK,)
)
SHOW_SCANNING = replace(SHOW, name="get workflow that scans", prepare=trigger_before)
RUN = Scenario(
    "get run",
    "get_dag_run",
    "GET",
    "/dag_runs/{dag_run_id}/",
    tasks=(FREE_TASK,),
    prepare=start_run,
)
RESULT = {"type": "DICOM", "key": "result/{dag_run_id}/image.dcm"}
RESULTS = Scenario(
    "results",
    "receive_results",
    "POST",
    "/results_ready/",
    {"success": True, "results": [RESULT]},
    tasks=(FREE_TASK,),
    prepare=start_run,
    headers={"Authorization": "Bearer {callback_token}"},
    actor=None,
)
TASK_RESULTS = replace(RESULTS, name="results of a task", path="/result_ready/{task_id}")
FINISHED = {"ours": "COMPLETED", "exams": "FINISHED", "run": "SUCCEEDED"}
# Exam-manager knows no failure: its task is NEW again.
WITHOUT_RESULTS = {"ours": "FAILED", "exams": "NEW", "run": "FAILED"}
ENGINE = {"name": "BART", "version": "v0.9.00"}
UNFINISHED = {"ours": "IN_PROGRESS", "exams": "STARTED", "run": "RUNNING"}
# Airflow's refusal of a DAG is the caller's business; an Airflow that is down is not.
CHECKED_200 = "200 404 200 200 200 200 200 200 200 200"
CHECKED_201 = CHECKED_200.replace("200", "201")


def at(scenario: Scenario, label: str, path: str, status: int, *detail: str) -> Cell:
    """Return a cell of the same call at another path."""
    return case(replace(scenario, path=path), label, status, *detail)


def sent(scenario: Scenario, label: str, body: Any, status: int, *detail: str, **more: Any) -> Cell:
    """Return a cell of the same call with another body."""
    return case(replace(scenario, body=body), label, status, *detail, **more)


def as_caller(label: str, token: str) -> Cell:
    refused = replace(RESULTS, headers={"Authorization": f"Bearer {token}"})
    return case(refused, label, 401, "Invalid token.", **UNFINISHED)


def progress(value: int) -> dict[str, int]:
    return {"progress": value}


READS = [
    case(HELLO, "", 200, shows={"message": "Hello, World!"}),
    *without_token(HELLO),
    loss(HELLO, "table", 200),
    case(READINESS, "", 200),
    loss(READINESS, "table", 503),
    case(TASKS, "", 200),
    *without_token(TASKS),
    *failures(TASKS, "DAGs", "502 502 502 502 502 502 504 502 502 502", NO_DAGS),
    *failures(TASKS, "Airflow login", "502 502 502 502 502 502 504 502 502 502", NO_DAGS),
    case(replace(TASKS, prepare=pause_dag), "paused DAG", 200),
    case(SHOW, "", 200),
    *without_token(SHOW),
    at(SHOW, "unknown id", f"/workflows/{UNKNOWN}/", 404, "Failed to fetch workflow data"),
    at(SHOW, "malformed id", "/workflows/x/", 400, "Failed to fetch workflow data"),
    at(SHOW, "dot segment", "/workflows/../", 422),
    *failures(SHOW, "workflow", PASSED_THROUGH, "Failed to fetch workflow data"),
    loss(SHOW, "table", 503),
    case(SHOW_SCANNING, "", 200),
    *failures(SHOW_SCANNING, "task", "200", ours="IN_PROGRESS", exams="STARTED"),
    case(RUN, "", 200),
    *without_token(RUN),
    at(RUN, "unknown id", "/dag_runs/aaaaaaaaaaaaaaaaaaaa/", 404, "There is no such run"),
    at(RUN, "malformed id", "/dag_runs/a b/", 404, "There is no such run"),
    loss(RUN, "table", 503),
]
UPLOADS = [
    case(UPLOAD, "", 200),
    *without_token(UPLOAD),
    at(UPLOAD, "unknown DAG", "/upload_and_trigger/none/", 404, "Airflow does not know the DAG"),
    at(UPLOAD, "malformed DAG", "/upload_and_trigger/a b/", 422, "dag_id must be"),
    sent(UPLOAD, "other part", make_form(name="other"), 422),
    sent(UPLOAD, "no file name", make_form(file_name=""), 422),
    sent(UPLOAD, "path as name", make_form(file_name="../Jane.h5"), 422, "The file name must be"),
    sent(UPLOAD, "5 MiB", make_form(content=b"x" * (5 << 20)), 413, "The file is larger than"),
    *failures(UPLOAD, "DAG", CHECKED_200),
    *failures(UPLOAD, "Airflow login", "200"),
    *failures(UPLOAD, "DAG run", "200"),
    case(replace(UPLOAD, prepare=pause_dag), "paused DAG", 409, f"The DAG {DAG_ID} is paused"),
    case(CREATE, "", 201),
    *without_token(CREATE),
    sent(CREATE, "unknown DAG", {**NAMELESS, "dag_id": "none"}, 404, "Airflow does not know"),
    sent(CREATE, "malformed DAG", {**NAMELESS, "dag_id": "a b"}, 422, "dag_id must be"),
    sent(CREATE, "neither", NAMELESS, 422, "Name either a dag_id or a task_id."),
    sent(CREATE, "no size", {"file_name": "Jane Doe.h5", "dag_id": DAG_ID}, 422),
    *failures(CREATE, "DAG", CHECKED_201),
    case(replace(CREATE, prepare=pause_dag), "paused DAG", 409, f"The DAG {DAG_ID} is paused"),
    loss(CREATE, "table", 503),
    case(CREATE_FOR_TASK, "", 201, exams="NEW"),
    sent(CREATE_FOR_TASK, "unknown id", {**NAMELESS, "task_id": UNKNOWN}, 404),
    sent(CREATE_FOR_TASK, "malformed id", {**NAMELESS, "task_id": "x"}, 400),
    *failures(CREATE_FOR_TASK, "task", PASSED_THROUGH, TASK_DETAIL),
    *failures(CREATE_FOR_TASK, "workflow", PASSED_THROUGH, "Failed to fetch workflow data"),
    case(COMPLETE, "", 200, ours="COMPLETED", exams="FINISHED"),
    *without_token(COMPLETE),
    at(COMPLETE, "unknown id", "/uploads/01ARZ3NDEKTSV4RRFFQ69G5FAV/complete/", 404),
    at(COMPLETE, "malformed id", "/uploads/x/complete/", 404, NO_UPLOAD),
    case(COMPLETE_FOR_DAG, "", 200),
    case(replace(COMPLETE_FOR_DAG, actor="another"), "somebody else's", 404, NO_UPLOAD),
    case(COMPLETE_BY_ANOTHER, "", 200, **SCANNING),
    *failures(COMPLETE_BY_ANOTHER, "task", PASSED_THROUGH, exams="STARTED"),
    sent(COMPLETE, "wrong part", {"parts": [{"part_number": 1, "etag": "no"}]}, 409, "Part 1 in"),
    sent(
        COMPLETE,
        "strange part",
        {"parts": [{"part_number": 2, "etag": "no"}]},
        409,
        "Part 1 is missing",
    ),
    sent(COMPLETE, "no checksum", {**SENT, "crc64nvme": "many"}, 422),
    sent(COMPLETE, "no part", {"parts": []}, 422),
    case(replace(COMPLETE, prepare=end_upload), "again", 200, ours="COMPLETED"),
    case(replace(COMPLETE, prepare=abort_upload), "aborted", 409, "The upload was aborted"),
    case(SHOW_UPLOAD, "", 200, **SCANNING),
    *without_token(SHOW_UPLOAD),
    at(SHOW_UPLOAD, "unknown id", "/uploads/01ARZ3NDEKTSV4RRFFQ69G5FAV/", 404, NO_UPLOAD),
    at(SHOW_UPLOAD, "malformed id", "/uploads/x/", 404, NO_UPLOAD),
    at(SHOW_UPLOAD, "part 0", "/uploads/{upload_id}/?from_part=0", 422),
    at(SHOW_UPLOAD, "part 10,001", "/uploads/{upload_id}/?from_part=10001", 422),
    at(SHOW_UPLOAD, "too many URLs", "/uploads/{upload_id}/?limit=1001", 422),
    case(replace(SHOW_UPLOAD, prepare=end_upload), "complete", 200),
    case(replace(SHOW_UPLOAD, prepare=abort_upload), "aborted", 200),
    case(SHOW_UPLOAD_FOR_DAG, "", 200),
    case(replace(SHOW_UPLOAD_FOR_DAG, actor="another"), "somebody else's", 404, NO_UPLOAD),
    case(SHOW_UPLOAD_BY_ANOTHER, "", 200, **SCANNING),
    *failures(SHOW_UPLOAD_BY_ANOTHER, "task", PASSED_THROUGH, exams="STARTED"),
    loss(SHOW_UPLOAD, "table", 503),
    case(ABORT, "", 200, **SCANNING, shows={"state": "ABORTED"}),
    *without_token(ABORT),
    at(ABORT, "unknown id", "/uploads/01ARZ3NDEKTSV4RRFFQ69G5FAV/", 404, NO_UPLOAD),
    at(ABORT, "malformed id", "/uploads/x/", 404, NO_UPLOAD),
    case(replace(ABORT, prepare=abort_upload), "again", 200, shows={"state": "ABORTED"}),
    case(replace(ABORT, prepare=end_upload), "complete", 409, "The upload is complete"),
    case(ABORT_FOR_DAG, "", 200),
    case(replace(ABORT_FOR_DAG, actor="another"), "somebody else's", 404, NO_UPLOAD),
    case(ABORT_BY_ANOTHER, "", 200, **SCANNING),
    *failures(ABORT_BY_ANOTHER, "task", PASSED_THROUGH, exams="STARTED"),
    loss(ABORT, "table", 503),
    *failures(COMPLETE, "login", "200", ours="COMPLETED", exams="STARTED"),
    *failures(COMPLETE, "update", "200", ours="COMPLETED"),
    loss(COMPLETE, "table", 503),
]
RECEIVED = [
    case(RESULTS, "", 200, **FINISHED),
    case(TASK_RESULTS, "", 200, **FINISHED),
    *without_token(RESULTS)[:1],
    *without_token(TASK_RESULTS)[:1],
    as_caller("bad token", "{dag_run_id}.secret"),
    as_caller("unknown run", "aaaaaaaaaaaaaaaaaaaa.secret"),
    as_caller("malformed token", "x"),
    at(TASK_RESULTS, "unknown id", f"/result_ready/{UNKNOWN}", 422, "The callback's token"),
    at(TASK_RESULTS, "malformed id", "/result_ready/x", 422, "The callback's token"),
    sent(RESULTS, "ScanHub's body", {"dag_id": DAG_ID, "result_file": "a.dcm"}, 200, **FINISHED),
    sent(RESULTS, "success without results", {"success": True}, 200, **WITHOUT_RESULTS),
    sent(RESULTS, "engine", {**RESULTS.body, "engine": ENGINE}, 200, **FINISHED),
    sent(RESULTS, "engine in free text", {"success": True, "engine": {"name": "Müller"}}, 422),
    sent(RESULTS, "another run's file", {"result_file": "result/x/a.dcm"}, 422, **UNFINISHED),
    sent(RESULTS, "unknown field", {"sucess": "body-of-the-client"}, 422, **UNFINISHED),
    sent(RESULTS, "outside", {"results": [{"type": "DICOM", "key": "x"}]}, 422, **UNFINISHED),
    sent(RESULTS, "progress", progress(50), 200, **UNFINISHED),
    sent(
        RESULTS,
        "failure",
        {"success": False, "error": "body-of-the-client"},
        200,
        ours="FAILED",
        exams="NEW",
        run="FAILED",
        reason="body-of-the-client",
    ),
    case(replace(RESULTS, prepare=end_run), "again", 200, **FINISHED),
    sent(replace(RESULTS, prepare=end_run), "another outcome", {"success": False}, 409, **FINISHED),
    *failures(RESULTS, "login", "200", ours="COMPLETED", run="SUCCEEDED", exams="STARTED"),
    *failures(RESULTS, "task", "200", ours="COMPLETED", run="SUCCEEDED", exams="STARTED"),
    *failures(RESULTS, "update", "200", ours="COMPLETED", run="SUCCEEDED"),
    *failures(RESULTS, "result", "200", ours="COMPLETED", run="SUCCEEDED"),
    loss(RESULTS, "table", 503),
]
CELLS = [*READS, *UPLOADS, *RECEIVED]
