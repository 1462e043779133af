"""What somebody sees who downloads the files of a run."""

import json
from pathlib import Path

import httpx
import pytest

from tests.fakes.command_line import CommandLine
from tests.fakes.result_server import RUN_ID, FakeResultServer

ENVIRON = {"SCANHUB_WORKFLOW_URL": "https://api.test/api", "SCANHUB_WORKFLOW_TOKEN": "a-token"}


@pytest.fixture
def results() -> FakeResultServer:
    return FakeResultServer({"image.dcm": b"DICM", "series/1.dcm": b"slice"})


@pytest.fixture
def command_line(results: FakeResultServer, tmp_path: Path) -> CommandLine:
    api, s3 = httpx.MockTransport(results.answer_api), httpx.MockTransport(results.answer_s3)
    return CommandLine(tmp_path / "home", api, s3, ENVIRON)


def test_files_are_named_in_a_pipe_and_to_programs(
    command_line: CommandLine, tmp_path: Path
) -> None:
    # A folder of that name is no word of the API.
    folder = tmp_path / "PROCESSING_TASK of today"
    shown = command_line.run("download", RUN_ID, "-o", str(folder))
    told = command_line.run("download", RUN_ID, "-o", str(folder), "--json")
    paths = [str(folder / "image.dcm"), str(folder / "series" / "1.dcm")]
    assert (shown.code, shown.out.splitlines(), shown.err) == (0, paths, "")
    assert told.document == {"dag_run_id": RUN_ID, "paths": paths}
    assert (folder / "image.dcm").read_bytes() == b"DICM"


def test_other_file_in_the_way_says_what_to_type(command_line: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "image.dcm").write_bytes(b"of somebody else")
    command = ["download", RUN_ID, "-o", str(tmp_path)]
    refused = command_line.run(*command)
    assert (refused.code, "To replace them: --overwrite" in refused.err) == (9, True)
    assert command_line.run(*command, "--overwrite").code == 0
    assert (tmp_path / "image.dcm").read_bytes() == b"DICM"


def test_storage_that_is_gone_is_told_and_gone_on_with(
    command_line: CommandLine, results: FakeResultServer, tmp_path: Path
) -> None:
    results.s3_fault = lambda key, n: httpx.Response(503) if "1.dcm" in key else None
    command = ["download", RUN_ID, "-o", str(tmp_path), "--json"]
    broken = command_line.run(*command)
    assert (broken.code, json.loads(broken.err)["error"]) == (7, "DownloadInterruptedError")
    results.s3_fault = lambda key, n: None
    assert command_line.run(*command).code == 0
    assert (tmp_path / "series" / "1.dcm").read_bytes() == b"slice"


def test_run_that_goes_on_has_no_files_yet(
    command_line: CommandLine, results: FakeResultServer, tmp_path: Path
) -> None:
    results.state = "RUNNING"
    ended = command_line.run("download", RUN_ID, "-o", str(tmp_path / "out"))
    assert (ended.code, ended.out) == (5, "")
    assert "once it has succeeded" in ended.err
    assert not (tmp_path / "out").exists()
