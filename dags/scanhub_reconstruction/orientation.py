"""Decide for which Fourier transform a file gives its directions.

ISMRMRD does not say. Files of siemens_to_ismrmrd mean a forward transform, which makes the
complex-conjugate k-space of what ours, the inverse, expects: images would be turned by 180 degrees
in the patient, volumes mirrored. See mrpro, issue 828 and pull request 833, and Gadgetron, pull
request 1003.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from scanhub_reconstruction.model import OrientationConvention, RawData

# By how the vendor's name begins. The last ones are ScanHub's consoles and simulations.
_CONVENTIONS: dict[str, OrientationConvention] = {
    "siemens": "forward",
    "osi2": "inverse",
    "scanhub": "inverse",
    "simulation": "inverse",
}


def decide_by_vendor(
    vendor: str | None,
) -> tuple[OrientationConvention, Literal["vendor", "assumption"]]:
    """Return the convention, and whether the vendor tells it.

    Parameters
    ----------
    vendor
        The header's systemVendor.

    Returns
    -------
    tuple
        For vendors whose convention is not known, our own is assumed.
    """
    name = (vendor or "").strip().lower()
    for beginning, convention in _CONVENTIONS.items():
        if name.startswith(beginning):
            return convention, "vendor"
    return "inverse", "assumption"


def override_orientation(
    raw: RawData, convention: OrientationConvention, decided_by: Literal["run", "deployment"]
) -> RawData:
    """Return the raw data with the convention that somebody chose.

    Parameters
    ----------
    raw
        The raw data; without a scan, images have no orientation to be wrong.
    convention
        The choice.
    decided_by
        Whose it is.

    Returns
    -------
    RawData
        As before otherwise.
    """
    if raw.scan is None:
        return raw
    scan = replace(raw.scan, orientation_convention=convention, orientation_decided_by=decided_by)
    return replace(raw, scan=scan)
