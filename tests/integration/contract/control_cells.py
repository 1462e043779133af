"""The table of the calls that cancel and retry."""

from dataclasses import replace
from typing import Any

from tests.integration.contract.cells import (
    AIRFLOW_KINDS,
    LOGIN_EXPIRED,
    PASSED_THROUGH,
    TASK_DETAIL,
    Cell,
    Scenario,
    case,
    failures,
    loss,
    without_token,
)
from tests.integration.contract.data_cells import UNKNOWN, at, end_run, start_run
from tests.integration.contract.steps import (
    after,
    and_then,
    cancel_run,
    end_upload_run,
    fail_run,
    fail_start,
    fail_upload_run,
    reconstruct,
    scan,
    scan_all,
    twice,
    upload_run,
    without,
)
from tests.integration.contract.task_cells import (
    ADDRESS_REASONS,
    DAG_TASK,
    FAILED,
    FREE_TASK,
    NO_ARG,
    NOTHING,
    RUN_STATES,
    RUNNING,
    SCANNER_REASONS,
    SCANNING,
    SDK_TASK,
    SEQUENCE,
    SEQUENCE_REASONS,
    SIMULATOR_TASK,
    START,
    START_REASONS,
    START_STATUSES,
    WAITING,
    delete_by_hand,
    forget_limits,
    occupy_device,
    pause_dag,
    trigger_before,
)
from workflow_manager.steps.scans.handle_device_task import EARLIER_SCAN

CANCEL: dict[str, Any] = {
    "function": "cancel_task",
    "method": "POST",
    "path": "/workflows/{workflow_id}/tasks/{task_id}/cancel/",
}
CANCEL_SCAN = Scenario("cancel a scan", **CANCEL, tasks=(SDK_TASK, DAG_TASK), prepare=scan)
CANCEL_NEXT = replace(
    CANCEL_SCAN, name="cancel what waits", path=CANCEL["path"].replace("{task", "{last_task")
)
CANCEL_TASK = Scenario("cancel a DAG task", **CANCEL, tasks=(FREE_TASK,), prepare=start_run)
CANCEL_QUEUED = after(CANCEL_TASK, trigger_before, name="cancel a queued run", has_messages=True)
CANCEL_ALL: dict[str, Any] = {
    "function": "cancel_workflow",
    "path": "/workflows/{workflow_id}/cancel/",
}
CANCEL_WORKFLOW = replace(CANCEL_TASK, name="cancel a workflow", **CANCEL_ALL)
CANCEL_SCANS = replace(CANCEL_SCAN, name="cancel a workflow that scans", **CANCEL_ALL)
CANCEL_DAG_RUN = replace(
    CANCEL_TASK,
    name="cancel a task's run",
    function="cancel_dag_run",
    path="/dag_runs/{dag_run_id}/cancel/",
)
CANCEL_UPLOAD_RUN = after(CANCEL_DAG_RUN, upload_run, name="cancel an upload's run", tasks=())
RETRY: dict[str, Any] = {
    "function": "retry_task",
    "method": "POST",
    "path": "/workflows/{workflow_id}/tasks/{task_id}/retry/",
}
RETRY_SDK = Scenario("retry SDK", **RETRY, tasks=(SDK_TASK, DAG_TASK), prepare=fail_start("start"))
RETRY_SIMULATOR = Scenario(
    "retry SIMULATOR", **RETRY, tasks=(SIMULATOR_TASK,), prepare=fail_start("scanner")
)
RETRY_TASK = Scenario(
    "retry a DAG task", **RETRY, tasks=(FREE_TASK,), prepare=fail_run, has_messages=True
)
RETRY_ALL: dict[str, Any] = {
    "function": "retry_workflow",
    "path": "/workflows/{workflow_id}/retry/",
}
RETRY_WORKFLOW = replace(RETRY_TASK, name="retry a workflow", **RETRY_ALL)
RETRY_SCANS = replace(RETRY_SDK, name="retry a workflow whose scan failed", **RETRY_ALL)
RESCAN = after(RETRY_SDK, reconstruct, name="retry a scan that Airflow works on")
RETRY_RUN = Scenario(
    "retry a run",
    "retry_dag_run",
    "POST",
    "/dag_runs/{dag_run_id}/retry/",
    prepare=fail_upload_run,
    has_messages=True,
)
SCANNER = "The scanner was not stopped: stop it at its console."
NO_TASK = "The workflow has no such task."
PENDING_STOP = "Airflow has not confirmed yet"
GONE: dict[str, Any] = {"ours": "CANCELLED", "exams": "NEW", "reason": "Cancelled by operator."}
SCAN_GONE = {**GONE, "reason": f"Cancelled by operator. {SCANNER}"}
RUN_GONE: dict[str, Any] = {**GONE, "run": "CANCELLED"}
STOPPED: dict[str, Any] = {**RUN_GONE, "airflow": "failed", "is_stop_due": False}
LATER: dict[str, Any] = {**RUN_GONE, "is_stop_due": True}
DONE: dict[str, Any] = {"ours": "COMPLETED", "exams": "FINISHED"}
# A slow Airflow has stopped the run: its answer alone is lost.
STOP_STATES = ["failed" if kind == "slow" else "queued" for kind in AIRFLOW_KINDS]


