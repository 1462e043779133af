"""Report and runner of the cold-start benchmark, without starting a function."""

from pathlib import Path

from benchmarks.cold_start import Start, make_report, run_interpreter
from benchmarks.starters import HTTP, REFERENCE, Starter
from local.runtime import RuntimeFunction

NO_FUNCTION = RuntimeFunction("any", "app.lambda_handler", 29, 1769, {})


def test_ratios_are_to_the_reference(tmp_path: Path) -> None:
    # Given an interpreter alone, the reference and a function
    starters = [
        Starter(name, kind, NO_FUNCTION, tmp_path, tmp_path)
        for name, kind in ((REFERENCE, REFERENCE), ("hello", HTTP))
    ]
    starts = [Start(14, 7, 9, 0), Start(400, 200, 100, 700), Start(100, 40, 50, 300)]
    # When the report is made
    report = make_report(starters, starts, n_runs=15)
    # Then it names the interpreter, and the ratios of the function
    assert "medians of 15 processes each" in report
    assert "7 ms of CPU and 9 MB" in report
    assert "| hello | HTTP | 100 | 0.25 | 40 | 0.20 | - | 50 | 0.50 | 300 | 0.0 |" in report


def test_function_stands_beside_its_older_self(tmp_path: Path) -> None:
    # Given the reference and two functions, one of which an older checkout has too
    starters = [
        Starter(name, HTTP, NO_FUNCTION, tmp_path, tmp_path)
        for name in (REFERENCE, "hello", "get_me", "hello")
    ]
    starts = [Start(14, 7, 9, 0), Start(400, 200, 100, 700), *[Start(100, 40, 50, 300)] * 2]
    # When the report is made
    report = make_report(starters, [*starts, Start(100, 50, 50, 300)], n_runs=7, n_old=1)
    # Then only that one has a ratio to it, and the older one has no row
    assert "| hello | HTTP | 100 | 0.25 | 40 | 0.20 | 0.80 |" in report
    assert "| get_me | HTTP | 100 | 0.25 | 40 | 0.20 | - |" in report
    assert report.count("| hello |") == 1


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
