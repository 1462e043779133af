from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import ismrmrd
import numpy as np
import pytest
from ismrmrd import xsd

from scanhub_reconstruction import raw_data
from scanhub_reconstruction.model import RawDataError
from scanhub_reconstruction.raw_data import read_raw_data

Acquire = Callable[..., Path]


def set_step(records: Any, index: int, step: int) -> Any:
    records["head"]["idx"]["kspace_encode_step_1"][index] = step
    return records


def set_head(name: str, value: int) -> Callable[[Any], Any]:
    def change(records: Any) -> Any:
        records["head"][name][3] = value
        return records

    return change


def set_counter(name: str) -> Callable[[Any], Any]:
    def change(records: Any) -> Any:
        records["head"]["idx"][name][16:] = 1
        return records

    return change


def set_data(value: Any) -> Callable[[Any], Any]:
    def change(records: Any) -> Any:
        for record in records:
            record["data"] = np.full_like(record["data"], value)
        return records

    return change


def shorten_one(records: Any) -> Any:
    records[5]["data"] = records[5]["data"][:-2]
    return records


BAD_ACQUISITIONS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "none": (lambda records: records[:0], "holds no acquisitions."),
    "noise only": (
        lambda records: (records["head"]["flags"].fill(1 << 18), records)[1],
        "holds no acquisitions to make an image of",
    ),
    "aborted": (lambda records: records[:20], "incomplete: 12 of 32 phase-encoding lines"),
    "step out of range": (lambda records: set_step(records, 0, 99), "outside the limits"),
    "half of two slices": (set_counter("slice"), "incomplete: 32 of 64 phase-encoding lines"),
    "half of two contrasts": (set_counter("contrast"), "incomplete: 32 of 64"),
    "half of two phases": (set_counter("phase"), "incomplete: 32 of 64"),
    "half of two sets": (set_counter("set"), "incomplete: 32 of 64"),
    "3D": (set_counter("kspace_encode_step_2"), "holds 2 partitions"),
    "reversed": (set_head("flags", 1 << 21), "reversed readouts"),
    "coils": (set_head("active_channels", 1), "inconsistent: their active_channels differs"),
    "samples": (set_head("number_of_samples", 7), "their number_of_samples differs"),
    "centre": (set_head("center_sample", 7), "their center_sample differs"),
    "data size": (shorten_one, "do not have the announced size"),
    "NaN": (set_data(np.nan), "not finite numbers"),
    "Inf": (set_data(np.inf), "not finite numbers"),
    "zeros": (set_data(0), "zeros only"),
}


def set_trajectory(header: Any) -> None:
    header.encoding[0].trajectory = xsd.trajectoryType.RADIAL


def set_3d(header: Any) -> None:
    header.encoding[0].encodedSpace.matrixSize.z = 16
    header.encoding[0].reconSpace.matrixSize.z = 16


def set_acceleration(header: Any) -> None:
    header.encoding[0].parallelImaging = xsd.parallelImagingType(
        accelerationFactor=xsd.accelerationFactorType(
            kspace_encoding_step_1=2, kspace_encoding_step_2=1
        )
    )


def set_zero_matrix(header: Any) -> None:
    header.encoding[0].reconSpace.matrixSize.x = 0


def set_huge_matrix(header: Any) -> None:
    size = header.encoding[0].encodedSpace.matrixSize
    size.x, size.y = 65535, 65535


def set_small_matrix(header: Any) -> None:
    header.encoding[0].encodedSpace.matrixSize.x = 40


def set_negative_fov(header: Any) -> None:
    header.encoding[0].reconSpace.fieldOfView_mm.y = -1.0


def set_large_fov(header: Any) -> None:
    header.encoding[0].reconSpace.fieldOfView_mm.y = 400.0


def set_wrong_limits(header: Any) -> None:
    header.encoding[0].encodingLimits.kspace_encoding_step_1.center = 3


