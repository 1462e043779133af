"""ScanHub's wire models, contract 2026-02."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from pydantic import BaseModel, Field

from local.scanhub.models import Gender, Stamped


class ItemStatus(StrEnum):
    """Status of exams, workflows, tasks and patients."""

    NEW = "NEW"
    UPDATED = "UPDATED"
    STARTED = "STARTED"
    FINISHED = "FINISHED"
    ERROR = "ERROR"
    INPROGRESS = "INPROGRESS"


class TaskType(StrEnum):
    ACQUISITION = "ACQUISITION"
    DAG = "DAG"


class DAGType(StrEnum):
    RECONSTRUCTION = "RECONSTRUCTION"
    PROCESSING = "PROCESSING"


class CalibrationType(StrEnum):
    FLIP_ANGLE = "flip-angle"
    FREQUENCY = "frequency"
    SHIMS = "shims"


class ResultType(StrEnum):
    DICOM = "DICOM"
    MRD = "MRD"
    NUMPY = "NUMPY"
    CALIBRATION = "CALIBRATION"
    NOT_SET = "NOT_SET"


class DeviceStatus(StrEnum):
    ONLINE = "ONLINE"
    OFFLINE = "OFFLINE"
    BUSY = "BUSY"
    ERROR = "ERROR"


class SetResult(BaseModel):
    """What a result becomes; what is left out is reset."""

    type: ResultType
    directory: str
    files: list[str] = []
    meta: dict[str, Any] | None = None


class ResultOut(SetResult):
    id: UUID
    task_id: UUID
    datetime_created: datetime


class BlankResult(BaseModel):
    """A result before its data are there."""

    task_id: UUID
    type: ResultType = ResultType.NOT_SET
    directory: str = ""


class BaseTask(BaseModel):
    """What both kinds of task have; every write overwrites the whole task."""

    workflow_id: UUID | None = None
    name: str
    description: str
    destination: str
    status: ItemStatus
    progress: int
    is_template: bool
    position: int = 0


class XYZ(BaseModel):
    """A vector; the contract leaves its unit to the sequence."""

    x: float
    y: float
    z: float


class AcquisitionParameter(BaseModel):
    fov_scaling: XYZ
    fov_offset: XYZ
    fov_rotation: XYZ


class AcquisitionLimits(BaseModel):
    """Limits of a scan: height in cm, weight in kg, age in full years."""

    patient_height: int
    patient_weight: int
    patient_gender: Gender = Gender.NOT_GIVEN
    patient_age: int


class BaseAcquisitionTask(BaseTask):
    task_type: Literal[TaskType.ACQUISITION]
    device_id: UUID | None = None
    calibration: list[CalibrationType] = []
    sequence_id: str | None = None
    acquisition_parameter: AcquisitionParameter | None = None


class BaseDAGTask(BaseTask):
    task_type: Literal[TaskType.DAG]
    dag_type: DAGType
    dag_id: str
    input_task_ids: list[UUID] = []
    parameter: dict[str, Any] | None = None


class TaskOut(BaseTask, Stamped):
    """The table of all tasks."""

    results: list[ResultOut] = []


class AcquisitionTaskOut(BaseAcquisitionTask, TaskOut):
    """An acquisition, as exam-manager has it: without limits."""


class DAGTaskOut(BaseDAGTask, TaskOut):
    """A task that a DAG does."""


class BrokenTask(TaskOut):
    """A task whose row says one type and whose columns are another's: nothing can load it."""


AnyBaseTask = Annotated[BaseAcquisitionTask | BaseDAGTask, Field(discriminator="task_type")]
AnyTaskOut = Annotated[AcquisitionTaskOut | DAGTaskOut, Field(discriminator="task_type")]


class ScanOrder(AcquisitionTaskOut):
    """What device-manager is told: the task, and the limits if the caller sends them itself."""

    acquisition_limits: AcquisitionLimits | None = None


class TaskOrder(BaseModel):
    task_ids: list[UUID]


class BaseWorkflow(BaseModel):
    exam_id: UUID | None = None
    name: str
    description: str
    comment: str | None = None
    status: ItemStatus
    is_template: bool


class WorkflowOut(BaseWorkflow, Stamped):
    tasks: list[AnyTaskOut] = []


class BaseExam(BaseModel):
    patient_id: UUID | None = None
    name: str
    description: str
    indication: str | None = None
    comment: str | None = None
    status: ItemStatus
    is_template: bool


class ExamOut(BaseExam, Stamped):
    workflows: list[WorkflowOut] = []


class BasePatient(BaseModel):
    """A patient; height in cm, weight in kg."""

    first_name: str
    last_name: str
    birth_date: date
    sex: Gender
    height: float
    weight: float
    issuer: str
    status: ItemStatus = ItemStatus.NEW
    comment: str | None = None


class PatientOut(BasePatient):
    id: UUID
    datetime_created: datetime
    datetime_updated: datetime | None = None


class MRISequence(BaseModel):
    """A sequence as exam-manager answers it; its id is a document id, not a UUID."""

    id: str = Field(alias="_id")
    name: str
    description: str | None = None
    sequence_type: str | None = None
    tags: list[str] = []
    created_at: datetime | None = None
    updated_at: datetime | None = None
    seq_file: str
    seq_file_extension: str | None = None
    xml_file: str | None = None
    xml_file_extension: str | None = None


class BaseDevice(BaseModel):
    """What a device says of itself when it registers."""

    device_name: str | None = None
    serial_number: str | None = None
    manufacturer: str | None = None
    modality: str | None = None
    site: str | None = None
    parameter: dict[str, Any] | None = None


class NewDevice(BaseModel):
    name: str
    description: str


class DeviceOut(NewDevice, BaseDevice):
    id: UUID = Field(default_factory=uuid4)
    status: DeviceStatus | None = DeviceStatus.OFFLINE
    datetime_created: datetime
    datetime_updated: datetime | None = None


class Device(DeviceOut):
    """The row of a device, with the token that it shows."""

    token: str = ""
