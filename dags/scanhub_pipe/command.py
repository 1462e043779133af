"""Which program reconstructs: the deployment's choice, never the run's."""

from __future__ import annotations

import json
import os
import re
import shlex
from dataclasses import dataclass
from pathlib import PurePath

from scanhub_pipe.errors import EngineError
from scanhub_reconstruction.engine_command import (
    AIRFLOW_VARIABLE,
    COMMAND_VARIABLE,
    find_engine_command,
)

_TIMEOUT_VARIABLE, _MEMORY_VARIABLE = "SCANHUB_PIPE_TIMEOUT_S", "SCANHUB_PIPE_MEMORY_MIB"
_DEFAULT_TIMEOUT_S = 1500
_MIB = 2**20
# Programs that start another one, whose name says more.
_STARTERS = re.compile(r"env|nice|time|sh|bash|python[\d.]*")
_NAME = re.compile(r"[A-Za-z][\w.+-]{0,63}")


@dataclass(frozen=True, slots=True)
class Command:
    """The engine, and what it may take.

    Parameters
    ----------
    arguments
        The program and its arguments, which no shell reads.
    timeout_s
        For the whole reconstruction, in seconds.
    memory_bytes
        Address space of each of its processes; None leaves it unlimited.
    """

    arguments: tuple[str, ...]
    timeout_s: float = _DEFAULT_TIMEOUT_S
    memory_bytes: int | None = None

    @property
    def name(self) -> str:
        """The name of the program, as far as the command tells it."""
        for word in self.arguments:
            name = PurePath(word).name
            if "=" not in word and _NAME.fullmatch(name) and not _STARTERS.fullmatch(name):
                return name
        return "engine"


def find_command() -> Command:
    """Return the command of this deployment.

    Raises
    ------
    EngineError
        If there is none, with what is to be set.
    """
    text = find_engine_command()
    if text is None:
        raise EngineError(
            "No reconstruction engine is installed: the Airflow Variable "
            f"{AIRFLOW_VARIABLE}, or {COMMAND_VARIABLE} in the worker's environment, "
            "is to hold its command."
        )
    memory_mib = _read_number(_MEMORY_VARIABLE)
    return Command(
        _split(text),
        _read_number(_TIMEOUT_VARIABLE) or _DEFAULT_TIMEOUT_S,
        memory_mib and memory_mib * _MIB,
    )


def _split(text: str) -> tuple[str, ...]:
    """Read a JSON list of words, or words as a shell would part them."""
    try:
        words = json.loads(text) if text.lstrip().startswith("[") else shlex.split(text)
    except ValueError:
        words = []
    if not words or not all(isinstance(word, str) and "\0" not in word for word in words):
        raise EngineError(
            "The command of the reconstruction engine is not understood: it is a JSON list of "
            "words, or words with blanks between."
        )
    return tuple(words)


def _read_number(variable: str) -> int | None:
    text = os.environ.get(variable)
    if not text:
        return None
    if not re.fullmatch(r"[1-9]\d{0,8}", text):
        raise EngineError(f"{variable} of the worker is to be a positive whole number.")
    return int(text)
