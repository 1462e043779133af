"""Read what images are labelled with from ISMRMRD's header, and nothing about the patient."""

from __future__ import annotations

from typing import Any

import numpy as np
from ismrmrd import xsd

from scanhub_reconstruction.ismrmrd_header import CartesianEncoding
from scanhub_reconstruction.ismrmrd_layout import Layout
from scanhub_reconstruction.model import ScanDescription
from scanhub_reconstruction.values import optional_uid

# Lengths of DICOM's value representations (PS3.5 6.2).
_SHORT_STRING, _LONG_STRING = 16, 64
_MAX_ECHO_TRAIN = 2**15
_FASTEST_US, _SLOWEST_US = 0.01, 1e4  # of one sample


def read_description(
    header: xsd.ismrmrdHeader, head: np.void, layout: Layout, encoding: CartesianEncoding
) -> ScanDescription:
    """Read what the scanner tells about itself and the measurement.

    Parameters
    ----------
    header
        The parsed header.
    head
        An acquisition header.
    layout, encoding
        Of the acquisitions.

    Returns
    -------
    ScanDescription
        Values that are missing, or not what they should be, are None.
    """
    system, study = header.acquisitionSystemInformation, header.studyInformation
    measurement = header.measurementInformation
    n_train = getattr(header.encoding[int(head["encoding_space_ref"])], "echoTrainLength", None)
    is_train = isinstance(n_train, int) and 0 < n_train <= _MAX_ECHO_TRAIN
    return ScanDescription(
        model_name=_read_text(system, "systemModel", _LONG_STRING),
        station_name=_read_text(system, "stationName", _SHORT_STRING),
        serial_number=_read_text(system, "deviceSerialNumber", _LONG_STRING),
        study_date=_read_date(study, "studyDate"),
        study_time=_read_time(study, "studyTime"),
        series_date=_read_date(measurement, "seriesDate"),
        series_time=_read_time(measurement, "seriesTime"),
        protocol_name=_read_text(measurement, "protocolName", _LONG_STRING),
        sequence_name=_read_text(header.sequenceParameters, "sequence_type", _SHORT_STRING)
        or _read_text(measurement, "sequenceName", _SHORT_STRING),
        frame_of_reference_uid=optional_uid(getattr(measurement, "frameOfReferenceUID", None)),
        echo_train_length=n_train if is_train else None,
        pixel_bandwidth_hz=_read_bandwidth_hz(head, layout),
        n_acquired_samples=_count_samples(layout, encoding),
        n_acquired_lines=encoding.rows.n_steps,
    )


def _read_text(element: Any, name: str, max_bytes: int) -> str | None:
    """Return one line without DICOM's separator, in so many bytes; None when nothing is left."""
    value = getattr(element, name, None)
    if not isinstance(value, str):
        return None
    plain = "".join(c if c.isprintable() and c != "\\" else " " for c in value)
    cut = " ".join(plain.split()).encode()[:max_bytes].decode(errors="ignore")
    return cut.strip() or None


def _read_date(element: Any, name: str) -> str | None:
    value = getattr(element, name, None)
    try:
        return value.to_date().strftime("%Y%m%d") if value is not None else None
    except (AttributeError, ValueError):  # xsdata leaves bad values as text
        return None


def _read_time(element: Any, name: str) -> str | None:
    value = getattr(element, name, None)
    try:
        return value.to_time().strftime("%H%M%S.%f") if value is not None else None
    except (AttributeError, ValueError):
        return None


def _read_bandwidth_hz(head: np.void, layout: Layout) -> float | None:
    dwell_us = float(head["sample_time_us"])
    if not _FASTEST_US <= dwell_us <= _SLOWEST_US:
        return None
    return 1e6 / (dwell_us * layout.shape[4])


def _count_samples(layout: Layout, encoding: CartesianEncoding) -> int:
    n_samples = int(layout.columns.stop - layout.columns.start)
    return round(n_samples * encoding.image_shape[2] / encoding.transform_shape[2])