def everywhere(scenario: Scenario, malformed: int, *detail: str) -> list[Cell]:
    """Return the lines of a call that depend on nothing but its form; the refused change nothing.

    `malformed` is the status for an id that exam-manager could not have made.
    """
    name = "dag_run_id" if "{dag_run_id}" in scenario.path else "workflow_id"
    refused = replace(scenario, is_looking=True)

    def named(identifier: str) -> str:
        return scenario.path.replace(f"{{{name}}}", identifier)

    return [
        case(replace(scenario, path=scenario.path.rstrip("/")), "without its slash", 200),
        *without_token(refused),
        case(replace(refused, method="GET"), "bad method", 405, "Method Not Allowed"),
        at(refused, "unknown id", named(UNKNOWN), 404, *detail),
        at(refused, "malformed id", named("x y"), malformed, *detail),
        at(refused, "dot segment", named(".."), 422 if malformed == 400 else 404),
        # As API Gateway hands over an encoded slash.
        at(refused, "slash in the id", named("x/y"), 404, "Not Found"),
        loss(refused, "table", 503),
    ]


def stop_cells(scenario: Scenario, message: str, **expected: Any) -> list[Cell]:
    """Return the lines of an Airflow that fails while a run is stopped."""
    later = {**LATER, "shows": {"message": f"{message} {PENDING_STOP}"}, **expected}
    return [
        *failures(scenario, "run", "200", **later, airflow="queued"),
        *failures(scenario, "stop", "200", **later, airflow=STOP_STATES),
        *failures(scenario, "runs", "200", **later, airflow="failed"),
        *failures(scenario, "Airflow login", "200", **later, airflow="queued"),
    ]


