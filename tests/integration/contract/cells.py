"""What a cell of the contract test is, and how one line of a table becomes many cells."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from local.scanhub.models import TaskType
from local.scanhub.seed import TaskSpec
from tests.integration.deployment import Deployment
from tests.integration.patient import TASK_COMMENT

Ids = dict[str, str]
Prepare = Callable[[Deployment, Ids], None]
UNTOUCHED = "-"

KINDS = "401 404 500 503 slow garbage drop refused".split()
AIRFLOW_KINDS = "401 404 409 422 500 503 slow garbage drop refused".split()
# Answer to the caller where a neighbour's refusal is the caller's business, by kind of failure.
PASSED_THROUGH = "401 404 502 503 504 502 502 502"
LOGIN_EXPIRED = "Your login has expired: log in again."
TASK_DETAIL = "Failed to fetch task with id={task_id}"

# Name → service, method, and what the path holds.
POINTS = {
    "task": ("exam-manager", "GET", "/exam/task/"),
    "workflow": ("exam-manager", "GET", "/exam/workflow/"),
    "exam": ("exam-manager", "GET", "/exam/{exam_id}"),
    "update": ("exam-manager", "PUT", "/exam/task/"),
    "result": ("exam-manager", "POST", "/exam/result"),
    "known result": ("exam-manager", "GET", "/exam/result/"),
    "patient": ("patient-manager", "GET", "/patient/"),
    "sequence": ("sequence-manager", "GET", "/sequences/"),
    "start": ("device-manager", "POST", "/start_scan_via_websocket"),
    "device": ("device-manager", "GET", "/device/"),
    "address": ("device-manager", "GET", "/ip_address"),
    "scanner": ("scanner", "POST", "/api/start-scan"),
    "login": ("user-login-manager", "POST", "/login"),
    "current user": ("user-login-manager", "GET", "/getcurrentuser"),
    "DAGs": ("airflow", "GET", "/dags"),
    "DAG": ("airflow", "GET", "/dags/"),
    "DAG run": ("airflow", "POST", "/dagRuns"),
    "run": ("airflow", "GET", "/dagRuns/"),
    "stop": ("airflow", "PATCH", "/dagRuns/"),
    "runs": ("airflow", "POST", "/dagRuns/list"),
    "task instances": ("airflow", "POST", "/taskInstances/list"),
    "Airflow login": ("airflow", "POST", "/auth/token"),
}
# What AWS may have lost, beside table and bucket: service, and where moto keeps it by which name.
RESOURCES = {
    "queue": ("sqs", "queues", "events"),
    "simulation queue": ("sqs", "queues", "simulation"),
}


@dataclass(frozen=True)
class Scenario:
    """A call, and what stands before and behind it.

    Attributes
    ----------
    path
        Below the base path; holds names of ids.
    body
        JSON, or bytes of a form; its strings may hold names of ids.
    tasks
        Of the workflow that the cell is about; states are those of the first one.
    prepare
        What happened before, without any failure.
    has_messages
        Whether `trigger_airflow` gets what is queued after the call, under the same failure.
    is_looking
        Whether the call only looks, as each GET does: it must change nothing anywhere.
    """

    name: str
    function: str
    method: str
    path: str
    body: Any = None
    tasks: tuple[TaskSpec, ...] = ()
    prepare: Prepare | None = None
    has_messages: bool = False
    headers: dict[str, str | None] = field(default_factory=dict)
    actor: str | None = "operator"
    is_template: bool = False
    is_looking: bool = False


@dataclass(frozen=True)
class Cell:
    """One call under one failure, and all that may come of it.

    Attributes
    ----------
    detail
        Beginning of `detail`; None: not looked at.
    ours, exams
        Status of the task in our table (`UNTOUCHED`: it is not there) and in exam-manager.
    run
        State of the task's run, or of the run that the call was about.
    airflow
        State of that run in Airflow.
    is_stop_due
        Whether Airflow must still be asked to stop that run.
    reason
        Beginning of the reason, in our table and in exam-manager's comment.
    shows
        What the body holds: `status.of.a.member` or `number.in.a.list` → value; of a text, its
        beginning.
    """

    scenario: Scenario
    faults: tuple[tuple[str, str], ...]
    status: int
    detail: str | None = None
    ours: str | None = None
    exams: str | None = None
    run: str | None = None
    reason: str | None = None
    airflow: str | None = None
    is_stop_due: bool | None = None
    shows: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""

    def __str__(self) -> str:
        faults = " and ".join(f"{point} {kind}" for point, kind in self.faults)
        return f"{self.scenario.name}: {self.label or faults or 'success'}"


def failures(
    scenario: Scenario, point: str, statuses: str, detail: str | None = None, **expected: Any
) -> list[Cell]:
    """Return a line of a table: one cell per kind of failure of one neighbour.

    Several statuses, with blanks between, and what is given as a list are meant kind by kind.
    """
    kinds = AIRFLOW_KINDS if POINTS[point][0] == "airflow" else KINDS
    numbers = [int(status) for status in statuses.split()]
    if len(numbers) == 1:
        numbers *= len(kinds)
    cells = []
    for index, (kind, status) in enumerate(zip(kinds, numbers, strict=True)):
        own = {
            name: value[index] if isinstance(value, list) else value
            for name, value in expected.items()
        }
        shown = (LOGIN_EXPIRED if status == 401 else detail) if status >= 400 else None
        cells.append(Cell(scenario, ((point, kind),), status, shown, **own))
    return cells


def loss(scenario: Scenario, resource: str, status: int, **expected: Any) -> Cell:
    """Return a cell in which AWS has lost something."""
    return Cell(scenario, ((resource, "gone"),), status, **expected)


def without_token(scenario: Scenario) -> list[Cell]:
    """Return the cells of a call that API Gateway's authorizer did not let through."""
    bare = replace(scenario, headers={**scenario.headers, "Authorization": None})
    unknown = replace(scenario, actor=None)
    detail = "Not authenticated"
    return [case(bare, "no token", 401, detail), case(unknown, "no authorizer", 401, detail)]


def case(scenario: Scenario, label: str, status: int, *detail: str, **expected: Any) -> Cell:
    """Return a cell without a failure of a neighbour."""
    return Cell(scenario, (), status, *detail, label=label, **expected)


def task(task_type: str, **fields: Any) -> TaskSpec:
    """Return a task whose free texts can be found again."""
    return TaskSpec(type=TaskType(task_type), comment=TASK_COMMENT, **fields)
