from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ismrmrd import xsd
from numpy.typing import NDArray

from scanhub_reconstruction.model import RawData, RawDataError
from scanhub_reconstruction.raw_data import read_raw_data
from scanhub_reconstruction.reconstruction import reconstruct_volume
from tests.unit.dags.measurement import (
    VOXEL_MM,
    draw_ellipsoids,
    draw_truth,
    simulate_volume_kspace,
    write_measurement,
)

EditHeader = Callable[[Path, Callable[[Any], None]], None]
EditAcquisitions = Callable[[Path, Callable[[Any], Any]], None]


def reconstruct_all(raw: RawData) -> NDArray[np.float32]:
    return np.concatenate([reconstruct_volume(raw, index) for index in range(len(raw.volumes))])


@pytest.mark.parametrize("is_3d", [True, False])
@pytest.mark.parametrize(
    ("shape", "n_repetitions", "n_contrasts", "n_averages"),
    [
        ((8, 20, 24), 1, 1, 1),
        ((7, 15, 21), 1, 1, 1),
        ((6, 16, 18), 2, 3, 1),
        ((5, 16, 12), 2, 1, 3),
    ],
)
def test_reconstruct_volume_shows_the_truth(
    tmp_path: Path,
    is_3d: bool,
    shape: tuple[int, int, int],
    n_repetitions: int,
    n_contrasts: int,
    n_averages: int,
) -> None:
    truth = draw_truth(shape, n_repetitions, n_contrasts)
    path = tmp_path / "raw.h5"
    write_measurement(path, truth, is_3d=is_3d, n_averages=n_averages)

    raw = read_raw_data(path)
    images = reconstruct_all(raw)

    expected = truth.reshape(-1, *shape[1:])
    assert raw.n_averages == n_averages
    assert raw.n_images == len(expected)
    assert np.corrcoef(images.ravel(), expected.ravel())[0, 1] > 0.99
    np.testing.assert_allclose(images, expected, atol=1e-5)


def test_reconstruct_volume_takes_counters_with_gaps_in_any_order(
    tmp_path: Path, edit_acquisitions: EditAcquisitions
) -> None:
    def spread_and_shuffle(records: Any) -> Any:
        records["head"]["idx"]["slice"] = 3 * records["head"]["idx"]["slice"] + 2
        return records[np.random.default_rng(0).permutation(len(records))]

    truth = draw_truth((3, 16, 18), 2, 2)
    path = tmp_path / "raw.h5"
    write_measurement(path, truth, is_3d=False)
    edit_acquisitions(path, spread_and_shuffle)

    images = reconstruct_all(read_raw_data(path))

    np.testing.assert_allclose(images, truth.reshape(-1, 16, 18), atol=1e-5)


def test_reconstruct_volume_zero_fills_partial_fourier_along_partitions(
    tmp_path: Path, edit_header: EditHeader, edit_acquisitions: EditAcquisitions
) -> None:
    def drop_partitions(header: Any) -> None:
        header.encoding[0].encodingLimits.kspace_encoding_step_2 = xsd.limitType(
            minimum=0, maximum=5, center=2
        )

    def drop_acquisitions(records: Any) -> Any:
        records = records[records["head"]["idx"]["kspace_encode_step_2"] >= 2]
        records["head"]["idx"]["kspace_encode_step_2"] -= 2
        return records

    path = tmp_path / "raw.h5"
    write_measurement(path, draw_truth((8, 16, 18)), is_3d=True)
    full = read_raw_data(path).kspace.copy()
    edit_header(path, drop_partitions)
    edit_acquisitions(path, drop_acquisitions)

    partial = read_raw_data(path).kspace

    assert not partial[:, :, :2].any()
    np.testing.assert_array_equal(partial[:, :, 2:], full[:, :, 2:])


def test_reconstruct_volume_removes_oversampling_along_partitions(
    tmp_path: Path, edit_header: EditHeader
) -> None:
    def shrink_slab(header: Any) -> None:
        space = header.encoding[0].reconSpace
        space.matrixSize.z, space.fieldOfView_mm.z = 5, 5 * VOXEL_MM[0]

    truth = draw_truth((8, 16, 18))
    path = tmp_path / "raw.h5"
    write_measurement(path, truth, is_3d=True)
    edit_header(path, shrink_slab)

    image = reconstruct_volume(read_raw_data(path), 0)

    np.testing.assert_allclose(image, truth[0, 0, 2:7], atol=1e-5)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.complex64, np.complex128, ">c8"])
