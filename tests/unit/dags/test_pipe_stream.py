"""What an engine reads: the prepared measurement, by ismrmrd's own reader, and nothing else."""

from __future__ import annotations

import io
from itertools import pairwise
from pathlib import Path
from typing import Any

import ismrmrd
import numpy as np
import pytest
from ismrmrd.serialization import ProtocolDeserializer

from scanhub_pipe.stream import write_stream
from scanhub_reconstruction.model import RawData
from scanhub_reconstruction.raw_data import read_raw_data
from tests.unit.dags.accelerated import write_accelerated
from tests.unit.dags.conftest import Acquire, EditAcquisitions, EditHeader
from tests.unit.dags.corpus import CASES, write_case
from tests.unit.dags.measurement import PHASE_DIR, READ_DIR, draw_truth, write_measurement

REFERENCE = ismrmrd.ACQ_IS_PARALLEL_CALIBRATION
BOTH = ismrmrd.ACQ_IS_PARALLEL_CALIBRATION_AND_IMAGING


def read_back(raw: RawData) -> tuple[Any, list[Any]]:
    """Return header and lines, as an engine in Python gets them; the stream ends well."""
    stream = io.BytesIO(b"".join(write_stream(raw)))
    header, *lines = ProtocolDeserializer(stream).deserialize()
    assert stream.read() == b""
    return header, lines


def test_engine_gets_all_lines_sorted_at_their_place(
    tmp_path: Path, edit_acquisitions: EditAcquisitions
) -> None:
    # Given slices of two echoes and repetitions, their lines in any order
    path = tmp_path / "raw.h5"
    write_measurement(path, draw_truth((3, 12, 10), 2, 2), is_3d=False, echo_times_ms=(10.0, 30.0))
    order = np.random.default_rng(0)
    edit_acquisitions(path, order.permutation)
    raw = read_raw_data(path)
    # When
    header, lines = read_back(raw)
    # Then
    assert len(lines) == 12 * 12
    for line in lines:
        number = np.ravel_multi_index(
            (line.idx.repetition, line.idx.contrast, line.idx.slice), (2, 2, 3)
        )
        expected = raw.kspace[number, :, 0, line.idx.kspace_encode_step_1]
        first = raw.kspace.shape[4] // 2 - line.center_sample
        part = expected[:, first : first + line.number_of_samples]
        np.testing.assert_array_equal(line.data, part)
        np.testing.assert_allclose(line.read_dir, READ_DIR, rtol=1e-6)
        np.testing.assert_allclose(line.phase_dir, PHASE_DIR, rtol=1e-6)
    order_of_lines = [
        (each.idx.repetition, each.idx.contrast, each.idx.slice, each.idx.kspace_encode_step_1)
        for each in lines
    ]
    assert order_of_lines == sorted(order_of_lines)
    assert [line.isFlagSet(ismrmrd.ACQ_LAST_IN_MEASUREMENT) for line in lines[-2:]] == [False, True]
    encoding = header.encoding[0]
    assert (encoding.reconSpace.matrixSize.x, encoding.reconSpace.matrixSize.y) == (10, 12)
    assert encoding.encodedSpace.fieldOfView_mm.x == pytest.approx(30.0)
    assert header.sequenceParameters.TE == [10.0, 30.0]


@pytest.mark.parametrize("mode", ["embedded", "separate"])
def test_reference_lines_are_marked_and_come_before_those_of_the_image(
    tmp_path: Path, mode: str
) -> None:
    # Given
    path = tmp_path / "raw.h5"
    write_accelerated(path, 64, mode=mode)
    # When
    header, lines = read_back(read_raw_data(path, is_acceleration_taken=True))
    # Then a line that is both comes once
    references = [line for line in lines if line.isFlagSet(REFERENCE)]
    both = [line for line in lines if line.isFlagSet(BOTH)]
    assert (len(lines), len(references), len(both)) == (44, 12, 12)
    assert lines[: len(references)] == references
    rows = [line.idx.kspace_encode_step_1 for line in lines[len(references) :]]
    assert {second - first for first, second in pairwise(rows)} == {2}
    parallel = header.encoding[0].parallelImaging
    assert parallel.accelerationFactor.kspace_encoding_step_1 == 2
    assert parallel.calibrationMode.value == mode


def test_engine_gets_siemens_data_for_the_inverse_transform(tmp_path: Path) -> None:
    path = tmp_path / "raw.h5"
    write_case(path, CASES["Siemens oblique stack"])
    raw = read_raw_data(path)
    header, lines = read_back(raw)
    row = lines[0].idx.kspace_encode_step_1
    expected = raw.kspace[0, :, 0, row].conj()
    np.testing.assert_array_equal(lines[0].data, expected[:, expected.any(axis=0)])
    # or it would turn them once more
    assert header.acquisitionSystemInformation.systemVendor is None


def test_engine_hears_nothing_of_the_patient(acquire: Acquire, edit_header: EditHeader) -> None:
    # Given a header with names
    def add_names(header: Any) -> None:
        header.subjectInformation = ismrmrd.xsd.subjectInformationType(
            patientName="Secret^Name", patientID="secret-id"
        )
        header.measurementInformation.protocolName = "secret protocol"

    path = acquire()
    edit_header(path, add_names)
    # Then
    assert b"ecret" not in b"".join(write_stream(read_raw_data(path)))


def test_engine_gets_the_lines_of_partial_fourier_only(
    acquire: Acquire, edit_acquisitions: EditAcquisitions, edit_header: EditHeader
) -> None:
    # Given a scan without its first lines, and a readout without its first samples
    def set_limits(header: Any) -> None:
        header.encoding[0].encodingLimits.kspace_encoding_step_1.minimum = 8

    def leave_out(records: Any) -> Any:
        records = records[records["head"]["idx"]["kspace_encode_step_1"] >= 8]
        records["head"]["discard_pre"] = 10
        return records

    path = acquire(noise_std=0.01)
    edit_header(path, set_limits)
    edit_acquisitions(path, leave_out)
    # When
    header, lines = read_back(read_raw_data(path))
    # Then
    assert [line.idx.kspace_encode_step_1 for line in lines] == list(range(8, 32))
    assert {(line.number_of_samples, line.center_sample) for line in lines} == {(54, 22)}
    limits = header.encoding[0].encodingLimits.kspace_encoding_step_1
    assert (limits.minimum, limits.maximum, limits.center) == (8, 31, 16)


def test_slice_without_any_signal_is_sent_too(tmp_path: Path) -> None:
    truth = draw_truth((2, 12, 10))
    truth[:, :, 1] = 0
    path = tmp_path / "raw.h5"
    write_measurement(path, truth, is_3d=False)
    _, lines = read_back(read_raw_data(path))
    assert [line.idx.slice for line in lines] == [0] * 12 + [1] * 12
