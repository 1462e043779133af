"""Turns, report and runner of the cold-start benchmark, without starting a function."""

from dataclasses import replace
from pathlib import Path

from benchmarks.cold_start import (
    Init,
    Row,
    Start,
    make_report,
    make_summary,
    run_interpreter,
    take_turns,
)
from benchmarks.starters import EVENT, HTTP

REFERENCE = Row("reference", "reference", Start(400, 200, 100, 700), Init(500, 250), 25)
OURS = [
    Row("hello", HTTP, Start(100, 40, 50, 300), Init(200, 100), 11),
    Row("get_workflow", HTTP, Start(220, 100, 60, 400), Init(300, 125), 12),
    Row("publish_events", EVENT, Start(160, 100, 61, 350), Init(100, 50), 13),
]


def find_line(text: str, beginning: str) -> list[str]:
    [line] = [line for line in text.splitlines() if line.startswith(f"| {beginning} ")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_all_are_measured_once_before_any_is_measured_again() -> None:
    # Given what notes when it is measured
    order: list[str] = []

    def measure(name: str) -> Init:
        order.append(name)
        # The first round would change every median.
        return Init(1000 if len(order) <= 2 else len(order), 0)

    # When two take turns, after a round that does not count
    medians = take_turns(["a", "b"], measure, n_runs=3, n_unmeasured=1)
    # Then they alternate, and the medians are of the later rounds
    assert order == ["a", "b"] * 4
    assert [median.ms for median in medians] == [5, 6]


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
    # And a kind that was not measured is not judged
    assert "event" not in make_summary(OURS[:2], REFERENCE)


def test_the_reference_is_in_the_table_with_the_interpreter_above() -> None:
    # Given a second reference
    plain = replace(REFERENCE, name="reference, no byte code", start=Start(1000, 1, 1, 1))
    # When the report is made
    report = make_report([REFERENCE, plain], OURS, Start(14, 7, 9, 0), n_runs=15)
    # Then both references come before our functions, in units of the first
    names = [line.split("|")[1].strip() for line in report.splitlines() if line.startswith("| ")]
    n_functions = len(OURS) + 2
    assert names[-n_functions:] == [REFERENCE.name, plain.name, *(row.name for row in OURS)]
    assert find_line(report, plain.name)[2:4] == ["1000", "2.50"]
    assert find_line(report, "hello")[1:6] == ["HTTP", "100", "0.25", "40", "0.20"]
    assert "medians of 15 processes each" in report
    assert "14 ms, 7 ms of CPU and 9 MB" in report


def test_the_runner_counts_what_a_module_takes(tmp_path: Path) -> None:
    # Given a handler's module that prints, computes, and imports another one
    (tmp_path / "helper.py").touch()
    text = "import helper\nprint('hello')\nkept = [sum(range(2_000_000))]\n"
    (tmp_path / "handler.py").write_text(text)
    environ = {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    # When it is started in a fresh interpreter, and nothing in another
    nothing, handler = (run_interpreter(tmp_path, environ, name) for name in ("", "handler"))
    # Then both modules are counted, and the interpreter itself is not
    assert nothing.n_modules == 0
    assert handler.n_modules == 2
    assert handler.ms > 0
    assert handler.cpu_ms > 0
    assert handler.rss_mb > 1
