"""Compile ahead, for `workflow_manager.precompiled`, what Python would compile in every start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from sysconfig import get_path

from local.config import ROOT, StackError

FILE_NAME = "precompiled.bin"
_RECORDER = Path(__file__).with_name("precompile_recorder.py")
_TIMEOUT_S = 120


def precompile(folder: Path) -> Path:
    """Import all functions in a fresh interpreter, and return the file in `folder` of what it kept.

    The packages are those of this environment, which has the layer's releases: a layer for another
    processor cannot be imported here. What differs is not found then, and compiled as ever.

    Raises
    ------
    StackError
        A function cannot be imported.
    """
    file = folder / FILE_NAME
    sources = ROOT / "layers" / "workflow_manager"
    # As Lambda starts them. No call is made, so nobody reads the settings.
    environ = {
        "PATH": os.defpath,
        "PYTHONPATH": os.pathsep.join([str(sources), get_path("platlib"), get_path("purelib")]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_LAMBDA_FUNCTION_NAME": "precompile",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
    }
    # Columns are for tracebacks of source lines, which generated code does not have.
    command = [sys.executable, "-S", "-s", "-P", "-X", "no_debug_ranges", str(_RECORDER)]
    done = subprocess.run(  # noqa: S603 - our own words, no shell
        [*command, str(file), str(ROOT / "functions")],
        env=environ,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
    )
    if done.returncode:
        raise StackError(f"A function cannot be imported: {done.stderr[-2000:]}")
    return file
