"""What clients of uploads send and read."""

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from workflow_manager.domain.entity import Cause
from workflow_manager.domain.ids import normalize_id
from workflow_manager.domain.listing import Page
from workflow_manager.domain.upload import MAX_N_PARTS, Crc64Nvme, Part, Upload, UploadState
from workflow_manager.services.get_upload import UploadProgress
from workflow_manager.services.upload_and_trigger import TriggeredUpload
from workflow_manager.settings import Settings


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
        default="application/octet-stream",
        max_length=255,
        pattern=r"^[A-Za-z0-9.+-]+/[A-Za-z0-9.+-]+$",
    )
    dag_id: str | None = None
    task_id: Annotated[str, Field(max_length=64), AfterValidator(normalize_id)] | None = None


class PartView(BaseModel):
    """Where to PUT one part."""

    part_number: int
    size_bytes: int
    url: str


def expiry_of_urls(settings: Settings, cause: Cause) -> datetime:
    """Return when URLs that are signed now stop to work."""
    return cause.at + timedelta(seconds=settings.upload_url_lifetime_s)


class PresentPartView(BaseModel):
    """A part that S3 holds."""

    part_number: int
    etag: str
    size_bytes: int | None
    crc64nvme: str | None = Field(description="As S3 computed it, base64; none if it did not.")


class UploadView(BaseModel):
    """How to send a file: PUT each missing part to its URL, then complete the upload.

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
    present: list[PresentPartView] = Field(description="What S3 holds already.")
    parts: list[PartView] = Field(description="The missing parts to send next.")
    expires_at: datetime = Field(description="The URLs work until then at the latest.")

    @classmethod
    def of(cls, progress: UploadProgress, expires_at: datetime) -> "UploadView":
        """Return the view of an upload."""
        fields = progress.upload.model_dump(include=set(cls.model_fields))
        return cls(
            **fields,
            n_parts=progress.upload.n_parts,
            present=[
                PresentPartView.model_validate(part, from_attributes=True)
                for part in progress.present
            ],
            parts=[
                PartView.model_validate(part, from_attributes=True) for part in progress.missing
            ],
            expires_at=expires_at,
        )


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
    created_at: datetime
    expires_at: datetime = Field(description="It is forgotten then.")


class UploadList(BaseModel):
    """A page of the caller's own open uploads, newest first."""

    uploads: list[UploadSummary]
    next_cursor: str | None = Field(description="For the next page, as `cursor`; null at the end.")

    @classmethod
    def of(cls, page: Page[Upload], kept: timedelta) -> "UploadList":
        """Return the view of a page of uploads, each of which is kept so long."""
        shown = [
            UploadSummary(
                **{name: getattr(each, name) for name in _OF_UPLOAD},
                expires_at=each.created_at + kept,
            )
            for each in page.items
        ]
        return cls(uploads=shown, next_cursor=page.next_cursor)


_OF_UPLOAD = UploadSummary.model_fields.keys() - {"expires_at"}


class AbortedUpload(BaseModel):
    """An upload that was given up."""

    upload_id: str
    state: UploadState


class CompleteUploadBody(BaseModel):
    """The parts as they were sent."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "parts": [{"part_number": 1, "etag": "9b2cf535f27731c974343645a3985328"}],
                "crc64nvme": "rosUhgp5mIg=",
            }
        }
    )

    parts: list[Part] = Field(min_length=1, max_length=MAX_N_PARTS)
    crc64nvme: Crc64Nvme | None = Field(
        default=None, description="CRC-64/NVME of the whole file, base64: S3 compares it."
    )


class CompletedUpload(BaseModel):
    """A completed upload, and where to see what becomes of it."""

    upload_id: str
    state: UploadState
    dag_run_id: str | None
    workflow_id: str | None = None
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
