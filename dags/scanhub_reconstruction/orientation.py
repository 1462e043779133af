"""Decide for which Fourier transform a file gives its directions.

ISMRMRD does not say. Files of siemens_to_ismrmrd mean a forward transform, which makes the
complex-conjugate k-space of what ours, the inverse, expects: images would be turned by 180 degrees
in the patient, volumes mirrored. See mrpro, issue 828 and pull request 833, and Gadgetron, pull
request 1003.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Literal

from ismrmrd import xsd

from scanhub_reconstruction.model import OrientationConvention, RawData

# By how the vendor's name begins. The last ones are ScanHub's consoles and simulations.
_CONVENTIONS: dict[str, OrientationConvention] = {
    "siemens": "forward",
    "osi2": "inverse",
    "scanhub": "inverse",
    "simulation": "inverse",
}
# Where the vendor's name was removed: Siemens' names of models and sequences, and of what
# siemens_to_ismrmrd adds (https://github.com/ismrmrd/siemens_to_ismrmrd, parameter_maps).
_SIEMENS_MODEL = re.compile(
    r"\b(magnetom|avanto|aera|skyra|prisma|trio|triotim|verio|espree|vida|sola|altea|lumina|terra)"
    r"(_?fit)?\b",
    re.IGNORECASE,
)
_SIEMENS_SEQUENCE = re.compile(r"%(SiemensSeq|CustomerSeq)%", re.IGNORECASE)
_SIEMENS_PARAMETER = re.compile(r"MaxwellCoefficient_\d+|EmbeddedRefLinesE[12]")
_PARAMETER_KINDS = ("Long", "Double", "String", "Base64")


def decide_orientation(
    vendor: str | None, header: xsd.ismrmrdHeader
) -> tuple[OrientationConvention, Literal["vendor", "header", "assumption"]]:
    """Return the convention, and whether the vendor tells it, or other traces of one.

    Parameters
    ----------
    vendor
        The header's systemVendor; None where it was removed.
    header
        The parsed header.

    Returns
    -------
    tuple
        For vendors whose convention is not known, our own is assumed.
    """
    if vendor is None and _is_of_siemens(header):
        return "forward", "header"
    name = (vendor or "").strip().lower()
    for beginning, convention in _CONVENTIONS.items():
        if name.startswith(beginning):
            return convention, "vendor"
    return "inverse", "assumption"


def _is_of_siemens(header: xsd.ismrmrdHeader) -> bool:
    system, measurement = header.acquisitionSystemInformation, header.measurementInformation
    model, sequence = (
        str(getattr(element, name, None) or "")
        for element, name in ((system, "systemModel"), (measurement, "sequenceName"))
    )
    parameters: list[Any] = [
        parameter
        for kind in _PARAMETER_KINDS
        for parameter in getattr(header.userParameters, f"userParameter{kind}", ())
    ]
    return bool(
        _SIEMENS_MODEL.search(model)
        or _SIEMENS_SEQUENCE.search(sequence)
        or any(_SIEMENS_PARAMETER.fullmatch(str(parameter.name)) for parameter in parameters)
    )


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
