"""Runs a cell and asserts what holds in all of them."""

import json
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID

from local.scanhub.faults import Fault
from tests.fakes.store import MemoryStore
from tests.fakes.wire import WireFault
from tests.integration.conftest import REGION
from tests.integration.contract.cells import POINTS, RESOURCES, UNTOUCHED, Cell, Ids
from tests.integration.contract.denials import allow_again, refuse
from tests.integration.deployment import TABLE, Deployment, forget_logins
from tests.integration.patient import PATIENT_WORDS, TASK_COMMENT, seed_exam
from workflow_manager import settings, wiring
from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.operator_comment import put_word
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.ports import WorkflowStore
from workflow_manager.steps.tasks.mirror_task import mirror_task
from workflow_manager.stores.dynamodb import DynamoDBStore
from workflow_manager.wiring import PORTS, with_ports

TOLD = {"PENDING": "NEW", "COMPLETED": "FINISHED", "FAILED": "NEW", "CANCELLED": "NEW"}
# What was taken away from AWS, to be put back: where from, its name, itself.
GONE: list[tuple[dict[str, Any], str, Any]] = []
# It has deleted the task: telling it again is of no use.
GONE_IN_EXAM_MANAGER = (("task", "404"), ("update", "404"), ("result", "404"))
START_PATHS = ("/api/v1/device/start_scan_via_websocket", "/api/start-scan")


@dataclass
class Outcome:
    """What a call led to."""

    answer: dict[str, Any]
    body: Any
    ids: Ids
    task: Task | None
    run: DagRun | None
    n_starts: int


def make_store(is_on_table: bool) -> WorkflowStore:
    """Return an empty store."""
    if not is_on_table:
        return MemoryStore()
    resources("dynamodb", "tables")[TABLE].items.clear()
    return DynamoDBStore(wiring._aws_client("dynamodb"), settings.get_settings())


def reset(deployment: Deployment, is_on_table: bool = False) -> None:
    """Make it new: nothing in table, queues and Airflow, nobody logged in there."""
    # Past the API of AWS, which purges a queue once a minute.
    deployment.store = make_store(is_on_table)
    for queue in resources("sqs", "queues").values():
        queue._messages.clear()
    clear_failures(deployment)
    deployment.airflow.runs.clear()
    deployment.airflow.states.clear()
    deployment.airflow.run_states.clear()


def deliver(deployment: Deployment) -> None:
    """Hand over what is queued, and what changes by that."""
    _hand_over(deployment, "events", "trigger_airflow")
    follow(deployment)


def _hand_over(deployment: Deployment, queue: str, function: str) -> None:
    # Past SQS itself, for whose answers most cells would wait.
    messages = resources("sqs", "queues")[queue]._messages
    while messages:
        record = {"messageId": "m", "body": messages.pop(0).body, "eventSource": "aws:sqs"}
        forget_logins()
        answer = deployment.invoke(function, {"Records": [record]})
        assert answer == {"batchItemFailures": []}


def follow(deployment: Deployment) -> None:
    """Let Airflow and exam-manager follow what has changed."""
    _hand_over(deployment, "changes.fifo", "follow_changes")


def resources(service: str, kind: str) -> dict[str, Any]:
    """Return what moto holds, by name."""
    held: dict[str, Any] = getattr(get_backend(service)[DEFAULT_ACCOUNT_ID][REGION], kind)
    return held


def clear_failures(deployment: Deployment) -> None:
    deployment.wire.faults.clear()
    deployment.stand_in.faults.clear()
    allow_again()
    while GONE:
        held, name, resource = GONE.pop()
        held[name] = resource


