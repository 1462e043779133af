from pathlib import Path

import numpy as np

from benchmarks.reconstruction_engines import compare, reconstruct, write_scan


def test_ours_and_numpy_make_the_same_image_of_the_same_scan(tmp_path: Path) -> None:
    write_scan(tmp_path, n_coils=2, n_partitions=5, matrix_size=16)

    measured = [reconstruct(engine, tmp_path, engine) for engine in ("ours", "NumPy")]

    assert np.load(tmp_path / "ours.npy").shape == (5, 16, 16)
    assert compare(tmp_path, ["ours", "NumPy"])["ours"] < 1e-6
    assert all(each["peak_mb"] > 0 for each in measured)