def set_no_encoding(header: Any) -> None:
    header.encoding = []


BAD_HEADERS: list[tuple[Callable[[Any], None], str]] = [
    (set_trajectory, "trajectory is not Cartesian"),
    (set_3d, "incomplete: 480 of 512"),
    (set_acceleration, "undersampled"),
    (set_zero_matrix, "a matrix size is out of range"),
    (set_huge_matrix, "matrix is too large"),
    (set_small_matrix, "readout does not fit the encoded matrix"),
    (set_negative_fov, "a field of view is not positive"),
    (set_large_fov, "larger than the encoded one"),
    (set_wrong_limits, "limits do not fit the encoded matrix"),
    (set_no_encoding, "does not describe the encoding"),
]


@pytest.mark.parametrize("case", BAD_ACQUISITIONS)
def test_read_raw_data_refuses_bad_acquisitions(
    acquire: Acquire, edit_acquisitions: Callable[..., None], case: str
) -> None:
    change, sentence = BAD_ACQUISITIONS[case]
    path = acquire()
    edit_acquisitions(path, change)

    with pytest.raises(RawDataError, match=sentence):
        read_raw_data(path)


@pytest.mark.parametrize(("change", "sentence"), BAD_HEADERS)
def test_read_raw_data_refuses_bad_headers(
    acquire: Acquire,
    edit_header: Callable[..., None],
    change: Callable[[Any], None],
    sentence: str,
) -> None:
    path = acquire()
    edit_header(path, change)

    with pytest.raises(RawDataError, match=sentence):
        read_raw_data(path)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (b"", "not well-formed XML"),
        (b"<patientName>Jane Doe</patientName>", "does not follow the ISMRMRD schema"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "document type"),
    ],
)
def test_read_raw_data_refuses_other_xml(acquire: Acquire, document: bytes, sentence: str) -> None:
    path = acquire()
    with ismrmrd.Dataset(str(path), mode="r+") as dataset:
        dataset.write_xml_header(document)

    with pytest.raises(RawDataError, match=sentence) as caught:
        read_raw_data(path)

    assert "Jane" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_read_raw_data_refuses_text_for_a_number_without_quoting_it(acquire: Acquire) -> None:
    path = acquire()
    with ismrmrd.Dataset(str(path), mode="r+") as dataset:
        document = dataset.read_xml_header()
        dataset.write_xml_header(document.replace(b"<x>64</x>", b"<x>Jane</x>"))

    with pytest.raises(RawDataError, match="a matrix size is out of range"):
        read_raw_data(path)


