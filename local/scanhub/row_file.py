"""The store's rows and notes in a file, each written as it changes."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

_TABLE = """
CREATE TABLE IF NOT EXISTS rows (
  place INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  content TEXT NOT NULL,
  UNIQUE (kind, id)
)
"""


class RowFile:
    """Rows by kind and id; whoever opens the file again finds them, also after a kill."""

    def __init__(self, path: Path) -> None:
        # The store's lock lets one thread in at a time.
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        # A lost kernel may cost the last rows; to wait for the disk would slow every request.
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.execute(_TABLE)

    def read(self) -> Iterator[tuple[str, str, str]]:
        """Yield kind, id and content, in the order of the heap."""
        yield from self._connection.execute("SELECT kind, id, content FROM rows ORDER BY place")

    def put(self, kind: str, id_: str, content: str) -> None:
        """Write a row, new at the end or known at its place."""
        self._connection.execute(
            "INSERT INTO rows (kind, id, content) VALUES (?, ?, ?) "
            "ON CONFLICT (kind, id) DO UPDATE SET content = excluded.content",
            (kind, id_, content),
        )

    def delete(self, kind: str, id_: str) -> None:
        """Delete a row."""
        self._connection.execute("DELETE FROM rows WHERE kind = ? AND id = ?", (kind, id_))

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()
