"""What clients of uploads send and read."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from workflow_manager.domain.upload import MAX_N_PARTS, Part, Upload, UploadState
from workflow_manager.services.create_upload import PresignedPart
from workflow_manager.services.upload_and_trigger import TriggeredUpload


class CreateUploadBody(BaseModel):
    """A file that is to be uploaded, for a DAG or for a device task: exactly one of the two."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "dag_id": "cartesian_reconstruction",
                "file_name": "phantom.h5",
                "size_bytes": 35_000_000,
                "content_type": "application/x-hdf5",
            }
        }
    )

    file_name: str = Field(description="Its extension is used; the name is shown to you only.")
    size_bytes: int = Field(description="[bytes]")
    content_type: str = Field(
        default="application/octet-stream", pattern=r"^[A-Za-z0-9.+-]+/[A-Za-z0-9.+-]+$"
    )
    dag_id: str | None = None
    task_id: str | None = Field(default=None, max_length=64)


class PartView(BaseModel):
    """Where to PUT one part."""

    part_number: int
    size_bytes: int
    url: str


class UploadPlan(BaseModel):
    """How to send a file: PUT each part to its URL, note the ETag, then complete the upload."""

    upload_id: str
    part_size_bytes: int
    n_parts: int
    parts: list[PartView]
    expires_at: datetime = Field(description="The URLs work until then at the latest.")

    @classmethod
    def of(cls, upload: Upload, parts: list[PresignedPart], expires_at: datetime) -> "UploadPlan":
        """Return the plan of an upload."""
        return cls(
            upload_id=upload.upload_id,
            part_size_bytes=upload.part_size_bytes,
            n_parts=upload.n_parts,
            parts=[PartView.model_validate(part, from_attributes=True) for part in parts],
            expires_at=expires_at,
        )


class CompleteUploadBody(BaseModel):
    """The parts as they were sent."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"parts": [{"part_number": 1, "etag": "9b2cf535f27731c974343645a3985328"}]}
        }
    )

    parts: list[Part] = Field(min_length=1, max_length=MAX_N_PARTS)


class CompletedUpload(BaseModel):
    """A completed upload, and where to see what becomes of it."""

    upload_id: str
    state: UploadState
    dag_run_id: str | None
    status_url: str | None


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

    @classmethod
    def of(cls, triggered: TriggeredUpload, status_url: str) -> "TriggeredUploadView":
        """Return the view of an upload."""
        data = TriggeredUploadData(
            dag_id=triggered.dag_id,
            dag_run_id=triggered.dag_run_id,
            upload_id=triggered.upload_id,
            status_url=status_url,
        )
        return cls(data=data)