CANCELS = [
    case(
        CANCEL_SCAN, "", 200, **SCAN_GONE, shows={"message": f"The task was cancelled. {SCANNER}"}
    ),
    *failures(CANCEL_SCAN, "task", "200", ours="CANCELLED"),
    *failures(CANCEL_SCAN, "update", "200", ours="CANCELLED"),
    case(
        twice(CANCEL_SCAN),
        "again",
        200,
        **SCAN_GONE,
        shows={"task.status": "CANCELLED", "message": "The task was cancelled before."},
    ),
    case(after(CANCEL_SCAN, scan_all), "completed", 409, "The task is COMPLETED already", **DONE),
    case(after(CANCEL_SCAN, fail_start("start")), "failed", 409, "The task is FAILED", **FAILED),
    case(after(CANCEL_SCAN, None), "never processed", 404, "There is no such workflow", **NOTHING),
    at(
        CANCEL_SCAN,
        "unknown task",
        f"/workflows/{{workflow_id}}/tasks/{UNKNOWN}/cancel/",
        404,
        NO_TASK,
    ),
    at(CANCEL_SCAN, "task of dots", "/workflows/{workflow_id}/tasks/../cancel/", 404),
    case(
        CANCEL_NEXT,
        "",
        200,
        **SCANNING,
        shows={"message": "The task was cancelled before it started.", "task.status": "CANCELLED"},
    ),
    case(CANCEL_TASK, "", 200, **STOPPED, shows={"task.attempt": 1, "task.status": "CANCELLED"}),
    *stop_cells(CANCEL_TASK, "The task was cancelled."),
    *failures(CANCEL_TASK, "update", "200", ours="CANCELLED", run="CANCELLED", airflow="failed"),
    case(after(CANCEL_TASK, end_run), "completed", 409, "The task is COMPLETED already", **DONE),
    case(CANCEL_QUEUED, "", 200, **RUN_GONE, airflow="-", is_stop_due=False),
    case(CANCEL_WORKFLOW, "", 200, **STOPPED, shows={"workflow_status": "cancelled"}),
    *stop_cells(CANCEL_WORKFLOW, "The workflow was cancelled, with 1 of its tasks."),
    *failures(CANCEL_WORKFLOW, "update", "200", ours="CANCELLED", run="CANCELLED"),
    case(
        twice(CANCEL_WORKFLOW),
        "again",
        200,
        **STOPPED,
        shows={"workflow_status": "cancelled", "message": "The workflow was cancelled before."},
    ),
    case(after(CANCEL_WORKFLOW, end_run), "completed", 409, "The workflow is completed", **DONE),
    case(CANCEL_SCANS, "", 200, **SCAN_GONE, shows={"tasks.1.status": "CANCELLED"}),
    case(CANCEL_DAG_RUN, "", 200, **STOPPED, shows={"state": "CANCELLED"}),
    *stop_cells(CANCEL_DAG_RUN, "The run was cancelled."),
    *failures(CANCEL_DAG_RUN, "update", "200", ours="CANCELLED", run="CANCELLED"),
    case(twice(CANCEL_DAG_RUN), "again", 200, **STOPPED, shows={"state": "CANCELLED"}),
    case(after(CANCEL_DAG_RUN, end_run), "completed", 409, "The run is SUCCEEDED", **DONE),
    case(after(CANCEL_DAG_RUN, fail_run), "failed", 409, "The run is FAILED", **FAILED),
    case(CANCEL_UPLOAD_RUN, "", 200, run="CANCELLED", airflow="failed", is_stop_due=False),
    *stop_cells(CANCEL_UPLOAD_RUN, "The run was cancelled.", ours=None, exams=None, reason=None),
]
IN_PROGRESS = "The task is in progress: cancel it first."
REFUSED = "Not started: the device refused (status 404)."
UPDATE_REASONS = [LOGIN_EXPIRED, *[EARLIER_SCAN] * 7]
UNCHANGED = {**FAILED, "reason": REFUSED}
RUN_FAILED = {**FAILED, "run": "FAILED", "reason": "Out of memory."}
AGAIN: dict[str, Any] = {"shows": {"status": "success", "data": "ok", "task.attempt": 2}}


def neighbour_cells(scenario: Scenario, **unchanged: str) -> list[Cell]:
    """Return the lines of what is asked before anything is claimed, as by trigger_task."""
    return [
        *failures(scenario, "task", PASSED_THROUGH, TASK_DETAIL, **unchanged),
        *failures(scenario, "workflow", PASSED_THROUGH, "Failed to fetch workflow", **unchanged),
        *failures(scenario, "exam", PASSED_THROUGH, "Failed to fetch exam", **unchanged),
        *failures(scenario, "patient", PASSED_THROUGH, "Failed to fetch patient", **unchanged),
        case(and_then(scenario, delete_by_hand), "deleted", 409, "The workflow was deleted"),
        case(after(scenario, None), "never processed", 404, "There is no such work", **NOTHING),
    ]


def scan_cells(scenario: Scenario) -> list[Cell]:
    """Return the lines of what a scan needs."""
    sequence = "401 400 400 400 504 502 502 502"
    return [
        case(scenario, "", 200, **SCANNING, **AGAIN),
        *neighbour_cells(scenario, **UNCHANGED),
        # It must not go on showing the end of the last scan while this one runs.
        *failures(scenario, "update", START_STATUSES, START, ours="FAILED", reason=UPDATE_REASONS),
        *failures(scenario, "sequence", sequence, SEQUENCE, **FAILED, reason=SEQUENCE_REASONS),
        case(and_then(scenario, forget_limits), "no limits", 422, "No scan", **UNCHANGED),
        case(and_then(scenario, occupy_device), "busy device", 409, "The device", **UNCHANGED),
        case(without(scenario, "device_id"), "no device", 422, NO_ARG, **FAILED),
        case(after(scenario, scan), "in progress", 409, IN_PROGRESS, **SCANNING),
        case(after(scenario, scan_all), "completed", 200, **SCANNING, **AGAIN),
    ]


