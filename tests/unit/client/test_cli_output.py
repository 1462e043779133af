import json
from collections.abc import Callable
from datetime import UTC, datetime
from operator import itemgetter

import pytest
from rich.text import Text

from scanhub_workflow.cli.output import MAX_CELL_LENGTH, Output
from scanhub_workflow.models import Dag

ROWS = [
    {"RUN": "a" * 32, "STATE": "FAILED", "%": 40, "REASON": "The DAG failed."},
    {"RUN": "b" * 32, "STATE": "RUNNING", "%": 7, "REASON": None},
]
COLUMNS = {name: itemgetter(name) for name in ROWS[0]}
CSI = "\x1b["


def test_pipe_gets_lines_with_tabs_and_no_colour(capsys: pytest.CaptureFixture[str]) -> None:
    Output().table(ROWS, COLUMNS)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "RUN\tSTATE\t%\tREASON"
    assert lines[2] == f"{'b' * 32}\tRUNNING\t7\t-"


def test_table_stands_where_it_fits(capsys: pytest.CaptureFixture[str]) -> None:
    Output(width=120).table(ROWS, COLUMNS)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(ROWS)
    assert "a" * 32 in lines[1]


def test_narrow_terminal_gets_blocks_with_whole_ids(capsys: pytest.CaptureFixture[str]) -> None:
    Output(width=40).table(ROWS, COLUMNS)
    shown = capsys.readouterr().out
    assert "a" * 32 in shown
    assert "b" * 32 in shown


def test_empty_list_has_its_headers(capsys: pytest.CaptureFixture[str]) -> None:
    Output(width=80).table([], COLUMNS)
    header, said = Text.from_ansi(capsys.readouterr().out).plain.splitlines()
    assert (header.split(), said) == (["RUN", "STATE", "%", "REASON"], "Nothing.")
    Output().table([], COLUMNS)
    assert capsys.readouterr().out == "RUN\tSTATE\t%\tREASON\n"


@pytest.mark.parametrize("width", [None, 80])
def test_names_from_elsewhere_move_no_cursor(
    capsys: pytest.CaptureFixture[str], width: int | None
) -> None:
    output = Output(width)
    name = f"evil{CSI}2J\tname\r\n\x07[red]x[/red]"
    output.table([name], {"NAME": lambda each: each})
    output.record({"name": name})
    output.say(name)
    output.note(name)
    captured = capsys.readouterr()
    shown = captured.out + captured.err
    assert f"{CSI}2J" not in shown
    assert "\x07" not in shown
    assert "\r" not in shown
    assert shown.count("[red]x[/red]") == 4


def test_document_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(width=40)
    output.is_json = True
    dags = [Dag(dag_id="fft", dag_display_name="Größe\n")]
    output.items(dags, {"DAG": lambda dag: dag.dag_id})
    output.answer(dags[0], "A sentence.")
    first, second = capsys.readouterr().out.splitlines()
    assert json.loads(first) == [json.loads(second)]
    assert json.loads(second)["dag_display_name"] == "Größe\n"
    assert first.isascii()


@pytest.mark.parametrize("width", [None, 40, 200])
def test_cell_of_ten_thousand_characters_is_cut(
    capsys: pytest.CaptureFixture[str], width: int | None
) -> None:
    Output(width).table(["x" * 10_000], {"REASON": lambda each: each})
    shown = Text.from_ansi(capsys.readouterr().out).plain
    assert shown.count("x") == MAX_CELL_LENGTH - 1
    assert "…" in shown


@pytest.mark.parametrize(
    ("zone", "shown"),
    [("UTC", "2026-11-26 23:30:00+00:00"), ("Europe/Berlin", "2026-11-27 00:30:00+01:00")],
)
def test_moment_is_shown_in_local_time_with_its_zone(
    capsys: pytest.CaptureFixture[str],
    local_zone: Callable[[str], None],
    zone: str,
    shown: str,
) -> None:
    local_zone(zone)
    Output().record({"at": datetime(2026, 11, 26, 23, 30, tzinfo=UTC)})
    assert capsys.readouterr().out == f"at: {shown}\n"
