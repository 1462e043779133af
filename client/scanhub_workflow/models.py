"""What the API sends and takes; unknown fields of a newer server are ignored."""

from __future__ import annotations

# Generated from the OpenAPI document: do not edit, run `make client-models`.
# SHA-256 of its schemas: c88c5d4dc51d4a87ebfe0a97e48e6d9747b2c22b50c8fa936a85a98fd9faf0fd
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class AbortedUpload(BaseModel):
    """An upload that was given up."""

    upload_id: str
    state: UploadState


class AvailableTasks(BaseModel):
    """What tasks can name, nested as ScanHub's clients read it."""

    tasks: DagList


class BodyLogIn(BaseModel):
    username: str
    password: str


class CancelledDagRunView(BaseModel):
    """A run that was cancelled, and what that means."""

    dag_run_id: str
    dag_id: str
    workflow_id: str | None
    task_id: str | None
    state: DagRunState
    progress: int
    attempt: int
    reason: str | None
    results: list[Result]
    dag_version: Annotated[
        str | None,
        Field(
            description="Of the DAG: as Airflow 3 counts it, with the version of its files behind a plus sign if they have one; else as the DAG itself told it."
        ),
    ] = None
    engine: Annotated[
        Engine | None,
        Field(description="The program that made the results, as the DAG told it."),
    ] = None
    deadline: AwareDatetime
    created_at: AwareDatetime
    started_at: AwareDatetime | None
    finished_at: AwareDatetime | None
    stopped_at: Annotated[
        AwareDatetime | None,
        Field(
            description="When Airflow confirmed that a run which was cancelled, or ran past its deadline, has stopped; null until then."
        ),
    ] = None
    message: Annotated[
        str, Field(description="What is stopped now and what is not, for the operator.")
    ]


class CancelledTaskView(BaseModel):
    """What a call that cancels a task has done."""

    message: Annotated[
        str, Field(description="What is stopped now and what is not, for the operator.")
    ]
    task: TaskView


class CancelledWorkflowView(BaseModel):
    """What a call that cancels a workflow has done."""

    message: Annotated[
        str, Field(description="What is stopped now and what is not, for the operator.")
    ]
    workflow_id: str
    workflow_status: str
    tasks: list[TaskView]


class CompleteUploadBody(BaseModel):
    """The parts as they were sent."""

    parts: list[Part]
    crc64nvme: Annotated[
        str | None,
        Field(description="CRC-64/NVME of the whole file, base64: S3 compares it."),
    ] = None


class CompletedUpload(BaseModel):
    """A completed upload, and where to see what becomes of it."""

    upload_id: str
    state: UploadState
    dag_run_id: str | None
    workflow_id: str | None = None
    status_url: str | None


class CreateUploadBody(BaseModel):
    """A file that is to be uploaded, for a DAG or for a device task: exactly one of the two."""

    file_name: Annotated[
        str, Field(description="Its extension is used; the name is shown to you only.")
    ]
    size_bytes: Annotated[int, Field(description="[bytes]")]
    content_type: str = "application/octet-stream"
    dag_id: str | None = None
    task_id: str | None = None


class Dag(BaseModel):
    """A DAG as clients list it."""

    dag_id: str
    dag_display_name: str
    is_paused: bool = False
    has_import_errors: bool = False
    description: str | None = None
    tags: list[str] = []


class DagImportError(BaseModel):
    """A DAG file that Airflow cannot read, and why."""

    filename: str
    error: str


class DagList(BaseModel):
    """The DAGs, as Airflow's own list begins, and what is missing from it."""

    dags: list[Dag]
    total_entries: int
    import_errors: Annotated[
        list[DagImportError],
        Field(
            description="The newest 20 DAG files that Airflow cannot read.",
            validate_default=True,
        ),
    ] = []


