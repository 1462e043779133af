"""What an engine says, line by line, in Airflow's log."""

from __future__ import annotations

import logging

_MAX_LINE_BYTES, _MAX_TOTAL_BYTES = 500, 2**20

_logger = logging.getLogger(__name__)


class EngineLog:
    """Passes lines on: the beginning of each, so many bytes of all."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._n_left = _MAX_TOTAL_BYTES
        self.last_words = ""

    def write(self, data: bytes) -> None:
        """Take bytes as they come.

        Parameters
        ----------
        data
            Any number of lines, the last of which may go on.
        """
        if self._n_left <= 0:
            data = data[-2 * _MAX_LINE_BYTES :]
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._add(line)
            self.close()
        self._add(rest)

    def close(self) -> None:
        """End the line."""
        text = "".join(c if c.isprintable() else " " for c in self._line.decode(errors="replace"))
        self._line.clear()
        if not text.strip():
            return
        self.last_words = f"{self.last_words[-2 * _MAX_LINE_BYTES :]}\n{text}"
        if self._n_left <= 0:
            return
        self._n_left -= len(text)
        _logger.info("Engine: %s", text.strip())
        if self._n_left <= 0:
            _logger.warning("The engine says more than is logged.")

    def _add(self, part: bytes) -> None:
        self._line += part[: max(0, _MAX_LINE_BYTES - len(self._line))]
