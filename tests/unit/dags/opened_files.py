"""See which files anybody opens, as the kernel does: HDF5's opens do not pass through Python."""

import ctypes
import os
import struct
from pathlib import Path
from types import TracebackType
from typing import Self

_IN_OPEN = 0x20
_EVENT = struct.Struct("iIII")  # inotify(7): watch, mask, cookie, length of the name
_libc = ctypes.CDLL(None, use_errno=True)


class OpenedFiles:
    """Counts the opens of a folder and of the files in it, by whatever path, while it is open."""

    def __init__(self, folder: Path) -> None:
        self._descriptor = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        watch = _libc.inotify_add_watch(self._descriptor, os.fsencode(folder), _IN_OPEN)
        assert min(self._descriptor, watch) >= 0, os.strerror(ctypes.get_errno())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)

    def list_names(self) -> list[str]:
        """Return what was opened since the last call, "." for the folder itself."""
        try:
            events = os.read(self._descriptor, 2**16)
        except BlockingIOError:
            return []
        names, offset = [], 0
        while offset < len(events):
            *_, n_bytes = _EVENT.unpack_from(events, offset)
            offset += _EVENT.size + n_bytes
            names.append(events[offset - n_bytes : offset].rstrip(b"\0").decode() or ".")
        return names
