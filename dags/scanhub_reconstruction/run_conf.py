"""What the workflow manager tells a run of its images."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

from pydicom.uid import RE_VALID_UID

from scanhub_reconstruction.model import CoilCombination, OrientationConvention, RawDataError

# Of the deployment; a run's own conf is stronger.
_PROTOCOL_VARIABLE = "SCANHUB_PROTOCOL_NAME_IN_DICOM"


class RunConfError(RawDataError):
    """The run's configuration is not what it is to be; trying again does not help."""


@dataclass(frozen=True, slots=True)
class RunConf:
    """The part of `dag_run.conf` that the reconstruction uses.

    Parameters
    ----------
    dag_run_id
        Identifies the run; UIDs derive from it.
    bucket, key, output_prefix, workflow_manager_endpoint, user_token
        The conf's own first keys, which whoever makes images without a run names too.
    study_instance_uid
        DICOM study that the images belong to; None makes one of the run's own.
    patient_pseudonym
        DICOM's PatientID; None makes one of the study's own.
    study_date, study_time
        Of the exam, in DICOM's formats (YYYYMMDD, HHMMSS).
    series_number
        Tells the exam's series apart for people; None makes one of the run's own.
    has_protocol_name
        Whether images are named as the person at the scanner named the protocol, in free text.
    orientation_convention, coil_combination
        What the run chooses, else the deployment by `SCANHUB_ORIENTATION_CONVENTION` and
        `SCANHUB_COIL_COMBINATION` in the environment; None leaves it to the file.
    orientation_decided_by
        Which of the two chose the orientation.
    """

    dag_run_id: str
    bucket: str = ""
    key: str = ""
    output_prefix: str = ""
    workflow_manager_endpoint: str = ""
    user_token: str = field(default="", repr=False)
    study_instance_uid: str | None = None
    patient_pseudonym: str | None = None
    study_date: str | None = None
    study_time: str | None = None
    series_number: int | None = None
    has_protocol_name: bool = False
    orientation_convention: OrientationConvention | None = None
    orientation_decided_by: Literal["run", "deployment"] = "run"
    coil_combination: CoilCombination | None = None

    @classmethod
    def from_mapping(cls, conf: Mapping[str, Any]) -> RunConf:
        """Read the configuration.

        Parameters
        ----------
        conf
            `dag_run.conf`.

        Returns
        -------
        RunConf
            As far as it is told.

        Raises
        ------
        RunConfError
            If a value is not what it is to be; the message names the keys only.
        """
        optional: dict[str, Any] = {name: conf.get(name) for name in _OPTIONAL}
        for name, value in optional.items():
            kind, is_right = _OPTIONAL[name]
            if value is not None and not is_right(value):
                raise RunConfError(f"The run's configuration has a {name} that is no {kind}.")
        return cls(
            conf["dag_run_id"],
            **optional,
            has_protocol_name=conf.get("has_protocol_name", _is_wanted(_PROTOCOL_VARIABLE)) is True,
            orientation_convention=_choose(conf, "orientation_convention", OrientationConvention),
            orientation_decided_by="run" if conf.get("orientation_convention") else "deployment",
            coil_combination=_choose(conf, "coil_combination", CoilCombination),
        )


def _choose(conf: Mapping[str, Any], name: str, terms: Any) -> Any:
    """Return the run's choice, else the deployment's."""
    choice = conf.get(name) or os.environ.get(f"SCANHUB_{name.upper()}") or None
    if choice is not None and choice not in get_args(terms):
        raise RunConfError(
            f"The configuration has a {name} other than {' or '.join(get_args(terms))}."
        )
    return choice


def is_uid(value: object) -> bool:
    """Return whether the value is a DICOM UID (PS3.5 9.1)."""
    return isinstance(value, str) and len(value) <= 64 and bool(re.fullmatch(RE_VALID_UID, value))


def _is_wanted(variable: str) -> bool:
    return os.environ.get(variable) == "1"


def _is_pseudonym(value: object) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"[A-Za-z0-9-]{16,64}", value))


def _is_date(value: object) -> bool:
    return isinstance(value, str) and _can_be_read(value, "%Y%m%d", length=8)


def _is_time(value: object) -> bool:
    return isinstance(value, str) and _can_be_read(value, "%H%M%S", length=6)


def _can_be_read(value: str, form: str, *, length: int) -> bool:
    try:
        datetime.strptime(value, form)
    except ValueError:
        return False
    return len(value) == length


def _is_series_number(value: object) -> bool:
    return type(value) is int and 0 < value < 2**31  # True is an int too


_OPTIONAL: dict[str, tuple[str, Callable[[object], bool]]] = {
    "study_instance_uid": ("UID", is_uid),
    "patient_pseudonym": ("pseudonym", _is_pseudonym),
    "study_date": ("date (YYYYMMDD)", _is_date),
    "study_time": ("time (HHMMSS)", _is_time),
    "series_number": ("positive number", _is_series_number),
}
