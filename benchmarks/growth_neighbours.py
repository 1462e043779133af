"""AWS and Airflow of a hospital of any size, in a process of their own; nothing is delayed.

python -m benchmarks.growth_neighbours ACTIVE FINISHED
"""

from __future__ import annotations

import asyncio
import json
import sys
from bisect import bisect_left, bisect_right
from collections import Counter
from datetime import datetime
from typing import Any, TypeVar

from benchmarks.aws_meter import count_read_units, count_write_units, size_of
from benchmarks.child import tell
from benchmarks.growth_hospital import (
    DAG_ID,
    RECONSTRUCTION,
    RUN,
    SCAN,
    UPLOAD,
    WORKFLOW,
    Hospital,
    Place,
    is_active,
    make_key,
    read_number,
)
from benchmarks.requests_neighbours import Call, Item, MemoryTable, Neighbours, make_id
from local.scanhub.server import HOST, open_socket

# Of a run in Airflow: one has ended, one is under way, one comes next.
TASK_STATES = ("success", "running", None)
PAGE_BYTES = 2**20
T = TypeVar("T")


class GrowthTable(MemoryTable):
    """The table of a hospital, with its indexes; it counts DynamoDB's units."""

    def __init__(self, hospital: Hospital, counts: Counter[str]) -> None:
        super().__init__()
        self._hospital = hospital
        self._counts = counts

    def answer(self, operation: str, request: Item) -> tuple[int, Item]:
        """Return status and body of the answer to a request of the wire."""
        if operation == "Query":
            answer, n_bytes = self._read_places(request)
            is_consistent = request.get("ConsistentRead", False)
            self._add("read_units", count_read_units([n_bytes], is_consistent, True))
            return 200, answer
        status, answer = super().answer(operation, request)
        if operation in ("PutItem", "TransactWriteItems"):
            for put in [each["Put"] for each in request.get("TransactItems", [])] or [request]:
                n_bytes, is_transaction = size_of(put["Item"]), operation != "PutItem"
                self._add("write_units", count_write_units(n_bytes, is_transaction))
            return status, answer
        found = [answer["Item"]] if "Item" in answer else []
        found += [item for some in answer.get("Responses", {}).values() for item in some]
        # All of ours are consistent.
        self._add("read_units", count_read_units([size_of(item) for item in found], True, False))
        return status, answer

    def _add(self, unit: str, n: float) -> None:
        # Units may be halves; the stubs know whole counts only.
        self._counts[unit] += n  # type: ignore[assignment]

    def _find(self, key: Item) -> Item | None:
        if written := super()._find(key):
            return written
        if key["PK"]["S"].partition("#")[0] not in ("WORKFLOW", "DAGRUN", "UPLOAD"):
            return None
        k, wanted = read_number(key), (key["PK"], key["SK"])
        for kind in (WORKFLOW, SCAN, RECONSTRUCTION, RUN, UPLOAD):
            here = make_key(k, kind)
            if (here["PK"], here["SK"]) == wanted:
                return self._hospital.make_item(k, kind)
        return None

    def _read_places(self, request: Item) -> tuple[Item, int]:
        values = {name: v["S"] for name, v in request["ExpressionAttributeValues"].items()}
        if "IndexName" not in request:
            keys = [
                make_key(read_number({"PK": {"S": values[":pk"]}}), k)
                for k in (SCAN, RECONSTRUCTION)
            ]
            found = [item for key in keys if (item := self._find(key))]
            return {"Items": found}, sum(map(size_of, found))
        is_due = request["IndexName"] == "due-index"
        partition = values[":due" if is_due else ":listed"]
        places = self._hospital.places[partition]
        first = bisect_left(places, (values.get(":lowest", ""),))
        last = bisect_right(places, (values.get(":now" if is_due else ":before", "~"), sys.maxsize))
        if after := request.get("ExclusiveStartKey"):
            at = after["due_at" if is_due else "listed_at"]["S"]
            place = bisect_left(places, (at, read_number(after)))
            first, last = (place + 1, last) if is_due else (first, place)
        chosen = places[first:last]
        if not request.get("ScanIndexForward", True):
            chosen.reverse()
        return self._read_page(request, partition, chosen, values)

    def _read_page(
        self, request: Item, partition: str, places: list[Place], values: dict[str, str]
    ) -> tuple[Item, int]:
        """Read until the limit or a mebibyte; only then is dropped what a filter does not want."""
        names = request["ExpressionAttributeNames"] if "FilterExpression" in request else {}
        found, n_bytes, entry = [], 0, {}
        limit, n_read = request.get("Limit", sys.maxsize), 0
        for place in places[:limit]:
            entry = self._hospital.make_entry(partition, place)
            n_read, n_bytes = n_read + 1, n_bytes + size_of(entry)
            if all(entry.get(each, {}).get("S") == values[f":{each}"] for each in names.values()):
                found.append(entry)
            if n_bytes > PAGE_BYTES:
                break
        is_cut = 0 < n_read < len(places) or n_read == limit
        dropped = ("state", "status", "dag_id")
        last = {name: value for name, value in entry.items() if name not in dropped}
        return {"Items": found} | ({"LastEvaluatedKey": last} if is_cut else {}), n_bytes


