"""ScanHub's wire models, contract generation A."""

from datetime import date, datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field


class Gender(StrEnum):
    """Sex of a patient as ScanHub names it."""

    MALE = "MALE"
    FEMALE = "FEMALE"
    OTHER = "OTHER"
    NOT_GIVEN = "NOT_GIVEN"


class ItemStatus(StrEnum):
    """Status of exams, workflows, tasks and results; there is no PENDING and no FAILED."""

    NEW = "NEW"
    UPDATED = "UPDATED"
    STARTED = "STARTED"
    FINISHED = "FINISHED"
    DELETED = "DELETED"
    INPROGRESS = "INPROGRESS"


class TaskType(StrEnum):
    """What a task does."""

    PROCESSING_TASK = "PROCESSING_TASK"
    DEVICE_TASK_SIMULATOR = "DEVICE_TASK_SIMULATOR"
    DEVICE_TASK_SDK = "DEVICE_TASK_SDK"
    RECONSTRUCTION_TASK = "RECONSTRUCTION_TASK"


class ResultType(StrEnum):
    """Kind of data a result refers to."""

    DICOM = "DICOM"
    MRD = "MRD"
    CALIBRATION = "CALIBRATION"


class Role(StrEnum):
    """Role of a user."""

    ADMIN = "admin"
    MEDICAL = "medical"
    SCIENTIST = "scientist"
    ENGINEER = "engineer"


class User(BaseModel):
    """A user; the token is empty in every answer but the login's."""

    username: str
    first_name: str
    last_name: str
    email: str | None = None
    role: Role
    access_token: str = ""
    token_type: str = ""
    last_activity_unixtime: int | None = None
    last_login_unixtime: int | None = None


class BaseResult(BaseModel):
    """A result as clients send it."""

    task_id: UUID | None = None
    type: ResultType
    status: ItemStatus = ItemStatus.NEW
    directory: str = ""
    filename: str = ""
    progress: float = 0.0


class ResultOut(BaseResult):
    """A result as exam-manager answers it."""

    id: UUID
    datetime_created: datetime


class BaseTask(BaseModel):
    """A task as clients send it: complete, since every write overwrites the whole task."""

    workflow_id: UUID | None = None
    name: str
    description: str
    comment: str | None = None
    type: TaskType
    args: dict[str, str]
    artifacts: dict[str, str]
    destinations: dict[str, str]
    status: ItemStatus
    progress: int
    is_template: bool


class TaskOut(BaseTask):
    """A task as exam-manager answers it."""

    id: UUID
    creator: str
    datetime_created: datetime
    datetime_updated: datetime | None = None
    results: list[ResultOut] = []


class BaseWorkflow(BaseModel):
    """A workflow as clients send it."""

    exam_id: UUID | None = None
    name: str
    description: str
    comment: str | None = None
    status: ItemStatus
    is_template: bool


class WorkflowOut(BaseWorkflow):
    """A workflow as exam-manager answers it."""

    id: UUID
    creator: str
    datetime_created: datetime
    datetime_updated: datetime | None = None
    tasks: list[TaskOut] = []


class BaseExam(BaseModel):
    """An exam as clients send it."""

    patient_id: UUID | None = None
    name: str
    description: str
    indication: str | None = None
    patient_height_cm: int | None = None
    patient_weight_kg: int | None = None
    comment: str | None = None
    status: ItemStatus
    is_template: bool


class ExamOut(BaseExam):
    """An exam as exam-manager answers it."""

    id: UUID
    creator: str
    datetime_created: datetime
    datetime_updated: datetime | None = None
    workflows: list[WorkflowOut] = []


class PatientOut(BaseModel):
    """A patient as patient-manager answers it."""

    id: UUID
    first_name: str
    last_name: str
    birth_date: date
    sex: Gender
    issuer: str
    status: Literal["NEW", "UPDATED", "DELETED"]
    comment: str | None = None
    datetime_created: datetime
    datetime_updated: datetime | None = None


class MRISequence(BaseModel):
    """A sequence as sequence-manager answers it; its id is a document id, not a UUID."""

    id: str = Field(alias="_id")
    name: str
    description: str | None = None
    sequence_type: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    tags: list[str] | None = None
    file: str
    file_extension: str | None = None


class Device(BaseModel):
    """A device as device-manager answers it; it chooses its id itself."""

    id: str
    name: str
    manufacturer: str
    modality: str
    status: str
    site: str | None = None
    ip_address: str
    datetime_created: datetime
    datetime_updated: datetime | None = None


class XYZ(BaseModel):
    """A vector; the contract leaves its unit to the sequence."""

    X: float
    Y: float
    Z: float


class AcquisitionLimits(BaseModel):
    """Limits of a scan: height in cm, weight in kg, age in full years."""

    patient_height: int
    patient_weight: int
    patient_gender: Gender | None = Field(default=None, alias="Gender")
    patient_age: int


class SequenceParameters(BaseModel):
    """What the operator may change of a sequence."""

    fov: XYZ
    fov_offset: XYZ


class ParametrizedSequence(BaseModel):
    """A sequence with its limits and parameters; ``sequence`` is a JSON document as text."""

    acquisition_limits: AcquisitionLimits
    sequence_parameters: SequenceParameters
    sequence: str


class DeviceTask(BaseModel):
    """The order to scan; ``record_id`` is the id of the task."""

    device_id: str
    record_id: UUID
    command: Literal["START", "STOP", "PAUSE"]
    parametrized_sequence: ParametrizedSequence
    user_access_token: str
