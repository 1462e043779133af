"""The commands that docs/invoke.md shows for single functions."""

import re
from pathlib import Path
from typing import Any

import pytest

from local.config import ROOT
from local.samples import Sample, list_samples
from tools.invoke_commands import TARGET, make_page

LOCAL = re.compile(r"^sam local invoke (\S+) --event (\S+)$", re.MULTILINE)


def test_page_of_commands_is_current() -> None:
    current = TARGET.read_text(encoding="utf-8") == make_page()
    assert current, "docs/invoke.md is out of date: python -m tools.invoke_commands."


def test_every_function_has_a_command_with_an_event_of_its_own(functions: dict[str, Any]) -> None:
    shown = LOCAL.findall(TARGET.read_text())
    assert {name for name, _ in shown} == set(functions)
    for name, event in shown:
        assert (ROOT / event.removeprefix(".local/sam-local/")).is_file()
        assert Path(functions[name]["CodeUri"]).name == Path(event).parent.name


@pytest.mark.parametrize("sample", list_samples(), ids=str)
def test_sample_is_found_by_its_function(sample: Sample, functions: dict[str, Any]) -> None:
    assert functions[sample.logical_id]["CodeUri"] == f"functions/{sample.function}"
    assert sample.load()
