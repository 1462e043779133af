"""Tell in a result's metadata how its file was understood."""

from __future__ import annotations

from typing import Any

from scanhub_reconstruction.model import RawData

_MAX_MENDS = 8  # a result takes 30 facts
_UNKNOWN_CONVENTION = (
    "The vendor's convention is not known and was assumed: check the orientation by a phantom."
)


def describe_provenance(raw: RawData) -> dict[str, Any]:
    """Return what was assumed, mended and filled up, so that nothing of it goes unsaid.

    Parameters
    ----------
    raw
        The raw data of the images.

    Returns
    -------
    dict
        JSON-ready: texts of at most 200 characters.
    """
    if raw.engine is None:
        facts: dict[str, Any] = {"coil_combination": raw.coil_combination}
    else:
        facts = {"engine": raw.engine}
    if raw.parallel is not None:
        facts["acceleration_factors"] = list(raw.parallel.factors)
    if raw.is_prewhitened:
        facts["is_prewhitened"] = True
    if raw.scan_options:
        facts["scan_options"] = ", ".join(raw.scan_options)
    if raw.scan is not None:
        facts["orientation_convention"] = raw.scan.orientation_convention
        facts["orientation_decided_by"] = raw.scan.orientation_decided_by
        if raw.scan.orientation_decided_by == "assumption":
            facts["orientation_warning"] = _UNKNOWN_CONVENTION
        if raw.scan.vendor is not None:
            facts["vendor"] = raw.scan.vendor
    n_told = _MAX_MENDS if len(raw.mends) <= _MAX_MENDS else _MAX_MENDS - 1
    told = [*raw.mends[:n_told]]
    if len(raw.mends) > n_told:
        told.append(f"The file needed {len(raw.mends) - n_told} more mends.")
    return facts | {f"mend_{number}": mend for number, mend in enumerate(told, start=1)}
