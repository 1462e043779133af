"""Remember an upload until it is done, so that the same command goes on with it."""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# S3 keeps what has arrived for two weeks; the API knows the upload for a little longer.
KEPT_S = 16 * 24 * 3600


@dataclass(frozen=True)
class OpenUpload:
    """One upload that may not be done, by a digest of what it is of.

    Neither the file's name nor its path is kept: people put patients' names there.

    Parameters
    ----------
    path
        A file with the upload's id.
    """

    path: Path

    @classmethod
    def of(cls, folder: Path, url: str, file: Path, target: str) -> OpenUpload:
        """Return where an upload of this very file, as it is now, is remembered.

        Parameters
        ----------
        folder
            Where all are.
        url
            Of the API.
        file
            What is uploaded.
        target
            What it is for.
        """
        status = file.stat()
        parts = [url, target, str(file.resolve()), status.st_ino, status.st_size]
        text = "\0".join(map(str, [*parts, status.st_mtime_ns]))
        # A path may hold bytes that are no text.
        return cls(folder / hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest())

    def find(self) -> str | None:
        """Return the id of the upload, if there is one that may still be open."""
        try:
            if time.time() - self.path.stat().st_mtime > KEPT_S:
                return None
            return self.path.read_text(encoding="ascii").strip() or None
        except (OSError, UnicodeDecodeError):
            return None

    def remember(self, upload_id: str) -> None:
        """Keep the id, and forget those of long ago.

        Parameters
        ----------
        upload_id
            The upload.
        """
        folder = self.path.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.write_text(upload_id, encoding="ascii")
        for other in folder.iterdir():
            # Another upload may forget its own meanwhile.
            with suppress(FileNotFoundError):
                if time.time() - other.stat().st_mtime > KEPT_S:
                    other.unlink()

    def forget(self) -> None:
        """Keep it no longer: it is done, or lost."""
        with suppress(OSError):
            self.path.unlink()
