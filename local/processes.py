"""Start, watch and stop the stack's processes."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from local.config import ROOT, StackError
from local.identity import MARK, ProcessRecord, find_marked

TERM_WAIT_S = 10
KILL_WAIT_S = 5
POLL_S = 0.1
N_STOP_ROUNDS = 5

# Popen warns when it is collected before its process ended, and ours outlive their starter.
_CHILDREN: list[subprocess.Popen[bytes]] = []


class Processes:
    """The processes of one stack; its folder gets records in ``run/`` and logs in ``log/``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._is_cancelled = threading.Event()
        self._lock = threading.Lock()

    def start(
        self, service: str, command: Sequence[str], environ: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        """Start a process in a group of its own and note it at once.

        Parameters
        ----------
        command
            Program and arguments; never a secret, because ``ps`` shows them to everybody.
        environ
            All of its variables, except the stack's mark.
        """
        log = self.folder / "log" / f"{service}.log"
        marked = {**environ, MARK: f"{self.folder}|{service}"}
        # Under the lock a cancelled ``up`` either sees this process or prevents it.
        with self._lock:
            self.check_cancelled()
            with log.open("ab") as output:
                process = subprocess.Popen(  # noqa: S603 - commands of this package only
                    command,
                    env=marked,
                    cwd=ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            _CHILDREN.append(process)
            if record := ProcessRecord.of(process.pid):
                record.write(self._record_file(service))
        return process

    def run(
        self, service: str, command: Sequence[str], environ: Mapping[str, str], timeout_s: float
    ) -> None:
        """Run a command to its end; raise with the log's name if it fails or takes too long."""
        process = self.start(service, command, environ)
        try:
            status = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.stop(service)
            reason = f"{service}: no end after {timeout_s:.0f} s. {self.hint(service)}"
            raise StackError(reason) from None
        self._record_file(service).unlink(missing_ok=True)
        self.check_cancelled()
        if status != 0:
            raise StackError(f"{service} failed (status {status}). {self.hint(service)}")

    def wait_until(
        self, service: str, is_ready: Callable[[], bool], what: str, timeout_s: float
    ) -> None:
        """Wait for a condition; raise if its process ends before, or after the time."""
        deadline = time.monotonic() + timeout_s
        while not is_ready():
            self.check_cancelled()
            if not self.is_running(service):
                raise StackError(f"{service} ended before {what}. {self.hint(service)}")
            if time.monotonic() > deadline:
                raise StackError(
                    f"{service}: {what} did not come in {timeout_s:.0f} s. {self.hint(service)}"
                )
            time.sleep(POLL_S)

    def hint(self, service: str) -> str:
        """Return the end of a service's log and the path of the whole log."""
        log = self.folder / "log" / f"{service}.log"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        return "\n".join([f"See {log}:", *(f"  {line}" for line in lines[-15:])])

    def pid_of(self, service: str) -> int | None:
        """Return the number of a running service."""
        record = ProcessRecord.read(self._record_file(service))
        return record.pid if record and record.is_running() else None

    def is_running(self, service: str) -> bool:
        """Return whether a service's own process lives."""
        return self.pid_of(service) is not None

    def cancel(self) -> None:
        """Prevent all further starts, and end every wait."""
        with self._lock:
            self._is_cancelled.set()

    def check_cancelled(self) -> None:
        """Raise ``StackError`` once ``cancel`` was called."""
        if self._is_cancelled.is_set():
            raise StackError("Interrupted.")

    def stop(self, service: str | None = None, *, is_asked: bool = True) -> int:
        """Stop one service, or all processes of the stack, and return how many there were.

        Parameters
        ----------
        is_asked
            Whether each is given the time for an orderly end; else they are killed.
        """
        n_stopped = 0
        # A process may have started another one just before it ended: look again.
        for _ in range(N_STOP_ROUNDS):
            found = self._find(service)
            if not found:
                break
            n_stopped += len(found)
            _end(found, is_asked=is_asked)
        else:
            raise StackError(f"Still running: {[process.pid for process in self._find(service)]}")
        for file in self._record_files(service):
            # An ``up`` that begins by tidying up keeps its own record.
            if (record := ProcessRecord.read(file)) is None or record.pid != os.getpid():
                file.unlink(missing_ok=True)
        for child in _CHILDREN:
            child.poll()
        return n_stopped

    def _find(self, service: str | None) -> list[psutil.Process]:
        found = set(find_marked(self.folder, service))
        for file in self._record_files(service):
            record = ProcessRecord.read(file)
            if record and record.is_running() and record.pid != os.getpid():
                found |= _family(record.pid)
        return list(found)

    def _record_files(self, service: str | None) -> list[Path]:
        return [
            file for file in (self.folder / "run").glob("*.json") if service in {None, file.stem}
        ]

    def _record_file(self, service: str) -> Path:
        return self.folder / "run" / f"{service}.json"


def _family(pid: int) -> set[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return {parent, *parent.children(recursive=True)}
    except psutil.NoSuchProcess:
        return set()


def _end(processes: list[psutil.Process], *, is_asked: bool) -> None:
    """Ask, wait, and kill those that are left; psutil checks the identity before each signal."""
    signals = (("terminate", TERM_WAIT_S), ("kill", KILL_WAIT_S))
    for signal_name, wait_s in signals if is_asked else signals[1:]:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                getattr(process, signal_name)()
        if _are_gone(processes, wait_s):
            return


def _are_gone(processes: list[psutil.Process], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while any(_is_alive(process) for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S / 2)
    return True


def _is_alive(process: psutil.Process) -> bool:
    """Return whether it can still do something; a zombie only waits for its parent."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
