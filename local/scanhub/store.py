"""The state of ScanHub's services: exams, patients, sequences and devices."""

import threading
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from local.scanhub.models import (
    BaseExam,
    BaseResult,
    BaseTask,
    BaseWorkflow,
    Device,
    ExamOut,
    ItemStatus,
    MRISequence,
    PatientOut,
    ResultOut,
    TaskOut,
    WorkflowOut,
)


def server_now() -> datetime:
    """Return the time as ScanHub writes it: the server's local time, without an offset."""
    return datetime.now()


class Store:
    """All records in memory, behind one lock; reads return copies."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._exams: dict[UUID, ExamOut] = {}
        self._workflows: dict[UUID, WorkflowOut] = {}
        self._tasks: dict[UUID, TaskOut] = {}
        self._patients: dict[UUID, PatientOut] = {}
        self._sequences: dict[str, MRISequence] = {}
        self._devices: dict[str, Device] = {}
        self._last_created = datetime.min

    def add_exam(self, exam: BaseExam, *, creator: str) -> ExamOut:
        """Keep a new exam and return it."""
        with self._lock:
            record = ExamOut(
                **exam.model_dump(),
                id=uuid4(),
                creator=creator,
                datetime_created=self._next_created(),
            )
            self._exams[record.id] = record
            return record.model_copy(deep=True)

    def add_workflow(self, workflow: BaseWorkflow, *, creator: str) -> WorkflowOut:
        """Keep a new workflow and return it."""
        with self._lock:
            record = WorkflowOut(
                **workflow.model_dump(),
                id=uuid4(),
                creator=creator,
                datetime_created=self._next_created(),
            )
            self._workflows[record.id] = record
            return record.model_copy(deep=True)

    def add_task(self, task: BaseTask, *, creator: str, task_id: UUID | None = None) -> TaskOut:
        """Keep a new task and return it."""
        with self._lock:
            record = TaskOut(
                **task.model_dump(),
                id=task_id or uuid4(),
                creator=creator,
                datetime_created=self._next_created(),
            )
            self._tasks[record.id] = record
            return record.model_copy(deep=True)

    def add_result(self, result: BaseResult) -> ResultOut | None:
        """Keep a new result of a task and return it; ``None`` if there is no such task."""
        with self._lock:
            task = self._tasks.get(result.task_id) if result.task_id else None
            if task is None:
                return None
            record = ResultOut(
                **result.model_dump(), id=uuid4(), datetime_created=self._next_created()
            )
            task.results.append(record)
            return record.model_copy(deep=True)

    def overwrite_task(self, task_id: UUID, task: BaseTask) -> TaskOut | None:
        """Replace a task, whatever it was; ``None`` if there is no such task."""
        with self._lock:
            current = self._tasks.get(task_id)
            if current is None:
                return None
            self._tasks[task_id] = TaskOut(
                **task.model_dump(),
                id=task_id,
                creator=current.creator,
                datetime_created=current.datetime_created,
                datetime_updated=server_now(),
                results=current.results,
            )
            return self._tasks[task_id].model_copy(deep=True)

    def report_progress(self, task_id: UUID, progress: int) -> None:
        """Write the progress of a scan as device-manager does: FINISHED at 100 only."""
        with self._lock:
            task = self._tasks.get(task_id)
            if task is None:
                return
            task.progress = progress
            task.datetime_updated = server_now()
            if progress == 100:
                task.status = ItemStatus.FINISHED

    def find_exam(self, exam_id: UUID) -> ExamOut | None:
        """Return an exam with its workflows."""
        with self._lock:
            exam = self._exams.get(exam_id)
            if exam is None:
                return None
            ids = [key for key, item in self._workflows.items() if item.exam_id == exam_id]
            workflows = [found for key in ids if (found := self.find_workflow(key))]
            return exam.model_copy(deep=True, update={"workflows": workflows})

    def find_exams(self, patient_id: UUID) -> list[ExamOut]:
        """Return all exams of a patient with their workflows."""
        with self._lock:
            ids = [key for key, item in self._exams.items() if item.patient_id == patient_id]
            return [found for key in ids if (found := self.find_exam(key))]

    def find_workflow(self, workflow_id: UUID) -> WorkflowOut | None:
        """Return a workflow with its tasks."""
        with self._lock:
            workflow = self._workflows.get(workflow_id)
            if workflow is None:
                return None
            tasks = [item for item in self._tasks.values() if item.workflow_id == workflow_id]
            copies = [task.model_copy(deep=True) for task in tasks]
            return workflow.model_copy(deep=True, update={"tasks": copies})

    def find_task(self, task_id: UUID) -> TaskOut | None:
        """Return a task with its results."""
        with self._lock:
            task = self._tasks.get(task_id)
            return task.model_copy(deep=True) if task else None

    def find_patient(self, patient_id: UUID) -> PatientOut | None:
        """Return a patient."""
        return self._patients.get(patient_id)

    def find_sequence(self, sequence_id: str) -> MRISequence | None:
        """Return a sequence."""
        return self._sequences.get(sequence_id)

    def find_device(self, device_id: str) -> Device | None:
        """Return a device."""
        with self._lock:
            device = self._devices.get(device_id)
            return device.model_copy() if device else None

    def put_patient(self, patient: PatientOut) -> None:
        """Keep a patient."""
        self._patients[patient.id] = patient

    def put_sequence(self, sequence: MRISequence) -> None:
        """Keep a sequence."""
        self._sequences[sequence.id] = sequence

    def put_device(self, device: Device) -> None:
        """Keep a device, new or known."""
        with self._lock:
            self._devices[device.id] = device

    def report_device_status(self, device_id: str, status: str) -> None:
        """Write what a device says about itself; an unknown device is ignored."""
        with self._lock:
            if device := self._devices.get(device_id):
                device.status = status
                device.datetime_updated = server_now()

    def _next_created(self) -> datetime:
        # Clients sort tasks by this time, so no two records may share one.
        self._last_created = max(server_now(), self._last_created + timedelta(microseconds=1))
        return self._last_created