def run_cell(deployment: Deployment, cell: Cell, is_on_table: bool = False) -> Outcome:
    """Prepare, fail, call, deliver what was queued, and look; state is in memory, or in moto."""
    reset(deployment, is_on_table)
    scenario = cell.scenario
    if scenario.tasks:
        # An exam comes with all its workflows, which would soon be hundreds.
        deployment.exam_id = seed_exam(deployment.stand_in)
        deployment.add_workflow(*scenario.tasks, is_template=scenario.is_template)
    ids = {
        "exam_id": str(deployment.exam_id),
        "workflow_id": deployment.workflow_id,
        "task_id": deployment.task_ids[0],
        "last_task_id": deployment.task_ids[-1],
    }
    if scenario.prepare:
        scenario.prepare(deployment, ids)
        follow(deployment)
    deployment.stand_in.recorder.clear()
    before = picture(deployment)
    # Functions share this process, but on Lambda no login and no secret.
    forget_logins()
    for point, kind in cell.faults:
        fail(deployment, ids, point, kind)
    path, body = scenario.path.format(**ids), fill(scenario.body, ids)
    headers = fill(scenario.headers, ids)
    answer = deployment.call(
        scenario.function, scenario.method, path, body, headers, scenario.actor
    )
    n_starts = count_starts(deployment)
    follow(deployment)
    if scenario.has_messages:
        deliver(deployment)
    clear_failures(deployment)
    if scenario.is_looking or scenario.method == "GET":
        assert picture(deployment) == before
        assert {request["method"] for request in deployment.stand_in.recorder.to_json()} <= {"GET"}
    content = json.loads(answer["body"]) if answer["body"] else {}
    task = find_task(deployment)
    dag_run_id = content.get("dag_run_id") or (task and task.dag_run_id) or ids.get("dag_run_id")
    run = PORTS["store"]().get_dag_run(dag_run_id) if dag_run_id else None
    return Outcome(answer, content, ids, task, run, n_starts)


def picture(deployment: Deployment) -> list[Any]:
    """Return all that a call could change in table, queues and Airflow."""
    held, airflow = vars(deployment.store), deployment.airflow
    queued = [list(queue._messages) for queue in resources("sqs", "queues").values()]
    kept = held.get("_entities"), held.get("_events"), airflow.runs, airflow.run_states
    items = wiring._aws_client("dynamodb").scan(TableName=TABLE)["Items"]
    return [queued, items, *(copy(each) for each in kept)]


def fail(deployment: Deployment, ids: Ids, point: str, kind: str) -> None:
    if kind == "denied":
        refuse(point)
    if point == "table":
        gone = settings.get_settings().model_copy(update={"table_name": "gone"})
        GONE.append((vars(deployment), "store", deployment.store))
        deployment.store = DynamoDBStore(wiring._aws_client("dynamodb"), gone)
        return
    if kind == "denied":
        return
    if point == "bucket":
        # moto itself breaks without the bucket, so another one is asked for.
        known = vars(settings.get_settings())
        GONE.append((known, "bucket_name", known["bucket_name"]))
        known["bucket_name"] = "gone"
        return
    if point in RESOURCES:
        service, held, name = RESOURCES[point]
        known = resources(service, held)
        GONE.append((known, name, known.pop(name)))
        return
    service, method, path = POINTS[point]
    path = path.format(**ids)
    if service == "airflow" or kind in {"slow", "refused"}:
        deployment.wire.faults.append(WireFault(service, method, path, kind))
        return
    error = {"kind": "status", "status": int(kind)} if kind.isdigit() else {"kind": kind}
    fault = {"service": service, "method": method, "path_contains": path, **error}
    deployment.stand_in.faults.add(Fault.model_validate(fault))


def fill(value: Any, ids: Ids) -> Any:
    """Put ids where they are named."""
    if isinstance(value, dict):
        return {name: fill(item, ids) for name, item in value.items()}
    if isinstance(value, list):
        return [fill(item, ids) for item in value]
    return value.format(**ids) if isinstance(value, str) else value


def find_task(deployment: Deployment) -> Task | None:
    execution = PORTS["store"]().get_execution(deployment.workflow_id)
    return execution.graph.tasks.get(deployment.task_ids[0]) if execution else None


def count_starts(deployment: Deployment) -> int:
    recorded = deployment.stand_in.recorder.to_json()
    return sum(request["path"] in START_PATHS for request in recorded)


def exams_task(deployment: Deployment) -> dict[str, Any]:
    stand_in = deployment.stand_in
    found = stand_in.store.find(stand_in.contract.task, UUID(deployment.task_ids[0]))
    assert found is not None
    return found.model_dump(mode="json")


def check_expected(deployment: Deployment, cell: Cell, outcome: Outcome) -> None:
    """Assert what the table says of this cell."""
    told = exams_task(deployment)
    assert outcome.answer["statusCode"] == cell.status, outcome.answer
    if cell.detail is not None:
        assert str(outcome.body["detail"]).startswith(cell.detail.format(**outcome.ids))
    if cell.ours is not None:
        assert (outcome.task.status if outcome.task else UNTOUCHED) == cell.ours
    if cell.exams is not None:
        assert told["status"] == cell.exams
    if cell.run is not None:
        assert outcome.run is not None and outcome.run.state == cell.run
    if cell.is_stop_due is not None:
        assert outcome.run is not None and (outcome.run.due_at is not None) is cell.is_stop_due
    if cell.airflow is not None:
        assert airflow_state(deployment, outcome.run) == cell.airflow
    if cell.reason is not None:
        assert outcome.task is not None and str(outcome.task.reason).startswith(cell.reason)
        assert outcome.body.get("reason", outcome.task.reason) == outcome.task.reason
    for path, expected in cell.shows.items():
        check_shown(outcome, path, expected)


