"""A DAG without the stack: ``python -m local.dag_test DAG FILE``.

Exit status: 0 the DAG succeeded, 1 it failed or could not be run, 2 wrong call.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from local.config import StackError
from local.dag_test.data_lake import list_files
from local.dag_test.run import LOG, OUT, Ended, run_dag
from workflow_manager.domain.data_lake import result_prefix
from workflow_manager.domain.errors import InvalidInputError
from workflow_manager.domain.parameters import PARAMETERS_ARG, read_parameters
from workflow_manager.domain.result import Result

TIMEOUT_S = 300.0
# What the workflow manager says of a task in exam-manager.
_TASKS_ARGS = re.compile('[Tt]he args. "parameters"')


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m local.dag_test", description=__doc__)
    parser.add_argument("dag", type=Path, help="the DAG's file")
    parser.add_argument("file", type=Path, help="raw data, or a folder with files of a series")
    parser.add_argument("--parameters", default="", help="a JSON object for the DAG")
    parser.add_argument("--out", type=Path, help=f"where results go; default: {OUT}")
    parser.add_argument("--timeout-s", type=float, default=TIMEOUT_S, help="the longest time [s]")
    options = parser.parse_args(arguments)
    started = time.monotonic()
    try:
        if options.dag == Path() or options.file == Path():
            raise StackError("Name both: make dag-test DAG=dags/own/my_dag.py FILE=scan.h5")
        parameters = read_parameters({PARAMETERS_ARG: options.parameters})
        names = ", ".join(path.name for path in list_files(options.file))
        what = options.file if options.file.is_file() else f"{shorten(names)} of {options.file}"
        print(f"{options.dag} is run on {what}.", flush=True)
        ended = run_dag(
            options.dag,
            options.file,
            options.out or OUT,
            parameters,
            timeout_s=options.timeout_s,
            show=lambda text: print(text, flush=True),
        )
    except InvalidInputError as error:
        print(_TASKS_ARGS.sub("PARAMETERS=", str(error)), file=sys.stderr)
        return 1
    except (StackError, OSError, subprocess.TimeoutExpired) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; nothing is left running.", file=sys.stderr)
        return 130
    report(ended, options.out or OUT, time.monotonic() - started)
    return 0 if ended.reason is None else 1


def shorten(names: str) -> str:
    """Return the beginning of a list of names, for a series may have hundreds."""
    return textwrap.shorten(names, 100, placeholder=" …")


def report(ended: Ended, out: Path, duration_s: float) -> None:
    """Print how a run has ended, and what it left."""
    prefix = f"{result_prefix(ended.run.dag_run_id)}/"
    if not ended.is_told:
        print("The DAG told nothing of its end; the workflow manager would ask Airflow.")
    for result in ended.results:
        print(describe(result, prefix, ended.sizes))
    named = {key for each in ended.results for key in (each.key, each.preview_key)}
    for key in sorted(ended.sizes):
        if key.startswith(prefix) and key not in named:
            print(f"Not told, so nobody finds it: {key.removeprefix(prefix)}")
    if ended.traceback and ended.reason is not None:
        print(f"\n{ended.traceback}")
    if ended.reason is None:
        print(f"The DAG succeeded. Its files are in {out}. The test took {duration_s:.1f} s.")
    else:
        print(f"The DAG failed: {ended.reason}")
        print(f"Airflow's log is {out / LOG}. The test took {duration_s:.1f} s.")


def describe(result: Result, prefix: str, sizes: Mapping[str, int]) -> str:
    """Return a line about a result."""
    size = f", {sizes[result.key]:,} bytes" if result.key in sizes else ""
    facts = "".join(f", {name}: {value}" for name, value in result.metadata.items())
    preview = result.preview_key
    picture = f", preview {preview.removeprefix(prefix)}" if preview else ""
    return f"Result {result.key.removeprefix(prefix)}: {result.type.value}{size}{facts}{picture}"


if __name__ == "__main__":
    sys.exit(main())
