"""Start a program in a group of processes of its own, and end the whole group."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from scanhub_pipe.command import Command
from scanhub_pipe.errors import EngineError

# What a program needs to find others; not the worker's keys and tokens.
_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TZ")
# Orphans that have ended stay in the group where nobody waits for them, as in some containers.
_TERMINATE_S, _KILL_S, _LOOK_S = 5.0, 1.0, 0.02


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
    limits = "ulimit -c 0"
    if command.memory_bytes is not None:
        limits += f"; ulimit -v {command.memory_bytes // 1024}"
    program = _find(command.arguments[0])
    # The shell sets limits before the program begins; it does not read the program's words.
    return subprocess.Popen(  # noqa: S603
        ("/bin/sh", "-c", f'{limits}; exec "$@"', "sh", program, *command.arguments[1:]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        env=environment,
        cwd=folder,
        start_new_session=True,
    )


def _find(name: str) -> str:
    """Return the program's path."""
    found = shutil.which(name)
    if found is not None:
        return str(Path(found).absolute())
    if "/" in name and Path(name).exists():
        raise EngineError(f"The reconstruction engine may not be executed: {name}.")
    raise EngineError(f"The reconstruction engine is not there: {name}.")


def end(process: subprocess.Popen[bytes]) -> None:
    """End the program and all that it started: SIGTERM, and SIGKILL for who is left.

    Parameters
    ----------
    process
        The leader of the group, which may have ended.
    """
    try:
        if _signal(process, signal.SIGTERM):
            _wait(process, _TERMINATE_S)
    finally:  # Airflow may end the task while we wait
        if _signal(process, signal.SIGKILL):
            _wait(process, _KILL_S)
        process.wait()


def _wait(process: subprocess.Popen[bytes], longest_s: float) -> None:
    ends_at_s = time.monotonic() + longest_s
    while time.monotonic() < ends_at_s and _signal(process, 0):
        time.sleep(_LOOK_S)


def _signal(process: subprocess.Popen[bytes], number: int) -> bool:
    """Return whether there was anybody in the group."""
    process.poll()  # takes an ended leader out of the group
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
