"""ScanHub's neighbours, the queue, the event bus and their failures, in memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from workflow_manager.domain.errors import (
    AuthenticationError,
    NeighbourRefusedError,
    ScanHubError,
    UpstreamRefusedError,
)
from workflow_manager.domain.exam import (
    Device,
    DeviceTask,
    Exam,
    ExamResult,
    ExamTask,
    ExamWorkflow,
    ItemStatus,
    Patient,
    PatientExam,
    ResultType,
    TaskType,
    User,
    is_under_scan,
)
from workflow_manager.domain.notification import Notification
from workflow_manager.domain.operator_comment import put_word
from workflow_manager.domain.pseudonym import make_pseudonym
from workflow_manager.domain.told_run import ToldRun
from workflow_manager.services.follow_changes import ReportTasks, StopDagRuns

PSEUDONYM_KEY = "a key of thirty-two characters.."


@dataclass(frozen=True)
class TaskReport:
    """What exam-manager was told of a task."""

    task_id: str
    status: ItemStatus | None
    progress: int | None
    word: str | None = None


@dataclass(frozen=True)
class CreatedResult:
    """A result that exam-manager was given."""

    task_id: str
    result_type: ResultType
    directory: str
    filename: str


@dataclass
class FakeExam:
    """Exam-manager. ``fail_with["report_task"] = error`` makes that operation raise `error`."""

    workflows: dict[str, ExamWorkflow] = field(default_factory=dict)
    tasks: dict[str, ExamTask] = field(default_factory=dict)
    exams: dict[str, Exam] = field(default_factory=dict)
    reports: list[TaskReport] = field(default_factory=list)
    results: list[CreatedResult] = field(default_factory=list)
    comments: dict[str, str | None] = field(default_factory=dict)
    foreign: str | None = None
    fail_with: dict[str, ScanHubError] = field(default_factory=dict)

    def add_workflow(self, workflow: ExamWorkflow) -> None:
        """Add a workflow and its tasks."""
        self.workflows[workflow.id] = workflow
        self.tasks |= {task.id: task for task in workflow.tasks}

    def get_workflow(
        self, workflow_id: str, detail: str = "Failed to fetch workflow data"
    ) -> ExamWorkflow:
        self._fail("get_workflow")
        if workflow_id not in self.workflows:
            raise NeighbourRefusedError(detail, 404, is_own=True)
        workflow = self.workflows[workflow_id]
        ids = {task.id for task in workflow.tasks}
        # Unsorted, as from PostgreSQL: a task that was written is the last.
        tasks = [task for task in self.tasks.values() if task.id in ids]
        return workflow.model_copy(update={"tasks": tasks})

    def get_task(self, task_id: str) -> ExamTask:
        self._fail("get_task")
        if task_id not in self.tasks:
            raise NeighbourRefusedError(f"Failed to fetch task with id={task_id}", 404, is_own=True)
        return self.tasks[task_id]

    def get_record(self, task_id: str) -> dict[str, Any]:
        return self.get_task(task_id).model_dump(mode="json")

    def get_result(self, result_id: str) -> ExamResult:
        self._fail("get_result")
        results = {each.id: each for task in self.tasks.values() for each in task.results}
        if result_id not in results:
            detail = f"Failed to fetch result with id={result_id}"
            raise NeighbourRefusedError(detail, 404, is_own=True)
        return results[result_id]

    def get_exam(self, exam_id: str) -> Exam:
        self._fail("get_exam")
        if exam_id not in self.exams:
            raise NeighbourRefusedError("Failed to fetch exam", 404, is_own=True)
        return self.exams[exam_id]

    def pseudonymize(self, patient_id: str) -> str:
        self._fail("pseudonymize")
        return make_pseudonym(PSEUDONYM_KEY, patient_id)

    def list_exams(self, patient_id: str) -> list[PatientExam]:
        self._fail("list_exams")
        return [
            PatientExam(
                id=exam.id,
                workflows=[w for w in self.workflows.values() if w.exam_id == exam.id],
            )
            for exam in self.exams.values()
            if exam.patient_id == patient_id
        ]

    def report_task(
        self,
        task_id: str,
        status: ItemStatus | None = None,
        progress: int | None = None,
        word: str | None = None,
        record: dict[str, Any] | None = None,
    ) -> None:
        self._fail("report_task")
        if task_id not in self.tasks:
            raise NeighbourRefusedError(f"Failed to fetch task with id={task_id}", 404, is_own=True)
        task, before = self.tasks[task_id], self.comments.get(task_id)
        comment = put_word(before, word)
        if status is None and (comment == before or is_under_scan(task.type, task.progress)):
            return
        self.comments[task_id] = comment
        # As generation A, which knows no failure.
        status = ItemStatus.NEW if status is ItemStatus.ERROR else status
        self.reports.append(TaskReport(task_id, status, progress, word))
        changes = {} if status is None else {"status": status, "progress": progress}
        # A write moves the row.
        self.tasks[task_id] = self.tasks.pop(task_id).model_copy(update=changes)

    def report_run(self, task_id: str, told: ToldRun) -> list[str]:
        if not told.files:
            return []
        known = {(each.directory, each.filename) for each in self.get_task(task_id).results}
        refusals = []
        for each in told.listed:
            if (each.directory, each.filename) in known:
                continue
            try:
                self.create_result(task_id, each.type, each.directory, each.filename)
            except NeighbourRefusedError as error:
                if not error.is_own:
                    raise
                refusals.append(f"Exam-manager refuses a result of type {each.type}.")
        return refusals

    def find_foreign_contract(self) -> str | None:
        self._fail("find_foreign_contract")
        return self.foreign

    def create_result(
        self, task_id: str, result_type: ResultType, directory: str, filename: str
    ) -> None:
        self._fail("create_result")
        task = self.tasks.get(task_id)
        if task is None or task.is_template:
            detail = f"Failed to create a result of task with id={task_id}"
            raise NeighbourRefusedError(detail, 400, is_own=True)
        self.results.append(CreatedResult(task_id, result_type, directory, filename))
        listed = ExamResult(
            id=str(uuid4()), type=result_type, directory=directory, filename=filename
        )
        changes = {"results": [*task.results, listed]}
        self.tasks[task_id] = task.model_copy(update=changes)

    def _fail(self, operation: str) -> None:
        if operation in self.fail_with:
            raise self.fail_with[operation]


@dataclass
class FakeScan:
    """Patient-, sequence- and device-manager; `starts` holds every start that was tried."""

    patients: dict[str, Patient] = field(default_factory=dict)
    sequences: dict[str, str] = field(default_factory=dict)
    device_statuses: dict[str, str] = field(default_factory=dict)
    device_times: dict[str, datetime] = field(default_factory=dict)
    starts: list[tuple[TaskType, DeviceTask]] = field(default_factory=list)
    start_error: ScanHubError | None = None
    device_error: ScanHubError | None = None
    n_looks: int = 0

    def get_patient(self, patient_id: str) -> Patient:
        if patient_id not in self.patients:
            raise NeighbourRefusedError("Failed to fetch patient", 404, is_own=True)
        return self.patients[patient_id]

    def get_sequence(self, sequence_id: str) -> str:
        if sequence_id not in self.sequences:
            detail = f"Could not retreive sequence for sequence_id:{sequence_id}"
            raise NeighbourRefusedError(detail, 400, is_own=True)
        return self.sequences[sequence_id]

    def get_device(self, device_id: str) -> Device:
        self.n_looks += 1
        if self.device_error:
            raise self.device_error
        if device_id not in self.device_statuses:
            raise NeighbourRefusedError("Failed to fetch device", 404, is_own=True)
        said_at = self.device_times.get(device_id)
        return Device(status=self.device_statuses[device_id], datetime_updated=said_at)

    def start(
        self, task_type: TaskType, device_task: DeviceTask, check: Callable[[], None]
    ) -> None:
        check()
        self.starts.append((task_type, device_task))
        if self.start_error:
            raise self.start_error
        if device_task.device_id not in self.device_statuses:
            is_sdk = task_type is TaskType.DEVICE_TASK_SDK
            raise UpstreamRefusedError("Error at starting device task.", 503 if is_sdk else 404)


@dataclass
class FakeUsers:
    """User-login-manager: users by token."""

    users: dict[str, User] = field(default_factory=dict)
    error: ScanHubError | None = None

    def get_current_user(self, token: str) -> User | None:
        if self.error:
            raise self.error
        return self.users.get(token)

    def log_in(self, username: str, password: str) -> dict[str, Any]:
        if self.error:
            raise self.error
        if password != "secret":
            raise AuthenticationError("Name or password is wrong.")
        return {"username": username, "role": "medical", "access_token": next(iter(self.users))}


@dataclass
class FakeQueue:
    """The queues: runs that were asked to be started, and changes to be followed, in order."""

    dag_run_ids: list[str] = field(default_factory=list)
    changes: list[ReportTasks | StopDagRuns] = field(default_factory=list)
    simulation_steps: list[tuple[str, int, int]] = field(default_factory=list)
    error: ScanHubError | None = None

    def send_start(self, dag_run_id: str) -> None:
        if self.error:
            raise self.error
        self.dag_run_ids.append(dag_run_id)

    def send_reports(self, workflow_id: str, task_ids: Sequence[str]) -> None:
        if self.error:
            raise self.error
        self.changes.append(ReportTasks(workflow_id, tuple(task_ids)))

    def send_stops(self, dag_run_ids: Sequence[str]) -> None:
        if self.error:
            raise self.error
        self.changes.append(StopDagRuns(tuple(dag_run_ids)))

    def send_simulation_step(self, dag_run_id: str, step: int, delay_s: int) -> None:
        if self.error:
            raise self.error
        self.simulation_steps.append((dag_run_id, step, delay_s))


@dataclass
class FakeEventBus:
    """The event bus; it takes `capacity` notifications more, or any number of them."""

    notifications: list[Notification] = field(default_factory=list)
    capacity: int | None = None

    def publish(self, notifications: Sequence[Notification]) -> int:
        taken = notifications[: self.capacity]
        self.notifications += taken
        if self.capacity is not None:
            self.capacity -= len(taken)
        return len(taken)
