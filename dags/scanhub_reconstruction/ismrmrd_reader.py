"""The process that reads one ISMRMRD file: `python -m … PATH SCRATCH_DESCRIPTOR ROOM_BYTES`.

A further word, `accelerated`, lets it take what is undersampled.

It answers with JSON: a sentence that says what is wrong with the file, or what RawData holds
beside the k-space, which is in the scratch file.
"""

from __future__ import annotations

import codecs
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from scanhub_reconstruction.ismrmrd_file import read_ismrmrd
from scanhub_reconstruction.limits import close_off, limit_memory
from scanhub_reconstruction.model import NeedsEngineError, RawData, RawDataError
from scanhub_reconstruction.parallel import ParallelImaging
from scanhub_reconstruction.scratch import Scratch

_MIB = 2**20
# Acquisition headers and their places take as much memory as the file at most.
_LEAST_MEMORY_BYTES, _MOST_MEMORY_BYTES = 256 * _MIB, 2048 * _MIB
_MEMORY_PER_FILE_BYTE = 4
# A hundred times what a file of usual readouts takes.
_LEAST_CPU_S, _CPU_S_PER_MIB = 5, 1
# Python loads these from files when they are first used: h5py's, and what a header may be in.
_ENCODINGS = ("ascii", "utf-8", "utf-16", "iso-8859-1", "iso-8859-15", "windows-1252")


def answer(path: Path, scratch: Scratch, *, is_acceleration_taken: bool = False) -> dict[str, Any]:
    """Read the file, once this process can open no other.

    Parameters
    ----------
    path
        The file.
    scratch
        Takes the k-space.
    is_acceleration_taken
        Whether an engine unfolds what is undersampled.

    Returns
    -------
    dict
        JSON-ready: `sentence`, or what `read_ismrmrd` returns.
    """
    for encoding in _ENCODINGS:
        codecs.lookup(encoding)
    n_bytes = path.stat().st_size
    close_off(n_files=1, cpu_s=_LEAST_CPU_S + _CPU_S_PER_MIB * n_bytes // _MIB)
    memory_bytes = _LEAST_MEMORY_BYTES + _MEMORY_PER_FILE_BYTE * n_bytes
    try:
        with limit_memory(min(memory_bytes, _MOST_MEMORY_BYTES)):
            raw = read_ismrmrd(path, scratch, is_acceleration_taken=is_acceleration_taken)
            return _describe(raw)
    except RawDataError as error:
        return {"sentence": str(error), "needs_engine": isinstance(error, NeedsEngineError)}
    except OSError:  # the disk's fault
        raise
    except Exception as error:  # noqa: BLE001 - the file is all that this process knows
        return {"sentence": f"The ISMRMRD file is not understood ({type(error).__name__})."}


def _describe(raw: RawData) -> dict[str, Any]:
    return {
        "shape": raw.kspace.shape,
        "transform_shape": raw.transform_shape,
        "image_shape": raw.image_shape,
        "scan": raw.scan and dataclasses.asdict(raw.scan),
        "description": dataclasses.asdict(raw.description),
        "n_averages": raw.n_averages,
        "scan_options": raw.scan_options,
        "mends": raw.mends,
        "is_prewhitened": raw.is_prewhitened,
        "volumes": [dataclasses.asdict(volume) for volume in raw.volumes],
        "parallel": raw.parallel and _describe_parallel(raw.parallel),
    }


def _describe_parallel(parallel: ParallelImaging) -> dict[str, Any]:
    shape = None if parallel.reference is None else parallel.reference.shape
    described = dataclasses.asdict(dataclasses.replace(parallel, reference=None))
    return described | {"reference": shape}


if __name__ == "__main__":
    scratch = Scratch(int(sys.argv[2]), room_bytes=int(sys.argv[3]))
    is_taken = "accelerated" in sys.argv[4:]
    print(json.dumps(answer(Path(sys.argv[1]), scratch, is_acceleration_taken=is_taken)))  # noqa: T201
