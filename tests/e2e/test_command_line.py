"""What a scientist types, against the laptop stack."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import pytest

from local.config import DAG_ID, ROOT
from local.phantom import simulate_acquisition
from tests.e2e.laptop import Laptop
from tests.e2e.test_control import SLEEPING
from tests.e2e.test_large_upload import (
    MIB,
    download,
    encode_crc64nvme,
    make_file,
    wait_for_run,
)

# As `make test-load` has it, and with a quarter of the parts.
LARGE_BYTES, FEWER_BYTES = 2 * 2**30, 2**29
MAX_PEAK_BYTES = 100e6
TIMEOUT_S = 300


@dataclass(frozen=True)
class Shell:
    """A user's shell with a home of its own."""

    home: Path
    environ: dict[str, str]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        notes = self.home / "notes.json"
        return subprocess.Popen(  # noqa: S603 - our own command, no shell
            [sys.executable, "-m", "tests.e2e.observed_command", str(notes), *arguments],
            cwd=ROOT,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> list[Any]:
        """Return the JSON documents that a command wrote; it must succeed."""
        return end(self.start(*arguments, "--json"))

    def read_notes(self) -> dict[str, Any]:
        return dict(json.loads((self.home / "notes.json").read_text()))


def end(process: subprocess.Popen[str]) -> list[Any]:
    out, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, out + err
    return [json.loads(line) for line in out.splitlines()]


def make_shell(laptop: Laptop, home: Path) -> Shell:
    home.mkdir(exist_ok=True)
    environ = {
        **os.environ,
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "SCANHUB_WORKFLOW_URL": laptop.stack.api_url,
        "SCANHUB_WORKFLOW_TOKEN": laptop.stack.token,
        "PYTHONPATH": os.pathsep.join(map(str, [ROOT, ROOT / "client"])),
    }
    return Shell(home, environ)


@pytest.fixture
def shell(laptop: Laptop, tmp_path: Path) -> Shell:
    return make_shell(laptop, tmp_path / "home")


@pytest.mark.parametrize(
    "size_bytes", [FEWER_BYTES, pytest.param(LARGE_BYTES, marks=pytest.mark.load)]
)
def test_large_file_survives_a_kill(
    laptop: Laptop, shell: Shell, tmp_path: Path, size_bytes: int
) -> None:
    # Given an upload that is killed at 40 %, with no chance to tidy up
    path = make_file(tmp_path / "raw.h5", size_bytes)
    arguments = ["upload", str(path), "--dag", SLEEPING]
    killed = shell.start(*arguments)
    assert killed.stdout is not None
    assert any(line == "upload 40 %\n" for line in killed.stdout)
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=TIMEOUT_S)
    [kept] = (shell.home / "scanhub-workflow" / "uploads").iterdir()
    upload = laptop.api.get(f"/uploads/{kept.read_text()}/").raise_for_status().json()
    n_present, n_parts = len(upload["present"]), upload["n_parts"]
    # Of the 40 %, eight parts may be under way.
    assert 0.4 * n_parts - 9 < n_present < 0.7 * n_parts
    # When the same command is run again
    [completed] = shell.run(*arguments)
    # Then it has sent what was missing and nothing else, in little memory
    notes = shell.read_notes()
    assert completed["upload_id"] == upload["upload_id"]
    assert [method for method, _, _ in notes["requests"]].count("PUT") == n_parts - n_present
    assert notes["peak_bytes"] <= MAX_PEAK_BYTES
    # And no function has seen more of it than its parts' names
    to_api = [size for method, _, size in notes["requests"] if method != "PUT"]
    assert 0 < sum(to_api) < MIB
    # And what is there is the file
    wait_for_run(laptop, completed["dag_run_id"])
    download(laptop, completed["dag_run_id"], tmp_path / "down.h5")
    assert encode_crc64nvme(tmp_path / "down.h5") == encode_crc64nvme(path)


