"""A simulated measurement: the Shepp-Logan phantom seen by several coils, as an ISMRMRD file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import ismrmrd
import numpy as np
import scipy.fft
from ismrmrd import xsd
from numpy.typing import NDArray

# Ellipses of Shepp & Logan, IEEE Trans Nucl Sci 21:21 (1974), with the contrast of Toft, "The
# Radon Transform" (PhD thesis, DTU, 1996): intensity, half axes along x and y, centre x and y
# (all in halves of the field of view; y points up), rotation in degrees.
_ELLIPSES = (
    (1.0, 0.69, 0.92, 0.0, 0.0, 0.0),
    (-0.8, 0.6624, 0.874, 0.0, -0.0184, 0.0),
    (-0.2, 0.11, 0.31, 0.22, 0.0, -18.0),
    (-0.2, 0.16, 0.41, -0.22, 0.0, 18.0),
    (0.1, 0.21, 0.25, 0.0, 0.35, 0.0),
    (0.1, 0.046, 0.046, 0.0, 0.1, 0.0),
    (0.1, 0.046, 0.046, 0.0, -0.1, 0.0),
    (0.1, 0.046, 0.023, -0.08, -0.605, 0.0),
    (0.1, 0.023, 0.023, 0.0, -0.606, 0.0),
    (0.1, 0.023, 0.046, 0.06, -0.605, 0.0),
)
FIELD_OF_VIEW_MM = 250.0
SLICE_THICKNESS_MM = 5.0
REPETITION_TIME_MS = 500.0
ECHO_TIME_MS = 15.0
FLIP_ANGLE_DEG = 90.0
FIELD_STRENGTH_T = 1.5
RESONANCE_FREQUENCY_HZ = 63_866_000
# An axial slice in LPS: columns run to the patient's left, rows to the back.
READ_DIR = (1.0, 0.0, 0.0)
PHASE_DIR = (0.0, 1.0, 0.0)
SLICE_DIR = (0.0, 0.0, 1.0)


@dataclass(frozen=True)
class Undersampling:
    """Which lines parallel imaging leaves out.

    Attributes
    ----------
    factor
        Every how many lines one is acquired, with the centre of k-space among them.
    n_reference_lines
        Lines around the centre that are acquired all the same.
    """

    factor: int
    n_reference_lines: int

    def list_flags(self, n_lines: int) -> dict[int, tuple[int, ...]]:
        """Return acquired line → ISMRMRD's flags of parallel calibration, in order."""
        first = n_lines // 2 - self.n_reference_lines // 2
        reference = range(max(first, 0), min(first + self.n_reference_lines, n_lines))
        imaging = range(n_lines // 2 % self.factor, n_lines, self.factor)
        flags: dict[int, tuple[int, ...]] = dict.fromkeys(imaging, ())
        for line in reference:
            both = ismrmrd.ACQ_IS_PARALLEL_CALIBRATION_AND_IMAGING
            flags[line] = (both if line in imaging else ismrmrd.ACQ_IS_PARALLEL_CALIBRATION,)
        return dict(sorted(flags.items()))


def draw_phantom(matrix_size: int | tuple[int, int] = 256) -> NDArray[np.float64]:
    """Return the modified Shepp-Logan phantom, the noise-free root-sum-of-squares image.

    Parameters
    ----------
    matrix_size
        Number of pixels, or (rows, columns); the field of view is square in any case.

    Returns
    -------
    NDArray[np.float64]
        Magnitude 0 to 1, shape (rows, columns), centred at index (rows // 2, columns // 2).
    """
    n_rows, n_columns = _to_shape(matrix_size)
    return _rasterize_phantom(*_pixel_coordinates(n_rows, n_columns, n_columns))


def simulate_kspace(
    *,
    n_coils: int = 8,
    matrix_size: int | tuple[int, int] = 256,
    oversampling: float = 2.0,
    noise_std: float = 0.01,
    seed: int = 0,
) -> NDArray[np.complex64]:
    """Return the k-space of the phantom: the centred orthonormal transform of its coil images.

    Parameters
    ----------
    matrix_size
        Number of pixels, or (rows, columns), of the image without oversampling.
    oversampling
        Readout samples per column; rounded to whole samples.
    noise_std
        Standard deviation of the Gaussian noise of the real and of the imaginary part, in the
        image's units (the phantom's maximum is 1).

    Returns
    -------
    NDArray[np.complex64]
        Shape (coils, ky, kx), k = 0 at index (ky // 2, kx // 2).
    """
    n_rows, n_columns = _to_shape(matrix_size)
    n_samples = round(oversampling * n_columns)
    x, y = _pixel_coordinates(n_rows, n_columns, n_samples)
    coil_images = _rasterize_phantom(x, y) * _coil_sensitivities(x, y, n_coils)
    axes = (-2, -1)
    kspace = scipy.fft.fftshift(
        scipy.fft.fft2(scipy.fft.ifftshift(coil_images, axes=axes), axes=axes, norm="ortho"),
        axes=axes,
    )
    real, imaginary = np.random.default_rng(seed).normal(scale=noise_std, size=(2, *kspace.shape))
    return np.asarray(kspace + real + 1j * imaginary, np.complex64)


def simulate_acquisition(
    path: Path,
    *,
    n_coils: int = 8,
    matrix_size: int | tuple[int, int] = 256,
    oversampling: float = 2.0,
    noise_std: float = 0.01,
    seed: int = 0,
    undersampling: Undersampling | None = None,
) -> None:
    """Write the phantom's k-space as an ISMRMRD file; an existing file is replaced.

    Parameters
    ----------
    undersampling
        Which lines are left out; none: none.
    """
    kspace = simulate_kspace(
        n_coils=n_coils,
        matrix_size=matrix_size,
        oversampling=oversampling,
        noise_std=noise_std,
        seed=seed,
    )
    header = _build_header(_to_shape(matrix_size), kspace.shape[2], n_coils)
    n_lines = kspace.shape[1]
    flags: dict[int, tuple[int, ...]] = dict.fromkeys(range(n_lines), ())
    if undersampling:
        flags = undersampling.list_flags(n_lines)
        header.encoding[0].parallelImaging = _build_parallel_imaging(undersampling)
    # All lines at once: appending them one by one takes ten times as long.
    acquisitions = [_build_acquisition(kspace[:, step], step, flags[step]) for step in flags]
    acquisitions[0].setFlag(ismrmrd.ACQ_FIRST_IN_SLICE)
    acquisitions[-1].setFlag(ismrmrd.ACQ_LAST_IN_SLICE)
    acquisitions[-1].setFlag(ismrmrd.ACQ_LAST_IN_MEASUREMENT)
    with ismrmrd.File(str(path), "w") as file:
        file["dataset"].header = header
        file["dataset"].acquisitions = acquisitions


def _to_shape(matrix_size: int | tuple[int, int]) -> tuple[int, int]:
    return (matrix_size, matrix_size) if isinstance(matrix_size, int) else matrix_size


def _pixel_coordinates(
    n_rows: int, n_columns: int, n_samples: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x (1, samples) and y (rows, 1) in halves of the field of view of n_columns pixels."""
    x = (np.arange(n_samples) - n_samples // 2) / (n_columns / 2)
    y = -(np.arange(n_rows) - n_rows // 2) / (n_rows / 2)
    return x[np.newaxis, :], y[:, np.newaxis]


def _rasterize_phantom(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    image = np.zeros(np.broadcast_shapes(x.shape, y.shape))
    for intensity, half_axis_x, half_axis_y, center_x, center_y, rotation_deg in _ELLIPSES:
        cos, sin = np.cos(np.deg2rad(rotation_deg)), np.sin(np.deg2rad(rotation_deg))
        along_x = (x - center_x) * cos + (y - center_y) * sin
        along_y = (y - center_y) * cos - (x - center_x) * sin
        image[(along_x / half_axis_x) ** 2 + (along_y / half_axis_y) ** 2 <= 1] += intensity
    return np.abs(image)  # 1 - 0.8 - 0.2 may round below zero


def _coil_sensitivities(
    x: NDArray[np.float64], y: NDArray[np.float64], n_coils: int
) -> NDArray[np.complex128]:
    """Return smooth sensitivities (coils, rows, samples) whose root sum of squares is 1.

    Each coil is a Gaussian around its place on the ring, with a linear phase of its own; scaled
    this way, the root-sum-of-squares image of the phantom is the phantom itself.
    """
    angle = (2 * np.pi * np.arange(n_coils) / n_coils)[:, np.newaxis, np.newaxis]
    coil_x, coil_y = 1.2 * np.cos(angle), 1.2 * np.sin(angle)
    magnitude = np.exp(-((x - coil_x) ** 2 + (y - coil_y) ** 2) / 2)
    phase = np.pi / 4 * (x * np.cos(angle) + y * np.sin(angle)) + angle
    magnitude /= np.sqrt(np.sum(magnitude**2, axis=0))
    return np.asarray(magnitude * np.exp(1j * phase))


def _build_header(shape: tuple[int, int], n_samples: int, n_coils: int) -> xsd.ismrmrdHeader:
    n_rows, n_columns = shape
    oversampled_fov_mm = FIELD_OF_VIEW_MM * n_samples / n_columns
    return xsd.ismrmrdHeader(
        acquisitionSystemInformation=xsd.acquisitionSystemInformationType(
            systemVendor="Simulation",
            systemFieldStrength_T=FIELD_STRENGTH_T,
            receiverChannels=n_coils,
        ),
        experimentalConditions=xsd.experimentalConditionsType(
            H1resonanceFrequency_Hz=RESONANCE_FREQUENCY_HZ
        ),
        measurementInformation=xsd.measurementInformationType(
            patientPosition=xsd.patientPositionType.HFS, protocolName="shepp_logan"
        ),
        encoding=[
            xsd.encodingType(
                encodedSpace=_build_space(n_rows, n_samples, oversampled_fov_mm),
                reconSpace=_build_space(n_rows, n_columns, FIELD_OF_VIEW_MM),
                encodingLimits=xsd.encodingLimitsType(
                    kspace_encoding_step_0=_build_limit(n_samples),
                    kspace_encoding_step_1=_build_limit(n_rows),
                ),
                trajectory=xsd.trajectoryType.CARTESIAN,
            )
        ],
        sequenceParameters=xsd.sequenceParametersType(
            TR=[REPETITION_TIME_MS], TE=[ECHO_TIME_MS], flipAngle_deg=[FLIP_ANGLE_DEG]
        ),
    )


def _build_space(n_rows: int, n_columns: int, width_mm: float) -> xsd.encodingSpaceType:
    return xsd.encodingSpaceType(
        matrixSize=xsd.matrixSizeType(x=n_columns, y=n_rows, z=1),
        fieldOfView_mm=xsd.fieldOfViewMm(x=width_mm, y=FIELD_OF_VIEW_MM, z=SLICE_THICKNESS_MM),
    )


def _build_limit(size: int) -> xsd.limitType:
    return xsd.limitType(minimum=0, maximum=size - 1, center=size // 2)


def _build_parallel_imaging(undersampling: Undersampling) -> xsd.parallelImagingType:
    return xsd.parallelImagingType(
        accelerationFactor=xsd.accelerationFactorType(
            kspace_encoding_step_1=undersampling.factor, kspace_encoding_step_2=1
        ),
        calibrationMode=xsd.calibrationModeType.EMBEDDED,
    )


def _build_acquisition(
    samples: NDArray[np.complex64], step: int, flags: Iterable[int]
) -> ismrmrd.Acquisition:
    acquisition = ismrmrd.Acquisition.from_array(
        samples,
        scan_counter=step,
        center_sample=samples.shape[1] // 2,
        read_dir=READ_DIR,
        phase_dir=PHASE_DIR,
        slice_dir=SLICE_DIR,
        sample_time_us=5.0,
    )
    acquisition.idx.kspace_encode_step_1 = step
    for flag in flags:
        acquisition.setFlag(flag)
    return acquisition
