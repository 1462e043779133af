"""Have a process of its own read an ISMRMRD file: HDF5 is C, and the file a stranger's.

The process has no secrets, no network, no further files, and its memory and time have an end.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from scanhub_dag.disk import find_room
from scanhub_reconstruction.model import (
    NeedsEngineError,
    RawData,
    RawDataError,
    ScanDescription,
    ScanParameters,
    SliceGeometry,
    Volume,
)
from scanhub_reconstruction.parallel import ParallelImaging
from scanhub_reconstruction.scratch import map_scratch

# Beside the reader's own limit of processor time: waiting for a disk or a busy machine has an end.
_TIMEOUT_S = 3600.0
# What the dynamic loader, Python and NumPy need; not AWS's keys, and nothing that steers HDF5.
_ENVIRONMENT = ("LD_LIBRARY_PATH", "PYTHONHOME", "TMPDIR")
_READER = "scanhub_reconstruction.ismrmrd_reader"
_DAMAGE_SIGNALS = (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL)


class ReaderError(Exception):
    """The process that reads the file ended for a reason that is not the file's."""


def read_ismrmrd_apart(path: Path, *, is_acceleration_taken: bool = False) -> RawData:
    """Read one 2D or 3D Cartesian measurement in a process of its own.

    Parameters
    ----------
    path
        An HDF5 file with ISMRMRD's group `dataset`; samples are sorted into a file beside it.
    is_acceleration_taken
        Whether an engine unfolds what is undersampled.

    Returns
    -------
    RawData
        As of `read_ismrmrd`.

    Raises
    ------
    RawDataError
        If the file is damaged, incomplete, not Cartesian, or asks too much of the process.
    ReaderError
        If the process failed otherwise; trying again may help.
    """
    with tempfile.TemporaryFile(dir=path.parent) as scratch:
        answer = _run_reader(path, scratch.fileno(), is_acceleration_taken=is_acceleration_taken)
        if "sentence" in answer:
            kind = NeedsEngineError if answer.get("needs_engine") else RawDataError
            raise kind(answer["sentence"])
        mapping = mmap.mmap(scratch.fileno(), 0)
    scan = answer["scan"]
    return RawData(
        map_scratch(mapping, answer["shape"]),
        tuple(answer["transform_shape"]),
        tuple(answer["image_shape"]),
        source_format="ISMRMRD",
        scan=ScanParameters(**{**scan, "field_of_view_mm": tuple(scan["field_of_view_mm"])}),
        description=ScanDescription(**answer["description"]),
        n_averages=answer["n_averages"],
        volumes=tuple(_build_volume(volume) for volume in answer["volumes"]),
        mapping=mapping,
        scan_options=tuple(answer["scan_options"]),
        mends=tuple(answer["mends"]),
        is_prewhitened=answer["is_prewhitened"],
        parallel=_build_parallel(answer["parallel"], mapping, answer["shape"]),
    )


def _build_parallel(
    parallel: dict[str, Any] | None, mapping: mmap.mmap, kspace_shape: list[int]
) -> ParallelImaging | None:
    if parallel is None:
        return None
    reference = shape = parallel["reference"]
    if shape is not None:
        reference = map_scratch(mapping, shape, math.prod(kspace_shape))
    along_y, along_z = parallel["factors"]
    first_z, first_y = parallel["start"]
    return ParallelImaging(
        (along_y, along_z),
        parallel["calibration_mode"],
        reference,
        (first_z, first_y),
        tuple(tuple(counters) for counters in parallel["counters"]),
    )


def _run_reader(path: Path, scratch: int, *, is_acceleration_taken: bool) -> dict[str, Any]:
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    environment |= {"PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"}
    arguments = [str(path), str(scratch), str(find_room(path.parent))]
    if is_acceleration_taken:
        arguments.append("accelerated")
    try:
        process = subprocess.run(  # noqa: S603 - our own words, no shell
            [sys.executable, "-P", "-m", _READER, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # HDF5's errors quote names of the file
            env=environment,
            pass_fds=(scratch,),
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RawDataError("The ISMRMRD file takes too long to read.") from None
    if -process.returncode in _DAMAGE_SIGNALS:
        raise RawDataError("The ISMRMRD (HDF5) file is damaged or truncated.")
    if -process.returncode == signal.SIGXCPU:
        raise RawDataError("The ISMRMRD file takes too long to read.")
    if process.returncode:
        raise ReaderError(f"The reader of ISMRMRD files ended with {process.returncode}.")
    answer: dict[str, Any] = json.loads(process.stdout)
    return answer


def _build_volume(volume: dict[str, Any]) -> Volume:
    geometry = volume.pop("geometry")
    if geometry is not None:
        geometry = SliceGeometry(**{name: v and tuple(v) for name, v in geometry.items()})
    return Volume(**volume, geometry=geometry)
