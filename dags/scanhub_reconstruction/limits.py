"""What the kernel lets a process have, whatever a file makes a library do."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scanhub_reconstruction.model import RawDataError


@contextmanager
def limit_memory(n_bytes: int) -> Iterator[None]:
    """Let this process allocate so much more memory; files that are mapped do not count.

    Parameters
    ----------
    n_bytes
        Memory beyond what the process has now.

    Raises
    ------
    RawDataError
        If what runs in the context needs more.
    """
    before, most = resource.getrlimit(resource.RLIMIT_DATA)
    limit = _cap(_count_data_bytes() + n_bytes, before)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, most))
    try:
        yield
    except MemoryError:
        raise RawDataError(
            "The raw data needs more memory than the reconstruction may take."
        ) from None
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (before, most))


def close_off(n_files: int, cpu_s: int) -> None:
    """Let this process open few more files or sockets, compute so long, and leave no core dump.

    Parameters
    ----------
    n_files
        How many more may be open at the same time.
    cpu_s
        Processor time in seconds, after which the kernel ends the process by SIGXCPU.
    """
    lowest_free = os.dup(0)
    os.close(lowest_free)
    for kind, limit in (
        (resource.RLIMIT_NOFILE, lowest_free + n_files),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_CORE, 0),
    ):
        before, most = resource.getrlimit(kind)
        is_final = kind != resource.RLIMIT_CPU  # at the hard limit, SIGKILL comes before SIGXCPU
        limit = _cap(limit, before)
        resource.setrlimit(kind, (limit, limit if is_final else most))


def _cap(limit: int, before: int) -> int:
    return limit if before == resource.RLIM_INFINITY else min(limit, before)


def _count_data_bytes() -> int:
    """Return what RLIMIT_DATA counts (proc(5), statm: data and stack)."""
    n_pages = int(Path("/proc/self/statm").read_text().split()[5])
    return n_pages * resource.getpagesize()
