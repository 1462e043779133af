"""Find what keeps a workflow from being carried out to its end; nothing is changed."""

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from http import HTTPStatus

from workflow_manager.domain.errors import (
    ConflictError,
    InvalidInputError,
    LoginExpiredError,
    NeighbourRefusedError,
    NotFoundError,
    ScanHubError,
)
from workflow_manager.domain.exam import AcquisitionLimits, Exam
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.domain.task_graph import TaskGraph
from workflow_manager.ports import ExamClient, Orchestrator, ScanClient
from workflow_manager.settings import Settings
from workflow_manager.steps.patients.load_limits import load_patient, make_limits
from workflow_manager.steps.runs.check_dag import require_dag, require_data
from workflow_manager.steps.side_by_side import Line, ask_side_by_side
from workflow_manager.steps.tasks.check_task import (
    Complaint,
    Kind,
    explain,
    find_own_complaints,
    is_simulated,
)

# An operator waits for them before his scan begins.
TOTAL_S = 3.0
# Of the lines in which ScanHub's services are asked: a workflow may have a thousand tasks.
N_LINES = 8
# Of the reasons that one sentence after the other tells; programs are given all.
MAX_N_SHOWN = 10
# Device-manager's words for a device that takes no scan (generation A), as sentences.
OFFLINE = {
    "offline": "The device is offline.",
    "disconnected": "The device is disconnected.",
    "error": "The device has reported an error.",
}
# What is asked, and for which id.
Question = tuple[str, str]
SERVICES = {
    "limits": "Exam-manager or patient-manager",
    "device": "Device-manager",
    # ScanHub of 2026-02 has no sequence-manager.
    "sequence": "Exam-manager or sequence-manager",
    "dag": "Airflow",
    "dag without data": "Airflow",
}
OF_AIRFLOW = frozenset({"dag", "dag without data"})


@dataclass
class Answers:
    """What services have said so far, so that a call asks none of them twice.

    Parameters
    ----------
    sequence_id
        The sequence whose document is kept: the others may be large.
    left_s
        Time that is left for more [s].
    """

    sequence_id: str | None = None
    left_s: float = field(default_factory=lambda: TOTAL_S)
    said: dict[Question, object] = field(default_factory=dict)

    @property
    def sequence(self) -> str | None:
        """The document of the sequence to keep; None: not read."""
        found = self.said.get(("sequence", self.sequence_id or ""))
        return found if isinstance(found, str) else None

    def limits(self, exam_id: str | None) -> AcquisitionLimits | None:
        """Return the limits of an exam's patient; None: not read."""
        return found[1] if (found := self._find_limits(exam_id)) else None

    def exam_record(self, exam_id: str | None) -> Exam | None:
        """Return the exam; None: it, or its patient's limits, were not read."""
        return found[0] if (found := self._find_limits(exam_id)) else None

    def _find_limits(self, exam_id: str | None) -> tuple[Exam, AcquisitionLimits] | None:
        found = self.said.get(("limits", exam_id or ""))
        return found if isinstance(found, tuple) else None

    def require_login(self) -> None:
        """Return unless a service has refused the caller's token.

        Raises
        ------
        LoginExpiredError
            One has: the device would report with that token, and not be heard.
        """
        for answer in self.said.values():
            if isinstance(answer, LoginExpiredError):
                raise answer

    def ask(self, lines: list[Line[Question]]) -> None:
        """Ask side by side, for as long as there is time."""
        begun_s = time.monotonic()
        self.said |= ask_side_by_side(lines, self.left_s)
        self.left_s = max(0.0, self.left_s - (time.monotonic() - begun_s))

    def complain(self, question: Question) -> Iterator[Complaint]:
        """Yield what the answer to a question says against its task."""
        if question not in self.said:
            text = f"{SERVICES[question[0]]} did not answer in time."
            yield Complaint(text, Kind.UNCHECKED)
        elif isinstance(error := self.said[question], ScanHubError):
            yield explain(error)


@dataclass(frozen=True)
class CheckedWorkflow:
    """What was found.

    Parameters
    ----------
    complaints
        By id of a pending task.
    general
        What concerns the workflow as a whole.
    """

    complaints: dict[str, list[Complaint]]
    general: list[Complaint]

    @property
    def not_checked(self) -> tuple[str, ...]:
        """What services gave no answer to, each once."""
        return tuple(each.text for each in self._by_complaint if each.kind is Kind.UNCHECKED)

    @property
    def _by_complaint(self) -> dict[Complaint, list[str]]:
        found: dict[Complaint, list[str]] = {each: [] for each in self.general}
        for task_id, some in self.complaints.items():
            for each in some:
                found.setdefault(each, []).append(task_id)
        return found

    def find_refusal(self, task_id: str) -> ScanHubError | None:
        """Return why a scan must not begin, with all reasons; None: it may.

        What was not checked is no reason.

        Parameters
        ----------
        task_id
            The scan.
        """
        found = {each: ids for each, ids in self._by_complaint.items() if each.is_certain}
        if not found:
            return None
        error = (
            InvalidInputError if any(each.kind is Kind.WRONG for each in found) else ConflictError
        )
        shown = [_phrase(each.text, ids) for each, ids in list(found.items())[:MAX_N_SHOWN]]
        more = f" There are {len(found) - MAX_N_SHOWN} more." if len(found) > MAX_N_SHOWN else ""
        return error(
            f"The scan was not started. {' '.join(shown)}{more} "
            f"POST /trigger_task/{task_id}/ starts it all the same.",
            members=self._list_members(),
        )

    def _list_members(self) -> dict[str, object]:
        tasks = {each: _list_certain(some) for each, some in self.complaints.items()}
        return {
            "problems": _list_certain(self.general),
            "tasks": [{"task_id": each, "problems": some} for each, some in tasks.items() if some],
            "not_checked": list(self.not_checked),
        }


