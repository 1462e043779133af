"""Write a DAG to begin with, and its test: ``python -m local.new_dag my_dag``."""

from __future__ import annotations

import argparse
import importlib.util
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from local.config import ROOT, StackError

OWN = ROOT / "dags" / "own"
TEMPLATES = ROOT / "local" / "new_dag_templates"
KINDS = ("reconstruction", "processing")
# It is the name of a file, of a DAG and of a Python module.
_NAME = re.compile(r"[a-z][a-z0-9_]{2,99}")
# Airflow 3 reads it as git does, Airflow 2 as regular expressions; each leaves the other's alone.
AIRFLOWIGNORE = "test_*.py\ntest_.*\\.py\n"


def write_dag(name: str, kind: str, folder: Path) -> list[Path]:
    """Write a DAG and its test into a folder and return their paths; nothing is overwritten.

    Raises
    ------
    StackError
        The name is none, means something else already, or one of the files is there.
    """
    check_name(name)
    files = make_files(name, kind, folder)
    if folder.exists() and not folder.is_dir():
        raise StackError(f"{folder} is no folder.")
    for path in files:
        if path.exists():
            raise StackError(f"{path} is there already, and is left as it is.")
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    if not (ignored := folder / ".airflowignore").exists():
        ignored.write_text(AIRFLOWIGNORE)
    return list(files)


def check_name(name: str) -> None:
    """Refuse a name that Airflow or Python would take for something else."""
    if not _NAME.fullmatch(name):
        raise StackError(
            "NAME= must have 3 to 100 of a-z, 0-9 and _, with a letter first, such as my_dag."
        )
    if (ROOT / "dags" / f"{name}.py").exists() or (ROOT / "dags" / name).exists():
        raise StackError(f"NAME={name} is a name of the project's own: choose another.")
    if name.startswith("test_") or importlib.util.find_spec(name):
        raise StackError(
            f"NAME={name} is what Python or its tests call something else: choose another."
        )


def make_files(name: str, kind: str, folder: Path) -> Mapping[Path, str]:
    """Return the content of each file."""
    return {
        folder / file: (TEMPLATES / template).read_text(encoding="utf-8").replace("my_dag", name)
        for file, template in (
            (f"{name}.py", f"{kind}.py.txt"),
            (f"test_{name}.py", f"test_{kind}.py.txt"),
        )
    }


def describe_next(paths: Sequence[Path], kind: str) -> str:
    """Return what to type next."""
    dag, test = (shlex.quote(str(_shorten(path))) for path in paths)
    file = "scan.h5" if kind == "reconstruction" else "a folder with DICOM files"
    folder = _shorten(paths[0].parent)
    is_read = paths[0].is_relative_to(ROOT / "dags")
    up = "make up" if is_read else f"make up DAGS={shlex.quote(str(folder))}"
    return (
        f"{dag}\n{test}\nNext:\n  PYTHONPATH=dags .venv/bin/pytest {test}\n"
        f"  make dag-test DAG={dag} FILE={shlex.quote(file)}\n  {up}"
    )


def _shorten(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m local.new_dag", description=__doc__)
    parser.add_argument("name", help="of the DAG and its file")
    parser.add_argument("--kind", default=KINDS[0], help=" or ".join(KINDS))
    parser.add_argument("--folder", type=Path, help="default: dags/own")
    options = parser.parse_args(arguments)
    try:
        if options.kind not in KINDS:
            raise StackError(f"KIND= is {' or '.join(KINDS)}.")
        folder = options.folder.expanduser() if options.folder else OWN
        paths = write_dag(options.name, options.kind, folder)
    except (StackError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(describe_next(paths, options.kind))
    return 0


if __name__ == "__main__":
    sys.exit(main())
