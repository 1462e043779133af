"""The command line on the functions' own apps: what people type, and what they see."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from rich.text import Text

from tests.fakes.app import InProcess, make_app
from tests.fakes.command_line import URL, CommandLine
from tests.fakes.doctor_server import WEB_ORIGIN, FakeDoctorServer
from tests.fakes.ports import MemoryPorts, call, find_ports
from tests.fakes.world import (
    DAG_ID,
    RECONSTRUCTION_ID,
    SCAN_ID,
    WORKFLOW_ID,
    at,
    callback_token,
    deliver,
    deliver_queue,
    make_dag_data,
    make_raw_data,
    make_success,
    make_world,
)
from workflow_manager.domain.dag_run import object_dag_run_id
from workflow_manager.ports import DagImportError
from workflow_manager.services.receive_results import Callback, receive_results


@pytest.fixture
def world() -> MemoryPorts:
    return make_world()


@pytest.fixture
def command_line(
    world: MemoryPorts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CommandLine]:
    def put_part(request: httpx.Request) -> httpx.Response:
        etag = world.lake.put_part(str(request.url), request.read())
        return httpx.Response(200, headers={"ETag": etag})

    find_ports(monkeypatch, world)
    with start_blocking_portal() as portal:
        api = InProcess(make_app(), portal)
        yield CommandLine(tmp_path / "home", api, httpx.MockTransport(put_part))


def test_workflow_is_started_shown_and_cancelled(command_line: CommandLine) -> None:
    # When it is processed
    started = command_line.run("process", WORKFLOW_ID)
    # Then it says what was started, and the lists show it
    assert (started.code, started.err) == (0, "")
    assert f"Started device task simulator {SCAN_ID} (attempt 1)." in started.out
    again = command_line.run("process", WORKFLOW_ID)
    assert "Nothing was started" in again.out
    [header, line] = command_line.run("workflows").out.splitlines()
    assert header.split("\t")[:2] == ["WORKFLOW", "STATUS"]
    assert line.split("\t")[:2] == [WORKFLOW_ID, "running"]
    assert SCAN_ID in command_line.run("workflow", WORKFLOW_ID).out

    # When one task of it is cancelled and tried again, and then the workflow
    assert "cancel" in command_line.run("cancel", WORKFLOW_ID, SCAN_ID).out.lower()
    retried = command_line.run("retry", WORKFLOW_ID, SCAN_ID, "--json")
    assert retried.document["task"]["attempt"] == 2
    cancelled = command_line.run("cancel", WORKFLOW_ID, "--json")
    assert cancelled.document["workflow_status"] == "cancelled"
    # Then a watch of it ends at once, and says that it did not end well
    watched = command_line.run("workflow", WORKFLOW_ID, "--watch")
    assert (watched.code, watched.out.splitlines()[-1]) == (
        8,
        f"Workflow {WORKFLOW_ID} is cancelled.",
    )


def test_file_is_uploaded_and_its_run_is_shown(
    command_line: CommandLine, tmp_path: Path, world: MemoryPorts
) -> None:
    path = tmp_path / "kspace.npy"
    path.write_bytes(b"k-space")
    sent = command_line.run("upload", str(path), "--dag", DAG_ID, "--json")
    assert sent.code == 0, sent.err
    assert sent.document["state"] == "COMPLETED"
    assert sent.document["workflow_id"] is None


def test_raw_data_of_a_scan_names_its_workflow(command_line: CommandLine, tmp_path: Path) -> None:
    command_line.run("process", WORKFLOW_ID)
    path = tmp_path / "scan.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n and more")
    sent = command_line.run("upload", str(path), "--task", SCAN_ID)
    assert sent.code == 0, sent.err
    assert f"scanhub-workflow workflow {WORKFLOW_ID}" in sent.out


def test_tasks_says_which_files_airflow_cannot_read(
    command_line: CommandLine, world: MemoryPorts
) -> None:
    error = "SyntaxError: invalid syntax (line 3)"
    world.orchestrator.import_errors = [DagImportError(filename="mine.py", error=error)]
    # Not among the lines that a script reads.
    listed = command_line.run("tasks")
    assert f"Airflow cannot read mine.py: {error}" in listed.err
    assert "mine.py" not in listed.out
    document = command_line.run("tasks", "--json").document
    assert document["import_errors"] == [{"filename": "mine.py", "error": error}]


def test_lists_are_the_apis_documents(command_line: CommandLine) -> None:
    command_line.run("process", WORKFLOW_ID)
    assert [dag["dag_id"] for dag in command_line.run("tasks", "--json").document["dags"]]
    [workflow] = command_line.run("workflows", "--json").document
    assert workflow["workflow_id"] == WORKFLOW_ID
    assert command_line.run("runs", "--json").document == []
    assert command_line.run("rejected", "--json").document == []
    assert command_line.run("workflow", WORKFLOW_ID, "--json").document["status"] == "running"


@pytest.mark.parametrize(
    "arguments",
    [
        ["cancel", ""],
        ["cancel", WORKFLOW_ID, ""],
        ["cancel", "--run", ""],
        ["cancel", "--upload", ""],
        ["upload", __file__, "--resume", ""],
    ],
)
def test_empty_id_is_refused_and_stands_for_nothing_else(
    command_line: CommandLine, arguments: list[str]
) -> None:
    command_line.run("process", WORKFLOW_ID)
    ended = command_line.run(*arguments)
    assert (ended.code, "An id is empty." in ended.err) == (2, True)
    assert command_line.run("workflow", WORKFLOW_ID, "--json").document["status"] == "running"


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["workflow", "nobody-knows-it"], 5, "NotFoundError"),
        (["run", "nobody-knows-it"], 5, "NotFoundError"),
        (["process", "."], 2, "InvalidIdError"),
        (["trigger", RECONSTRUCTION_ID], 6, "ConflictError"),
        (["workflows", "--since", "2020-01-01"], 6, "InvalidInputError"),
    ],
)
def test_refusal_is_an_exit_status_and_a_sentence(
    command_line: CommandLine, arguments: list[str], code: int, error: str
) -> None:
    shown = command_line.run(*arguments)
    told = command_line.run(*arguments, "--json")
    assert (shown.code, shown.out, told.code, told.out) == (code, "", code, "")
    problem = json.loads(told.err)
    assert (problem["error"], problem["exit_code"]) == (error, code)
    assert problem["message"] == shown.err.replace("\n", " ").strip()


def read_table(out: str) -> list[dict[str, str]]:
    header, *lines = (line.split("\t") for line in out.splitlines() if "\t" in line)
    return [dict(zip(header, line, strict=True)) for line in lines]


def test_audit_trail_is_a_table_of_who_did_what_when(command_line: CommandLine) -> None:
    command_line.run("process", WORKFLOW_ID)
    rows = read_table(command_line.run("events", WORKFLOW_ID).out)
    [claimed] = [row for row in rows if row["EVENT"] == "claim"]
    assert (claimed["WHAT"].split(" (")[0], claimed["ID"]) == ("Scan 1", SCAN_ID)
    assert (claimed["FROM"], claimed["TO"]) == ("PENDING", "IN_PROGRESS")
    assert claimed["BY"] == "operator"
    assert datetime.fromisoformat(claimed["AT"]).tzinfo is not None
    # And a program goes on where it was
    documents = command_line.run("events", WORKFLOW_ID, "--json").document
    assert len(documents) == len(rows) > 2
    after = ("events", WORKFLOW_ID, "--after", documents[0]["event_id"], "--limit", "1")
    assert command_line.run(*after, "--json").document == documents[1:2]


def test_validate_says_what_would_start_and_what_is_missing(
    command_line: CommandLine, world: MemoryPorts
) -> None:
    well = command_line.run("validate", WORKFLOW_ID)
    assert well.code == 0, well.err
    assert "Processing it would start Scan 1" in well.out
    assert "Nothing is missing." in well.out
    scan, reconstruction = read_table(well.out)
    assert (scan["STARTS"], reconstruction["STARTS"]) == ("by process", "by itself")
    assert reconstruction["TAKES"].startswith("Scan 1")
    # And what is missing is a fault, for a script too
    world.orchestrator.dags.clear()
    ill = command_line.run("validate", WORKFLOW_ID)
    assert (ill.code, "Something is missing." in ill.out) == (1, True)
    assert DAG_ID in read_table(ill.out)[1]["PROBLEMS"]
    told = command_line.run("validate", WORKFLOW_ID, "--json")
    assert (told.code, told.document["is_valid"]) == (1, False)


def test_process_says_what_validate_says_each_thing_once(
    command_line: CommandLine, world: MemoryPorts
) -> None:
    # Given a DAG that is missing, for which a scan is not started
    world.orchestrator.dags.clear()
    refused = command_line.run("process", WORKFLOW_ID)
    # Then the refusal says what to type, and repeats nothing
    assert (refused.code, refused.out) == (6, "")
    assert f"scanhub-workflow trigger {SCAN_ID} starts it all the same." in refused.err
    assert "POST" not in refused.err
    [problem] = command_line.run("validate", WORKFLOW_ID, "--json").document["tasks"][1]["problems"]
    assert refused.err.count(problem) == 1
    # And once the scan has started all the same, what is missing is told beside it
    command_line.run("trigger", SCAN_ID)
    again = command_line.run("process", WORKFLOW_ID)
    assert "Nothing was started" in again.out
    assert again.err.count(problem) == 1


def test_run_of_a_task_is_retried_by_its_id_or_says_why_not(
    command_line: CommandLine, world: MemoryPorts
) -> None:
    # Given a reconstruction whose run was cancelled
    run_id = cancel_reconstruction(command_line, world)
    # When the run is retried by its own id, then its task's next attempt begins, once
    first = command_line.run("retry", "--run", run_id)
    assert (first.code, first.err) == (0, "")
    assert f"Started reconstruction task {RECONSTRUCTION_ID} (attempt 2)." in first.out
    again = command_line.run("retry", "--run", run_id, "--json")
    assert again.document["task"]["attempt"] == 2
    # And the new run, which has not failed, is told from it
    refused = command_line.run("retry", "--run", find_run(command_line))
    assert refused.code == 6
    assert "there is nothing to retry" in refused.err
    assert "PENDING" not in refused.err


def find_run(command_line: CommandLine) -> str:
    [_, task] = command_line.run("workflow", WORKFLOW_ID, "--json").document["tasks"]
    return str(task["dag_run_id"])


def cancel_reconstruction(command_line: CommandLine, world: MemoryPorts) -> str:
    command_line.run("process", WORKFLOW_ID)
    deliver(world, make_raw_data())
    run_id = find_run(command_line)
    assert command_line.run("cancel", "--run", run_id).code == 0
    return run_id


def test_all_that_has_failed_is_retried_and_no_scan(
    command_line: CommandLine, world: MemoryPorts
) -> None:
    # Given a workflow of which nothing has failed, and then a reconstruction has
    command_line.run("process", WORKFLOW_ID)
    assert "nothing was started" in command_line.run("retry", WORKFLOW_ID).out
    deliver(world, make_raw_data())
    deliver_queue(world)
    run_id = find_run(command_line)
    failure = Callback(success=False, error="No k-space.")
    call(receive_results, world, callback_token(world, run_id), failure, at(20, "dag"))
    assert "No k-space." in command_line.run("workflow", WORKFLOW_ID).out
    # When the workflow is retried
    retried = command_line.run("retry", WORKFLOW_ID)
    # Then that task is at its next attempt, and the scan is as it was
    assert (retried.code, retried.err) == (0, "")
    assert re.match(r"Started Reconstruction 1 \(\S+\) again", retried.out)
    scan, image = command_line.run("workflow", WORKFLOW_ID, "--json").document["tasks"]
    assert (scan["status"], scan["attempt"]) == ("COMPLETED", 1)
    assert (image["status"], image["attempt"]) == ("IN_PROGRESS", 2)


def test_run_of_an_upload_is_retried_or_says_why_not(
    command_line: CommandLine, world: MemoryPorts
) -> None:
    deliver(world, make_dag_data())
    run_id = object_dag_run_id(make_dag_data())
    refused = command_line.run("retry", "--run", run_id)
    assert (refused.code, "The run is running: there is nothing" in refused.err) == (6, True)
    command_line.run("cancel", "--run", run_id)
    started = command_line.run("retry", "--run", run_id)
    assert re.match(r"Started run \S+ \(attempt 2\): it is pending\.", started.out)
    [new_id] = re.findall(r"Follow it: scanhub-workflow run (\S+) --watch", started.out)
    # And a retry that has been is told, with what to type next
    command_line.run("cancel", "--run", new_id)
    told = command_line.run("retry", "--run", run_id)
    assert told.code == 6
    assert f"scanhub-workflow retry --run {new_id} starts the next." in told.err


def test_results_are_listed_or_said_to_come(command_line: CommandLine, world: MemoryPorts) -> None:
    deliver(world, make_dag_data())
    run_id = object_dag_run_id(make_dag_data())
    early = command_line.run("results", run_id)
    assert (early.code, early.out.startswith("KEY\t")) == (0, True)
    assert "The run is running: its files are there once it has succeeded." in early.err
    key = f"result/{run_id}/image.dcm"
    world.lake.put(key, b"one", "")
    token = callback_token(world, run_id)
    call(receive_results, world, token, make_success(run_id), at(20, "dag"))
    listed = command_line.run("results", run_id)
    [row] = read_table(listed.out)
    assert (row["KEY"], row["TYPE"], row["BYTES"]) == (key, "DICOM", "3")
    # Whoever sees a signed URL can read the file: it is for programs
    [document] = command_line.run("results", run_id, "--json").document
    assert document["url"]
    assert document["url"] not in listed.out


@pytest.mark.parametrize("width", [None, 40])
def test_doctor_says_what_is_wrong_and_what_to_do(tmp_path: Path, width: int | None) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    command_line = CommandLine(tmp_path, httpx.MockTransport(refuse), width=width)
    shown = command_line.run("doctor")
    told = command_line.run("doctor", "--json")
    assert (shown.code, told.code) == (1, 1)
    checks = {check["name"]: check for check in told.document["checks"]}
    assert checks["connection"]["outcome"] == "failed"
    words = " ".join(shown.out.split())
    assert "failed" in words
    # And the one thing to look at first is its last word
    assert told.document["conclusion"].startswith("Look at this first: connection: ")
    assert words.endswith(told.document["conclusion"]) or width is not None
    if width is None:
        assert checks["connection"]["advice"] in shown.out
    else:
        plain = Text.from_ansi(shown.out).plain
        assert max(map(len, plain.splitlines())) <= width


def test_doctor_does_without_a_token_and_knows_the_web_page(tmp_path: Path) -> None:
    # As `make smoke` calls it
    server = FakeDoctorServer()

    def answer(request: httpx.Request) -> httpx.Response:
        answered = server.answer_api(request)
        answered.headers["Date"] = format_datetime(datetime.now(UTC), usegmt=True)
        return answered

    environ = {"SCANHUB_WORKFLOW_URL": URL}
    command_line = CommandLine(tmp_path, httpx.MockTransport(answer), environ=environ)
    well = command_line.run("doctor", "--token-optional", "--web-origin", WEB_ORIGIN)
    assert well.code == 0
    assert "not checked: " in well.out.splitlines()[-1]
    assert "token" in well.out.splitlines()[-1]
    # And without the options, each is a fault
    assert command_line.run("doctor").code == 1
    other = command_line.run("doctor", "--token-optional", "--web-origin", "https://new.example")
    assert other.code == 1
    assert other.out.splitlines()[-1].startswith("Look at this first: API CORS: ")