def test_read_raw_data_keeps_optional_values_none_when_they_are_invalid(
    acquire: Acquire, edit_header: Callable[..., None]
) -> None:
    def spoil(header: Any) -> None:
        header.sequenceParameters.TE = [-1.0]
        header.acquisitionSystemInformation = None

    path = acquire()
    edit_header(path, spoil)

    raw = read_raw_data(path)
    scan = raw.scan

    assert scan is not None
    assert raw.volumes[0].echo_time_ms is None
    assert scan.field_strength_t is None
    assert scan.repetition_time_ms == 500.0


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty."),
        (b"GIF89a, certainly not k-space", "not ISMRMRD .HDF5. or NumPy k-space"),
        (b"\x93NUMPY", "header of the NumPy file is damaged"),
        (b"\x93NUMPY\x09\x00v\x00{}", "header of the NumPy file is damaged"),
        (b"\x93NUMPY\x01\x00\x04\x00oops", "header of the NumPy file is damaged"),
        (b"\x93NUMPY\x01\x00\x04\x00{\x04}\n", "header of the NumPy file is damaged"),
    ],
)
def test_read_raw_data_refuses_other_content(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "raw.h5"
    path.write_bytes(content)

    with pytest.raises(RawDataError, match=sentence):
        read_raw_data(path)


@pytest.mark.parametrize("n_bytes", [600, 5000, 40000])
def test_read_raw_data_refuses_a_truncated_ismrmrd_file(acquire: Acquire, n_bytes: int) -> None:
    path = acquire()
    path.write_bytes(path.read_bytes()[:n_bytes])

    with pytest.raises(RawDataError, match="damaged or truncated"):
        read_raw_data(path)


@pytest.mark.parametrize("name", ["xml", "data"])
def test_read_raw_data_refuses_a_missing_dataset(acquire: Acquire, name: str) -> None:
    path = acquire()
    with h5py.File(path, "r+") as file:
        del file["dataset"][name]

    with pytest.raises(RawDataError, match=r"header is missing|no acquisitions"):
        read_raw_data(path)


def test_read_raw_data_refuses_data_of_another_layout(acquire: Acquire) -> None:
    path = acquire()
    with h5py.File(path, "r+") as file:
        del file["dataset/data"]
        file["dataset/data"] = np.zeros(4)

    with pytest.raises(RawDataError, match="damaged"):
        read_raw_data(path)


def test_read_raw_data_refuses_acquisition_headers_without_samples(acquire: Acquire) -> None:
    path = acquire()
    head = np.dtype([("version", "<u2"), ("other", "<f4")])
    vector = h5py.vlen_dtype(np.float32)
    with h5py.File(path, "r+") as file:
        del file["dataset/data"]
        layout = np.dtype([("head", head), ("traj", vector), ("data", vector)])
        file["dataset"].create_dataset("data", shape=(4,), dtype=layout)

    with pytest.raises(RawDataError, match="hold no samples"):
        read_raw_data(path)


def test_read_raw_data_refuses_a_header_that_is_not_text(acquire: Acquire) -> None:
    path = acquire()
    with h5py.File(path, "r+") as file:
        del file["dataset/xml"]
        file["dataset/xml"] = 10**12

    with pytest.raises(RawDataError, match="it is not text"):
        read_raw_data(path)


def test_read_raw_data_does_not_follow_links_to_other_files(acquire: Acquire) -> None:
    path = acquire()
    other = path.rename(path.with_name("other.h5"))
    with h5py.File(path, "w") as file:
        group = file.create_group("dataset")
        group["xml"] = h5py.ExternalLink(other.name, "dataset/xml")
        group["data"] = h5py.ExternalLink(other.name, "dataset/data")

    with pytest.raises(RawDataError, match="header is missing"):
        read_raw_data(path)


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.ones((4, 4), np.float32), "does not hold complex numbers"),
        (np.ones(4, np.complex64), "must have shape"),
        (np.ones((1, 2, 3, 4, 5), np.complex64), "must have shape"),
        (np.ones((0, 4, 4), np.complex64), "must have shape"),
        (np.array([[{"a": 1}]], dtype=object), "Python objects"),
        (np.full((4, 4), np.nan, np.complex64), "not finite"),
        (np.full((4, 4), 1e300, np.complex128), "not finite"),
        (np.zeros((4, 4), np.complex64), "zeros only"),
    ],
)
def test_read_raw_data_refuses_other_arrays(tmp_path: Path, array: Any, sentence: str) -> None:
    path = tmp_path / "kspace.npy"
    np.save(path, array, allow_pickle=True)

    with pytest.raises(RawDataError, match=sentence):
        read_raw_data(path)


def test_read_raw_data_refuses_a_truncated_numpy_file(tmp_path: Path) -> None:
    path = tmp_path / "kspace.npy"
    np.save(path, np.ones((4, 4), np.complex64))
    path.write_bytes(path.read_bytes()[:-8])

    with pytest.raises(RawDataError, match="truncated or damaged"):
        read_raw_data(path)


def test_read_raw_data_refuses_kspace_beyond_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw_data, "MAX_SAMPLES", 8)
    path = tmp_path / "kspace.npy"
    np.save(path, np.ones((4, 4), np.complex64))

    with pytest.raises(RawDataError, match="too large"):
        read_raw_data(path)
