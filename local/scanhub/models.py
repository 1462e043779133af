"""ScanHub's wire models, contract generation A, whose pydantic 1 took more than pydantic 2 does."""

from collections.abc import Callable
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field


class Gender(StrEnum):
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
    PROCESSING_TASK = "PROCESSING_TASK"
    DEVICE_TASK_SIMULATOR = "DEVICE_TASK_SIMULATOR"
    DEVICE_TASK_SDK = "DEVICE_TASK_SDK"
    RECONSTRUCTION_TASK = "RECONSTRUCTION_TASK"


class ResultType(StrEnum):
    DICOM = "DICOM"
    MRD = "MRD"
    CALIBRATION = "CALIBRATION"


class Role(StrEnum):
    ADMIN = "admin"
    MEDICAL = "medical"
    SCIENTIST = "scientist"
    ENGINEER = "engineer"


class Commands(StrEnum):
    START = "START"
    STOP = "STOP"
    PAUSE = "PAUSE"


def _convert(convert: Callable[[Any], Any], *kinds: type) -> BeforeValidator:
    def convert_if_possible(value: Any) -> Any:
        try:
            return convert(value) if isinstance(value, kinds) else value
        except (ValueError, TypeError, OverflowError):
            return value

    return BeforeValidator(convert_if_possible)


Text = Annotated[str, _convert(str, int, float)]
Whole = Annotated[int, _convert(int, str, float, bool)]
Texts = Annotated[dict[Text, Text], _convert(dict, list)]


class Stamped(BaseModel):
    id: UUID
    creator: str
    datetime_created: datetime
    datetime_updated: datetime | None = None


class User(BaseModel):
    """A user; the token is empty in every answer but the login's."""

    username: Text
    first_name: Text
    last_name: Text
    email: Text | None = None
    role: Role
    access_token: Text
    token_type: Text
    last_activity_unixtime: Whole | None = None
    last_login_unixtime: Whole | None = None


class BaseResult(BaseModel):
    task_id: UUID | None = None
    type: ResultType
    status: ItemStatus = ItemStatus.NEW
    directory: Text = ""
    filename: Text = ""
    progress: float = 0.0


class ResultOut(BaseResult):
    id: UUID
    datetime_created: datetime


class BaseTask(BaseModel):
    """A task as clients send it: complete, since every write overwrites the whole task."""

    workflow_id: UUID | None = None
    name: Text
    description: Text
    comment: Text | None = None
    type: TaskType
    args: Texts
    artifacts: Texts
    destinations: Texts
    status: ItemStatus
    progress: Whole
    is_template: bool


class TaskOut(BaseTask, Stamped):
    results: list[ResultOut] = []


class BaseWorkflow(BaseModel):
    exam_id: UUID | None = None
    name: Text
    description: Text
    comment: Text | None = None
    status: ItemStatus
    is_template: bool


class WorkflowOut(BaseWorkflow, Stamped):
    tasks: list[TaskOut] = []


class BaseExam(BaseModel):
    patient_id: UUID | None = None
    name: Text
    description: Text
    indication: Text | None = None
    patient_height_cm: Whole | None = None
    patient_weight_kg: Whole | None = None
    comment: Text | None = None
    status: ItemStatus
    is_template: bool


class ExamOut(BaseExam, Stamped):
    workflows: list[WorkflowOut] = []


class BasePatient(BaseModel):
    first_name: Text
    last_name: Text
    birth_date: date
    sex: Gender
    issuer: Text
    status: Literal["NEW", "UPDATED", "DELETED"]
    comment: Text | None = None


class PatientOut(BasePatient):
    id: UUID
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


class BaseDevice(BaseModel):
    """A device as it registers; it chooses its id itself."""

    id: Text
    name: Text
    manufacturer: Text
    modality: Text
    status: Text
    site: Text | None = None
    ip_address: Text


class Device(BaseDevice):
    datetime_created: datetime
    datetime_updated: datetime | None = None


class XYZ(BaseModel):
    """A vector; the contract leaves its unit to the sequence."""

    X: float
    Y: float
    Z: float


class AcquisitionLimits(BaseModel):
    """Limits of a scan: height in cm, weight in kg, age in full years."""

    patient_height: Whole
    patient_weight: Whole
    patient_gender: Gender | None = Field(default=None, alias="Gender")
    patient_age: Whole


class SequenceParameters(BaseModel):
    fov: XYZ
    fov_offset: XYZ


class ParametrizedSequence(BaseModel):
    """A sequence with its limits and parameters; ``sequence`` is a JSON document as text."""

    acquisition_limits: AcquisitionLimits
    sequence_parameters: SequenceParameters
    sequence: Text


class DeviceTask(BaseModel):
    """The order to scan; ``record_id`` is the id of the task."""

    device_id: Text
    record_id: UUID
    command: Commands
    parametrized_sequence: ParametrizedSequence
    user_access_token: Text
