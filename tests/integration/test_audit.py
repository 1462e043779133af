"""The search for vulnerabilities, asking a stand-in of OSV."""

import http.server
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from tools.audit import ROOT, audit, find_locks

VULNERABLE = "probe-library"


class Osv(http.server.BaseHTTPRequestHandler):
    """Knows of one package with a vulnerability."""

    asked: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = body["package"]["name"]
        self.asked.append(name)
        known = {"id": "PYSEC-2026-1", "summary": "It is unsafe.", "affected": []}
        content = json.dumps({"vulns": [known]} if name == VULNERABLE else {}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def osv() -> Iterator[list[str]]:
    Osv.asked.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Osv) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield ["--vulnerability-service=osv", f"--osv-url=http://127.0.0.1:{server.server_port}"]
        server.shutdown()
        thread.join()


def write_lock(path: Path, *names: str) -> Path:
    path.write_text("".join(f"{name}==1.0 --hash=sha256:{'0' * 64}\n" for name in names))
    return path


def test_audit_asks_for_every_package_of_every_lock(osv: list[str], tmp_path: Path) -> None:
    locks = [write_lock(tmp_path / "a", "one", "two"), write_lock(tmp_path / "b", "three")]

    assert audit(locks, osv) == 0
    assert sorted(Osv.asked) == ["one", "three", "two"]


def test_audit_fails_when_a_package_is_vulnerable(
    osv: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert audit([write_lock(tmp_path / "a", "one", VULNERABLE)], osv) == 1
    assert "PYSEC-2026-1" in capfd.readouterr().out


def test_all_locks_are_looked_at() -> None:
    script = (ROOT / "requirements/lock.sh").read_text()
    made = re.findall(r"^lock \S+ (\S+)", script, re.MULTILINE)

    assert made
    assert {path.relative_to(ROOT).as_posix() for path in find_locks()} == set(made)
