"""Run this package's modules in fresh processes, and measure them.

Nothing large is imported here, because the memory of a parent would count as its children's peak.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from typing import IO, Any, cast

from local.config import ROOT, StackError, clean_environ

_RSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


class Child(subprocess.Popen[str]):
    """A process of a module, with its command line and variables; it ends when its input does.

    Its code is that of this checkout, or of the one that the variable PWD names.
    """

    def __init__(self, module: str, *arguments: str, **environ: str) -> None:
        command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
        found = {"PYTHONPATH": "layers/workflow_manager:client:dags", "PWD": str(ROOT)} | environ
        pipe, env, cwd = subprocess.PIPE, clean_environ(**found), found["PWD"]
        super().__init__(command, stdin=pipe, stdout=pipe, text=True, cwd=cwd, env=env)

    def read(self) -> Any:
        """Return the next line that it tells; raise if it has ended."""
        if line := cast(IO[str], self.stdout).readline():
            return json.loads(line)
        raise StackError(f"{self.args!r} ended early.")

    def end_input(self) -> None:
        """Close its input, so that it runs to its end."""
        cast(IO[str], self.stdin).close()


def tell(content: object) -> None:
    """Tell the parent a line of JSON."""
    print(json.dumps(content), flush=True)


def cpu_s() -> float:
    """Return this process's time on processors [s]."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_mb() -> float:
    """Return its largest resident set [MB], the interpreter and its packages included."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT_BYTES / 1e6
