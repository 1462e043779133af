"""The command line in a process of its own, at a terminal or in a pipe."""

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.terminal import Terminal

COMMAND = [sys.executable, "-m", "scanhub_workflow"]
CLIENT_FOLDER = Path(__file__).parents[2] / "client"
TOKEN = "a-token"
TIMEOUT_S = 20


@dataclass(frozen=True)
class Person:
    """Somebody with a home, who is logged in by the environment unless the URL is empty."""

    home: Path
    url: str

    @property
    def login_file(self) -> Path:
        return self.home / "config" / "scanhub-workflow" / "login.json"

    @property
    def environ(self) -> dict[str, str]:
        """Nothing of whoever runs the tests: no CI, NO_COLOR or FORCE_COLOR."""
        login = {"SCANHUB_WORKFLOW_URL": self.url, "SCANHUB_WORKFLOW_TOKEN": TOKEN}
        return {
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONPATH": str(CLIENT_FOLDER),
            "LANG": "C.UTF-8",
            **(login if self.url else {}),
        }

    def at_terminal(self, *arguments: str, columns: int = 80, **environ: str) -> Terminal:
        """Type a command."""
        return self._open([*COMMAND, *arguments], columns, environ)

    def in_shell(self, script: str, columns: int = 80, **environ: str) -> Terminal:
        """Type a line of shell; ``{cli}`` in it is the command line."""
        line = script.replace("{cli}", shlex.join(COMMAND))
        return self._open(["/bin/sh", "-c", line], columns, environ)

    def without_terminal(
        self, *arguments: str, **environ: str
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command with both outputs in pipes."""
        return subprocess.run(  # noqa: S603 - our own command, no shell
            [*COMMAND, *arguments],
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )

    def _open(self, command: Sequence[str], columns: int, environ: dict[str, str]) -> Terminal:
        self.home.mkdir(exist_ok=True)
        return Terminal(command, {**self.environ, **environ}, folder=self.home, columns=columns)
