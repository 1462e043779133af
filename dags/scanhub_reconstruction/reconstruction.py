"""Reconstruct a magnitude image from 2D Cartesian k-space."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from scanhub_reconstruction.model import RawData, RawDataError

_Number = TypeVar("_Number", bound=np.number)


def reconstruct_image(raw: RawData) -> NDArray[np.float32]:
    """Return the root-sum-of-squares image over the coils.

    Coils are transformed one by one, which keeps the peak memory at one image. Root sum of
    squares: Roemer et al., Magn Reson Med 16:192 (1990).

    Parameters
    ----------
    raw
        k-space of shape (coils, ky, kx).

    Returns
    -------
    NDArray[np.float32]
        Magnitude, shape (rows, columns) = `raw.image_shape`, in the units of k-space.

    Raises
    ------
    RawDataError
        If the values are too large for single precision.
    """
    # Squares of complex64 values overflow float32 early; one float64 image is cheap.
    sum_of_squares = np.zeros(raw.image_shape, np.float64)
    for coil_kspace in raw.kspace:
        kspace = resize_centered(coil_kspace, raw.transform_shape)
        coil_image = resize_centered(transform_to_image(kspace), raw.image_shape)
        sum_of_squares += np.square(coil_image.real, dtype=np.float64)
        sum_of_squares += np.square(coil_image.imag, dtype=np.float64)
    image = np.sqrt(sum_of_squares)
    # The comparison is False for NaN as well.
    if not image.max() <= np.finfo(np.float32).max:
        raise RawDataError("The values of the k-space are too large for single precision.")
    return image.astype(np.float32)


def transform_to_image(kspace: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Return the centred, orthonormal inverse discrete Fourier transform.

    x[n] = 1/√N Σ_k X[k] exp(+2πi (k - N//2)(n - N//2) / N) along both axes: k = 0 and the image's
    centre are at index N//2, for odd N too, and the sum of squares (so the noise's standard
    deviation) is the same in both domains.

    Parameters
    ----------
    kspace
        Shape (ky, kx).

    Returns
    -------
    NDArray[np.complex64]
        Image, shape (rows, columns) = (ky, kx).
    """
    shifted = scipy.fft.ifftshift(kspace)
    image = scipy.fft.ifft2(shifted, norm="ortho", overwrite_x=True)
    return np.asarray(scipy.fft.fftshift(image), np.complex64)


def resize_centered(array: NDArray[_Number], shape: tuple[int, int]) -> NDArray[_Number]:
    """Crop or zero-fill both axes so that the element at index N//2 stays at N//2.

    Zero-filling k-space interpolates the image; cropping the image removes oversampling.

    Parameters
    ----------
    array
        Shape (rows, columns).
    shape
        The wanted (rows, columns).

    Returns
    -------
    NDArray
        The array of that shape; a view when it is cropped only.
    """
    for axis, size in enumerate(shape):
        n_before = size // 2 - array.shape[axis] // 2
        n_after = size - array.shape[axis] - n_before
        if n_before < 0 or n_after < 0:
            index = [slice(None)] * 2
            index[axis] = slice(max(-n_before, 0), array.shape[axis] + min(n_after, 0))
            array = array[tuple(index)]
        padding = [(0, 0)] * 2
        padding[axis] = (max(n_before, 0), max(n_after, 0))
        if any(padding[axis]):
            array = np.pad(array, padding)
    return array