class DagRunDetail(BaseModel):
    """A run with what Airflow shows of it."""

    dag_run_id: str
    dag_id: str
    workflow_id: str | None
    task_id: str | None
    state: DagRunState
    progress: int
    attempt: int
    reason: str | None
    results: list[Result]
    dag_version: Annotated[
        str | None,
        Field(
            description="Of the DAG: as Airflow 3 counts it, with the version of its files behind a plus sign if they have one; else as the DAG itself told it."
        ),
    ] = None
    engine: Annotated[
        Engine | None,
        Field(description="The program that made the results, as the DAG told it."),
    ] = None
    deadline: AwareDatetime
    created_at: AwareDatetime
    started_at: AwareDatetime | None
    finished_at: AwareDatetime | None
    stopped_at: Annotated[
        AwareDatetime | None,
        Field(
            description="When Airflow confirmed that a run which was cancelled, or ran past its deadline, has stopped; null until then."
        ),
    ] = None
    airflow_url: Annotated[
        str | None, Field(description="Airflow's own page of the run, if it is known.")
    ]
    task_instances: Annotated[
        list[TaskInstanceView] | None,
        Field(description="None if Airflow has nothing of the run, or could not be asked."),
    ]


class DagRunList(BaseModel):
    """A page of the runs, newest first."""

    dag_runs: list[DagRunView]
    next_cursor: Annotated[
        str | None,
        Field(description="For the next page, as `cursor`; null at the end."),
    ]


class DagRunState(StrEnum):
    """
    Where a run stands; PENDING has not been seen in Airflow yet.

    UNKNOWN is what another version wrote, and is never written.
    """

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    UNKNOWN = "UNKNOWN"


class DagRunView(BaseModel):
    """A run as clients see it: never its token's hash, never who uploaded."""

    dag_run_id: str
    dag_id: str
    workflow_id: str | None
    task_id: str | None
    state: DagRunState
    progress: int
    attempt: int
    reason: str | None
    results: list[Result]
    dag_version: Annotated[
        str | None,
        Field(
            description="Of the DAG: as Airflow 3 counts it, with the version of its files behind a plus sign if they have one; else as the DAG itself told it."
        ),
    ] = None
    engine: Annotated[
        Engine | None,
        Field(description="The program that made the results, as the DAG told it."),
    ] = None
    deadline: AwareDatetime
    created_at: AwareDatetime
    started_at: AwareDatetime | None
    finished_at: AwareDatetime | None
    stopped_at: Annotated[
        AwareDatetime | None,
        Field(
            description="When Airflow confirmed that a run which was cancelled, or ran past its deadline, has stopped; null until then."
        ),
    ] = None


class Engine(BaseModel):
    """The program that made the results, as the DAG names it."""

    model_config = ConfigDict(
        extra="forbid",
    )
    name: str
    version: str | None = None


class EventList(BaseModel):
    """A page of an audit trail, oldest first."""

    events: list[EventView]
    next_cursor: Annotated[
        str | None,
        Field(description="For the next page, as `cursor`; null at the end."),
    ]


class EventView(BaseModel):
    """One line of the audit trail as clients see it."""

    event_id: str
    entity: str
    name: str
    from_state: str | None
    to_state: str
    reason: str | None
    actor: str
    at: AwareDatetime


class InvalidField(BaseModel):
    loc: list[str | int]
    msg: str
    type: str


class MeView(BaseModel):
    """Who the caller is, and what he may do."""

    username: str
    role: str
    permissions: Annotated[list[str], Field(description="The operations that the role may call.")]
    ends_at: Annotated[
        AwareDatetime | None,
        Field(description="When the login ends; null: user-login-manager does not tell."),
    ]


class NotStartedView(BaseModel):
    """A failed task that the call left as it was."""

    task_id: str
    reason: Annotated[str, Field(description="Why it was not started, and what to do.")]


class Part(BaseModel):
    """
    A part that the client or S3 speaks of.

    Attributes
    ----------
    crc64nvme
        Its CRC-64/NVME, base64; None if it is not known.
    """

    part_number: int
    etag: str
    size_bytes: int | None = None
    crc64nvme: str | None = None


