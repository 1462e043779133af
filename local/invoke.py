"""Run one function with one event on the laptop stack: ``make invoke FUNCTION=name EVENT=name``.

The function's code is the present one, its environment is that of its deployment; no container is
needed.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from local.config import StackConfig, StackError
from local.processes import Processes
from local.runtime import RuntimeEmulator, RuntimeFunction, list_deployed_functions
from local.samples import Hospital, Sample, list_samples
from local.stack import is_up
from local.state import Stack, read_stack
from tools.build import build
from tools.layer import LAYER

USAGE = "Say what to run: make invoke FUNCTION=name EVENT=name."


def find_sample(function: str, case: str) -> Sample:
    """Return the sample that two names mean.

    Parameters
    ----------
    function
        A folder of `events/`, or its function's name in the template.
    case
        A file in it, with or without its suffix.
    """
    samples = list_samples()
    known = sorted({sample.function for sample in samples})
    if not function:
        raise StackError("\n".join([USAGE, "Functions:", *(f"  {name}" for name in known)]))
    cases = [sample for sample in samples if function in {sample.function, sample.logical_id}]
    if not cases:
        lines = [f"There is no function {function!r}. There are:", *(f"  {name}" for name in known)]
        raise StackError("\n".join(lines))
    for sample in cases:
        if case.removesuffix(".json") == sample.case:
            return sample
    problem = f"{function} has no event {case!r}." if case else USAGE
    names = ", ".join(sample.case for sample in cases)
    raise StackError(f"{problem} Events of {cases[0].function}: {names}.")


def require_stack(config: StackConfig) -> Stack:
    """Return the running stack, with a login that is valid."""
    if not is_up(config):
        raise StackError("The laptop stack is not up: run make up.")
    return read_stack(config)


def invoke(sample: Sample, config: StackConfig) -> Any:
    """Return a function's answer to a sample; its log goes to standard error."""
    stack = require_stack(config)
    # Only the answer goes to standard output.
    with redirect_stdout(sys.stderr):
        built = build(config, Processes(config.folder)).parent
    function = find_function(sample.logical_id, config)
    event = Hospital(stack).fill(sample)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with RuntimeEmulator(
            function, built / function.logical_id, built / LAYER, folder
        ) as emulator:
            answer = emulator.invoke(event)
            print(emulator.read_log(), file=sys.stderr, end="")
    return answer


def find_function(logical_id: str, config: StackConfig) -> RuntimeFunction:
    """Return a function of the running stack; raise if it was not deployed with it."""
    for function in list_deployed_functions(config):
        if function.logical_id == logical_id:
            return function
    raise StackError(f"{logical_id} is not deployed: run make down, then make up.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the answer and return the exit status: 1 if the function failed."""
    function, case = [*(sys.argv[1:] if arguments is None else arguments), "", ""][:2]
    try:
        answer = invoke(find_sample(function, case), StackConfig.from_environ())
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(answer, indent=2, ensure_ascii=False))
    return 1 if isinstance(answer, dict) and "errorMessage" in answer else 0


if __name__ == "__main__":
    sys.exit(main())
