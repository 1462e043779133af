"""Make the noise of the receive coils equal and uncorrelated.

Pruessmann et al., Magn Reson Med 46:638 (2001), appendix; Kellman and McVeigh, Magn Reson Med
54:1439 (2005).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

_SAMPLES_PER_COIL = 10  # with fewer, the covariance itself is noise
_SMALLEST_EIGENVALUE = 1e-10  # of the largest: a coil without noise is a broken one


def find_whitening(
    noise: Iterable[NDArray[np.complex64]], n_coils: int
) -> NDArray[np.complex64] | None:
    """Find the matrix that the samples of all coils are to be multiplied by.

    Parameters
    ----------
    noise
        Readouts without signal, each of shape (coils, samples).
    n_coils
        How many coils there are.

    Returns
    -------
    NDArray[np.complex64] | None
        Shape (coils, coils), of determinant 1, so that the image's scale stays; None when the noise
        does not tell it.
    """
    products, n_samples = np.zeros((n_coils, n_coils), np.complex128), 0
    for readout in noise:
        samples = readout.astype(np.complex128)
        products += samples @ samples.conj().T
        n_samples += samples.shape[1]
    if n_samples < _SAMPLES_PER_COIL * n_coils or not np.isfinite(products).all():
        return None
    variances, vectors = np.linalg.eigh(products / n_samples)
    if variances[0] <= _SMALLEST_EIGENVALUE * variances[-1]:
        return None
    scale = np.exp(np.mean(np.log(variances)) / 2)
    # The inverse root that is closest to leaving the coils as they are.
    whitening = (vectors * (scale / np.sqrt(variances))) @ vectors.conj().T
    return np.asarray(whitening, np.complex64)