class PartView(BaseModel):
    """Where to PUT one part."""

    part_number: int
    size_bytes: int
    url: str


class PlannedTaskView(BaseModel):
    """A task in the order in which it could be carried out."""

    task_id: str
    task_type: TaskType
    status: TaskStatus
    input_task_ids: list[str]
    start: Annotated[
        StartMode | None,
        Field(
            description="What starts it: the next call of process, its inputs by themselves, or a later call of an operator; none if it is not pending."
        ),
    ]
    problems: Annotated[list[str], Field(description="What keeps it from starting.")]


class PresentPartView(BaseModel):
    """A part that S3 holds."""

    part_number: int
    etag: str
    size_bytes: int | None
    crc64nvme: Annotated[
        str | None, Field(description="As S3 computed it, base64; none if it did not.")
    ]


class Problem(BaseModel):
    """RFC 9457; `detail` is what ScanHub's clients read."""

    type: Annotated[str, Field(examples=["about:blank"])]
    title: Annotated[str, Field(examples=["Not Found"])]
    status: Annotated[int, Field(examples=[404])]
    detail: str | list[InvalidField]
    reason: Annotated[str | None, Field(description="More for the operator.")] = None
    attempt: Annotated[
        int | None,
        Field(description="The task's attempt, where another one was expected."),
    ] = None
    problems: Annotated[
        list[str] | None,
        Field(description="What keeps a workflow as a whole from being carried out."),
    ] = None
    tasks: list[RefusedTask] | None = None
    not_checked: Annotated[list[str] | None, Field(description="What no service has answered.")] = (
        None
    )


class ProcessedWorkflowView(BaseModel):
    """What a call of ``/process/`` did; `message` is ScanHub's."""

    message: str = "Workflow processed successfully"
    workflow_id: str
    workflow_status: Annotated[str, Field(description="running, completed, failed or cancelled")]
    is_started: Annotated[bool, Field(description="Whether this call started the task.")]
    task: Annotated[
        TaskView | None,
        Field(description="Started, or waited for; none if all are completed."),
    ]
    not_checked: Annotated[
        list[str],
        Field(description="What no service has answered in the checks before a scan."),
    ] = []


class RefusedTask(BaseModel):
    task_id: str
    problems: Annotated[list[str], Field(description="What keeps it from starting.")]


class RejectedObjectList(BaseModel):
    """A page of the rejected objects, newest first."""

    rejected_objects: list[RejectedObjectView]
    next_cursor: Annotated[
        str | None,
        Field(description="For the next page, as `cursor`; null at the end."),
    ]


class RejectedObjectView(BaseModel):
    """An object that came into the data lake and caused nothing."""

    rejected_object_id: str
    bucket: str
    key: str
    version_id: str | None
    size_bytes: int | None
    reason: str
    at: AwareDatetime


class Result(BaseModel):
    """
    A file that a run made.

    Attributes
    ----------
    key
        S3 key, or the path that an upstream DAG named.
    preview_key
        S3 key of a picture to look at.
    metadata
        Small technical facts, free of patient data.
    """

    type: ResultType
    key: str
    preview_key: str | None = None
    metadata: dict[str, str | int | float | bool | list[int | float] | None] | None = None


class ResultList(BaseModel):
    """A page of the files of a run, by key; none before the run has succeeded."""

    dag_run_id: str
    state: DagRunState
    expires_at: Annotated[
        AwareDatetime, Field(description="The URLs work until then at the latest.")
    ]
    results: list[ResultView]
    next_cursor: Annotated[
        str | None,
        Field(description="For the next page, as `cursor`; null at the end."),
    ]


class ResultType(StrEnum):
    """
    Kinds of results; NUMPY came with generation B.
    """

    DICOM = "DICOM"
    MRD = "MRD"
    NUMPY = "NUMPY"
    CALIBRATION = "CALIBRATION"


