import json
from datetime import UTC, datetime

import pytest

from scanhub_workflow.cli.output import Output
from scanhub_workflow.models import Dag

ROWS = [
    {"RUN": "a" * 32, "STATE": "FAILED", "%": 40, "REASON": "The DAG failed."},
    {"RUN": "b" * 32, "STATE": "RUNNING", "%": 7, "REASON": None},
]
CSI = "\x1b["


def test_pipe_gets_lines_with_tabs_and_no_colour(capsys: pytest.CaptureFixture[str]) -> None:
    Output().records(ROWS)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "RUN\tSTATE\t%\tREASON"
    assert lines[2] == f"{'b' * 32}\tRUNNING\t7\t-"


def test_table_stands_where_it_fits(capsys: pytest.CaptureFixture[str]) -> None:
    Output(width=120).records(ROWS)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(ROWS)
    assert "a" * 32 in lines[1]


def test_narrow_terminal_gets_blocks_with_whole_ids(capsys: pytest.CaptureFixture[str]) -> None:
    Output(width=40).records(ROWS)
    shown = capsys.readouterr().out
    assert "a" * 32 in shown
    assert "b" * 32 in shown


def test_empty_list_is_said_to_be_empty(capsys: pytest.CaptureFixture[str]) -> None:
    Output(width=80).records([])
    assert capsys.readouterr().out.strip() == "Nothing."
    Output().records([])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("width", [None, 80])
def test_names_from_elsewhere_move_no_cursor(
    capsys: pytest.CaptureFixture[str], width: int | None
) -> None:
    output = Output(width)
    name = f"evil{CSI}2J\tname\r\n\x07[red]x[/red]"
    output.records([{"NAME": name}])
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
    output.items(dags, [{"DAG": "fft"}])
    output.answer(dags[0], "A sentence.")
    first, second = capsys.readouterr().out.splitlines()
    assert json.loads(first) == [json.loads(second)]
    assert json.loads(second)["dag_display_name"] == "Größe\n"
    assert first.isascii()


def test_moment_is_shown_in_local_time(capsys: pytest.CaptureFixture[str]) -> None:
    at = datetime(2026, 11, 26, 23, 30, tzinfo=UTC)
    Output().record({"at": at})
    assert at.astimezone().strftime("%Y-%m-%d %H:%M:%S") in capsys.readouterr().out
