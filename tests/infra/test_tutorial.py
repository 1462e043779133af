"""docs/tutorials/your-own-dag.md: its commands exist, and the part without a stack is typed.

tests/e2e/test_tutorial.py types all of it.
"""

import re
from pathlib import Path

from local.config import ROOT
from scanhub_workflow.cli.main import app
from tests.tutorial import PAGE, make_checkout, make_script, read_blocks, type_commands

TIMEOUT_S = 120


def test_every_command_is_typed() -> None:
    # Whatever stands in a fence is read, and is one of ours
    text = "".join(block for _, block in read_blocks())
    assert PAGE.read_text().count("```") == 2 * len(read_blocks())
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"new-dag", "dag-test"} <= set(re.findall(r"\bmake ([a-z-]+)", text)) <= targets
    commands = {
        command.callback.__name__ for command in app.registered_commands if command.callback
    }
    assert set(re.findall(r"scanhub-workflow ([a-z]+)", text)) <= commands


def test_a_dag_is_written_and_tested_in_a_new_checkout(tmp_path: Path) -> None:
    blocks = read_blocks()
    [n_quick] = [n for n, (_, text) in enumerate(blocks) if "make dag-test" in text]
    typed = type_commands(make_script(blocks[:n_quick]), make_checkout(tmp_path), TIMEOUT_S)
    assert typed.returncode == 0, typed.stdout
    assert "2 passed" in typed.stdout