class ResultView(BaseModel):
    """A file of a run. Whoever holds one of its URLs can read it, without a token."""

    type: Annotated[
        ResultType | None,
        Field(description="null for a picture that the DAG did not report."),
    ]
    key: str
    size_bytes: Annotated[int | None, Field(description="[bytes]; null if the file is not there.")]
    metadata: Annotated[
        dict[str, str | int | float | bool | list[int | float] | None],
        Field(description="Technical facts, as the DAG reported them."),
    ]
    url: Annotated[
        str | None,
        Field(description="GET saves the file; null if `unavailable_reason` says so."),
    ]
    unavailable_reason: str | None
    preview_key: str | None
    preview_url: Annotated[
        str | None,
        Field(
            description="GET shows a picture; null if it is not there, or not in the run's folder."
        ),
    ]


class RetriedWorkflowView(BaseModel):
    """What a call that starts again what has failed of a workflow has done."""

    message: Annotated[
        str, Field(description="What was started and what was not, for the operator.")
    ]
    workflow_id: str
    workflow_status: str
    started: Annotated[
        list[str], Field(description="Ids of the tasks whose next attempt has begun.")
    ]
    not_started: list[NotStartedView]
    tasks: list[TaskView]


class StartMode(StrEnum):
    """
    What it takes to start a pending task.
    """

    process = "process"
    by_itself = "by_itself"
    operator = "operator"


class TaskInstanceView(BaseModel):
    """A task of a run as Airflow has it."""

    task_id: str
    state: Annotated[
        str | None,
        Field(description="Airflow's own word; none before it is scheduled."),
    ]
    started_at: AwareDatetime | None
    ended_at: AwareDatetime | None
    try_number: int


class TaskStatus(StrEnum):
    """
    Where a task stands; UNKNOWN is what another version wrote, and is never written.
    """

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    UNKNOWN = "UNKNOWN"


class TaskType(StrEnum):
    """
    Kinds of tasks that a workflow is made of.
    """

    DEVICE_TASK_SDK = "DEVICE_TASK_SDK"
    DEVICE_TASK_SIMULATOR = "DEVICE_TASK_SIMULATOR"
    RECONSTRUCTION_TASK = "RECONSTRUCTION_TASK"
    PROCESSING_TASK = "PROCESSING_TASK"


class TaskView(BaseModel):
    """A task as clients see it."""

    task_id: str
    name: Annotated[
        str | None,
        Field(
            description="Its kind and place in the workflow, as `Reconstruction 2`: names in exam-manager are free text, and are not kept. Null where the task is shown alone."
        ),
    ] = None
    task_type: TaskType
    status: TaskStatus
    progress: Annotated[int, Field(description="0 to 100 [%]")]
    attempt: int
    device_id: Annotated[str | None, Field(description="The scanner of a scan.")] = None
    dag_id: Annotated[str | None, Field(description="The DAG of every other task.")] = None
    input_task_ids: list[str]
    inputs: Annotated[list[str], Field(description="The same as `input_task_ids`.")] = []
    waits_for: Annotated[
        WaitingView | None,
        Field(description="What keeps it from going on; null: nothing but its start."),
    ] = None
    dag_run_id: str | None
    reason: Annotated[str | None, Field(description="Why it failed.")]
    created_at: Annotated[
        AwareDatetime | None,
        Field(description="When it was taken over from exam-manager, if that is known."),
    ] = None
    started_at: Annotated[AwareDatetime | None, Field(description="When this attempt began.")] = (
        None
    )
    finished_at: Annotated[AwareDatetime | None, Field(description="When this attempt ended.")] = (
        None
    )
    deadline: AwareDatetime | None
    updated_at: AwareDatetime


class TriggeredTaskView(BaseModel):
    """The answer to a started task; `status` and `data` are ScanHub's."""

    status: Literal["success"] = "success"
    data: str = "ok"
    task: TaskView


class TriggeredUploadData(BaseModel):
    """What a file has become."""

    dag_id: str
    dag_run_id: str
    upload_id: str
    status_url: str