class GrowthAirflow:
    """An Airflow 3 that has all runs of a hospital."""

    def __init__(self, hospital: Hospital) -> None:
        self._hospital = hospital
        # Oldest first, as by id.
        self._numbers = hospital.numbers[::-1]

    def answer(self, path: str, body: Any) -> Any:
        """Return the answer to a request."""
        match path.split("/")[3:]:
            case ["monitor", "health"]:
                return {each: {"status": "healthy"} for each in ("metadatabase", "scheduler")}
            case ["dags", "~", "dagRuns", "list"]:
                numbers, total = _cut(self._select(body), body)
                runs = [self._describe(k) for k in numbers]
                return {"dag_runs": runs, "total_entries": total}
            case ["dags", "~", "dagRuns", "~", "taskInstances", "list"]:
                numbers = [int(run_id[:8], 16) for run_id in body["dag_run_ids"]]
                tasks = [task for k in numbers for task in self._list_tasks(k)]
                tasks, total = _cut(tasks, body)
                return {"task_instances": tasks, "total_entries": total}
            case ["dags", _, "dagRuns", run_id]:
                return self._describe(int(run_id[:8], 16))
        return None

    def _select(self, body: Any) -> list[int]:
        bounds = [datetime.fromisoformat(body[f"run_after_{each}"]) for each in ("gte", "lte")]
        # Number k was created k + 60 s ago.
        newest, oldest = sorted((self._hospital.begun - at).total_seconds() - 60 for at in bounds)
        numbers = self._numbers
        first = bisect_left(numbers, -oldest, key=int.__neg__)
        last = bisect_right(numbers, -newest, key=int.__neg__)
        states = body.get("states", ["running", "success"])
        wanted = {True: "running" in states, False: "success" in states}
        return [k for k in numbers[first:last] if wanted[is_active(k)]]

    def _describe(self, k: int) -> dict[str, Any]:
        at = self._hospital.created_at(k).isoformat()
        state = {"state": "running"} if is_active(k) else {"state": "success", "end_date": at}
        ids = {"dag_id": DAG_ID, "dag_run_id": make_id(k, RUN)}
        return {
            **ids,
            **state,
            "run_after": at,
            "conf": {},
            "dag_versions": [{"version_number": 1}],
        }

    def _list_tasks(self, k: int) -> list[dict[str, Any]]:
        ids = {"dag_id": DAG_ID, "dag_run_id": make_id(k, RUN), "try_number": 1, "map_index": -1}
        return [
            {**ids, "task_id": f"task_{n}", "state": state if is_active(k) else "success"}
            for n, state in enumerate(TASK_STATES)
        ]


def _cut(found: list[T], body: Any) -> tuple[list[T], int]:
    return found[body["page_offset"] :][: body["page_limit"]], len(found)


class GrowthNeighbours(Neighbours):
    """All that a function asks, and how often it did."""

    def __init__(self, hospital: Hospital) -> None:
        super().__init__()
        self._counts: Counter[str] = Counter()
        self._table = GrowthTable(hospital, self._counts)
        self._airflow = GrowthAirflow(hospital)

    def answer(self, call: Call) -> tuple[int, bytes, float]:
        """Return status, body and duration [s] of the answer to a request."""
        status, content = self._answer(call)
        return status, json.dumps(content).encode(), 0.0

    def _answer(self, call: Call) -> tuple[int, Any]:
        if call.path == "/counts":
            told = dict(self._counts)
            self._counts.clear()
            return 200, told
        service, _, operation = call.headers.get("x-amz-target", "").partition(".")
        if service.startswith("DynamoDB"):
            self._counts["dynamodb"] += 1
            return self._table.answer(operation, json.loads(call.body))
        if service:
            return 200, {"SecretString": json.dumps({"username": "a", "password": "b"})}
        if call.path == "/auth/token":
            return 201, {"access_token": "token"}
        if call.path.startswith("/api/v2/"):
            self._counts["airflow"] += 1
            found = self._airflow.answer(call.path, json.loads(call.body or b"null"))
            return (200, found) if found else (404, {"detail": "unknown"})
        return 404, {"detail": "unknown"}


async def main(n_active: int, has_finished: bool) -> None:
    """Tell the port, and answer until the input ends."""
    listener = open_socket(0)
    neighbours = GrowthNeighbours(Hospital(n_active, has_finished))
    async with await asyncio.start_server(neighbours.serve, sock=listener, backlog=200):
        tell(f"http://{HOST}:{listener.getsockname()[1]}")
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2] == "1"))
