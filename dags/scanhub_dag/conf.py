"""Read what the workflow manager tells every run (docs/dags/conf.schema.json)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from scanhub_dag.errors import RunError

CONF_VERSION = 1
_REQUIRED = (
    "dag_run_id",
    "bucket",
    "output_prefix",
    "workflow_manager_endpoint",
    "user_token",
)

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class InputResult:
    """An object of the data lake that the run is given.

    Parameters
    ----------
    bucket, key
        Where it is.
    version_id
        Its version; None takes the latest.
    type
        The result's type, as the DAG before reported it; None for raw data.
    """

    bucket: str
    key: str
    version_id: str | None = None
    type: str | None = None


@dataclass(frozen=True, slots=True)
class InputConf:
    """One input of the run: the task, its run, and all that it left, perhaps nothing."""

    task_id: str | None = None
    dag_run_id: str | None = None
    type: str | None = None
    results: tuple[InputResult, ...] = ()


@dataclass(frozen=True, slots=True)
class DagRunConf:
    """The part of `dag_run.conf` that every DAG needs.

    Parameters
    ----------
    dag_run_id
        Identifies the run.
    bucket, output_prefix
        Where the results go.
    endpoint
        Full URL of `/results_ready/`.
    token
        The run's callback token; never shown.
    inputs
        In the order of the task's `input_task_ids`.
    parameters
        The task's own args.
    traceparent
        W3C Trace Context of the run; anything, if somebody started it by hand.
    version
        Of the form of conf; None if it does not tell, as those before version 1.
    told
        All of it.
    """

    dag_run_id: str
    bucket: str
    output_prefix: str
    endpoint: str
    token: str = field(repr=False)
    inputs: tuple[InputConf, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    traceparent: object = None
    version: object = None
    told: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def from_mapping(cls, conf: Mapping[str, Any]) -> DagRunConf:
        """Read the configuration; keys that this kit does not know are left alone.

        Raises
        ------
        RunError
            If a value is missing or not what it is to be; the sentence names the keys only.
        """
        missing = [name for name in _REQUIRED if read_text(conf, name) is None]
        if missing:
            raise RunError(f"The run's configuration lacks {', '.join(missing)}.")
        version = conf.get("conf_version")
        if isinstance(version, int) and version > CONF_VERSION:
            _logger.info(
                "The run's configuration is of version %d; this kit knows %d and goes on, for it "
                "has all that is needed.",
                version,
                CONF_VERSION,
            )
        parameters = conf.get("parameters") or {}
        if not isinstance(parameters, Mapping):
            raise RunError("The run's configuration has parameters that are no object.")
        return cls(
            dag_run_id=conf["dag_run_id"],
            bucket=conf["bucket"],
            output_prefix=conf["output_prefix"],
            endpoint=conf["workflow_manager_endpoint"],
            token=conf["user_token"],
            inputs=_read_inputs(conf),
            parameters=MappingProxyType(dict(parameters)),
            traceparent=conf.get("traceparent"),
            version=version,
            told=conf,
        )


def read_text(conf: Mapping[str, Any], name: str) -> str | None:
    """Return a value that is a string and not empty, else None."""
    value = conf.get(name)
    return value if isinstance(value, str) and value else None


def _read_inputs(conf: Mapping[str, Any]) -> tuple[InputConf, ...]:
    given = conf.get("inputs") or []
    if not isinstance(given, list) or not all(isinstance(each, Mapping) for each in given):
        raise RunError("The run's configuration has inputs that are no list of objects.")
    if not given and read_text(conf, "key"):
        given = [{name: conf.get(name) for name in ("bucket", "key", "version_id")}]
    return tuple(_read_input(each) for each in given)


def _read_input(given: Mapping[str, Any]) -> InputConf:
    # Before version 1 an input was one object; it still is in the same keys.
    results = given.get("results") or ([given] if read_text(given, "key") else [])
    is_list = isinstance(results, list) and all(isinstance(each, Mapping) for each in results)
    if not is_list or not all(read_text(each, n) for each in results for n in ("bucket", "key")):
        raise RunError("The run's configuration has an input whose results lack bucket or key.")
    return InputConf(
        given.get("task_id"),
        given.get("dag_run_id"),
        given.get("type"),
        tuple(
            InputResult(
                each["bucket"],
                each["key"],
                each.get("version_id") or None,
                None if each is given else each.get("type"),
            )
            for each in results
        ),
    )
