"""The bridge as a process of its own: ended in the middle of a file, and started again."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Lock
from typing import Any
from uuid import uuid4

import httpx
import pytest
from awscrt.checksums import combine_crc64nvme, crc64nvme

from scanhub_workflow.files import encode_crc
from scanhub_workflow.uploads import N_AT_ONCE
from tests.fakes.served import serve

MIB = 2**20
PART_SIZE_BYTES = 16 * MIB
TIMEOUT_S = 300


class Site:
    """ScanHub, the API and S3 in one server, which keeps of each part only its checksum."""

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self.ids = [str(uuid4()) for _ in range(3)]
        self.parts: dict[int, tuple[int, int]] = {}
        self.puts: Counter[int] = Counter()
        self.plans: list[dict[str, Any]] = []
        self.whole: str | None = None
        self.s3_url = ""
        self.is_half_there = Event()
        self._lock = Lock()

    @property
    def n_parts(self) -> int:
        return -(-self.size_bytes // PART_SIZE_BYTES)

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            return self._put(request)
        name = request.url.path.removeprefix("/api/").removeprefix("v1/").removeprefix("exam/")
        if name == "uploads/" and request.method == "POST":
            return self._plan(json.loads(request.content))
        if name.endswith("/complete/"):
            return self._complete(json.loads(request.content))
        return httpx.Response(
            200, json=self._tell(name, int(request.url.params.get("from_part", 1)))
        )

    def _tell(self, name: str, from_part: int) -> Any:
        workflow_id, task_id, result_id = self.ids
        task = {"task_id": task_id, "task_type": "DEVICE_TASK_SDK", "status": "IN_PROGRESS"}
        at = "2026-11-29T12:00:00"
        result = {"id": result_id, "type": "NOT_SET", "datetime_created": at, "files": ["a.bin"]}
        result |= {"directory": "/data/" + "/".join(self.ids)}
        told = {"id": task_id, "datetime_created": at, "results": [result]}
        return {
            "userlogin/login": {"access_token": "a-token"},
            "openapi.json": {"paths": {"/api/v1/exam/task/reorder": {}}},
            f"workflow/{workflow_id}": {"id": workflow_id, "tasks": [told]},
            "workflows/": {"workflows": [{"workflow_id": workflow_id, "tasks": [task]}]},
            "uploads/": {"uploads": self._list(), "next_cursor": None},
        }.get(name) or self._view(from_part)

    def _list(self) -> list[dict[str, Any]]:
        at = datetime.now(UTC).isoformat()
        size = {"part_size_bytes": PART_SIZE_BYTES, "n_parts": self.n_parts}
        known = {"upload_id": "u", "state": "CREATED", "created_at": at, "expires_at": at}
        return [{"dag_id": None, **plan, **size, **known} for plan in self.plans]

    def _view(self, from_part: int = 1) -> dict[str, Any]:
        missing = [n for n in range(from_part, self.n_parts + 1) if n not in self.parts]
        [summary] = self._list()
        present = [
            {"part_number": n, "etag": f'"{n}"', "size_bytes": size, "crc64nvme": encode_crc(crc)}
            for n, (size, crc) in sorted(self.parts.items())
        ]
        parts = [
            {"part_number": n, "size_bytes": self._size_of(n), "url": f"{self.s3_url}/{n}"}
            for n in missing
        ]
        return summary | {"present": present, "parts": parts}

    def _size_of(self, number: int) -> int:
        return min(PART_SIZE_BYTES, self.size_bytes - (number - 1) * PART_SIZE_BYTES)

    def _plan(self, body: dict[str, Any]) -> httpx.Response:
        self.plans.append({"task_id": body["task_id"], "file_name": body["file_name"]})
        self.plans[-1] |= {"size_bytes": body["size_bytes"]}
        return httpx.Response(201, json=self._view())

    def _put(self, request: httpx.Request) -> httpx.Response:
        number, crc = int(request.url.path.rpartition("/")[2]), crc64nvme(request.content)
        with self._lock:
            self.puts[number] += 1
            self.parts[number] = (len(request.content), crc)
            if len(self.parts) >= self.n_parts // 2:
                self.is_half_there.set()
        headers = {"ETag": f'"{number}"', "x-amz-checksum-crc64nvme": encode_crc(crc)}
        return httpx.Response(200, headers=headers)

    def _complete(self, body: dict[str, Any]) -> httpx.Response:
        whole = 0
        for _, (size_bytes, crc) in sorted(self.parts.items()):
            whole = combine_crc64nvme(whole, crc, size_bytes)
        assert body["crc64nvme"] == encode_crc(whole)
        self.whole = body["crc64nvme"]
        done = {"upload_id": "u", "state": "COMPLETED", "dag_run_id": None, "status_url": None}
        return httpx.Response(200, json=done)


@pytest.mark.parametrize(
    ("size_bytes", "number"),
    [
        (96 * MIB + 7, signal.SIGTERM),
        pytest.param(2048 * MIB + 7, signal.SIGKILL, marks=pytest.mark.load),
    ],
)
def test_ended_in_the_middle_of_a_file(
    tmp_path: Path, size_bytes: int, number: signal.Signals
) -> None:
    # Given a large file in the volume, and a bridge that is ended when half of it is there
    site = Site(size_bytes)
    file = tmp_path.joinpath("data", *site.ids, "a.bin")
    file.parent.mkdir(parents=True)
    with file.open("wb") as opened:
        opened.truncate(size_bytes)
        opened.seek(size_bytes // 3)
        opened.write(os.urandom(MIB))
    (tmp_path / "password").write_text("a long password")
    (tmp_path / "password").chmod(0o600)
    with serve(site.answer) as url:
        site.s3_url = f"{url}/s3"
        command = [sys.executable, "-m", "scanhub_workflow", "bridge", "--once", "--json"]
        command += ["--data", str(tmp_path / "data"), "--state", str(tmp_path / "state")]
        command += ["--url", f"{url}/api", "--scanhub-url", url, "--username", "bridge"]
        command += ["--password-file", str(tmp_path / "password"), "--reserve", "0"]
        environ = os.environ | {"PYTHONPATH": "client"}
        with subprocess.Popen(command, env=environ) as process:  # noqa: S603 - our own
            assert site.is_half_there.wait(TIMEOUT_S)
            process.send_signal(number)
            code = process.wait(TIMEOUT_S)

        # When it is started again
        again = subprocess.run(  # noqa: S603 - our own
            command, env=environ, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )

    assert code == (130 if number == signal.SIGTERM else -number)
    # Then the file is whole, by one upload; only what was on its way is sent again
    assert again.returncode == 0, again.stderr
    assert site.whole is not None
    assert (len(site.plans), len(site.parts)) == (1, site.n_parts)
    assert sum(site.puts.values()) <= site.n_parts + N_AT_ONCE
