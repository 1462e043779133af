import ast
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from benchmarks import floor_handler
from benchmarks.pipeline import make_raw_data, time_reconstruction, zip_handler
from benchmarks.pipeline_stats import TOTAL, Passage, compare, take_spread

SENT = datetime(2026, 11, 26, tzinfo=UTC)


def at(second: float) -> str:
    return (SENT + timedelta(seconds=second)).isoformat()


def make_passage(scale: float = 1.0, recorded_s: float | None = None) -> Passage:
    run = {"queued_at": at(scale), "start_date": at(3 * scale), "end_date": at(15 * scale)}
    task = {"start_date": at(6 * scale), "end_date": at(10 * scale)}
    recorded = at(recorded_s) if recorded_s is not None else None
    return Passage.from_airflow(SENT, run, task, recorded)


def test_passage_is_split_without_a_gap() -> None:
    parts = make_passage().split()

    total_s = parts.pop(TOTAL)
    assert list(parts.values()) == [1, 2, 3, 4, 5]
    assert total_s == 10


def test_passage_ends_when_the_result_is_recorded() -> None:
    assert make_passage(recorded_s=9.5).split()[TOTAL] == 9.5


def test_spread_is_median_and_95th_percentile() -> None:
    spread = take_spread([float(n) for n in range(101)])

    assert (spread.median_s, spread.p95_s) == (50, pytest.approx(95))


def test_table_compares_the_medians() -> None:
    ours = [make_passage(2.0), make_passage(2.0), make_passage(9.0)]

    table = compare(ours, [make_passage()] * 3)

    [row] = [line for line in table.splitlines() if TOTAL in line]
    assert row == f"| {TOTAL} | 20000 | 83000 | 10000 | 10000 | 2.0 |"


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
        tree = ast.parse(archive.read(name))

    assert name == "floor_handler.py"
    assert "benchmarks" not in ast.unparse(tree)


def test_reconstruction_alone_takes_time() -> None:
    assert time_reconstruction(make_raw_data(), 1) > 0
