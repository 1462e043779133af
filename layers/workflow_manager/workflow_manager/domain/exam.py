"""Records of exam-, patient-, sequence- and device-manager, as we know them.

Field names and enumerations are the wire contract of ScanHub's older API (generation A); what later
ones have besides is optional. Fields that we do not use are left out.
"""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat


class ScanHubModel(BaseModel):
    """A record of a neighbour: fields that we do not know are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class ItemStatus(StrEnum):
    """Status of an item in exam-manager."""

    NEW = "NEW"
    UPDATED = "UPDATED"
    STARTED = "STARTED"
    INPROGRESS = "INPROGRESS"
    FINISHED = "FINISHED"
    ERROR = "ERROR"
    DELETED = "DELETED"


class TaskType(StrEnum):
    """Kinds of tasks that a workflow is made of."""

    DEVICE_TASK_SDK = "DEVICE_TASK_SDK"
    DEVICE_TASK_SIMULATOR = "DEVICE_TASK_SIMULATOR"
    RECONSTRUCTION_TASK = "RECONSTRUCTION_TASK"
    PROCESSING_TASK = "PROCESSING_TASK"

    @property
    def is_device_task(self) -> bool:
        """Whether a scanner carries the task out."""
        return self in (TaskType.DEVICE_TASK_SDK, TaskType.DEVICE_TASK_SIMULATOR)


def is_under_scan(task_type: object, progress: object) -> bool:
    """Tell whether device-manager is writing the progress of a scan to a task of exam-manager."""
    is_device_task = task_type in (TaskType.DEVICE_TASK_SDK, TaskType.DEVICE_TASK_SIMULATOR)
    return is_device_task and progress not in (0, 100)


class Gender(StrEnum):
    """A patient's sex as ScanHub knows it."""

    MALE = "MALE"
    FEMALE = "FEMALE"
    OTHER = "OTHER"
    NOT_GIVEN = "NOT_GIVEN"


class ResultType(StrEnum):
    """Kinds of results; NUMPY came with generation B."""

    DICOM = "DICOM"
    MRD = "MRD"
    NUMPY = "NUMPY"
    CALIBRATION = "CALIBRATION"


class ExamResult(ScanHubModel):
    """A result that exam-manager lists with a task.

    Attributes
    ----------
    filename
        Of several, the one to show.
    files
        All of its files, by their names below `directory`; empty: the one.
    datetime_created
        Naive, in the server's own time.
    """

    id: str = ""
    type: str
    directory: str = ""
    filename: str = ""
    files: tuple[str, ...] = ()
    datetime_created: datetime | None = None


class ExamTask(ScanHubModel):
    """A task as exam-manager defines it.

    Attributes
    ----------
    input_task_ids
        The tasks whose data it takes, where they are a field of its own; None: the args may tell.
    position
        Its place in the workflow; None: tasks are in the order of their creation.
    """

    id: str
    workflow_id: str | None = None
    # Free text, perhaps a patient's data: it tells which task others mean, and goes no further.
    name: str = Field(default="", repr=False)
    type: TaskType
    args: dict[str, str] = Field(default_factory=dict)
    destinations: dict[str, str] = Field(default_factory=dict)
    input_task_ids: tuple[str, ...] | None = None
    position: int | None = None
    status: ItemStatus
    progress: int = 0
    is_template: bool = False
    datetime_created: datetime
    datetime_updated: datetime | None = None
    results: list[ExamResult] = Field(default_factory=list)

    @property
    def has_fresh_data(self) -> bool:
        """Whether a file has come for it since its state was last written, by one clock.

        A device that sends its file is not heard of the end of its scan.
        """
        written_at = self.datetime_updated
        files = (each for each in self.results if each.directory and each.type != "CALIBRATION")
        came = (each.datetime_created for each in files)
        return written_at is not None and any(at is not None and at >= written_at for at in came)


def asks_for_simulation(args: Mapping[str, str]) -> bool:
    """Tell whether a task's run is to be simulated: ``args["simulate"] = "true"``."""
    return args.get("simulate", "").lower() == "true"


class ExamWorkflow(ScanHubModel):
    """A workflow as exam-manager defines it, its tasks embedded."""

    id: str
    exam_id: str | None = None
    status: ItemStatus = ItemStatus.NEW
    is_template: bool = False
    tasks: list[ExamTask] = Field(default_factory=list)


class Exam(ScanHubModel):
    """What starting a scan, and a DAG, need of an exam.

    Attributes
    ----------
    datetime_created
        Naive, in the server's own time.
    """

    id: str
    patient_id: str | None = None
    patient_height_cm: int | None = None
    patient_weight_kg: int | None = None
    datetime_created: datetime | None = None


class PatientExam(ScanHubModel):
    """What there is of a patient in an exam: workflows, their tasks embedded."""

    id: str
    workflows: list[ExamWorkflow] = Field(default_factory=list)


class Patient(ScanHubModel):
    """What starting a scan needs of a patient. Never stored, never logged.

    Attributes
    ----------
    height_cm, weight_kg
        None: the exam has them.
    """

    birth_date: date
    sex: Gender
    height_cm: FiniteFloat | None = None
    weight_kg: FiniteFloat | None = None


class Device(ScanHubModel):
    """A device as device-manager shows it.

    Attributes
    ----------
    status
        The device's last word, free text; ``disconnected`` is device-manager's own.
    datetime_updated
        When it came, naive server-local; None: none came since the device was registered.
    """

    status: str = Field(max_length=100)
    datetime_updated: datetime | None = None


class AcquisitionLimits(ScanHubModel):
    """Limits that protect the patient during acquisition.

    Attributes
    ----------
    patient_height
        [cm]
    patient_weight
        [kg]
    patient_gender
        Its JSON key is ``Gender``, as generation A's devices read it.
    patient_age
        [years]
    """

    patient_height: int = Field(gt=0)
    patient_weight: int = Field(gt=0)
    patient_gender: Gender = Field(serialization_alias="Gender")
    patient_age: int = Field(ge=0)


class Xyz(ScanHubModel):
    """A vector in ScanHub's upper-case spelling."""

    X: FiniteFloat
    Y: FiniteFloat
    Z: FiniteFloat


class SequenceParameters(ScanHubModel):
    """Field of view and its offset, in the units of the sequence."""

    fov: Xyz
    fov_offset: Xyz


class LowerXyz(ScanHubModel):
    """A vector in ScanHub's later, lower-case spelling."""

    x: FiniteFloat
    y: FiniteFloat
    z: FiniteFloat


class AcquisitionParameter(ScanHubModel):
    """How the field of view of a sequence is scaled, moved and turned."""

    fov_scaling: LowerXyz
    fov_offset: LowerXyz
    fov_rotation: LowerXyz


# None: the sequence as it is.
ScanParameters = SequenceParameters | AcquisitionParameter | None


class ParametrizedSequence(ScanHubModel):
    """A sequence document with the limits and parameters to run it with."""

    acquisition_limits: AcquisitionLimits
    sequence_parameters: ScanParameters
    sequence: str


class DeviceTask(ScanHubModel):
    """What a device is sent to start a scan; `record_id` is the task's id.

    Attributes
    ----------
    sequence_id
        Of the sequence: devices take its document.
    """

    device_id: str
    record_id: str
    command: str = "START"
    parametrized_sequence: ParametrizedSequence
    user_access_token: str = Field(repr=False)
    sequence_id: str = Field(default="", exclude=True)


class User(ScanHubModel):
    """Whom a token belongs to."""

    username: str
    role: str = ""
