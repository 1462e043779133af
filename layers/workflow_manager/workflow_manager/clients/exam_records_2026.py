"""Records of exam-manager of 2026-02, and what each is to us."""

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from workflow_manager.domain.exam import (
    ExamResult,
    ExamTask,
    ExamWorkflow,
    ItemStatus,
    PatientExam,
    TaskType,
)

ACQUISITION, DAG = "ACQUISITION", "DAG"
# Between the parts of `location::repository::job`, by which a task names what it runs.
JOB_SEPARATOR = "::"
# What a task may say in its parameters to us, not to its DAG.
_OWN_ARGS = ("contrast", "simulate", "timeout_minutes")


class Record(BaseModel):
    """A record of exam-manager: fields that we do not know are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ResultRecord(Record):
    """A result: files below a directory; blank until they are there."""

    id: str
    type: str
    directory: str
    files: list[str]
    meta: dict[str, Any] | None = None
    datetime_created: datetime

    @property
    def is_blank(self) -> bool:
        """Whether nothing was put into it yet."""
        return not self.directory and not self.meta

    def to_result(self) -> ExamResult:
        """Return what it is to us."""
        images = [each for each in sorted(self.files) if each.lower().endswith(".dcm")]
        shown = images or self.files
        return ExamResult(
            id=self.id,
            type=self.type,
            directory=self.directory.removesuffix("/"),
            filename=shown[len(shown) // 2] if shown else "",
            files=tuple(self.files),
            datetime_created=self.datetime_created,
        )


class _TaskRecord(Record):
    id: str
    workflow_id: str | None
    name: str = Field(repr=False)
    status: ItemStatus
    progress: int
    is_template: bool
    position: int
    datetime_created: datetime
    datetime_updated: datetime | None = None
    results: list[ResultRecord]

    def _make_task(self, **special: object) -> ExamTask:
        same = ("id", "workflow_id", "name", "status", "progress", "is_template", "position")
        times = ("datetime_created", "datetime_updated")
        fields = {each: getattr(self, each) for each in (*same, *times)}
        results = [each.to_result() for each in self.results]
        return ExamTask.model_validate({**fields, "results": results, **special})


class AcquisitionRecord(_TaskRecord):
    """A scan."""

    task_type: Literal["ACQUISITION"]
    device_id: str | None
    calibration: list[str]
    sequence_id: str | None
    acquisition_parameter: Any

    def to_task(self) -> ExamTask:
        """Return what it is to us."""
        args = {"device_id": self.device_id, "sequence_id": self.sequence_id}
        typed = {"acquisition_parameter": json.dumps(self.acquisition_parameter)}
        if self.calibration:
            typed["calibration"] = json.dumps(self.calibration)
        # The page writes "" where none was chosen, which is no order to scan nothing: null is.
        named = {name: value for name, value in args.items() if value is not None}
        return self._make_task(type=TaskType.DEVICE_TASK_SDK, args=named | typed)


class DagRecord(_TaskRecord):
    """A task that a DAG carries out."""

    task_type: Literal["DAG"]
    dag_type: str
    dag_id: str
    input_task_ids: list[str]
    parameter: dict[str, Any] | None

    def to_task(self) -> ExamTask:
        """Return what it is to us."""
        is_reconstruction = self.dag_type == "RECONSTRUCTION"
        task_type = TaskType.RECONSTRUCTION_TASK if is_reconstruction else TaskType.PROCESSING_TASK
        # Of `location::repository::job`, our DAG is the job.
        dag_id = self.dag_id.rpartition(JOB_SEPARATOR)[2]
        return self._make_task(
            type=task_type,
            args=_make_args(self.parameter or {}),
            destinations={"dag_id": dag_id} if dag_id else {},
            input_task_ids=tuple(dict.fromkeys(self.input_task_ids)),
        )


TaskRecord = Annotated[AcquisitionRecord | DagRecord, Field(discriminator="task_type")]


class TaskAnswer(RootModel[TaskRecord]):
    """A task of either kind."""


class WorkflowRecord(Record):
    """A workflow with its tasks."""

    id: str
    exam_id: str | None
    status: ItemStatus
    is_template: bool
    tasks: list[TaskRecord]

    def to_workflow(self) -> ExamWorkflow:
        """Return what it is to us."""
        tasks = [each.to_task() for each in self.tasks]
        names = ("id", "exam_id", "status", "is_template")
        return ExamWorkflow(tasks=tasks, **{each: getattr(self, each) for each in names})


class ExamRecord(Record):
    """An exam with its workflows."""

    id: str
    workflows: list[WorkflowRecord]

    def to_exam(self) -> PatientExam:
        """Return what it is to us."""
        return PatientExam(id=self.id, workflows=[each.to_workflow() for each in self.workflows])


class ExamsAnswer(RootModel[list[ExamRecord]]):
    """The exams of a patient."""


def _make_args(parameter: dict[str, Any]) -> dict[str, str]:
    own = {name: parameter[name] for name in _OWN_ARGS if name in parameter}
    args = {name: _say(value) for name, value in own.items()}
    rest = {name: value for name, value in parameter.items() if name not in own}
    return args | ({"parameters": json.dumps(rest)} if rest else {})


def _say(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
