"""The files that a run leaves, and what made them."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from workflow_manager.domain.exam import ResultType

# A series of 500 images, of which each is reported, and more; S3 lists no more at once either.
MAX_N_RESULTS = 1000
# All results of a run, in UTF-8: with its inputs they must fit into one item of 400 KB.
MAX_RESULTS_BYTES = 100_000
# A term, not a text: nothing that may be a patient's stands in it.
VersionText = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:+-]{0,63}$")]
FactName = Annotated[str, Field(max_length=100)]
Fact = (
    Annotated[str, Field(max_length=200)]
    | int
    | float
    | bool
    | Annotated[tuple[int | float, ...], Field(max_length=16)]
    | None
)

_TYPE_BY_SUFFIX = {
    **dict.fromkeys((".h5", ".hdf5", ".mrd"), ResultType.MRD),
    **dict.fromkeys((".npy", ".npz"), ResultType.NUMPY),
    # ScanHub has no type for numbers and texts, and its device-manager calls its JSON files so.
    **dict.fromkeys((".json", ".csv", ".tsv", ".txt", ".xml", ".yaml"), ResultType.CALIBRATION),
}


def result_type_of(key: str) -> ResultType:
    """Return the type of a result by the extension of its key or path, by default DICOM."""
    return _TYPE_BY_SUFFIX.get(PurePosixPath(key).suffix.lower(), ResultType.DICOM)


class Result(BaseModel):
    """A file that a run made.

    Attributes
    ----------
    key
        S3 key, or the path that an upstream DAG named.
    preview_key
        S3 key of a picture to look at.
    metadata
        Small technical facts, free of patient data.
    """

    model_config = ConfigDict(frozen=True)

    type: ResultType
    key: str = Field(min_length=1, max_length=1024)
    preview_key: str | None = Field(default=None, max_length=1024)
    metadata: dict[FactName, Fact] = Field(default_factory=dict, max_length=30)


def can_keep(results: Sequence[Result]) -> bool:
    """Tell whether an item has room for all results of a run."""
    n_bytes = sum(len(each.model_dump_json().encode()) for each in results)
    return len(results) <= MAX_N_RESULTS and n_bytes <= MAX_RESULTS_BYTES


class Engine(BaseModel):
    """The program that made the results, as the DAG names it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+ -]{0,63}$")
    version: VersionText | None = None
