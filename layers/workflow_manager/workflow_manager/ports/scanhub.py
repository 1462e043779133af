"""ScanHub's other services and the devices."""

from collections.abc import Callable
from typing import Any, Protocol

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
    TaskType,
    User,
)
from workflow_manager.domain.told_run import ToldRun


class ExamClient(Protocol):
    """Exam-manager, on behalf of the caller or of the service account."""

    def get_workflow(
        self, workflow_id: str, detail: str = "Failed to fetch workflow data"
    ) -> ExamWorkflow:
        """Return a workflow with its tasks; `detail` is ScanHub's text where that fails."""

    def get_task(self, task_id: str) -> ExamTask:
        """Return a task."""

    def get_result(self, result_id: str) -> ExamResult:
        """Return a result of a task."""

    def get_exam(self, exam_id: str) -> Exam:
        """Return an exam."""

    def pseudonymize(self, patient_id: str) -> str:
        """Return the pseudonym of a patient, which is all of him that we keep.

        Raises
        ------
        UpstreamError
            The key of the pseudonyms cannot be read.
        """

    def list_exams(self, patient_id: str) -> list[PatientExam]:
        """Return all exams of a patient; empty if exam-manager knows of none."""

    def get_record(self, task_id: str) -> dict[str, Any]:
        """Return a task with all that exam-manager has of it, for `report_task`."""

    def report_task(
        self,
        task_id: str,
        status: ItemStatus | None = None,
        progress: int | None = None,
        word: str | None = None,
        record: dict[str, Any] | None = None,
    ) -> None:
        """Change status, progress and our line of a task's comment, and leave the rest as it is.

        Parameters
        ----------
        status, progress
            None leaves both to device-manager: the line changes, unless a scan is under way there.
        word
            For the operator (`put_word`), where tasks have a comment; None takes our line out.
        record
            The task from `get_record`, asked for just now; None asks for it.
        """

    def report_run(self, task_id: str, told: ToldRun) -> list[str]:
        """Let a task have the results of its run; the same again changes nothing.

        Returns
        -------
        list[str]
            What exam-manager itself refuses for good, in sentences.
        """

    def find_foreign_contract(self) -> str | None:
        """Return in words that exam-manager is of another generation; None: it says nothing so."""


class ScanClient(Protocol):
    """Patient-, sequence- and device-manager and the devices: all that a start of a scan needs."""

    def get_patient(self, patient_id: str) -> Patient:
        """Return a patient."""

    def get_sequence(self, sequence_id: str) -> str:
        """Return a sequence document as JSON text."""

    def get_device(self, device_id: str) -> Device:
        """Return a device as device-manager shows it."""

    def start(
        self, task_type: TaskType, device_task: DeviceTask, check: Callable[[], None]
    ) -> None:
        """Send a start exactly once: never repeated, whatever happens.

        `check` is called right before it is sent, and raises if it is not wanted any more.

        Raises
        ------
        UpstreamRefusedError
            The device, or device-manager on its behalf, refused: nothing was started.
        UpstreamUnreachableError
            Nothing was sent.
        UpstreamError
            Any other failure: it is unknown whether the scan started.
        """


class UserClient(Protocol):
    """User-login-manager."""

    def get_current_user(self, token: str) -> User | None:
        """Return whose token it is, or None if it is refused."""

    def log_in(self, username: str, password: str) -> dict[str, Any]:
        """Return the answer to a login, sent once, with its ``access_token``.

        Raises
        ------
        AuthenticationError
            Name or password is wrong.
        """