def _list_certain(complaints: list[Complaint]) -> list[str]:
    return [each.text for each in complaints if each.is_certain]


def _phrase(text: str, task_ids: list[str]) -> str:
    # ScanHub's own texts have no full stop.
    text = text if text.endswith((".", "?", "!")) else f"{text}."
    if not task_ids:
        return text
    others = f" and {len(task_ids) - 1} more" if len(task_ids) > 1 else ""
    return f"Task {task_ids[0]}{others}: {text}"


def check_workflow(
    orchestrator: Orchestrator,
    exam: ExamClient,
    scan: ScanClient,
    settings: Settings,
    graph: TaskGraph,
    answers: Answers,
    today: date,
) -> CheckedWorkflow:
    """Check all pending tasks, and the patient's limits if a scan is among them.

    Parameters
    ----------
    answers
        What is known already; what is found is added.
    today
        The patient's age is that of this day.
    """
    pending = [task for task in graph.tasks.values() if task.status is TaskStatus.PENDING]
    own = {task.task_id: list(find_own_complaints(settings, graph, task)) for task in pending}
    asked = {task.task_id: list(_list_questions(settings, task)) for task in pending}
    general = _list_general_questions(graph, pending)
    questions = [*general, *(each for some in asked.values() for each in some)]
    new = [each for each in dict.fromkeys(questions) if each not in answers.said]
    ask: dict[str, Callable[[str], object]] = {
        "limits": partial(_load_limits, exam, scan, today),
        "device": partial(_check_device, scan),
        "sequence": partial(_read_sequence, scan, answers.sequence_id),
        "dag": partial(require_dag, orchestrator),
        "dag without data": partial(_check_dag_without_data, orchestrator),
    }
    _build(orchestrator, exam, scan, {name for name, _ in new})
    answers.ask(_arrange([(each, partial(ask[each[0]], each[1])) for each in new]))
    complaints = {
        task_id: [*own[task_id], *(each for one in some for each in answers.complain(one))]
        for task_id, some in asked.items()
    }
    return CheckedWorkflow(complaints, [each for one in general for each in answers.complain(one)])


def _list_questions(settings: Settings, task: Task) -> Iterator[Question]:
    if task.is_oversized:
        return
    if task.task_type.is_device_task:
        for kind in ("device", "sequence"):
            if value := task.args.get(f"{kind}_id"):
                yield kind, value
    elif not is_simulated(settings, task):
        with suppress(InvalidInputError):
            is_fed = bool(task.input_task_ids or task.input_problems)
            yield "dag" if is_fed else "dag without data", task.find_dag_id(settings.policy)


def _list_general_questions(graph: TaskGraph, pending: Collection[Task]) -> list[Question]:
    is_scan_ahead = any(task.task_type.is_device_task for task in pending)
    return [("limits", graph.workflow.exam_id or "")] if is_scan_ahead else []


def _build(orchestrator: Orchestrator, exam: ExamClient, scan: ScanClient, kinds: set[str]) -> None:
    # A port is built when its first attribute is read, and boto3 builds in one thread only.
    if kinds & OF_AIRFLOW:
        _ = orchestrator.get_dag
    if kinds - OF_AIRFLOW:
        _ = exam.get_exam, scan.get_patient


def _arrange(questions: Line[Question]) -> list[Line[Question]]:
    # Airflow may want a pace, and its account logs in once: its questions are one line.
    dags = [each for each in questions if each[0][0] in OF_AIRFLOW]
    others = [each for each in questions if each[0][0] not in OF_AIRFLOW]
    return [line for line in [dags, *(others[n::N_LINES] for n in range(N_LINES))] if line]


def _load_limits(
    exam: ExamClient, scan: ScanClient, today: date, exam_id: str
) -> tuple[Exam, AcquisitionLimits]:
    record, patient = load_patient(exam, scan, exam_id or None)
    return record, make_limits(record, patient, today)


def _read_sequence(scan: ScanClient, kept_id: str | None, sequence_id: str) -> str | None:
    document = scan.get_sequence(sequence_id)
    return document if sequence_id == kept_id else None


def _check_dag_without_data(orchestrator: Orchestrator, dag_id: str) -> None:
    require_data(require_dag(orchestrator, dag_id), n_inputs=0)


def _check_device(scan: ScanClient, device_id: str) -> None:
    try:
        status = scan.get_device(device_id).status
    except NeighbourRefusedError as error:
        if error.status != HTTPStatus.NOT_FOUND or not error.is_own:
            raise
        raise NotFoundError("Device-manager does not know the device.") from error
    if text := OFFLINE.get(status.strip().lower()):
        raise ConflictError(text)
