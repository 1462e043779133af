"""Measurements of analytic objects, each with the millimetres in the patient where they must be.

k-space of a Gaussian blob at r with width s: exp(-2πi k·r) exp(-2π² s² |k|²), k in 1/mm.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from ismrmrd import hdf5, xsd
from numpy.typing import NDArray
from xsdata.models.datatype import XmlDate, XmlTime

BLOB_MM = 5.0  # standard deviation
_TURN = np.array([[0.8, 0.48, 0.36], [-0.6, 0.64, 0.48], [0.0, -0.6, 0.8]])  # read, phase, slice
_AXIAL, _SAGITTAL = np.eye(3), np.array([[0.0, 1, 0], [0, 0, -1], [-1, 0, 0]])
_MIRROR = np.diag([1.0, 1, -1])


@dataclass(frozen=True)
class Case:
    """A measurement; sizes are (slices or partitions, rows, columns).

    Siemens' files give their directions for a forward transform: k-space is conjugate.
    """

    size: tuple[int, int, int] = (1, 40, 40)
    voxel_mm: tuple[float, float, float] = (5.0, 4.0, 4.0)
    directions: NDArray[np.float64] = field(default_factory=lambda: _AXIAL)
    center_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    is_3d: bool = False
    oversampling: int = 1
    echo_times_ms: tuple[float, ...] = (10.0,)
    n_repetitions: int = 1
    t2_ms: float = 40.0
    vendor: str | None = None
    has_all_facts: bool = False

    def find_blob_mm(self, index: int) -> NDArray[np.float64]:
        """Return where the blob of a slice (or of the slab) lies in the patient."""
        read, phase, normal = self.directions
        depth_mm = 0.0 if self.is_3d else (index - self.size[0] // 2) * self.voxel_mm[0]
        in_plane = (self.size[2] / 5 * self.voxel_mm[2] - index) * read
        in_plane = in_plane + (2 * index - self.size[1] / 6 * self.voxel_mm[1]) * phase
        offset = self.voxel_mm[0] * normal if self.is_3d else 0.0
        return np.array(self.center_mm) + depth_mm * normal + in_plane + offset


CASES = {
    "axial": Case(),
    "sagittal": Case(directions=_SAGITTAL, center_mm=(9.0, -4.0, 20.0)),
    "coarse rows, odd, oversampled": Case((1, 33, 45), (6.0, 5.0, 3.0), oversampling=2),
    "oblique stack": Case((5, 40, 44), directions=_TURN, center_mm=(12.0, -33.0, 21.0)),
    "left-handed oblique stack": Case((4, 40, 44), directions=_MIRROR @ _TURN),
    "oblique slab": Case((9, 40, 33), directions=_TURN, center_mm=(5.0, 6, 7), is_3d=True),
    "left-handed slab": Case((8, 30, 32), directions=_MIRROR @ _AXIAL, is_3d=True),
    "4D": Case((3, 32, 40), directions=_TURN, n_repetitions=3),
    "Siemens oblique stack": Case((5, 40, 44), directions=_TURN, vendor="SIEMENS"),
    "Siemens sagittal": Case(directions=_SAGITTAL, center_mm=(9.0, -4, 20), vendor="Siemens"),
    "Siemens slab": Case((8, 30, 32), directions=_TURN, is_3d=True, vendor="SIEMENS"),
    "Siemens 4D": Case((3, 32, 40), directions=_TURN, n_repetitions=3, vendor="SIEMENS"),
    "Philips 4D": Case((3, 32, 40), directions=_TURN, n_repetitions=3, vendor="Philips"),
    "GE 4D": Case((3, 32, 40), directions=_TURN, n_repetitions=3, vendor="GE MEDICAL SYSTEMS"),
    "all that a header tells": Case(vendor="osi2", has_all_facts=True),
    "echoes": Case((2, 32, 32), echo_times_ms=(10.0, 30.0, 60.0, 90.0)),
}


def write_case(path: Path, case: Case) -> None:
    """Write the ISMRMRD file, its acquisitions in random order."""
    n_slices = 1 if case.is_3d else case.size[0]
    n_kz = case.size[0] if case.is_3d else 1
    n_kx = case.size[2] * case.oversampling
    contrasts = range(len(case.echo_times_ms))
    places = list(
        product(
            range(case.n_repetitions), contrasts, range(n_slices), range(n_kz), range(case.size[1])
        )
    )
    np.random.default_rng(3).shuffle(places)
    records = np.zeros(len(places), hdf5.acquisition_dtype)
    for record, place in zip(records, places, strict=True):
        samples = _simulate_readout(case, place, n_kx)
        record["data"] = samples.view(np.float32)
        record["traj"] = np.zeros(0, np.float32)
        _fill_head(record["head"], case, place, n_kx)
    with h5py.File(path, "w") as file:
        group = file.create_group("dataset")
        group.create_dataset("data", data=records, dtype=hdf5.acquisition_dtype, maxshape=(None,))
        document = xsd.ToXML(_build_header(case)).encode()
        group.create_dataset("xml", data=[document], dtype=h5py.string_dtype())


def _simulate_readout(case: Case, place: Any, n_kx: int) -> NDArray[np.complex64]:
    repetition, contrast, number, kz, ky = place
    n_kz = case.size[0] if case.is_3d else 1
    k = (
        (kz - n_kz // 2) / (n_kz * case.voxel_mm[0]),
        (ky - case.size[1] // 2) / (case.size[1] * case.voxel_mm[1]),
        (np.arange(n_kx) - n_kx // 2) / (n_kx * case.voxel_mm[2]),
    )
    from_center_mm = case.directions @ (case.find_blob_mm(number) - _find_center_mm(case, number))
    turns = k[2] * from_center_mm[0] + k[1] * from_center_mm[1] + k[0] * from_center_mm[2]
    decay = np.exp(-2 * np.pi**2 * BLOB_MM**2 * (k[0] ** 2 + k[1] ** 2 + k[2] ** 2))
    weight = np.exp(-case.echo_times_ms[contrast] / case.t2_ms) * 0.8**repetition
    sign = 1 if (case.vendor or "").lower() == "siemens" else -1
    return np.asarray(weight * decay * np.exp(sign * 2j * np.pi * turns), np.complex64)


def _find_center_mm(case: Case, number: int) -> NDArray[np.float64]:
    depth_mm = 0.0 if case.is_3d else (number - case.size[0] // 2) * case.voxel_mm[0]
    return np.array(case.center_mm) + depth_mm * case.directions[2]


def _fill_head(head: Any, case: Case, place: Any, n_kx: int) -> None:
    names = ("repetition", "contrast", "slice", "kspace_encode_step_2", "kspace_encode_step_1")
    for name, value in zip(names, place, strict=True):
        head["idx"][name] = value
    head["version"] = head["active_channels"] = 1
    head["number_of_samples"], head["center_sample"] = n_kx, n_kx // 2
    head["sample_time_us"] = 5.0
    head["read_dir"], head["phase_dir"], head["slice_dir"] = case.directions
    head["position"] = _find_center_mm(case, place[2])


def _build_header(case: Case) -> xsd.ismrmrdHeader:
    n_kz = case.size[0] if case.is_3d else 1

    def build_space(factor: int) -> xsd.encodingSpaceType:
        size = (n_kz, case.size[1], factor * case.size[2])
        z_mm, y_mm, x_mm = (n * mm for n, mm in zip(size, case.voxel_mm, strict=True))
        return xsd.encodingSpaceType(
            matrixSize=xsd.matrixSizeType(x=size[2], y=size[1], z=size[0]),
            fieldOfView_mm=xsd.fieldOfViewMm(x=x_mm, y=y_mm, z=z_mm),
        )

    header = xsd.ismrmrdHeader(
        acquisitionSystemInformation=xsd.acquisitionSystemInformationType(systemVendor=case.vendor),
        experimentalConditions=xsd.experimentalConditionsType(H1resonanceFrequency_Hz=63_866_000),
        encoding=[
            xsd.encodingType(
                encodedSpace=build_space(case.oversampling),
                reconSpace=build_space(1),
                encodingLimits=xsd.encodingLimitsType(),
                trajectory=xsd.trajectoryType.CARTESIAN,
            )
        ],
        measurementInformation=xsd.measurementInformationType(
            patientPosition=xsd.patientPositionType.HFS
        ),
        sequenceParameters=xsd.sequenceParametersType(TR=[500.0], TE=list(case.echo_times_ms)),
    )
    if case.has_all_facts:
        _add_facts(header)
    return header


def _add_facts(header: xsd.ismrmrdHeader) -> None:
    date, time = XmlDate(2026, 11, 28), XmlTime(10, 12, 13)
    header.studyInformation = xsd.studyInformationType(studyDate=date, studyTime=time)
    header.encoding[0].echoTrainLength = 4
    facts: list[tuple[Any, dict[str, Any]]] = [
        (
            header.measurementInformation,
            {
                "seriesDate": date,
                "seriesTime": time,
                "protocolName": "Head",
                "frameOfReferenceUID": "1.2.3",
            },
        ),
        (
            header.acquisitionSystemInformation,
            {
                "systemModel": "Nexus",
                "systemFieldStrength_T": 1.5,
                "stationName": "one",
                "deviceSerialNumber": "42",
            },
        ),
        (
            header.sequenceParameters,
            {"TI": [100.0], "flipAngle_deg": [90.0], "sequence_type": "TurboSpinEcho"},
        ),
    ]
    for element, values in facts:
        for name, value in values.items():
            setattr(element, name, value)
