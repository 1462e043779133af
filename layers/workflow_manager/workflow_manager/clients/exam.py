"""Exam-manager, the owner of exams, workflows and tasks."""

from collections.abc import Callable
from typing import Any

import httpx
from pydantic import RootModel, SecretStr

from workflow_manager.clients.http import read_json, read_model, send
from workflow_manager.domain.errors import UpstreamError
from workflow_manager.domain.exam import (
    Exam,
    ExamResult,
    ExamTask,
    ExamWorkflow,
    ItemStatus,
    PatientExam,
    ResultType,
    is_under_scan,
)
from workflow_manager.domain.operator_comment import put_word
from workflow_manager.domain.pseudonym import make_pseudonym
from workflow_manager.domain.urls import quote_segment

TASK_NOT_FOUND = "Task not found"
# How exam-manager itself refuses a workflow or task for good; a proxy says something else.
_REFUSALS = (
    "Workflow not found",
    "Badly formed workflow_id.",
    TASK_NOT_FOUND,
    "Badly formed task_id.",
    "Exam not found",
    "Result not found",
    "Could not update workflow, either because it does not exist, or for another reason.",
    "workflow_id must be an existing id.",
    "Task instance needs workflow_id.",
    "Invalid link to workflow. Instance needs to refer to instance, template to template.",
    "Parent (task_id) does not exist.",
    "Result parent (task) must not be a template.",
    "New result needs to have status NEW",
)


class _PatientExams(RootModel[list[PatientExam]]):
    pass


class HttpExamClient:
    """Exam-manager over HTTP.

    Parameters
    ----------
    client
        From `build_http_client`.
    exam_manager_uri
        Scheme, host and port.
    auth
        On whose behalf.
    load_pseudonym_key
        Reads the key of the patients' pseudonyms; called when one is made.
    """

    def __init__(
        self,
        client: httpx.Client,
        exam_manager_uri: str,
        auth: httpx.Auth,
        load_pseudonym_key: Callable[[], SecretStr],
    ) -> None:
        self._client = client
        self._base_url = f"{exam_manager_uri.rstrip('/')}/api/v1/exam"
        self._auth = auth
        self._load_pseudonym_key = load_pseudonym_key

    def get_workflow(
        self, workflow_id: str, detail: str = "Failed to fetch workflow data"
    ) -> ExamWorkflow:
        """Return a workflow with its tasks."""
        response = self._get(f"workflow/{quote_segment(workflow_id)}", detail)
        return read_model(ExamWorkflow, response, detail)

    def get_task(self, task_id: str) -> ExamTask:
        """Return a task."""
        detail = _task_detail(task_id)
        return read_model(ExamTask, self._get(f"task/{quote_segment(task_id)}", detail), detail)

    def get_result(self, result_id: str) -> ExamResult:
        """Return a result of a task."""
        detail = f"Failed to fetch result with id={result_id}"
        response = self._get(f"result/{quote_segment(result_id)}", detail)
        return read_model(ExamResult, response, detail)

    def get_exam(self, exam_id: str) -> Exam:
        """Return an exam."""
        detail = "Failed to fetch exam"
        return read_model(Exam, self._get(quote_segment(exam_id), detail), detail)

    def pseudonymize(self, patient_id: str) -> str:
        """Return the pseudonym of a patient, which is all of him that we keep."""
        return make_pseudonym(self._load_pseudonym_key().get_secret_value(), patient_id)

    def list_exams(self, patient_id: str) -> list[PatientExam]:
        """Return all exams of a patient; empty if exam-manager knows of none."""
        detail = "Failed to fetch exams of the patient"
        response = self._get(f"all/{quote_segment(patient_id)}", detail)
        return read_model(_PatientExams, response, detail).root

    def report_task(
        self,
        task_id: str,
        status: ItemStatus | None = None,
        progress: int | None = None,
        word: str | None = None,
    ) -> None:
        """Change status, progress and our line of a task's comment, and leave the rest as it is."""
        detail = _task_detail(task_id)
        path = f"task/{quote_segment(task_id)}"
        task = read_json(self._get(path, detail), detail)
        if not isinstance(task, dict):
            raise UpstreamError(detail)
        # The PUT overwrites everything, so that even what we do not know has to go back.
        changed = task | {"comment": put_word(_read_comment(task), word)}
        if status is not None:
            changed |= {"status": status.value, "progress": progress}
        elif changed == task or is_under_scan(task.get("type"), task.get("progress")):
            return
        request = self._client.build_request("PUT", f"{self._base_url}/{path}", json=changed)
        detail = f"Failed to update task with id={task_id}"
        # A page of a proxy is no answer of exam-manager.
        self._change(request, detail)

    def create_result(
        self, task_id: str, result_type: ResultType, directory: str, filename: str
    ) -> None:
        """Add a result to a task."""
        result = {
            "task_id": task_id,
            "type": result_type.value,
            "status": ItemStatus.NEW.value,
            "directory": directory,
            "filename": filename,
            "progress": 0.0,
        }
        request = self._client.build_request("POST", f"{self._base_url}/result", json=result)
        detail = f"Failed to create a result of task with id={task_id}"
        self._change(request, detail)

    def _change(self, request: httpx.Request, detail: str) -> None:
        read_json(send(self._client, request, detail, self._auth, _REFUSALS), detail)

    def _get(self, path: str, detail: str) -> httpx.Response:
        request = self._client.build_request("GET", f"{self._base_url}/{path}")
        return send(self._client, request, detail, self._auth, _REFUSALS)


def _read_comment(task: dict[str, Any]) -> str | None:
    comment = task.get("comment")
    return comment if isinstance(comment, str) else None


def _task_detail(task_id: str) -> str:
    return f"Failed to fetch task with id={task_id}"
