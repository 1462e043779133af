"""What `make check` looks at, with programs that only write down what they were given."""

import os
import subprocess
from pathlib import Path

import pytest

from local.config import ROOT

PROGRAMS = ("ruff", "mypy", "lint-imports", "sam", "pytest")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a checkout with a DAG of its own, and foreign ones that git does not have."""
    for name in ("local/setup.py", "dags/own_dag.py", "dags/new.py", "dags/own/with blanks.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".gitignore").write_text("/dags/own/\n")
    for program in PROGRAMS:
        file = tmp_path / "bin" / program
        file.parent.mkdir(exist_ok=True)
        file.write_text(f'#!/bin/sh\nfor each; do echo "{program}: $each"; done >> given\n')
        file.chmod(0o755)
    run_in(tmp_path, "git", "init", "-q")
    run_in(tmp_path, "git", "add", "dags/own_dag.py", ".gitignore")
    return tmp_path


def run_in(folder: Path, *command: str) -> None:
    # Not the variables of the make, or of the git hook, that runs this test.
    environ = {
        name: text for name, text in os.environ.items() if not name.startswith(("MAKE", "GIT_"))
    }
    ended = subprocess.run(  # noqa: S603 - our own words, no shell
        command, cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr


def check(checkout: Path) -> list[str]:
    run_in(checkout, "make", "-f", str(ROOT / "Makefile"), "check", "BIN=bin")
    return (checkout / "given").read_text().splitlines()


def test_check_leaves_foreign_dags_out(checkout: Path) -> None:
    # Given foreign DAGs, ignored by git or not added to it; when all is checked
    given = check(checkout)
    # Then neither linter nor formatter look at them, and types only at the project's own
    assert given.count("ruff: dags/new.py") == given.count("ruff: dags/own/with blanks.py") == 2
    assert given.count("ruff: --extend-exclude") == 4
    assert [each for each in given if each.startswith("mypy: dags")] == ["mypy: dags/own_dag.py"]


def test_check_looks_at_every_dag_where_there_is_no_git(checkout: Path) -> None:
    # Given an unpacked archive; when all is checked; then nothing is taken for foreign
    (checkout / ".git").rename(checkout / "not-git")
    given = check(checkout)
    assert "ruff: --extend-exclude" not in given
    assert "mypy: dags" in given
