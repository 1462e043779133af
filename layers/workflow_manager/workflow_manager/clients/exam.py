"""Exam-manager of 2025-03, the owner of exams, workflows and tasks."""

from typing import Any, TypeVar

from pydantic import BaseModel, RootModel

from workflow_manager.clients.exam_http import ExamHttp, task_detail
from workflow_manager.clients.generations import EXAM_MANAGER, read_record, refuse_foreign
from workflow_manager.clients.http import read_json
from workflow_manager.contract import Contract
from workflow_manager.deadline import limit
from workflow_manager.domain.errors import NeighbourRefusedError, UpstreamError
from workflow_manager.domain.exam import (
    Exam,
    ExamResult,
    ExamTask,
    ExamWorkflow,
    ItemStatus,
    PatientExam,
    is_under_scan,
)
from workflow_manager.domain.operator_comment import put_word
from workflow_manager.domain.told_run import ToldFile, ToldRun
from workflow_manager.domain.urls import quote_segment

TASK_NOT_FOUND = "Task not found"
# For all results of one task.
RESULTS_TOTAL_S = 10.0

ModelT = TypeVar("ModelT", bound=BaseModel)


class _PatientExams(RootModel[list[PatientExam]]):
    pass


class HttpExamClient(ExamHttp):
    """Exam-manager over HTTP, as of 2025-03."""

    contract = Contract.MARCH_2025
    refusals = (
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

    def get_workflow(
        self, workflow_id: str, detail: str = "Failed to fetch workflow data"
    ) -> ExamWorkflow:
        """Return a workflow with its tasks."""
        return self._read(ExamWorkflow, f"workflow/{quote_segment(workflow_id)}", detail)

    def get_task(self, task_id: str) -> ExamTask:
        """Return a task."""
        return self._read(ExamTask, f"task/{quote_segment(task_id)}", task_detail(task_id))

    def get_result(self, result_id: str) -> ExamResult:
        """Return a result of a task."""
        detail = f"Failed to fetch result with id={result_id}"
        return self._read(ExamResult, f"result/{quote_segment(result_id)}", detail)

    def get_exam(self, exam_id: str) -> Exam:
        """Return an exam."""
        return self._read(Exam, quote_segment(exam_id), "Failed to fetch exam")

    def list_exams(self, patient_id: str) -> list[PatientExam]:
        """Return all exams of a patient; empty if exam-manager knows of none."""
        detail = "Failed to fetch exams of the patient"
        return self._read(_PatientExams, f"all/{quote_segment(patient_id)}", detail).root

    def get_record(self, task_id: str) -> dict[str, Any]:
        """Return a task with all that exam-manager has of it."""
        detail = task_detail(task_id)
        task = read_json(self._get(f"task/{quote_segment(task_id)}", detail), detail)
        if not isinstance(task, dict):
            raise UpstreamError(detail)
        # It would take the PUT, and break the task.
        refuse_foreign(task, EXAM_MANAGER, self.contract)
        return task

    def report_task(
        self,
        task_id: str,
        status: ItemStatus | None = None,
        progress: int | None = None,
        word: str | None = None,
        record: dict[str, Any] | None = None,
    ) -> None:
        """Change status, progress and our line of a task's comment, and leave the rest as it is.

        It knows neither failure nor cancel: NEW lets the operator start again, and our line says
        why.
        """
        task = self.get_record(task_id) if record is None else record
        # The PUT overwrites everything, so that even what we do not know has to go back.
        changed = task | {"comment": put_word(_read_comment(task), word)}
        if status is not None:
            said = ItemStatus.NEW if status is ItemStatus.ERROR else status
            changed |= {"status": said.value, "progress": progress}
        elif changed == task or is_under_scan(task.get("type"), task.get("progress")):
            return
        path = f"task/{quote_segment(task_id)}"
        self._change("PUT", path, changed, f"Failed to update task with id={task_id}")

    def report_run(self, task_id: str, told: ToldRun) -> list[str]:
        """Let a task have a result for each file of its run, once it has succeeded."""
        if not told.files:
            return []
        with limit(RESULTS_TOTAL_S):
            # POST is not idempotent there: an earlier try whose answer was lost shows in the list.
            known = {(each.directory, each.filename) for each in self.get_task(task_id).results}
            missing = (each for each in told.listed if (each.directory, each.filename) not in known)
            return [words for each in missing if (words := self._add_result(task_id, each))]

    def _add_result(self, task_id: str, file: ToldFile) -> str | None:
        result = {
            "task_id": task_id,
            "type": file.type.value,
            "status": ItemStatus.NEW.value,
            "directory": file.directory,
            "filename": file.filename,
            "progress": 0.0,
        }
        detail = f"Failed to create a result of task with id={task_id}"
        try:
            self._change("POST", "result", result, detail)
        except NeighbourRefusedError as error:
            if not error.is_own:
                raise
            return f"Exam-manager refuses a result of type {file.type}."
        return None

    def _read(self, model: type[ModelT], path: str, detail: str) -> ModelT:
        response = self._get(path, detail)
        return read_record(model, response, detail, EXAM_MANAGER, self.contract)


def _read_comment(task: dict[str, Any]) -> str | None:
    comment = task.get("comment")
    return comment if isinstance(comment, str) else None
