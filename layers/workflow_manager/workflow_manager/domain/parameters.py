"""What `args["parameters"]` of a task tells its DAG: numbers, booleans and terms, no free text."""

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from workflow_manager.domain.errors import InvalidInputError

PARAMETERS_ARG = "parameters"
MAX_N_PARAMETERS = 50
# What JSON readers of every language keep.
MAX_NUMBER = 2**53
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
# A term such as sum_of_squares, or a version: too little for a sentence about a patient.
_TERM = re.compile(r"[A-Za-z0-9_.:+-]{1,64}")

# Of one type each; JSON's true is no 1.
Parameter = bool | int | float | str


def read_parameters(args: Mapping[str, str]) -> dict[str, Parameter]:
    """Return the parameters that a task's args hold for its DAG, by name.

    Parameters
    ----------
    args
        Of exam-manager, where every value is a text; that of ``parameters`` is a JSON object.

    Raises
    ------
    InvalidInputError
        It is something else, or holds what may be free text; the sentence repeats none of it.
    """
    try:
        found = json.loads(args.get(PARAMETERS_ARG) or "{}", parse_constant=_refuse)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or len(found) > MAX_N_PARAMETERS:
        raise InvalidInputError(
            f'The args\' "{PARAMETERS_ARG}" must be a JSON object of {MAX_N_PARAMETERS} '
            "parameters at most."
        )
    for number, (name, value) in enumerate(found.items(), 1):
        if not (_NAME.fullmatch(name) and _is_parameter(value)):
            raise InvalidInputError(
                f'Entry {number} of the args\' "{PARAMETERS_ARG}" is refused, for free text may be '
                "a patient's: a name is of a-z, 0-9 and _, a value is true, false, a number, or a "
                "term of 64 letters, digits and _ . : + - at most."
            )
    return found


def _is_parameter(value: Any) -> bool:
    if isinstance(value, str):
        return bool(_TERM.fullmatch(value))
    if isinstance(value, bool):
        return True
    # DynamoDB has no smaller number.
    return isinstance(value, int | float) and (value == 0 or 1e-100 < abs(value) <= MAX_NUMBER)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
