"""What of a task's args reaches its DAG, and what is refused."""

import json
from typing import Any

import pytest

from workflow_manager.domain.errors import InvalidInputError
from workflow_manager.domain.parameters import read_parameters


def test_parameters_keep_their_types() -> None:
    given = {"is_fast": True, "n_iterations": 30, "lamda": 0.005, "coil_combination": "adaptive"}
    found = read_parameters({"parameters": json.dumps(given), "device_id": "scanner"})
    assert found == given
    assert [type(value) for value in found.values()] == [bool, int, float, str]


@pytest.mark.parametrize("args", [{}, {"parameters": ""}, {"parameters": "{}"}])
def test_task_without_parameters_has_none(args: dict[str, str]) -> None:
    assert read_parameters(args) == {}


@pytest.mark.parametrize("text", ["[]", "1", "no JSON", '{"a": NaN}', "[" * 100_000, "null"])
def test_parameters_are_an_object(text: str) -> None:
    with pytest.raises(InvalidInputError, match="must be a JSON object of 50"):
        read_parameters({"parameters": text})


def test_parameters_are_few() -> None:
    given = {f"p{n}": n for n in range(51)}
    with pytest.raises(InvalidInputError, match="50 parameters at most"):
        read_parameters({"parameters": json.dumps(given)})


@pytest.mark.parametrize(
    "given",
    [
        {"comment": "Anna Muster, born 1985"},
        {"Anna Muster": 1},
        {"comment": "Müller"},
        {"comment": "a" * 65},
        {"comment": ""},
        {"n": 2**60},
        {"n": 1e-200},
        {"n": float("1e99")},
        {"n": None},
        {"n": [1, 2]},
        {"n": {"a": 1}},
    ],
)
def test_free_text_and_what_is_not_kept_is_refused_in_a_sentence_without_it(given: Any) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        read_parameters({"parameters": json.dumps({"fine": 1} | given)})
    assert refusal.value.detail.startswith('Entry 2 of the args\' "parameters" is refused')
    assert "Muster" not in refusal.value.detail
