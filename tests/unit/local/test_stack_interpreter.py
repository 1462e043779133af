"""The choice of the Python that everything runs in."""

from pathlib import Path

import pytest

from local.interpreter import Interpreter, NoPythonError, choose, find_candidates, probe


def make_executable(path: Path, text: str = "#!/bin/sh\nexit 127\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_find_candidates_orders_by_version_then_place(tmp_path: Path) -> None:
    # Given an old Python on PATH and newer ones in pyenv
    for version in ("3.13.0", "3.13.11", "3.12.1", "3.13-dev"):
        make_executable(tmp_path / "pyenv" / "versions" / version / "bin" / "python")
    environ = {"PATH": "/one:/two", "PYENV_ROOT": str(tmp_path / "pyenv")}

    # When
    found = [str(path).removeprefix(str(tmp_path)) for path in find_candidates(environ)]

    # Then the newest comes first, PATH before pyenv, and patch levels count as numbers
    assert found[:6] == [
        "/one/python3.14",
        "/two/python3.14",
        "/one/python3.13",
        "/two/python3.13",
        "/pyenv/versions/3.13.11/bin/python3.13",
        "/pyenv/versions/3.13.0/bin/python3.13",
    ]
    assert found[-2:] == ["/one/python3.11", "/two/python3.11"]


def test_find_candidates_takes_only_the_chosen_python_when_given() -> None:
    assert find_candidates({"PATH": "/one", "PYTHON": "/opt/python"}) == [Path("/opt/python")]
    assert find_candidates({"PATH": "/one", "PYTHON": "python3.12"}) == [Path("/one/python3.12")]


def test_choose_passes_over_a_shim_that_fails(tmp_path: Path) -> None:
    shim = make_executable(tmp_path / "python3.13")
    real = make_executable(tmp_path / "python3.12")
    working = Interpreter(real, "3.12.1")

    chosen = choose([shim, real], lambda path: working if path == real else "command not found")

    assert chosen == working
    assert chosen.runtime == "python3.12"


def test_choose_says_what_to_install_when_ensurepip_is_missing(tmp_path: Path) -> None:
    python = make_executable(tmp_path / "python3.11")

    with pytest.raises(NoPythonError, match="python3-venv") as caught:
        choose([python], lambda _: "ModuleNotFoundError: No module named 'ensurepip'")

    assert f"{python}: ModuleNotFoundError" in str(caught.value)


def test_choose_refuses_a_version_without_lock(tmp_path: Path) -> None:
    python = make_executable(tmp_path / "python")

    with pytest.raises(NoPythonError, match=r"3\.10\.13"):
        choose([python], lambda path: Interpreter(path, "3.10.13"))


def test_probe_returns_the_reason_when_the_executable_fails(tmp_path: Path) -> None:
    shim = make_executable(tmp_path / "python3.13", "#!/bin/sh\necho not selected >&2\nexit 127\n")

    assert probe(shim) == "not selected"
    assert probe(tmp_path) == "does not start (PermissionError)"