class TriggeredUploadView(BaseModel):
    """The answer to a small upload; `message` is ScanHub's."""

    message: str = "File uploaded and DAG triggered successfully"
    data: TriggeredUploadData


class UploadList(BaseModel):
    """A page of the caller's own open uploads, newest first."""

    uploads: list[UploadSummary]
    next_cursor: Annotated[
        str | None,
        Field(description="For the next page, as `cursor`; null at the end."),
    ]


class UploadState(StrEnum):
    """
    Where an upload stands.
    """

    CREATED = "CREATED"
    COMPLETED = "COMPLETED"
    ABORTED = "ABORTED"


class UploadSummary(BaseModel):
    """An open upload in a list; GET the upload shows which parts are missing."""

    upload_id: str
    state: UploadState
    dag_id: str | None
    task_id: str | None
    file_name: str
    size_bytes: int
    part_size_bytes: int
    n_parts: int
    created_at: AwareDatetime
    expires_at: Annotated[AwareDatetime, Field(description="It is forgotten then.")]


class UploadView(BaseModel):
    """
    How to send a file: PUT each missing part to its URL, then complete the upload.

    Fresh URLs for further parts, or in place of expired ones: GET the upload.
    """

    upload_id: str
    state: UploadState
    dag_id: str | None
    task_id: str | None
    file_name: str
    size_bytes: int
    part_size_bytes: int
    n_parts: int
    present: Annotated[list[PresentPartView], Field(description="What S3 holds already.")]
    parts: Annotated[list[PartView], Field(description="The missing parts to send next.")]
    expires_at: Annotated[
        AwareDatetime, Field(description="The URLs work until then at the latest.")
    ]


class ValidatedWorkflowView(BaseModel):
    """What processing a workflow would do; nothing has been changed."""

    workflow_id: str
    is_valid: Annotated[bool, Field(description="Whether nothing is missing.")]
    would_start: Annotated[
        list[str], Field(description="Ids of the tasks that process would start now.")
    ]
    problems: Annotated[list[str], Field(description="What concerns the workflow as a whole.")]
    tasks: list[PlannedTaskView]


class WaitingView(BaseModel):
    """What a task waits for."""

    reason: Annotated[
        str | None, Field(description="A sentence; null where it only waits for tasks.")
    ]
    task_ids: Annotated[list[str], Field(description="Inputs of it that are not completed.")]


class WorkflowList(BaseModel):
    """A page of the workflows, newest first."""

    workflows: list[WorkflowSummary]
    next_cursor: Annotated[
        str | None,
        Field(description="For the next page, as `cursor`; null at the end."),
    ]


class WorkflowStatus(StrEnum):
    """
    Where a workflow stands; UNKNOWN is what another version wrote, and is never written.
    """

    running = "running"
    completed = "completed"
    failed = "failed"
    cancelled = "cancelled"
    unknown = "unknown"


class WorkflowSummary(BaseModel):
    """A workflow in a list."""

    workflow_id: str
    exam_id: str | None
    status: WorkflowStatus
    created_at: AwareDatetime
    updated_at: AwareDatetime
    tasks: Annotated[
        list[TaskView] | None,
        Field(description="With `include=tasks` only; a scan's progress may lag a minute."),
    ] = None


class WorkflowView(BaseModel):
    """A workflow as clients see it."""

    workflow_id: str
    exam_id: str | None
    status: Annotated[
        str,
        Field(description="pending (never processed), running, completed, failed or cancelled"),
    ]
    auto_advance: Annotated[bool, Field(description="Whether DAG tasks start by themselves.")]
    created_at: AwareDatetime
    updated_at: AwareDatetime
    tasks: list[TaskView]
    events: Annotated[
        list[EventView],
        Field(description="The newest changes, at most 100, oldest first."),
    ]
    events_url: Annotated[str | None, Field(description="Where all changes are, page by page.")] = (
        None
    )
