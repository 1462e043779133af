"""Tell a process of ours from a stranger that got its number later (Linux ``/proc``)."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

MARK = "SCANHUB_LOCAL_STACK"
"""Environment variable that every process of a stack inherits: ``{folder}|{service}``."""


@dataclass(frozen=True)
class ProcessRecord:
    """A started process, as noted on disk.

    Attributes
    ----------
    pid
        Its id, which is also that of its process group.
    start_ticks
        Its start, in clock ticks since boot.
    boot_id
        The boot that the ticks count from.
    """

    pid: int
    start_ticks: int
    boot_id: str

    @classmethod
    def of(cls, pid: int) -> ProcessRecord | None:
        """Return the record of a living process, or ``None`` when there is none."""
        ticks = read_start_ticks(pid)
        return None if ticks is None else cls(pid, ticks, read_boot_id())

    @classmethod
    def read(cls, file: Path) -> ProcessRecord | None:
        """Return a noted record; an absent or half-written file holds none."""
        try:
            return cls(**json.loads(file.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def write(self, file: Path) -> None:
        """Note the record."""
        file.write_text(json.dumps(asdict(self)))

    def is_running(self) -> bool:
        """Return whether this very process lives, and not one that got its number later."""
        return ProcessRecord.of(self.pid) == self


def read_start_ticks(pid: int) -> int | None:
    """Return when a process started; ``None`` for the absent and for zombies."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the program's name in brackets and may itself hold blanks and brackets.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def read_boot_id() -> str:
    """Return an id that changes with every boot of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def find_marked(folder: Path, service: str | None = None) -> list[psutil.Process]:
    """Return every process that carries the mark of a stack, or of one of its services.

    This also finds children that left their process group, and those of an ``up`` that was killed
    before it noted them.
    """
    wanted = f"{folder}|"
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        try:
            mark = process.environ().get(MARK, "")
            is_zombie = process.status() == psutil.STATUS_ZOMBIE
        except psutil.Error:
            continue
        if not is_zombie and mark.startswith(wanted) and service in {None, mark[len(wanted) :]}:
            found.append(process)
    return found
