"""Create the virtual environments from the locks: ``python3 -m local.setup [airflow2|engine]``.

Standard library only, because it runs before anything is installed. A second run only compares two
digests; an interrupted one begins again where the stamp is missing.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local import dynamodb, swagger_ui
from local.certificates import make_environ
from local.interpreter import SUPPORTED, Interpreter, NoPythonError, choose, find_candidates

ROOT = Path(__file__).resolve().parent.parent
INSTALL_TIMEOUT_S = 900
STAMP = ".lock-digest"


@dataclass(frozen=True)
class Environment:
    """A virtual environment and the lock it mirrors.

    Attributes
    ----------
    lock
        Requirements with hashes.
    project
        Folder of a project that is installed in editable form.
    is_compiled
        Whether to write bytecode at once; without it, Airflow's first start is far slower.
    versions
        Versions of Python that its packages support.
    """

    folder: Path
    lock: Path
    project: Path | None = None
    is_compiled: bool = False
    versions: Sequence[str] = SUPPORTED

    @property
    def python(self) -> Path:
        """Return the environment's interpreter."""
        return self.folder / "bin" / "python"

    def digest(self) -> str:
        """Return the stamp's content once the environment mirrors its lock."""
        content = self.lock.read_bytes()
        if self.project:
            content += (self.project / "pyproject.toml").read_bytes()
        return hashlib.sha256(content).hexdigest()

    def is_current(self) -> bool:
        """Return whether the last installation ended and belongs to this lock."""
        stamp = self.folder / STAMP
        return self.python.exists() and stamp.is_file() and stamp.read_text() == self.digest()


DEV = Environment(ROOT / ".venv", ROOT / "requirements" / "dev.txt", project=ROOT / "client")
AIRFLOW = Environment(
    ROOT / ".venv-airflow", ROOT / "requirements" / "airflow.txt", is_compiled=True
)

AIRFLOW2 = Environment(
    ROOT / ".venv-airflow2",
    ROOT / "requirements" / "airflow2.txt",
    is_compiled=True,
    versions=("3.12", "3.11"),
)

# What dags/engines/sense_engine.py imports; numba, which is in it, is slow in supporting a Python.
ENGINE = Environment(
    ROOT / ".venv-engine-sigpy",
    ROOT / "requirements" / "engine-sigpy.txt",
    is_compiled=True,
    versions=("3.13", "3.12", "3.11"),
)


def main(arguments: Sequence[str] = ()) -> int:
    """Bring the environments up to date and return the exit status.

    Parameters
    ----------
    arguments
        ``airflow2`` or ``engine``: only that environment, which needs the first one's installer.
    """
    with _one_at_a_time():
        try:
            if "airflow2" in arguments:
                # PYTHON chooses for the other environments; this one may not support its version.
                _set_up([AIRFLOW2], {**os.environ, "PYTHON": ""})
            elif "engine" in arguments:
                _set_up([ENGINE], {**os.environ, "PYTHON": ""})
            else:
                _set_up([DEV, AIRFLOW], os.environ)
                swagger_ui.place(DEV.folder)
                dynamodb.try_once()
        except NoPythonError as error:
            print(error, file=sys.stderr)
            return 1
        except subprocess.CalledProcessError as error:
            print(f"setup failed: {_shown(error.cmd)}", file=sys.stderr)
            return 1
        except subprocess.TimeoutExpired as error:
            print(f"no end after {INSTALL_TIMEOUT_S} s: {_shown(error.cmd)}", file=sys.stderr)
            return 1
    return 0


def _set_up(environments: list[Environment], environ: Mapping[str, str]) -> None:
    is_forced = bool(environ.get("PYTHON"))
    if all(environment.is_current() for environment in environments) and not is_forced:
        return
    python = choose(find_candidates(environ), supported=environments[0].versions)
    print(f"Python {python.version} ({python.path})")
    for environment in environments:
        if environment.is_current() and _version_of(environment) == python.version:
            continue
        started = time.monotonic()
        provide(environment, python)
        print(f"{environment.folder.name}: installed in {time.monotonic() - started:.0f} s")


def provide(environment: Environment, python: Interpreter) -> None:
    """Make one environment mirror its lock.

    Parameters
    ----------
    environment
        All but the first need the first one's installer.

    Raises
    ------
    subprocess.CalledProcessError, subprocess.TimeoutExpired
        An installer failed, having printed why, or did not end.
    """
    _create(environment, python)
    _install(environment)
    (environment.folder / STAMP).write_text(environment.digest())


def _version_of(environment: Environment) -> str:
    """Return the Python version an environment was made with, or nothing."""
    config = environment.folder / "pyvenv.cfg"
    if not config.is_file() or not environment.python.exists():
        return ""
    pairs = (line.partition("=") for line in config.read_text().splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}.get("version", "")


def _create(environment: Environment, python: Interpreter) -> None:
    """Make the environment anew, unless only its packages are out of date."""
    (environment.folder / STAMP).unlink(missing_ok=True)
    if _version_of(environment) != python.version:
        shutil.rmtree(environment.folder, ignore_errors=True)
        # Only the first environment needs pip: pip installs uv, and uv all the rest.
        options = [] if environment == DEV else ["--without-pip"]
        _run([str(python.path), "-m", "venv", *options, str(environment.folder)])
    if environment == DEV:
        bootstrap = str(ROOT / "requirements" / "bootstrap.txt")
        _run([*_pip(environment), "--require-hashes", "-r", bootstrap])


def _install(environment: Environment) -> None:
    uv = [str(DEV.folder / "bin" / "uv"), "pip", "sync", "--quiet", "--require-hashes"]
    compiled = ["--compile-bytecode"] if environment.is_compiled else []
    lock = str(environment.lock)
    try:
        _run([*uv, *compiled, "--python", str(environment.python), lock])
    except (subprocess.CalledProcessError, OSError):
        # uv does not read pip's configuration, where a company's mirror may be set.
        print("uv could not install; trying pip, which is slower", file=sys.stderr)
        # The lock is complete, so pip need not resolve. If it did, pip 23 would miss the hash of a
        # requirement with an extra, and every pip would refuse what requirements/overrides.in
        # allows.
        _run([*_pip(environment), "--no-deps", "--require-hashes", "-r", lock])
    if environment.project:
        # Its build tools and its dependencies are in the lock.
        options = ["--no-deps", "--no-build-isolation", "--editable"]
        _run([*_pip(environment), *options, str(environment.project)])


def _pip(environment: Environment) -> list[str]:
    pip = [str(DEV.python), "-m", "pip", "--python", str(environment.python)]
    return [*pip, "install", "--quiet", "--disable-pip-version-check"]


def _run(command: list[str]) -> None:
    subprocess.run(  # noqa: S603 - our own words, no shell
        command, check=True, env=make_environ(), timeout=INSTALL_TIMEOUT_S
    )


def _shown(command: object) -> str:
    return " ".join(command) if isinstance(command, list) else str(command)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Let two ``make`` in one checkout wait for each other instead of mixing their files."""
    folder = ROOT / ".local"
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / "setup.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
