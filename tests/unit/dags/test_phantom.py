from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ismrmrd
import numpy as np
import pytest
from ismrmrd import xsd

from local.phantom import draw_phantom, simulate_kspace

Acquire = Callable[..., Path]


def test_draw_phantom_has_the_contrast_of_toft() -> None:
    image = draw_phantom(256)

    assert image[128, 128] == pytest.approx(0.2)  # brain
    assert image[128, 100] == pytest.approx(0.0, abs=1e-9)  # left ventricle
    assert image[90, 128] == pytest.approx(0.3)  # large tumour, above the centre
    assert image.max() == 1.0  # skull
    assert image[0, 0] == 0.0


def test_simulate_kspace_noise_has_the_given_standard_deviation_and_seed() -> None:
    clean = simulate_kspace(matrix_size=64, noise_std=0.0)
    noisy = simulate_kspace(matrix_size=64, noise_std=0.05, seed=1)
    noise = noisy - clean

    assert np.std(noise.real) == pytest.approx(0.05, rel=0.02)
    assert np.std(noise.imag) == pytest.approx(0.05, rel=0.02)
    assert np.array_equal(noisy, simulate_kspace(matrix_size=64, noise_std=0.05, seed=1))
    assert not np.array_equal(noisy, simulate_kspace(matrix_size=64, noise_std=0.05, seed=2))


def test_simulate_acquisition_writes_a_complete_ismrmrd_file(acquire: Acquire) -> None:
    path = acquire(matrix_size=(24, 30), oversampling=1.5, n_coils=3)

    with ismrmrd.Dataset(str(path), mode="r") as dataset:
        header = xsd.CreateFromDocument(dataset.read_xml_header())
        n_acquisitions = dataset.number_of_acquisitions()
        last = dataset.read_acquisition(n_acquisitions - 1)

    (encoding,) = header.encoding
    assert n_acquisitions == 24
    assert last.data.shape == (3, 45)
    assert last.idx.kspace_encode_step_1 == 23
    assert last.isFlagSet(ismrmrd.ACQ_LAST_IN_MEASUREMENT)
    assert encoding.encodedSpace.matrixSize == xsd.matrixSizeType(x=45, y=24, z=1)
    assert encoding.encodedSpace.fieldOfView_mm.x == pytest.approx(375.0)
    assert encoding.reconSpace.matrixSize == xsd.matrixSizeType(x=30, y=24, z=1)
    assert header.acquisitionSystemInformation.receiverChannels == 3
    assert header.subjectInformation is None
