"""Start a program in a group of processes of its own, and end the whole group."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import time
from pathlib import Path

from scanhub_pipe.command import Command
from scanhub_pipe.errors import EngineError

# What a program needs to find others; not the worker's keys and tokens.
_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TZ")
_TERMINATE_S, _LOOK_S = 5.0, 0.02


def start(command: Command, folder: Path) -> subprocess.Popen[bytes]:
    """Start the program, its three pipes unbuffered.

    Parameters
    ----------
    command
        The program; its processes leave no core dumps.
    folder
        Where it runs, its home, and where it puts temporary files.

    Raises
    ------
    EngineError
        If it cannot be started.
    """
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    environment |= {"HOME": str(folder), "TMPDIR": str(folder)}
    name = command.arguments[0]
    try:
        process = subprocess.Popen(  # noqa: S603 - the deployment's words, no shell
            command.arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=environment,
            cwd=folder,
            start_new_session=True,
        )
    except (FileNotFoundError, NotADirectoryError):
        raise EngineError(f"The reconstruction engine is not there: {name}.") from None
    except PermissionError:
        raise EngineError(f"The reconstruction engine may not be executed: {name}.") from None
    except OSError as error:  # such as a file that is no program
        raise EngineError(
            f"The reconstruction engine cannot be started ({error.strerror}): {name}."
        ) from None
    _limit(process.pid, command.memory_bytes)
    return process


def _limit(pid: int, memory_bytes: int | None) -> None:
    limits = {resource.RLIMIT_CORE: 0}
    if memory_bytes is not None:
        limits[resource.RLIMIT_AS] = memory_bytes
    for kind, most in limits.items():
        try:
            _, before = resource.prlimit(pid, kind)
            limit = most if before == resource.RLIM_INFINITY else min(most, before)
            resource.prlimit(pid, kind, (limit, limit))
        except ProcessLookupError:  # it has ended already
            return


def end(process: subprocess.Popen[bytes]) -> None:
    """End the program and all that it started: SIGTERM, and SIGKILL for who is left.

    Parameters
    ----------
    process
        The leader of the group, which may have ended.
    """
    try:
        if _signal(process, signal.SIGTERM):
            ends_at_s = time.monotonic() + _TERMINATE_S
            while time.monotonic() < ends_at_s and _signal(process, 0):
                time.sleep(_LOOK_S)
    finally:  # Airflow may end the task while we wait
        _signal(process, signal.SIGKILL)
        process.wait()


def _signal(process: subprocess.Popen[bytes], number: int) -> bool:
    """Return whether there was anybody in the group."""
    process.poll()  # takes an ended leader out of the group
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