def test_three_at_once_keep_apart(laptop: Laptop, tmp_path: Path) -> None:
    # Given three files of one name and different contents, each in a shell of its own
    shells = [make_shell(laptop, tmp_path / str(number)) for number in range(3)]
    paths = [make_file(shell.home / "raw.h5", 128 * MIB) for shell in shells]
    # When they go up at the same time
    processes = [
        shell.start("upload", str(path), "--dag", SLEEPING, "--json")
        for shell, path in zip(shells, paths, strict=True)
    ]
    run_ids = [end(process)[0]["dag_run_id"] for process in processes]
    # Then there are three runs, each on its own file
    assert len(set(run_ids)) == len(paths)
    for path, shell, run_id in zip(paths, shells, run_ids, strict=True):
        assert shell.read_notes()["peak_bytes"] <= MAX_PEAK_BYTES
        wait_for_run(laptop, run_id)
        download(laptop, run_id, path.with_suffix(".down"))
        assert encode_crc64nvme(path.with_suffix(".down")) == encode_crc64nvme(path)


def test_raw_data_becomes_files_on_disk(
    laptop: Laptop, shell: Shell, small_kspace: bytes, tmp_path: Path
) -> None:
    # Given raw data, uploaded and followed to its end
    path = tmp_path / "kspace.npy"
    path.write_bytes(small_kspace)
    completed, *changes = shell.run("upload", str(path), "--dag", DAG_ID, "--watch")
    run_id = completed["dag_run_id"]
    assert [change["dag_run_id"] for change in changes] == [run_id] * len(changes)
    assert changes[-1]["state"] == "SUCCEEDED"
    # When its results are downloaded, twice
    folder = tmp_path / "results"
    [downloaded] = shell.run("download", run_id, "-o", str(folder))
    [again] = shell.run("download", run_id, "-o", str(folder))
    # Then they are there, and were sent once
    assert {Path(name).name for name in downloaded["paths"]} == {"image.dcm", "preview.png"}
    assert again == downloaded
    assert (folder / "preview.png").read_bytes().startswith(b"\x89PNG")
    # And the lists have the run
    [newest] = shell.run("runs", "--dag", DAG_ID, "--limit", "1")
    assert newest[0]["dag_run_id"] == run_id


@pytest.mark.parametrize("path_of_link", ["dataset", "dataset/data"])
def test_hostile_upload_fails_with_a_sentence_and_shows_nothing_of_another(
    laptop: Laptop, shell: Shell, tmp_path: Path, path_of_link: str
) -> None:
    # Given raw data of another patient on the worker, and a file that links to it
    victim, path = tmp_path / "other_patient.h5", tmp_path / "raw.h5"
    simulate_acquisition(victim, n_coils=2, matrix_size=32)
    with h5py.File(victim) as source, h5py.File(path, "w") as file:
        if path_of_link != "dataset":
            source.copy("dataset/xml", file.create_group("dataset"))
        file[path_of_link] = h5py.ExternalLink(str(victim), path_of_link)
    # When it is uploaded and followed to its end
    process = shell.start("upload", str(path), "--dag", DAG_ID, "--watch", "--json")
    out, _ = process.communicate(timeout=TIMEOUT_S)
    # Then the command fails, for a reason that one understands
    completed, *_, last = map(json.loads, out.splitlines())
    assert process.returncode != 0
    assert last["state"] == "FAILED"
    assert "links are not followed" in last["reason"]
    # And there are no results, in the answer or in the bucket
    assert laptop.wait_for_run(completed["dag_run_id"], "FAILED")["results"] == []
    assert not [item for item in laptop.list_objects() if completed["dag_run_id"] in item["Key"]]


def test_workflow_is_processed_and_followed(laptop: Laptop, shell: Shell) -> None:
    workflow = laptop.make_workflow()
    changes = shell.run("process", workflow["workflow_id"], "--watch")
    assert changes[-1]["status"] == "completed"
    assert {task["status"] for task in changes[-1]["tasks"]} == {"COMPLETED"}


def test_doctor_finds_the_laptop_well(shell: Shell) -> None:
    [report] = shell.run("doctor")
    outcomes = {check["name"]: check["outcome"] for check in report["checks"]}
    assert set(outcomes.values()) <= {"ok", "skipped", "warning"}
    assert outcomes["connection"] == outcomes["token"] == outcomes["airflow"] == "ok"
