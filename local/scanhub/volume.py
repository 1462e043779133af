"""The data volume that device- and exam-manager share: ``/data/<workflow>/<task>/<result>/``."""

import tempfile
from pathlib import Path, PurePosixPath
from uuid import UUID

MOUNT = PurePosixPath("/data")
"""Where ScanHub's services see the volume; the stand-in has it in a folder."""


class Volume:
    """A folder of this machine that is mounted as ``/data`` in ScanHub's containers.

    Parameters
    ----------
    folder
        None: a temporary one, made when first needed and deleted by `close`.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    @property
    def folder(self) -> Path:
        """Return the folder on this machine."""
        if self._folder is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="scanhub-data-")
            self._folder = Path(self._temporary.name)
        return self._folder

    def close(self) -> None:
        """Delete a temporary folder."""
        if self._temporary:
            self._temporary.cleanup()
            self._temporary = self._folder = None

    def locate(self, *parts: str | UUID) -> tuple[Path, PurePosixPath]:
        """Return a place on this machine, and as ScanHub names it."""
        inside = PurePosixPath(*map(str, parts))
        path = self.folder / inside
        is_inside = path.resolve().is_relative_to(self.folder.resolve())
        # What leads outside is a place where nothing is.
        return path if is_inside else self.folder / "nowhere", MOUNT / inside
