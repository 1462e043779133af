"""What the workflow manager tells a DAG run."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from pydicom.uid import RE_VALID_UID

from scanhub_reconstruction.model import CoilCombination, OrientationConvention, RawDataError


class RunConfError(RawDataError):
    """The run's configuration is incomplete; trying again does not help."""


@dataclass(frozen=True, slots=True)
class RunConf:
    """The part of `dag_run.conf` that the reconstruction uses.

    Parameters
    ----------
    dag_run_id
        Identifies the run; UIDs derive from it.
    bucket, key
        The raw data in S3.
    output_prefix
        Where the results go in the same bucket.
    workflow_manager_endpoint
        Full URL of `/results_ready/`.
    user_token
        The run's callback token; never shown.
    version_id
        The object's version; None takes the latest.
    study_instance_uid
        DICOM study that the images belong to; None makes one of the run's own.
    traceparent
        W3C Trace Context of the run, for its callback.
    orientation_convention, coil_combination
        What the run chooses, else the deployment by `SCANHUB_ORIENTATION_CONVENTION` and
        `SCANHUB_COIL_COMBINATION` in the environment; None leaves it to the file.
    orientation_decided_by
        Which of the two chose the orientation.
    """

    dag_run_id: str
    bucket: str
    key: str
    output_prefix: str
    workflow_manager_endpoint: str
    user_token: str = field(repr=False)
    version_id: str | None = None
    study_instance_uid: str | None = None
    traceparent: str | None = None
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
            All required values, not empty.

        Raises
        ------
        RunConfError
            If a value is missing, not text, or none of the choices; the message names the keys.
        """
        required = (
            "dag_run_id",
            "bucket",
            "key",
            "output_prefix",
            "workflow_manager_endpoint",
            "user_token",
        )
        missing = [name for name in required if not is_text(conf.get(name))]
        if missing:
            raise RunConfError(f"The run's configuration lacks {', '.join(missing)}.")
        study_instance_uid = conf.get("study_instance_uid")
        if study_instance_uid is not None and not is_uid(study_instance_uid):
            raise RunConfError("The run's configuration has a study_instance_uid that is no UID.")
        return cls(
            **{name: conf[name] for name in required},
            version_id=conf.get("version_id"),
            study_instance_uid=study_instance_uid,
            traceparent=conf.get("traceparent"),
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


def is_text(value: object) -> bool:
    """Return whether the value is a string that is not empty."""
    return isinstance(value, str) and value != ""
