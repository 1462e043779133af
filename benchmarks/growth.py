"""What the reconciler, the lists and the board take with ever more runs under way, and ended ones.

``OLD=folder`` in the environment names an older checkout, which takes turns with this one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from benchmarks.child import Child
from benchmarks.growth_runner import CHANGED, LISTS, MAX_N_TURNS
from benchmarks.report import describe_machine, make_table, run_command
from local.config import ROOT
from local.samples import BUCKET

SIZES, QUICK_SIZES = (10, 100, 1_000, 10_000), (10, 1_000)
N_ROUNDS = 5
NEIGHBOURS = ("USER_LOGIN", "EXAM", "PATIENT", "SEQUENCE", "DEVICE")
TURN_HEAD = "turns|DynamoDB requests|read units|Airflow requests|CPU s|peak MB".split("|")
TURN_NAMES = ("n_turns", "dynamodb", "read_units", "airflow", "cpu_s", "peak_mb")
LIST_HEAD = "requests|read units|CPU ms|kB|304: requests|read units|CPU ms".split("|")
LIST_NAMES = (
    *("dynamodb", "read_units", "cpu_ms", "kb"),
    *("dynamodb_unchanged", "read_units_unchanged", "cpu_ms_unchanged"),
)
# Of one checkout with so many under way: without any that has ended, and with ten times as many.
Pair = tuple[dict[str, Any], dict[str, Any]]


def list_checkouts() -> dict[str, str]:
    """Return the folder of each checkout by its title."""
    old = os.environ.get("OLD")
    return {"now": str(ROOT)} | ({"before": old} if old else {})


def make_environ(url: str) -> dict[str, str]:
    """Return the variables by which the functions find what plays AWS and Airflow."""
    urls = dict.fromkeys((f"{name}_MANAGER_URI" for name in NEIGHBOURS), url)
    return urls | {
        "AWS_ENDPOINT_URL": url,
        "AIRFLOW_URL": url,
        "AIRFLOW_SECRET_ARN": "airflow",
        "TABLE_NAME": "workflow-manager",
        "BUCKET_NAME": BUCKET,
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "benchmark",
        "AWS_SECRET_ACCESS_KEY": "benchmark",
        "POWERTOOLS_METRICS_NAMESPACE": "benchmark",
        "POWERTOOLS_SERVICE_NAME": "benchmark",
    }


def measure_size(n_active: int, n_rounds: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield checkout, mode and figures, without ended ones and then with them."""
    for has_finished in ("0", "1"):
        with Child("growth_neighbours", str(n_active), has_finished) as neighbours:
            environ = make_environ(neighbours.read())
            for mode in ("reconcile", "lists"):
                for title, folder in list_checkouts().items():
                    arguments = (folder, environ["AIRFLOW_URL"], mode, str(n_rounds))
                    with Child("growth_runner", *arguments, **environ) as runner:
                        yield title, mode, runner.read()


def measure(is_quick: bool) -> str:
    """Return the report."""
    turns, lists, peaks = [], [], []
    for n_active in QUICK_SIZES if is_quick else SIZES:
        found: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for title, mode, told in measure_size(n_active, 1 if is_quick else N_ROUNDS):
            found.setdefault((title, mode), []).append(told)
        for title in list_checkouts():
            without, beside = found[title, "reconcile"]
            cells = [_pair(name, without, beside) for name in TURN_NAMES]
            turns.append([f"{n_active:,}", title, *cells])
        peak = max(told["peak_mb"] for told in found["now", "lists"])
        peaks.append(f"{peak:.0f} MB with {n_active:,}")
        for name in (*LISTS, CHANGED):
            asked: list[list[str]] = []
            for title in list_checkouts():
                without, beside = (each[name] for each in found[title, "lists"])
                cells = [_pair(each, without, beside) for each in LIST_NAMES]
                # An older one that asks for the same is no news.
                if cells[:2] not in asked:
                    lists.append([name, f"{n_active:,}", title, *cells])
                asked.append(cells[:2])
    head = f"{describe_machine()}; medians of {1 if is_quick else N_ROUNDS} rounds."
    reconciler = make_table(["under way", "by", *TURN_HEAD], turns)
    lists.sort(key=lambda row: [*LISTS, CHANGED].index(row[0]))
    pages = make_table(["page of 100", "under way", "by", *LIST_HEAD], lists)
    memory = f"The process that answers lists and board has {', '.join(peaks)} at most."
    return f"{head}\n\n{reconciler}\n\n{pages}\n\n{memory}"


def _pair(name: str, without: dict[str, Any], beside: dict[str, Any]) -> str:
    """Return a figure without ended ones and one beside them; one where both are the same."""
    shown = [_show(name, each.get(name, 0)) for each in (without, beside) if name in each]
    return " / ".join(dict.fromkeys(shown))


def _show(name: str, value: float) -> str:
    if name == "n_turns" and value >= MAX_N_TURNS:
        return f"> {MAX_N_TURNS}"
    if name.startswith(("cpu_s", "kb")):
        return f"{value:.2f}" if value < 10 else f"{value:.0f}"
    return f"{value:,.1f}".removesuffix(".0") if "units" in name else f"{value:,.0f}"


if __name__ == "__main__":
    run_command(measure, "growth")
