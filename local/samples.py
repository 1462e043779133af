"""The sample events of `events/`, and how they fit a running laptop stack."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx
import numpy as np

from local.config import DAG_ID, ROOT, StackError
from local.state import Stack

# The names in the samples, which are those of the unit tests' hospital.
TOKEN = "a-users-token"  # noqa: S105 - a sample
FORM = "username=operator&password=secret"
BUCKET = "data-lake"
WORKFLOW_ID = "5b1d2a34-8f0e-4a77-9d4e-0c6f8f6f1a01"
SCAN_ID = "0d9f6a52-53c5-4d0c-8d2c-7a3f3f0b2c02"
RECONSTRUCTION_ID = "7c5e6d1f-1c8a-4c3b-9f64-5a1f0e9d3b03"
RUN_ID = "4mz3qk2yx7w5t6r2a3bc"
UPLOAD_ID = "01JDB7Z6V9Q4D5T8M1R2W3X4Y5"
ETAG = "9b2cf535f27731c974343645a3985328"
N_SAMPLES = 16
# The longest time that the API may take.
CALL_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Sample:
    """One file of `events/`: its folder is that of a function, its case the name without suffix."""

    function: str
    case: str

    def __str__(self) -> str:
        """Return both names, as tests and pages show them."""
        return f"{self.function}/{self.case}"

    @property
    def path(self) -> Path:
        """The file, from the root of the repository."""
        return Path("events", self.function, f"{self.case}.json")

    @property
    def logical_id(self) -> str:
        """The function's name in the template."""
        return "".join(word.title() for word in self.function.split("_")) + "Function"

    def load(self, names: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return the event, with some of the names in the file replaced."""
        text = (ROOT / self.path).read_text(encoding="utf-8")
        for old, new in (names or {}).items():
            text = text.replace(old, new)
        return dict(json.loads(text))


@dataclass(frozen=True)
class Hospital:
    """A running stack, which holds what the samples name."""

    stack: Stack = field(repr=False)

    def make_names(self) -> dict[str, str]:
        """Return replacements for a sample's names: a new workflow, bucket and token.

        The scanner is new too, so that no scan of another sample blocks it.
        """
        device_id = f"scanner-{uuid4().hex[:8]}"
        self._create("devices", {"id": device_id})
        made = self._create("workflows", {"device_id": device_id})
        scan_id, reconstruction_id = made["task_ids"]
        return {
            TOKEN: self.stack.token,
            FORM: urlencode({"username": self.stack.username, "password": self.stack.password}),
            BUCKET: self.stack.bucket,
            WORKFLOW_ID: made["workflow_id"],
            SCAN_ID: scan_id,
            RECONSTRUCTION_ID: reconstruction_id,
        }

    def fill(self, sample: Sample) -> dict[str, Any]:
        """Return a sample's event with all that it names, such as a run or a begun upload."""
        text = (ROOT / sample.path).read_text(encoding="utf-8")
        try:
            names = self.make_names()
            if RUN_ID in text:
                names |= self._find_run()
            if UPLOAD_ID in text:
                names |= self._begin_upload(has_data=ETAG in text)
        except (httpx.HTTPError, ValueError, LookupError) as error:
            kind = type(error).__name__
            raise StackError(
                f"The stack gives no ids for {sample} ({kind}): make status."
            ) from None
        return sample.load(names)

    def _find_run(self) -> dict[str, str]:
        runs = self._send("GET", f"{self.stack.api_url}/dag_runs/?limit=1")["dag_runs"]
        return {RUN_ID: runs[0]["dag_run_id"]} if runs else {}

    def _begin_upload(self, *, has_data: bool) -> dict[str, str]:
        data = make_raw_data()
        content = {"dag_id": DAG_ID, "file_name": "kspace.npy", "size_bytes": len(data)}
        begun = self._send("POST", f"{self.stack.api_url}/uploads/", content)
        names = {UPLOAD_ID: begun["upload_id"]}
        if has_data:
            [part] = begun["parts"]
            stored = httpx.put(part["url"], content=data, timeout=CALL_TIMEOUT_S, trust_env=False)
            names[ETAG] = stored.raise_for_status().headers["ETag"].strip('"')
        return names

    def _create(self, kind: str, content: Mapping[str, str]) -> dict[str, Any]:
        return self._send("POST", f"{self.stack.scanhub_url}/_control/{kind}", content)

    def _send(
        self, method: str, url: str, content: Mapping[str, object] | None = None
    ) -> dict[str, Any]:
        # Loopback only: a proxy of the environment must not come in between.
        answer = httpx.request(
            method,
            url,
            json=content,
            headers={"Authorization": f"Bearer {self.stack.token}"},
            timeout=CALL_TIMEOUT_S,
            trust_env=False,
        )
        return dict(answer.raise_for_status().json())


def make_raw_data() -> bytes:
    """Return the k-space (ky, kx) of a point as a NumPy file, which reconstructs at once."""
    file = io.BytesIO()
    np.save(file, np.ones((N_SAMPLES, N_SAMPLES), np.complex64))
    return file.getvalue()


def list_samples() -> list[Sample]:
    """Return all samples, by function and case."""
    files = sorted((ROOT / "events").glob("*/*.json"))
    return [Sample(file.parent.name, file.stem) for file in files]