RETRIES = [
    *scan_cells(RETRY_SDK),
    *failures(RETRY_SDK, "start", START_STATUSES, START, **FAILED, reason=START_REASONS),
    *scan_cells(RETRY_SIMULATOR),
    *failures(RETRY_SIMULATOR, "address", START_STATUSES, START, **FAILED, reason=ADDRESS_REASONS),
    *failures(RETRY_SIMULATOR, "scanner", "502", START, **FAILED, reason=SCANNER_REASONS),
    case(
        after(replace(RETRY_SDK, path=RETRY["path"].replace("{task", "{last_task")), scan),
        "waits for another",
        409,
        "The task waits for its first start",
        **SCANNING,
    ),
    at(
        RETRY_SDK,
        "unknown task",
        f"/workflows/{{workflow_id}}/tasks/{UNKNOWN}/retry/",
        404,
        NO_TASK,
    ),
    at(RETRY_SDK, "task of dots", "/workflows/{workflow_id}/tasks/../retry/", 404),
    # It is stopped when there is new data.
    case(RESCAN, "", 200, **SCANNING, run="RUNNING", airflow="queued"),
    case(RETRY_TASK, "", 200, **RUNNING, **AGAIN, airflow="queued"),
    *neighbour_cells(RETRY_TASK, **RUN_FAILED),
    *failures(RETRY_TASK, "update", "200", ours="IN_PROGRESS", run="RUNNING"),
    *failures(RETRY_TASK, "DAG run", "200", run=RUN_STATES),
    *failures(RETRY_TASK, "Airflow login", "200", **WAITING),
    case(and_then(RETRY_TASK, pause_dag), "paused DAG", 200, **WAITING),
    loss(replace(RETRY_TASK, has_messages=False), "queue", 200, **WAITING),
    case(after(RETRY_TASK, start_run), "in progress", 409, IN_PROGRESS, **RUNNING),
    case(after(RETRY_TASK, end_run), "completed", 200, **RUNNING, **AGAIN),
    case(after(RETRY_TASK, cancel_run), "cancelled", 200, **RUNNING, **AGAIN),
    case(RETRY_WORKFLOW, "", 200, **RUNNING, airflow="queued", shows={"tasks.0.attempt": 2}),
    *failures(RETRY_WORKFLOW, "task", PASSED_THROUGH, TASK_DETAIL, **RUN_FAILED),
    *failures(RETRY_WORKFLOW, "exam", PASSED_THROUGH, "Failed to fetch exam", **RUN_FAILED),
    case(after(RETRY_WORKFLOW, None), "never processed", 404, "There is no such work", **NOTHING),
    *failures(RETRY_WORKFLOW, "update", "200", ours="IN_PROGRESS", run="RUNNING"),
    *failures(RETRY_WORKFLOW, "DAG run", "200", run=RUN_STATES),
    loss(replace(RETRY_WORKFLOW, has_messages=False), "queue", 200, **WAITING),
    case(twice(RETRY_WORKFLOW), "again", 200, **RUNNING, shows={"tasks.0.attempt": 2}),
    case(after(RETRY_WORKFLOW, end_run), "completed", 200, **DONE, shows={"started": []}),
    # No scan is ever started by it.
    case(RETRY_SCANS, "", 200, **UNCHANGED, shows={"not_started.0.task_id": "{task_id}"}),
    at(
        RETRY_WORKFLOW,
        "no time",
        "/workflows/{workflow_id}/retry/?failed_by=yesterday",
        422,
        "failed_by is neither",
    ),
    case(RETRY_RUN, "", 200, run="RUNNING", shows={"state": "PENDING", "attempt": 2}),
    *failures(RETRY_RUN, "DAG run", "200", run=RUN_STATES),
    *failures(RETRY_RUN, "Airflow login", "200", run="PENDING"),
    loss(replace(RETRY_RUN, has_messages=False), "queue", 200, run="PENDING"),
    case(twice(RETRY_RUN), "again", 200, run="RUNNING", shows={"attempt": 2}),
    case(after(RETRY_RUN, upload_run), "running", 409, "The run is RUNNING", run="RUNNING"),
    case(after(RETRY_RUN, end_upload_run), "succeeded", 409, "The run is SUCCEEDED"),
    case(
        after(replace(RETRY_RUN, tasks=(FREE_TASK,)), fail_run),
        "run of a task",
        409,
        "The run belongs to a task: retry it by POST /workflows/{workflow_id}/tasks/{task_id}",
        **RUN_FAILED,
    ),
]
CALLS = (CANCEL_TASK, CANCEL_WORKFLOW, CANCEL_DAG_RUN, RETRY_SDK, RETRY_WORKFLOW, RETRY_RUN)
CELLS = [*CANCELS, *RETRIES, *(cell for call in CALLS for cell in everywhere(call, 404))]
