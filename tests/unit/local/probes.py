"""Tables of probes: requests, and what ScanHub's own services answered to them."""

import json
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from local.scanhub.dependencies import StandIn

ADDRESS = "127.0.0.1:8090"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
BARE = "Internal Server Error"


@dataclass
class World:
    """A stand-in in process, as the operator reaches it, with what a test module has made."""

    stand_in: StandIn
    client: httpx.Client
    ids: dict[str, str]
    tables: Any

    def begin(self) -> None:
        """Forget what the test before has done."""
        self.stand_in.store._tables = deepcopy(self.tables)
        seed = self.stand_in.credentials
        user = self.stand_in.accounts.log_in(seed["username"], seed["password"])
        assert user is not None
        self.client.headers["Authorization"] = f"Bearer {user.access_token}"


class Table:
    """The probes of one contract.

    One line a request. Names in braces are ids; a body is one that is right, with changes. The
    answer is the ``detail``, or a part of the body. ``first`` are requests that go before.
    """

    def __init__(self, name: str) -> None:
        content = json.loads(Path(f"tests/fixtures/{name}.json").read_text())
        self.bodies, self.probes = content["bodies"], content["probes"]

    def change(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Return a body of a kind that is right, but for these fields."""
        return self.bodies[kind] | fields

    def ask(self, world: World, probe: dict[str, Any]) -> httpx.Response:
        """Return what the stand-in answers to a probe."""
        for earlier in probe.get("first", []):
            answer = self._send(world, earlier)
            assert answer.is_success, (earlier, answer.text)
        return self._send(world, probe)

    def _send(self, world: World, probe: dict[str, Any]) -> httpx.Response:
        client, ids = world.client, world.ids
        headers = dict(probe.get("headers", {}))
        if "token" in probe:
            headers["Authorization"] = f"Bearer {probe['token']}" if probe["token"] else ""
        method, path = probe["request"].split()
        content = self._make_content(probe["body"], ids) if "body" in probe else {}
        return client.request(method, f"/api/v1/{path.format(**ids)}", headers=headers, **content)

    def _make_content(self, body: dict[str, Any], ids: dict[str, str]) -> dict[str, Any]:
        """Return what httpx sends as the body of a probe."""
        if "like" not in body:
            return {"content": body["text"]} if "text" in body else body
        fields = self.change(body["like"], **body.get("with", {}))
        left = {name: fields[name] for name in fields if name not in body.get("without", [])}
        return {"json": fill(left, ids)}


def name_seeded(client: httpx.Client) -> dict[str, str]:
    """Return the ids of the seeded workflow and of another one, which is scanned."""
    seed = client.get("/_control/seed").json()
    ids = {name: seed[f"{name}_id"] for name in "workflow exam patient device sequence".split()}
    ids |= dict(zip(("task", "reconstruction"), seed["task_ids"], strict=True))
    scanned = client.post("/_control/workflows").json()
    named = {"scanned": scanned["workflow_id"], "scanned_task": scanned["task_ids"][0]}
    return ids | named | {"UNKNOWN": UNKNOWN}


def post(client: httpx.Client, path: str, body: Any = None) -> Any:
    answer = client.post(f"/api/v1/exam/{path}", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def edit(client: httpx.Client, task_id: str, **fields: Any) -> None:
    path = f"/api/v1/exam/task/{task_id}"
    client.put(path, json=client.get(path).json() | fields).raise_for_status()


def fill(value: Any, ids: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: fill(item, ids) for name, item in value.items()}
    if isinstance(value, list):
        return [fill(item, ids) for item in value]
    return value.format(**ids) if isinstance(value, str) else value


def is_part(expected: Any, found: Any) -> bool:
    if isinstance(expected, dict):
        return all(
            is_part(value, found[name]) if isinstance(value, list) else found[name] == value
            for name, value in expected.items()
        )
    if isinstance(expected, list):
        return len(expected) == len(found) and all(map(is_part, expected, found))
    return bool(expected == found)


def check_form(answer: httpx.Response, expected: Any) -> None:
    """Assert what holds of every answer: how a crash, a refusal of nobody and nothing look."""
    if expected == BARE:
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.text == expected
    assert answer.status_code != 401 or answer.headers["www-authenticate"] == "Bearer"
    assert answer.status_code != 204 or answer.content == b""
