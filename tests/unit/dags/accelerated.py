"""Take lines out of a simulated measurement, as parallel imaging leaves them out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import ismrmrd
import numpy as np
from ismrmrd import hdf5, xsd

from local.phantom import simulate_acquisition

_REFERENCE = 1 << (ismrmrd.ACQ_IS_PARALLEL_CALIBRATION - 1)
_BOTH = 1 << (ismrmrd.ACQ_IS_PARALLEL_CALIBRATION_AND_IMAGING - 1)


def write_accelerated(
    path: Path,
    matrix_size: int = 64,
    *,
    factor: int = 2,
    n_reference: int = 24,
    mode: str | None = "embedded",
    **arguments: Any,
) -> None:
    """Write the phantom's k-space, of which an engine has to unfold the image.

    Embedded reference lines stand between those of the image, separate ones beside them; without a
    mode, all are lines of the image and none is marked.
    """
    simulate_acquisition(path, matrix_size=matrix_size, **{"noise_std": 0.0, **arguments})
    with h5py.File(path, "r+") as file:
        records = np.array(file["dataset/data"][:], dtype=hdf5.acquisition_dtype)
        row = records["head"]["idx"]["kspace_encode_step_1"].astype(int)
        is_line = row % factor == 0
        is_reference = np.abs(row - matrix_size // 2 + 0.5) < n_reference / 2
        kept = [records[is_line | is_reference].copy()]
        (first,) = kept
        row = first["head"]["idx"]["kspace_encode_step_1"].astype(int)
        is_line, is_reference = row % factor == 0, np.isin(row, _rows(records, is_reference))
        if mode == "embedded":
            first["head"]["flags"] |= np.where(is_reference & is_line, _BOTH, 0).astype(np.uint64)
            first["head"]["flags"] |= np.where(is_reference & ~is_line, _REFERENCE, 0).astype(
                np.uint64
            )
        elif mode is not None:
            reference = first[is_reference].copy()
            reference["head"]["flags"] |= np.uint64(_REFERENCE)
            kept = [reference, first[is_line]]
        del file["dataset/data"]
        file["dataset"].create_dataset(
            "data", data=np.concatenate(kept), dtype=hdf5.acquisition_dtype, maxshape=(None,)
        )
    _edit_header(path, factor, mode)


def _rows(records: Any, is_chosen: Any) -> Any:
    return records["head"]["idx"]["kspace_encode_step_1"][is_chosen]


def _edit_header(path: Path, factor: int, mode: str | None) -> None:
    with ismrmrd.Dataset(str(path), mode="r+") as dataset:
        header = xsd.CreateFromDocument(dataset.read_xml_header())
        header.encoding[0].parallelImaging = xsd.parallelImagingType(
            accelerationFactor=xsd.accelerationFactorType(
                kspace_encoding_step_1=factor, kspace_encoding_step_2=1
            ),
            calibrationMode=xsd.calibrationModeType(mode) if mode else None,
        )
        dataset.write_xml_header(xsd.ToXML(header).encode("ascii"))
