"""Exam-manager of 2026-02: typed tasks, results of many files, no word for a task's operator."""

from http import HTTPStatus
from typing import Any, TypeVar

from pydantic import BaseModel

from workflow_manager.clients.exam_http import ExamHttp, task_detail
from workflow_manager.clients.exam_records_2026 import (
    ACQUISITION,
    DAG,
    ExamsAnswer,
    ResultRecord,
    TaskAnswer,
    WorkflowRecord,
)
from workflow_manager.clients.generations import EXAM_MANAGER, read_record, refuse_foreign
from workflow_manager.clients.http import read_json
from workflow_manager.clients.result_2026 import choose_result, describe_result, is_told
from workflow_manager.contract import Contract
from workflow_manager.deadline import limit
from workflow_manager.domain.errors import (
    LoginExpiredError,
    NeighbourRefusedError,
    UpstreamError,
)
from workflow_manager.domain.exam import (
    Exam,
    ExamResult,
    ExamTask,
    ExamWorkflow,
    ItemStatus,
    PatientExam,
)
from workflow_manager.domain.told_run import ToldRun
from workflow_manager.domain.urls import quote_segment

TASK_NOT_FOUND = "Task not found"
TASK_REFUSALS = (TASK_NOT_FOUND, "Badly formed task_id.")
# For the result of one task.
RESULT_TOTAL_S = 10.0

ModelT = TypeVar("ModelT", bound=BaseModel)


class HttpExamClient2026(ExamHttp):
    """Exam-manager over HTTP, as of 2026-02."""

    contract = Contract.FEBRUARY_2026
    refusals = (
        "Workflow not found",
        "Badly formed workflow_id.",
        *TASK_REFUSALS,
        "Exam not found",
        "Badly formed exam_id",
        "Result not found",
        "Badly formed result_id.",
        "Could not update workflow, either because it does not exist, or for another reason.",
        "Could not update result, either because it does not exist, or for another reason.",
        "workflow_id must be an existing id.",
        "Task instance needs workflow_id.",
        "Invalid link to workflow. Instance needs to refer to instance, template to template.",
        "Parent (task_id) does not exist.",
        "Result parent (task) must not be a template.",
    )

    def get_workflow(self, workflow_id: str, detail: str = "") -> ExamWorkflow:
        """Return a workflow with its tasks; ScanHub has one text wherever that fails."""
        detail = f"Failed to fetch workflow with id={workflow_id}"
        path = f"workflow/{quote_segment(workflow_id)}"
        return self._read(WorkflowRecord, path, detail).to_workflow()

    def get_task(self, task_id: str) -> ExamTask:
        """Return a task."""
        path = f"task/{quote_segment(task_id)}"
        try:
            return self._read(TaskAnswer, path, task_detail(task_id)).root.to_task()
        except LoginExpiredError:
            raise
        except NeighbourRefusedError as error:
            # Whatever is wrong with the id.
            if error.is_own and error.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND):
                status = HTTPStatus.NOT_FOUND
                raise NeighbourRefusedError(TASK_NOT_FOUND, status, is_own=True) from None
            raise

    def get_result(self, result_id: str) -> ExamResult:
        """Return a result of a task."""
        detail = f"Failed to fetch result with id={result_id}"
        path = f"result/{quote_segment(result_id)}"
        return self._read(ResultRecord, path, detail).to_result()

    def get_exam(self, exam_id: str) -> Exam:
        """Return an exam; the sizes of its patient are patient-manager's."""
        detail = f"Failed to fetch exam with id={exam_id}"
        return self._read(Exam, quote_segment(exam_id), detail)

    def list_exams(self, patient_id: str) -> list[PatientExam]:
        """Return all exams of a patient; empty if exam-manager knows of none."""
        detail = "Failed to fetch exams of the patient"
        found = self._read(ExamsAnswer, f"all/{quote_segment(patient_id)}", detail)
        return [each.to_exam() for each in found.root]

    def get_record(self, task_id: str) -> dict[str, Any]:
        """Return a task with all that exam-manager has of it."""
        detail = task_detail(task_id)
        response = self._get(f"task/{quote_segment(task_id)}", detail)
        return require_task(read_json(response, detail), detail)

    def report_task(
        self,
        task_id: str,
        status: ItemStatus | None = None,
        progress: int | None = None,
        word: str | None = None,
        record: dict[str, Any] | None = None,
    ) -> None:
        """Change status and progress of a task, which has no comment for a word."""
        if status is None:
            return
        task = self.get_record(task_id) if record is None else record
        is_dag = task["task_type"] == DAG
        said = ItemStatus.INPROGRESS if is_dag and status is ItemStatus.STARTED else status
        # The PUT resets what is left out, and takes another type for the end of the task: all goes
        # back as it came.
        changed = task | {"status": said.value, "progress": progress}
        path = f"task/{quote_segment(task_id)}"
        self._change("PUT", path, changed, f"Failed to update task with id={task_id}")

    def report_run(self, task_id: str, told: ToldRun) -> list[str]:
        """Let a task have one result for a run, from its start on."""
        with limit(RESULT_TOTAL_S):
            path = f"task/{quote_segment(task_id)}"
            task = self._read(TaskAnswer, path, task_detail(task_id)).root
            result = choose_result(task.results, told) or self._add_blank(task_id)
            content = describe_result(task.workflow_id or "", task_id, result.id, told)
            if is_told(result) or content == result.model_dump(include=set(content)):
                return []
            return self._set_result(result.id, content)

    def _add_blank(self, task_id: str) -> ResultRecord:
        # POST is not idempotent: one whose answer was lost stays blank, and is found at the next
        # try.
        detail = f"Failed to create a result of task with id={task_id}"
        path = f"result?task_id={quote_segment(task_id)}"
        response = self._change("POST", path, None, detail)
        return read_record(ResultRecord, response, detail, EXAM_MANAGER, self.contract)

    def _set_result(self, result_id: str, content: dict[str, Any]) -> list[str]:
        detail = f"Failed to update result with id={result_id}"
        try:
            self._change("PUT", f"result/{quote_segment(result_id)}", content, detail)
        except NeighbourRefusedError as error:
            if not error.is_own:
                raise
            return [f"Exam-manager refuses a result of type {content['type']}."]
        return []

    def _read(self, model: type[ModelT], path: str, detail: str) -> ModelT:
        response = self._get(path, detail)
        return read_record(model, response, detail, EXAM_MANAGER, self.contract)


def require_task(record: object, detail: str) -> dict[str, Any]:
    """Return a task with all that exam-manager has of it.

    Raises
    ------
    UpstreamError
        It is none that this contract knows.
    """
    refuse_foreign(record, EXAM_MANAGER, Contract.FEBRUARY_2026)
    if not isinstance(record, dict) or record.get("task_type") not in (ACQUISITION, DAG):
        raise UpstreamError(detail)
    return record
