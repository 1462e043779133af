"""The commands that the README and docs/invoke.md show for single functions."""

import re
from pathlib import Path
from typing import Any

import pytest

from local.config import ROOT
from local.invoke_commands import TARGET, make_page
from local.samples import Sample, list_samples
from tests.readme import README

LOCAL = re.compile(r"^sam local invoke (\S+) --event (\S+)$", re.MULTILINE)
REMOTE = re.compile(r"sam remote invoke (\S+)\s+--stack-name \S+\s+--event-file (\S+?)`")
IN_README = LOCAL.findall(README.read_text())


def test_readme_shows_commands() -> None:
    assert len(IN_README) >= 3
    assert README.read_text().count("sam local invoke") == len(IN_README)


def test_readme_names_functions_and_events_that_exist(functions: dict[str, Any]) -> None:
    remote = REMOTE.findall(README.read_text())
    assert remote
    for name, event in IN_README + remote:
        assert name in functions
        assert (ROOT / event).is_file()
        assert Path(functions[name]["CodeUri"]).name == Path(event).parent.name


def test_page_of_commands_is_current() -> None:
    current = TARGET.read_text(encoding="utf-8") == make_page()
    assert current, "docs/invoke.md is out of date: python -m local.invoke_commands."


def test_every_function_has_a_command(functions: dict[str, Any]) -> None:
    assert {name for name, _ in LOCAL.findall(TARGET.read_text())} == set(functions)


@pytest.mark.parametrize("sample", list_samples(), ids=str)
def test_sample_is_found_by_its_function(sample: Sample, functions: dict[str, Any]) -> None:
    assert functions[sample.logical_id]["CodeUri"] == f"functions/{sample.function}"
    assert sample.load()
