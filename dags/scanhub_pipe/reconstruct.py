"""Have an engine reconstruct a prepared measurement."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import IO

from scanhub_pipe.command import Command
from scanhub_pipe.errors import EngineError
from scanhub_pipe.images import NO_STREAM, ImageReceiver, count_most_bytes
from scanhub_pipe.process import EngineProcess
from scanhub_pipe.stream import write_stream
from scanhub_reconstruction.model import RawData


def run_engine(raw: RawData, command: Command, file: IO[bytes]) -> str:
    """Have the engine make the images of a measurement.

    Parameters
    ----------
    raw
        The prepared measurement.
    command
        The engine.
    file
        Takes the magnitudes, float32, in the order of the images.

    Returns
    -------
    str
        What the engine calls itself, else the name of the program.

    Raises
    ------
    EngineError
        If it makes none that can be used.
    """
    with (
        tempfile.TemporaryDirectory(prefix="engine-", ignore_cleanup_errors=True) as folder,
        EngineProcess(command, write_stream(raw), Path(folder), count_most_bytes(raw)) as engine,
    ):
        receiver = ImageReceiver(raw, engine.read, file)
        try:
            receiver.receive()
            if engine.read(1):
                raise EngineError(NO_STREAM)
        except EngineError:
            engine.explain()
            raise
        engine.wait()
    return receiver.engine_name or command.name
