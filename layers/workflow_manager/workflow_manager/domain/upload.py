"""A presigned multipart upload: its plan and its state."""

from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from workflow_manager.domain.data_lake import AcquisitionData, parse_key
from workflow_manager.domain.entity import Entity
from workflow_manager.domain.errors import ConflictError, InvalidInputError

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
MIN_PART_SIZE_BYTES = 5 * 2**20
MAX_N_PARTS = 10_000
MAX_FILE_SIZE_BYTES = 50 * 10**12
# Large enough that a request's overhead vanishes, small enough that eight in flight help.
PREFERRED_PART_SIZE_BYTES = 16 * 2**20
# A failure repeats a whole part, so parts are larger only where 10,000 would not do.
LARGE_PART_SIZE_BYTES = 128 * 2**20
PREFERRED_N_PARTS = 1_000
# A URL with the credentials of a role is up to 2 KB long, and Lambda answers 6 MB at most.
MAX_N_URLS = 1_000


class UploadState(StrEnum):
    """Where an upload stands."""

    CREATED = "CREATED"
    COMPLETED = "COMPLETED"
    ABORTED = "ABORTED"


# Eight bytes, big-endian, as in the header x-amz-checksum-crc64nvme.
Crc64Nvme = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{11}=$")]


class Part(BaseModel):
    """A part that the client or S3 speaks of.

    Attributes
    ----------
    crc64nvme
        Its CRC-64/NVME, base64; None if it is not known.
    """

    model_config = ConfigDict(frozen=True)

    part_number: int = Field(ge=1, le=MAX_N_PARTS)
    etag: str = Field(min_length=1, max_length=100)
    size_bytes: int | None = None
    crc64nvme: Crc64Nvme | None = None

    def is_same_as(self, other: "Part") -> bool:
        """Tell whether both have the same content, as far as both describe it."""
        has_same_etag = self.etag.strip('"') == other.etag.strip('"')
        return has_same_etag and (
            None in (self.crc64nvme, other.crc64nvme) or self.crc64nvme == other.crc64nvme
        )


class Upload(Entity):
    """An upload in progress or done.

    Attributes
    ----------
    owner
        User name; nobody else sees the upload.
    file_name
        The client's own name. It may hold a patient's name, so it is shown to the owner and used
        for nothing else.
    attempt
        The attempt at the task that the data belongs to.
    """

    upload_id: str
    owner: str
    file_name: str = Field(repr=False)
    key: str
    s3_upload_id: str
    size_bytes: int
    part_size_bytes: int
    content_type: str
    dag_id: str | None = None
    task_id: str | None = None
    attempt: int | None = None
    state: UploadState = UploadState.CREATED
    version_id: str | None = None
    created_at: AwareDatetime

    @property
    def is_open(self) -> bool:
        """Whether it takes parts, as far as we know: S3 may have given it up."""
        return self.state is UploadState.CREATED

    @property
    def n_parts(self) -> int:
        """Number of parts."""
        return -(-self.size_bytes // self.part_size_bytes)

    @property
    def workflow_id(self) -> str | None:
        """The workflow whose device task the data belongs to; None for data of a DAG."""
        data = parse_key(self.key)
        return data.workflow_id if isinstance(data, AcquisitionData) else None

    def require_not_aborted(self) -> None:
        """Check that the upload was neither aborted nor has expired.

        Raises
        ------
        ConflictError
            It was, and repeating the request does not bring it back.
        """
        if self.state is UploadState.ABORTED:
            raise ConflictError("The upload was aborted or has expired: begin a new one.")

    def part_size(self, part_number: int) -> int:
        """Return the size of a part [bytes], numbered from 1; only the last one may be shorter."""
        if part_number < self.n_parts:
            return self.part_size_bytes
        return self.size_bytes - (self.n_parts - 1) * self.part_size_bytes

    def is_named_by(self, claimed: list[Part]) -> bool:
        """Tell whether a list names each part of the plan once, and no other, by its ETag alone."""
        numbers = sorted(part.part_number for part in claimed)
        has_crcs = any(part.crc64nvme for part in claimed)
        return numbers == [*range(1, self.n_parts + 1)] and not has_crcs

    def check_parts(self, present: list[Part], claimed: list[Part]) -> None:
        """Compare the parts that the client says it sent with those that S3 holds.

        Raises
        ------
        InvalidInputError
            The list names a part twice, or one that is not in the plan.
        ConflictError
            A part is missing, or has another size or content; the message names the first one.
        """
        in_s3 = {part.part_number: part for part in present}
        named = {part.part_number: part for part in claimed}
        if len(named) < len(claimed):
            raise InvalidInputError("A part is named twice.")
        for number in range(1, self.n_parts + 1):
            if number not in in_s3:
                raise ConflictError(f"Part {number} of {self.n_parts} has not arrived.")
            if in_s3[number].size_bytes != self.part_size(number):
                raise ConflictError(f"Part {number} does not have its planned size: send it again.")
            if number not in named:
                raise ConflictError(f"Part {number} is missing from the list of parts.")
            if not named[number].is_same_as(in_s3[number]):
                raise ConflictError(f"Part {number} in S3 is not the one you sent: send it again.")
        if surplus := sorted((set(named) | set(in_s3)) - set(range(1, self.n_parts + 1))):
            raise InvalidInputError(f"Part {surplus[0]} is not part of this upload.")


def choose_part_size(size_bytes: int) -> int:
    """Return a part size, in whole mebibytes [bytes], that gives at most 10,000 parts.

    Raises
    ------
    InvalidInputError
        The file is empty, or larger than an object in S3 may be.
    """
    if size_bytes < 1:
        raise InvalidInputError("The file is empty.")
    if size_bytes > MAX_FILE_SIZE_BYTES:
        raise InvalidInputError("The file is larger than 50 TB.")
    few_parts = min(-(-size_bytes // PREFERRED_N_PARTS), LARGE_PART_SIZE_BYTES)
    smallest = max(few_parts, -(-size_bytes // MAX_N_PARTS))
    return max(-(-smallest // 2**20) * 2**20, PREFERRED_PART_SIZE_BYTES)
