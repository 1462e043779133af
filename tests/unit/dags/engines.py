"""What engines answer, and engines in other languages: shell and C."""

from __future__ import annotations

import io
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ismrmrd
import numpy as np
from ismrmrd.image import ImageHeader
from ismrmrd.serialization import ProtocolSerializer

from scanhub_pipe.command import Command
from scanhub_pipe.header import find_field_of_view_mm
from scanhub_pipe.stream import place, read_counters
from scanhub_reconstruction.model import RawData, Volume

NAME = "Engine: Test 1.2"
# The engine's files are in the folder of the test.
TAKE_ALL = "cat >/dev/null"


def build_image(raw: RawData, volume: Volume, pixels: Any = None) -> ismrmrd.Image:
    """Return what an engine is to send, in ismrmrd's own words."""
    head = ImageHeader()
    head.version = head.image_type = 1
    head.field_of_view[:] = find_field_of_view_mm(raw)[::-1]
    for name, value in read_counters(volume).items():
        setattr(head, name, value)
    if volume.geometry is not None:
        place(head, volume.geometry)
    if pixels is None:
        pixels = np.ones(raw.image_shape, np.float32)
    return ismrmrd.Image(head, data=np.asarray(pixels)[np.newaxis])


def build_answer(
    raw: RawData, change: Callable[[Any], None] = lambda image: None, text: str | None = NAME
) -> bytes:
    """Return the stream of an engine that sends one image of each volume."""
    stream = io.BytesIO()
    with ProtocolSerializer(stream) as output:
        if text is not None:
            output.serialize(text)
        for volume in raw.volumes:
            image = build_image(raw, volume)
            change(image)
            output.serialize(image)
    return stream.getvalue()


def shell(script: str, **limits: Any) -> Command:
    """Return an engine that is a script of the shell."""
    return Command(("sh", "-c", script), **{"timeout_s": 30.0, **limits})


def compile_engine(folder: Path) -> Command | None:
    """Return an engine that is written in C; None where there is no compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    source, program = Path(__file__).parent / "engine.c", folder / "engine"
    subprocess.run([compiler, "-O1", "-o", program, source, "-lm"], check=True, timeout=60)  # noqa: S603 - our own words
    return Command((str(program),), timeout_s=30.0)


def answer_with(path: Path, before: str = TAKE_ALL, after: str = "") -> str:
    """Return the script that sends a prepared answer."""
    return f"{before}; cat {shlex.quote(str(path))}; {after}"