def test_reconstruct_volume_takes_3d_numpy_kspace(tmp_path: Path, order: Any, dtype: Any) -> None:
    truth = draw_ellipsoids((6, 15, 16))
    kspace = simulate_volume_kspace(truth, 3, 1)
    np.save(tmp_path / "raw.npy", np.asarray(kspace, dtype, order=order))

    image = reconstruct_volume(read_raw_data(tmp_path / "raw.npy"), 0)

    np.testing.assert_allclose(image, truth, atol=1e-5)


@pytest.mark.parametrize("factor", [1e-30, 1e30])
def test_reconstruct_volume_keeps_extreme_units(tmp_path: Path, factor: float) -> None:
    truth = draw_ellipsoids((4, 15, 16))
    np.save(tmp_path / "raw.npy", (simulate_volume_kspace(truth, 3, 1) * factor).astype("c8"))

    image = reconstruct_volume(read_raw_data(tmp_path / "raw.npy"), 0)

    np.testing.assert_allclose(image / factor, truth, atol=1e-5)


@pytest.mark.parametrize("suffix", [".h5", ".npy"])
def test_reconstruct_volume_needs_far_less_memory_than_the_file(
    tmp_path: Path, suffix: str
) -> None:
    # Given a file of many coils
    truth, path, n_coils = draw_ellipsoids((32, 64, 64)), tmp_path / f"raw{suffix}", 24
    if suffix == ".h5":
        write_measurement(path, truth[np.newaxis, np.newaxis], is_3d=True, n_coils=n_coils)
    else:
        np.save(path, simulate_volume_kspace(truth, n_coils, 2))
    file_bytes = path.stat().st_size
    assert file_bytes > 2**25
    # When it is reconstructed
    tracemalloc.start()
    try:
        image = reconstruct_volume(read_raw_data(path), 0)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Then the memory is a few coils' (2 MiB each), not the file's
    assert image.shape[:2] == (32, 64)
    assert peak_bytes < file_bytes / 3


def drop_line(records: Any) -> Any:
    return records[1:]


def leave_partitions(records: Any) -> Any:
    records["head"]["idx"]["kspace_encode_step_2"][3] = 9
    return records


def mix_encodings(records: Any) -> Any:
    records["head"]["encoding_space_ref"][3] = 1
    return records


def forge_counters(records: Any) -> Any:
    numbers = np.arange(len(records))
    for name in ("slice", "contrast", "repetition"):
        records["head"]["idx"][name] = numbers
    return records


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (drop_line, "incomplete: 1 of 80 phase-encoding lines are missing"),
        (leave_partitions, "step is outside the limits of the header"),
        (mix_encodings, "inconsistent: their encoding_space_ref differs"),
        (forge_counters, "incomplete: 40959920 of 40960000"),
    ],
)
def test_read_raw_data_refuses_bad_volumes(
    tmp_path: Path,
    edit_acquisitions: EditAcquisitions,
    change: Callable[[Any], Any],
    sentence: str,
) -> None:
    path = tmp_path / "raw.h5"
    write_measurement(path, draw_truth((5, 16, 18)), is_3d=True)
    edit_acquisitions(path, change)

    with pytest.raises(RawDataError, match=sentence):
        read_raw_data(path)


@pytest.mark.parametrize("space", ["encodedSpace", "reconSpace"])
def test_read_raw_data_refuses_a_slab_without_thickness(
    tmp_path: Path, edit_header: EditHeader, space: str
) -> None:
    def flatten(header: Any) -> None:
        getattr(header.encoding[0], space).fieldOfView_mm.z = 0.0

    path = tmp_path / "raw.h5"
    write_measurement(path, draw_truth((5, 16, 18)), is_3d=True)
    edit_header(path, flatten)

    with pytest.raises(RawDataError, match="a field of view is not positive"):
        read_raw_data(path)


def test_read_raw_data_refuses_what_the_disk_cannot_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "raw.h5"
    write_measurement(path, draw_truth((2, 16, 18)), is_3d=True)
    usage = type("Usage", (), {"free": 100})
    monkeypatch.setattr("scanhub_dag.disk.shutil.disk_usage", lambda _: usage)

    with pytest.raises(RawDataError, match="too large for the disk"):
        read_raw_data(path)
