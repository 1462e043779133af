import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from benchmarks import floor_handler
from benchmarks.pipeline import (
    TOTAL,
    Passage,
    compare,
    split,
    zip_handler,
)

SENT = datetime(2026, 11, 26, tzinfo=UTC)


def at(second: float) -> str:
    return (SENT + timedelta(seconds=second)).isoformat()


def make_passage(scale: float = 1.0, recorded_s: float = 10) -> Passage:
    run = {"queued_at": at(scale), "start_date": at(3 * scale), "end_date": at(15 * scale)}
    task = {"start_date": at(6 * scale), "end_date": at(10 * scale)}
    return split(SENT, run, task, at(recorded_s * scale))


def test_passage_is_split_without_a_gap_until_the_result_is_recorded() -> None:
    parts = make_passage(recorded_s=9.5)

    total_s = parts.pop(TOTAL)
    assert list(parts.values()) == [1, 2, 3, 4, 5]
    assert total_s == 9.5


def test_table_compares_the_medians_beside_the_95th_percentiles() -> None:
    ours = [make_passage(2.0), make_passage(2.0), make_passage(9.0)]

    table = compare(ours, [make_passage()] * 3)

    [row] = [line for line in table.splitlines() if TOTAL in line]
    assert row == f"| {TOTAL} | 20000 | 90000 | 10000 | 10000 | 2.0 |"


def test_table_has_no_ratio_to_nothing() -> None:
    table = compare([make_passage()] * 2, [make_passage(0)] * 2)

    assert all(line.endswith("| - |") for line in table.splitlines()[2:])


def test_floor_handler_starts_the_dag_once_for_each_object(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given an Airflow in memory
    asked: list[tuple[str, dict[str, Any]]] = []

    def serve(request: Any, timeout: float) -> io.BytesIO:
        asked.append((request.full_url, json.loads(request.data)))
        return io.BytesIO(b'{"access_token": "t"}')

    monkeypatch.setattr(floor_handler.urllib.request, "urlopen", serve)
    names = {"AIRFLOW_URL": "http://a", "DAG_ID": "floor", "USERNAME": "u", "PASSWORD": "p"}
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    floor_handler._log_in.cache_clear()

    # When S3 tells of two objects
    records = [{"s3": {"object": {"key": key}}} for key in ("a+b/raw.npy", "c/raw.npy")]
    floor_handler.lambda_handler({"Records": records}, None)

    # Then it logs in once and starts two runs
    url = "http://a/api/v2/dags/floor/dagRuns"
    started = [
        (url, {"logical_date": None, "conf": {"key": key}}) for key in ("a b/raw.npy", "c/raw.npy")
    ]
    assert asked == [("http://a/auth/token", {"username": "u", "password": "p"}), *started]


def test_floor_handler_needs_no_package() -> None:
    with zipfile.ZipFile(io.BytesIO(zip_handler())) as archive:
        [name] = archive.namelist()
        assert name == "floor_handler.py"
        assert b"benchmarks" not in archive.read(name)
