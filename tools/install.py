"""Tools whose packages conflict with ours, each in an environment of its own."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

from local.interpreter import Interpreter
from local.setup import Environment, provide


def install_tool(requirements: Path, environment: Path) -> Path:
    """Return the folder of a tool's programs; it is installed again if its lock has changed."""
    tool = Environment(environment, requirements)
    if not tool.is_current():
        provide(tool, Interpreter(Path(sys.executable), platform.python_version()))
    return environment / "bin"
