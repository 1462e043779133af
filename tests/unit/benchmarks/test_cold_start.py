"""Medians, report and chart of the cold-start benchmark, without starting a function."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import cold_start_runner
from benchmarks.chart import Bar, draw_bars
from benchmarks.cold_start import Start, take_median, take_turns
from benchmarks.cold_start_functions import EVENT, HTTP
from benchmarks.cold_start_report import Row, make_report, make_summary

REFERENCE = Row("reference", "reference", 400, 200, 100, 700, 500, 250, 25)
OURS = [
    Row("hello", HTTP, 100, 40, 50, 300, 200, 100, 11),
    Row("get_workflow", HTTP, 220, 100, 60, 400, 300, 125, 12),
    Row("publish_events", EVENT, 160, 100, 61, 350, 100, 50, 13),
]
BARS = [Bar(row.name, row.kind, (row.wall_ms / 400, row.rss_mb / 100)) for row in OURS]


def find_line(text: str, beginning: str) -> list[str]:
    [line] = [line for line in text.splitlines() if line.startswith(f"| {beginning} ")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_all_are_measured_once_before_any_is_measured_again() -> None:
    # Given what notes when it is measured
    order: list[str] = []

    def measure(name: str) -> Start:
        order.append(name)
        # The first round would change every median.
        return Start(1000 if len(order) <= 2 else len(order), 0)

    # When two take turns, after a round that does not count
    medians = take_turns(["a", "b"], measure, n_runs=3, n_unmeasured=1)
    # Then they alternate, and the medians are of the later rounds
    assert order == ["a", "b"] * 4
    assert [median.wall_s for median in medians] == [5, 6]


def test_each_number_has_its_own_median() -> None:
    # Given processes of which none is the middle one in everything
    starts = [Start(1, 30, 200, 7), Start(2, 10, 300, 7), Start(9, 20, 100, 7)]
    # When their median is taken, then each number is its own
    assert take_median(starts) == Start(2, 20, 200, 7)


def test_ratios_are_judged_by_kind() -> None:
    # When functions of both kinds are summarized
    summary = make_summary(OURS, REFERENCE)
    # Then each kind has its goal, median and worst in units of the reference
    http = find_line(summary, "HTTP: ms, ratio")[1:]
    assert http == ["0.40", "0.55 (get_workflow)", "0.50", "1 of 2"]
    event = find_line(summary, "event: CPU ms, ratio")[1:]
    assert event == ["0.50", "0.50 (publish_events)", "0.40", "0 of 1"]
    memory = find_line(summary, "HTTP: MB, ratio")[1:]
    assert memory == ["0.55", "0.60 (get_workflow)", "0.60", "2 of 2"]
    size = find_line(summary, "layer + function: zip MB")[1:]
    assert size == ["12.00", "13.00 (publish_events)", "12.00", "2 of 3"]


def test_a_kind_that_was_not_measured_is_not_judged() -> None:
    assert "event" not in make_summary(OURS[:2], REFERENCE)


def test_the_reference_is_in_the_table_with_the_interpreter_above() -> None:
    # Given a second reference
    plain = replace(REFERENCE, name="reference, no byte code", wall_ms=1000)
    # When the report is made
    report = make_report(OURS, REFERENCE, [plain], (14, 7, 9), n_runs=15)
    # Then both references come before our functions, in units of the first
    names = [line.split("|")[1].strip() for line in report.splitlines() if line.startswith("| ")]
    n_functions = len(OURS) + 2
    assert names[-n_functions:] == [REFERENCE.name, plain.name, *(row.name for row in OURS)]
    assert find_line(report, plain.name)[2:4] == ["1000", "2.50"]
    assert find_line(report, "hello")[1:6] == ["HTTP", "100", "0.25", "40", "0.20"]
    assert "14 ms, 7 ms of CPU and 9 MB" in report
    assert "15 processes" in report


def test_the_runner_counts_what_a_module_takes(tmp_path: Path) -> None:
    # Given a handler's module that prints, computes, and imports another one
    (tmp_path / "helper.py").touch()
    text = "import helper\nprint('hello')\nkept = [sum(range(2_000_000))]\n"
    (tmp_path / "handler.py").write_text(text)
    # When it is started in a fresh interpreter
    command = [sys.executable, "-S", "-s", "-P", cold_start_runner.__file__]
    environ = {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    nothing, handler = (
        json.loads(
            subprocess.run(  # noqa: S603 - the benchmark's own runner
                [*command, *arguments], env=environ, capture_output=True, check=True
            ).stdout.splitlines()[-1]
        )
        for arguments in ([], ["handler"])
    )
    # Then both modules are counted, and the interpreter itself is not
    assert nothing["n_modules"] == 0
    assert handler["n_modules"] == 2
    assert handler["wall_s"] > 0
    assert handler["cpu_s"] > 0
    assert handler["rss_bytes"] > 2**20


def test_a_chart_of_the_same_numbers_is_the_same_file(tmp_path: Path) -> None:
    # When the same bars are drawn twice, and others once
    for name in ("one", "two"):
        draw_bars(tmp_path / name / "chart.svg", BARS, ("Time", "Memory"), "reference = 1")
    others = [replace(BARS[0], values=(0.3, 0.3)), *BARS[1:]]
    draw_bars(tmp_path / "other.svg", others, ("Time", "Memory"), "reference = 1")
    # Then the files are equal, small, undated, name every function, and show the numbers
    one = (tmp_path / "one" / "chart.svg").read_bytes()
    assert one == (tmp_path / "two" / "chart.svg").read_bytes()
    assert one != (tmp_path / "other.svg").read_bytes()
    text = one.decode()
    assert len(one) < 100_000
    assert "dc:date" not in text
    assert all(bar.name in text for bar in BARS)


def test_a_chart_needs_a_title_for_every_panel(tmp_path: Path) -> None:
    with pytest.raises(IndexError):
        draw_bars(tmp_path / "chart.svg", BARS, ("Time", "Memory", "Size"), "reference = 1")