def check_shown(outcome: Outcome, path: str, expected: Any) -> None:
    shown: Any = outcome.body
    for step in path.split("."):
        shown = shown[int(step)] if isinstance(shown, list) else shown[step]
    if isinstance(expected, str):
        assert str(shown).startswith(expected.format(**outcome.ids)), path
    else:
        assert shown == fill(expected, outcome.ids), path


def airflow_state(deployment: Deployment, run: DagRun | None) -> str:
    """Return the state of a run in Airflow; `UNTOUCHED`: it is not there."""
    assert run is not None
    ids = run.dag_id, run.dag_run_id
    state = deployment.airflow.run_states.get(ids, {}).get("state", "queued")
    return state if ids in deployment.airflow.runs else UNTOUCHED


def check_always(deployment: Deployment, cell: Cell, outcome: Outcome) -> None:
    """Assert what holds whatever happens."""
    assert outcome.answer["statusCode"] != 500
    check_form(outcome)
    assert outcome.n_starts <= 1
    check_state(deployment, cell, outcome)
    text = outcome.answer["body"]
    assert deployment.token not in text
    assert [word for word in PATIENT_WORDS if word in text] == []


def check_form(outcome: Outcome) -> None:
    status, body = outcome.answer["statusCode"], outcome.body
    if name := {302: "location", 304: "etag"}.get(status):
        assert outcome.answer["body"] == "" and outcome.answer["headers"][name]
        return
    content_type = outcome.answer["headers"]["content-type"]
    assert content_type == ("application/problem+json" if status >= 400 else "application/json")
    if status >= 400:
        assert {"type", "title", "status", "detail"} <= set(body)
        assert body["status"] == status


def check_state(deployment: Deployment, cell: Cell, outcome: Outcome) -> None:
    """Assert that nothing is in progress without a scan or a run, here and in exam-manager."""
    task, told = outcome.task, exams_task(deployment)
    is_in_progress = task is not None and task.status is TaskStatus.IN_PROGRESS
    if task and is_in_progress:
        run = PORTS["store"]().get_dag_run(task.dag_run_id) if task.dag_run_id else None
        is_scanned = bool(deployment.stand_in.scanner.list_scans().get(task.task_id))
        assert (run and not run.state.is_final) or is_scanned or task.attempt == 0
    is_gone_there = any(fault in cell.faults for fault in GONE_IN_EXAM_MANAGER)
    is_started_elsewhere = task is not None and is_in_progress and task.attempt == 0
    if task and not (task.is_mirror_due or is_gone_there or is_started_elsewhere):
        assert told["status"] in expected_there(task)
        is_refused = outcome.answer["statusCode"] in (409, 422)
        check_comment(told, task, str(outcome.body["detail"]) if is_refused else None)
    if task and task.is_mirror_due and not is_gone_there:
        heal(deployment, task)


def check_comment(told: dict[str, Any], task: Task, refusal: str | None = None) -> None:
    """Assert that the comment is the operator's, with a reason or a refusal behind it."""
    if task.reason:
        words = (task.reason, refusal or task.reason)
        assert told["comment"] in [put_word(TASK_COMMENT, word) for word in words]
    assert put_word(told["comment"], None) == TASK_COMMENT


def expected_there(task: Task) -> set[str]:
    """Return what exam-manager may say of a task; it may have missed the start of a scan."""
    if task.status is not TaskStatus.IN_PROGRESS:
        return {TOLD[task.status]}
    return {"STARTED", "FINISHED", "NEW"} if task.task_type.is_device_task else {"STARTED"}


def heal(deployment: Deployment, task: Task) -> None:
    """Do what the reconciler does a minute later, now that nothing fails."""
    cause = Cause("reconcile_runs", "r", datetime.now(UTC))
    with_ports(mirror_task)(task.workflow_id, task.task_id, cause, is_last=True)
    healed, told = find_task(deployment), exams_task(deployment)
    assert healed is not None and not healed.is_mirror_due
    assert told["status"] in expected_there(healed)
    check_comment(told, healed)
    assert len(told["results"]) <= 1
