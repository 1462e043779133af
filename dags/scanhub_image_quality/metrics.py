"""Signal-to-noise ratio, ghosting and uniformity, as published standards define them.

NEMA MS 1-2008, Determination of Signal-to-Noise Ratio (SNR) in Diagnostic Magnetic Resonance
Imaging. NEMA MS 3-2008, Determination of Image Uniformity in Diagnostic Magnetic Resonance Images.
ACR, Phantom Test Guidance for Use of the Large MRI Phantom (2018), 5 and 6.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage, special

from scanhub_image_quality.measure import Measure, NotMeasurableError
from scanhub_image_quality.regions import Image, Mask, Regions, is_noise, smooth
from scanhub_image_quality.surroundings import PhaseEncodingDirection, find_noise, find_strips

# Of the signal's region: ACR's 1 cm² of about 200 cm²; NEMA MS 3 takes nine pixels at least.
_SPOT_AREA, _MIN_SPOT_PX = 1 / 200, 3
_MAX_CHANNELS = 128
# Of 400 pixels, mean over standard deviation is known to 4 %. Noise of less than one stored value,
# or with zeros where the scanner masked, has a ratio that is lower than any.
_RATIO_TOLERANCE = 0.1
# Of the normal distribution; movement between two images makes few differences large.
_DEVIATION_PER_MEDIAN, _MAX_EXCESS = 1.4826, 1.2
# What is left of other differences then makes the noise a tenth larger at most.
_MAX_STRUCTURE_OF_PAIR = 0.45

_MAX_DARKEST = 0.5  # of the pixels on each side of the object
_MASKED = "The background is masked: most of it has the lowest value of the image."
_NOT_NOISE = (
    "The background is not noise as a magnitude image has it: it may be masked or filtered."
)


def measure_snr(
    image: Image, regions: Regions, phase_direction: PhaseEncodingDirection | None
) -> Measure:
    r"""Return the signal-to-noise ratio of one image, NEMA MS 1, method 4.

    SNR = S / σ with σ = SD(background) / c. S is the mean of the signal's region. c is the standard
    deviation of the magnitude of pure noise with σ = 1 in real and imaginary part: for one channel
    √(2 − π/2) = 0.655 (Rayleigh), for the root sum of squares of n channels √(2n − m²) with the
    mean m = √2 Γ(n + ½) / Γ(n) (Constantinides, Atalar and McVeigh, Magn Reson Med 38:852, 1997).
    n is the one whose m / c is the background's. c is between 0.655 and 0.708 for every n.

    Parameters
    ----------
    image
        Magnitude, shape (rows, columns).
    regions
        The object in it.
    phase_direction
        None: not known.
    """
    try:
        candidates = find_noise(regions, (image.shape[0], image.shape[1]), phase_direction)
    except NotMeasurableError as error:
        return Measure(None, str(error))
    signal = float(image[regions.signal].mean())
    for region in candidates:
        if (found := _measure_noise(image, region)) is not None:
            noise, n_channels = found
            return Measure(
                signal / noise, None, {"method": "single_image", "n_noise_channels": n_channels}
            )
    return Measure(None, _NOT_NOISE)


def measure_snr_of_pair(image: Image, other: Image, regions: Regions) -> Measure | None:
    """Return the signal-to-noise ratio by a repetition of the image, NEMA MS 1, method 1.

    SNR = √2 S / SD(image − repetition), both in the signal's region.

    Parameters
    ----------
    image, other
        Magnitudes, shape (rows, columns).
    regions
        The object in the image.

    Returns
    -------
    Measure | None
        None if the images differ by more than noise, as the phases of a heart do.
    """
    difference = image - other
    differences = difference[regions.signal]
    deviation = float(differences.std())
    median = float(np.median(np.abs(differences - np.median(differences))))
    is_even = 0 < deviation <= _MAX_EXCESS * _DEVIATION_PER_MEDIAN * median
    if not is_even or not is_noise(difference, regions.signal, _MAX_STRUCTURE_OF_PAIR):
        return None
    snr = math.sqrt(2) * float(image[regions.signal].mean()) / deviation
    return Measure(snr, None, {"method": "difference", "n_noise_channels": None})


def measure_ghosting(image: Image, regions: Regions) -> Measure:
    """Return the percent signal ghosting of the ACR.

    PSG = 100 |(top + bottom) − (left + right)| / (2 S): means of the background on the four sides
    of the object, and of the signal's region. Noise is the same on all sides and cancels, and of a
    ghost, which lies along the phase-encoding direction only, the two sides tell.

    Parameters
    ----------
    image
        Magnitude, shape (rows, columns).
    regions
        The object in it.
    """
    try:
        strips = find_strips(regions, (image.shape[0], image.shape[1]))
    except NotMeasurableError as error:
        return Measure(None, str(error))
    darkest = float(np.min(image))
    if all(np.mean(image[strip] == darkest) > _MAX_DARKEST for strip in strips.values()):
        return Measure(None, _MASKED)
    means = {side: float(image[strip].mean()) for side, strip in strips.items()}
    difference = means["top"] + means["bottom"] - means["left"] - means["right"]
    return Measure(100 * abs(difference) / (2 * float(image[regions.signal].mean())))


def measure_uniformity(image: Image, regions: Regions) -> Measure:
    """Return the percent integral uniformity of ACR, and of NEMA MS 3 as 100 % − its percentage.

    PIU = 100 (1 − (high − low) / (high + low)): the highest and the lowest mean of a spot of 0.5 %
    of the signal's region, which is ACR's 1 cm² of 200 cm², wholly within it.

    Parameters
    ----------
    image
        Magnitude, shape (rows, columns).
    regions
        The object in it.
    """
    area_px = np.count_nonzero(regions.signal) * _SPOT_AREA
    half = max(_MIN_SPOT_PX, math.isqrt(round(area_px))) // 2
    size = 2 * half + 1
    is_within = ndimage.minimum_filter(regions.signal, size, mode="constant")
    spots = smooth(image, size)[is_within]
    if spots.size == 0:
        return Measure(None, "The object is too narrow to compare its parts.")
    low, high = float(np.min(spots)), float(np.max(spots))
    return Measure(100 * (1 - (high - low) / (high + low)))


def _measure_noise(image: Image, region: Mask) -> tuple[float, int] | None:
    """Return σ and the number of channels; None if the background is no noise."""
    deviation, mean = float(image[region].std()), float(image[region].mean())
    if deviation == 0 or not is_noise(image, region):
        return None
    n = np.arange(1, _MAX_CHANNELS + 1)
    means = math.sqrt(2) * np.exp(special.gammaln(n + 0.5) - special.gammaln(n))
    deviations = np.sqrt(2 * n - means**2)
    ratio, ratios = mean / deviation, means / deviations
    low, high = ratios[0] * (1 - _RATIO_TOLERANCE), ratios[-1] * (1 + _RATIO_TOLERANCE)
    if not low <= ratio <= high:
        return None
    index = int(np.argmin(np.abs(ratios - ratio)))
    return deviation / float(deviations[index]), int(n[index])
