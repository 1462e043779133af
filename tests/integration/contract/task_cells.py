"""The table of the calls that start tasks: trigger_task and process_workflow."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from local.scanhub.models import ExamOut, ItemStatus, TaskOut, WorkflowOut
from tests.integration.contract.cells import (
    LOGIN_EXPIRED,
    PASSED_THROUGH,
    TASK_DETAIL,
    Cell,
    Ids,
    Scenario,
    case,
    failures,
    loss,
    task,
    without_token,
)
from tests.integration.deployment import DAG_ID, Deployment
from tests.integration.patient import EXAM

START = "Error at starting device task."
SEQUENCE = "Could not retreive sequence for sequence_id:64f0c0ffee00000000000001"
OFFLINE = "Not started: the device is offline."
UNREACHABLE = "Not started: the device cannot be reached."
UNCLEAR = "Start not confirmed: the device gave no clear answer."
LATE = "Start not confirmed: the device did not answer in time."
REFUSED = [f"Not started: the device refused (status {status})." for status in (401, 404, 500)]
# By kind of failure: of the start itself, and of the look-up of the device's address before it.
# A 503 that is not device-manager's own may come from a proxy that has passed the start on.
SCANNER_REASONS = [*REFUSED[:2], UNCLEAR, UNCLEAR, LATE, UNCLEAR, UNCLEAR, UNREACHABLE]
START_REASONS = [LOGIN_EXPIRED, *SCANNER_REASONS[1:]]
ADDRESS_REASONS = [LOGIN_EXPIRED, *REFUSED[1:], OFFLINE, *[UNREACHABLE] * 4]
SEQUENCE_REASONS = [LOGIN_EXPIRED, *[SEQUENCE] * 7]
NO_SEQUENCE: dict[str, Any] = {"ours": "FAILED", "exams": "NEW", "reason": SEQUENCE_REASONS}
# It is read before anything is claimed, and a login that has ended is certain.
SEQUENCE_CHECKED = NO_SEQUENCE | {
    "ours": ["-", *["FAILED"] * 7],
    "reason": [None, *SEQUENCE_REASONS[1:]],
}
# The caller's own token is refused, or the start fails; a device is not sent the token.
UPDATE_STATUSES = "401 200 200 200 200 200 200 200"
UPDATE_STATES = ["FAILED", *["IN_PROGRESS"] * 7]
START_STATUSES = "401 502 502 502 502 502 502 502"

# What becomes of a run, by kind of Airflow's failure: nothing is final but a refused conf.
DAG_STATES = ["PENDING"] * 10
RUN_STATES = [*["PENDING"] * 3, "FAILED", *["PENDING"] * 6]
UNKNOWN = str(uuid4())
NO_ARG = "The task's args lack"
IN_PROGRESS = "The task is in progress already."

TRIGGER: dict[str, Any] = {
    "function": "trigger_task",
    "method": "POST",
    "path": "/trigger_task/{task_id}/",
}
PROCESS: dict[str, Any] = {
    "function": "process_workflow",
    "method": "POST",
    "path": "/process/{workflow_id}/",
}
SDK_TASK, SIMULATOR_TASK = task("DEVICE_TASK_SDK"), task("DEVICE_TASK_SIMULATOR")
DAG_TASK = task("RECONSTRUCTION_TASK")
# Alone in its workflow, only a processing task may say that it needs no data.
FREE_TASK = task("PROCESSING_TASK", args={"input_task_ids": "[]"})
SIMULATE = {"simulate": "true", "contrast": "T1"}
SIMULATED_TASK = task("RECONSTRUCTION_TASK", args=SIMULATE, destinations={})

SDK = Scenario("trigger SDK", **TRIGGER, tasks=(SDK_TASK,))
SIMULATOR = Scenario("trigger SIMULATOR", **TRIGGER, tasks=(SIMULATOR_TASK,))
PROCESSING = Scenario("trigger PROCESSING", **TRIGGER, tasks=(FREE_TASK,), has_messages=True)
UNFED = Scenario("trigger RECONSTRUCTION without data", **TRIGGER, tasks=(DAG_TASK,))
SIMULATED = Scenario("trigger simulated", **TRIGGER, tasks=(SIMULATED_TASK,), has_messages=True)
PROCESS_SCAN = Scenario("process a scan", **PROCESS, tasks=(SDK_TASK, DAG_TASK))
PROCESS_DAG = Scenario("process a DAG task", **PROCESS, tasks=(FREE_TASK,), has_messages=True)

NOTHING: dict[str, str] = {"ours": "-", "exams": "NEW"}
SCANNING: dict[str, str] = {"ours": "IN_PROGRESS", "exams": "STARTED"}
RUNNING: dict[str, str] = {"ours": "IN_PROGRESS", "exams": "STARTED", "run": "RUNNING"}
WAITING: dict[str, str] = {"ours": "IN_PROGRESS", "exams": "STARTED", "run": "PENDING"}
FAILED: dict[str, str] = {"ours": "FAILED", "exams": "NEW"}


def trigger_before(deployment: Deployment, ids: Ids) -> None:
    deployment.call("trigger_task", "POST", f"/trigger_task/{ids['task_id']}/")


def trigger_by_another(deployment: Deployment, ids: Ids) -> None:
    path = f"/trigger_task/{ids['task_id']}/"
    deployment.call("trigger_task", "POST", path, actor="somebody-else")


def occupy_device(deployment: Deployment, ids: Ids) -> None:
    """Let the device scan for a task of another workflow."""
    mine = deployment.workflow_id, deployment.task_ids
    args = dict(stored_task(deployment).args)
    deployment.add_workflow(task("DEVICE_TASK_SDK", args=args))
    trigger_before(deployment, {"task_id": deployment.task_ids[0]})
    deployment.workflow_id, deployment.task_ids = mine


def forget_limits(deployment: Deployment, ids: Ids) -> None:
    """Move the workflow to an exam that knows no height and no weight."""
    store = deployment.stand_in.store
    unknown = {"patient_height_cm": None, "patient_weight_kg": None}
    exam = store.add(ExamOut, EXAM.model_copy(update=unknown), creator="operator")
    store.update(WorkflowOut, UUID(deployment.workflow_id), exam_id=exam.id)


def start_by_hand(deployment: Deployment, ids: Ids) -> None:
    change_task(deployment, status=ItemStatus.STARTED)


def delete_by_hand(deployment: Deployment, ids: Ids) -> None:
    workflow_id = UUID(deployment.workflow_id)
    deployment.stand_in.store.update(WorkflowOut, workflow_id, status=ItemStatus.DELETED)


def pause_dag(deployment: Deployment, ids: Ids) -> None:
    deployment.airflow.states[DAG_ID] = {"is_paused": True}


def stored_task(deployment: Deployment) -> TaskOut:
    found = deployment.stand_in.store.find(TaskOut, UUID(deployment.task_ids[0]))
    assert found is not None
    return found


def change_task(deployment: Deployment, **columns: Any) -> None:
    deployment.stand_in.store.update(TaskOut, UUID(deployment.task_ids[0]), **columns)


def drop_arg(deployment: Deployment, arg: str) -> None:
    left = {key: value for key, value in stored_task(deployment).args.items() if key != arg}
    change_task(deployment, args=left)


def at(scenario: Scenario, path: str) -> Scenario:
    return replace(scenario, path=path)


def without(scenario: Scenario, arg: str) -> Scenario:
    """Return a scenario whose task lacks one of its args."""

    def forget(deployment: Deployment, ids: Ids) -> None:
        drop_arg(deployment, arg)

    return replace(scenario, prepare=forget)


def before_the_start(scenario: Scenario, point: str, detail: str) -> list[Cell]:
    """Return the line of a neighbour that is asked before anything is claimed."""
    return failures(scenario, point, PASSED_THROUGH, detail, **NOTHING)


def scan_cells(scenario: Scenario, missing: Mapping[str, Any] | None = None) -> list[Cell]:
    """Return the lines of what every start of a scan asks, in the order of asking."""
    sequence = "401 400 400 400 504 502 502 502"
    return [
        *before_the_start(scenario, "exam", "Failed to fetch exam"),
        *before_the_start(scenario, "patient", "Failed to fetch patient"),
        # Who is not logged in any more could not see the scan either: it is not started.
        *failures(scenario, "update", UPDATE_STATUSES, ours=UPDATE_STATES),
        *failures(scenario, "sequence", sequence, SEQUENCE, **(missing or NO_SEQUENCE)),
    ]


CELLS = [
    case(SDK, "", 200, **SCANNING),
    *before_the_start(SDK, "task", TASK_DETAIL),
    *before_the_start(SDK, "workflow", "Failed to fetch workflow"),
    *scan_cells(SDK),
    *failures(SDK, "start", START_STATUSES, START, **FAILED, reason=START_REASONS),
    case(SIMULATOR, "", 200, **SCANNING),
    *before_the_start(SIMULATOR, "task", TASK_DETAIL),
    *before_the_start(SIMULATOR, "workflow", "Failed to fetch workflow"),
    *scan_cells(SIMULATOR),
    *failures(SIMULATOR, "address", START_STATUSES, START, **FAILED, reason=ADDRESS_REASONS),
    *failures(SIMULATOR, "scanner", "502", START, **FAILED, reason=SCANNER_REASONS),
    case(PROCESS_SCAN, "", 200, **SCANNING),
    *before_the_start(PROCESS_SCAN, "workflow", "Failed to fetch workflow data"),
    *failures(PROCESS_SCAN, "task", UPDATE_STATUSES, ours=UPDATE_STATES),
    *scan_cells(PROCESS_SCAN, SEQUENCE_CHECKED),
    *failures(PROCESS_SCAN, "start", START_STATUSES, START, **FAILED, reason=START_REASONS),
    case(SIMULATED, "", 200, **RUNNING),
    loss(SIMULATED, "simulation queue", 200, **WAITING),
    case(PROCESS_DAG, "", 200, **RUNNING),
    *before_the_start(PROCESS_DAG, "workflow", "Failed to fetch workflow data"),
    *failures(PROCESS_DAG, "task", "200", ours="IN_PROGRESS", run="RUNNING", exams="NEW"),
    *failures(PROCESS_DAG, "update", "200", ours="IN_PROGRESS", run="RUNNING"),
]
CELLS += [
    case(PROCESSING, "", 200, **RUNNING),
    *before_the_start(PROCESSING, "task", TASK_DETAIL),
    *before_the_start(PROCESSING, "workflow", "Failed to fetch workflow"),
    *before_the_start(PROCESSING, "exam", "Failed to fetch exam"),
    *before_the_start(PROCESSING, "patient", "Failed to fetch patient"),
    *failures(PROCESSING, "update", "200", ours="IN_PROGRESS", run="RUNNING"),
    *failures(PROCESSING, "DAG", "200", run=DAG_STATES),
    *failures(PROCESSING, "DAG run", "200", run=RUN_STATES),
    *failures(PROCESSING, "Airflow login", "200", **WAITING),
    case(replace(PROCESSING, prepare=pause_dag), "paused DAG", 200, **WAITING),
    loss(replace(PROCESSING, has_messages=False), "queue", 200, **WAITING),
    case(UNFED, "", 422, "It has no data to work on", ours="PENDING", exams="NEW"),
]
for scenario in (SDK, SIMULATOR, PROCESSING):
    path, detail = "/trigger_task/{}/", "Failed to fetch task with id="
    CELLS += [
        *without_token(scenario),
        case(at(scenario, path.format(UNKNOWN)), "unknown id", 404, detail + UNKNOWN, **NOTHING),
        case(at(scenario, path.format("x")), "malformed id", 400, f"{detail}x", **NOTHING),
        case(at(scenario, path.format("..")), "dot segment", 422, **NOTHING),
        case(replace(scenario, is_template=True), "template", 409, "The task is a temp", **NOTHING),
        case(replace(scenario, prepare=trigger_by_another), "in progress", 409, IN_PROGRESS),
        case(replace(scenario, prepare=trigger_before), "repeated", 200, ours="IN_PROGRESS"),
        case(replace(scenario, prepare=start_by_hand), "started elsewhere", 409, IN_PROGRESS),
        case(replace(scenario, prepare=delete_by_hand), "deleted", 409, "The workflow was deleted"),
        loss(scenario, "table", 503, **NOTHING),
    ]
for scenario in (SDK, SIMULATOR):
    CELLS += [
        case(replace(scenario, prepare=forget_limits), "no limits", 422, "No scan", **NOTHING),
        case(
            replace(scenario, prepare=occupy_device), "busy device", 409, "The device is", **NOTHING
        ),
        case(without(scenario, "sequence_id"), "no sequence", 422, NO_ARG, **FAILED),
        case(without(scenario, "device_id"), "no device", 422, NO_ARG, **FAILED),
        case(without(scenario, "sequence_parameters"), "no parameters", 422, NO_ARG, **FAILED),
    ]
for scenario in (PROCESS_SCAN, PROCESS_DAG):
    path, detail = "/process/{}/", "Failed to fetch workflow data"
    CELLS += [
        *without_token(scenario),
        case(at(scenario, path.format(UNKNOWN)), "unknown id", 404, detail, **NOTHING),
        case(at(scenario, path.format("x")), "malformed id", 400, detail, **NOTHING),
        case(at(scenario, path.format("..")), "dot segment", 422, **NOTHING),
        case(replace(scenario, is_template=True), "template", 409, "The workflow is", **NOTHING),
        case(replace(scenario, prepare=delete_by_hand), "deleted", 409, "The workflow was deleted"),
        case(replace(scenario, prepare=trigger_before), "in progress", 200, ours="IN_PROGRESS"),
        loss(scenario, "table", 503, **NOTHING),
    ]
