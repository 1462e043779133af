"""A real PACS counts what storescu sends it, and keeps patients apart."""

import json
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.unit.dags.corpus import CASES
from tests.unit.dags.dicom_series import make_run

StoreSeries = Callable[..., Path]
# Debian's place for it is no user's.
PATH = f"{os.environ['PATH']}:/usr/sbin"
TITLE = "SCANHUB"
STARTED = "Orthanc has started"


@dataclass(frozen=True)
class Pacs:
    dicom_port: int
    api: httpx.Client

    def send(self, folder: Path) -> None:
        command = ["storescu", "-aec", TITLE, "+sd", "127.0.0.1", str(self.dicom_port), str(folder)]
        subprocess.run(command, check=True, timeout=60)  # noqa: S603 - our own words, no shell

    def count(self) -> dict[str, int]:
        statistics = self.api.get("/statistics").raise_for_status().json()
        levels = ("Patients", "Studies", "Series", "Instances")
        return {level: statistics[f"Count{level}"] for level in levels}

    def list_all(self, level: str) -> list[dict[str, str]]:
        found = self.api.get(f"/{level}", params={"expand": ""}).raise_for_status().json()
        return [each["MainDicomTags"] for each in found]


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[Pacs]:
    with socket.socket() as one, socket.socket() as other:
        for bound in (one, other):
            bound.bind(("127.0.0.1", 0))
        ports = one.getsockname()[1], other.getsockname()[1]
    settings = {
        "StorageDirectory": str(tmp_path / "orthanc"),
        "IndexDirectory": str(tmp_path / "orthanc"),
        "DicomPort": ports[0],
        "HttpPort": ports[1],
        "DicomAet": TITLE,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomAlwaysAllowStore": True,
    }
    (tmp_path / "orthanc.json").write_text(json.dumps(settings))
    command = ["Orthanc", str(tmp_path / "orthanc.json")]
    process = subprocess.Popen(  # noqa: S603 - our own words, no shell
        command, env={**os.environ, "PATH": PATH}, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        assert any(STARTED in line for line in process.stderr), "Orthanc did not start"
        with httpx.Client(base_url=f"http://127.0.0.1:{ports[1]}", trust_env=False) as api:
            yield Pacs(ports[0], api)
    finally:
        process.terminate()
        process.stderr.close()
        process.wait(timeout=30)


def test_pacs_keeps_patients_exams_and_series_apart(pacs: Pacs, store_series: StoreSeries) -> None:
    stack, echoes = CASES["oblique stack"], CASES["echoes"]
    one, other = "A" * 32, "B" * 32
    runs = [
        (stack, make_run("run-1", study_instance_uid="2.25.1", patient_pseudonym=one)),
        (echoes, make_run("run-2", study_instance_uid="2.25.1", patient_pseudonym=one)),
        (stack, make_run("run-3", study_instance_uid="2.25.2", patient_pseudonym=one)),
        (stack, make_run("run-4", study_instance_uid="2.25.3", patient_pseudonym=other)),
        # Uploads without a workflow.
        (stack, make_run("run-5")),
        (stack, make_run("run-6")),
    ]

    for case, run in runs:
        pacs.send(store_series(case, run))

    n_images = 5 * stack.size[0] + echoes.size[0] * len(echoes.echo_times_ms)
    assert pacs.count() == {"Patients": 4, "Studies": 5, "Series": 6, "Instances": n_images}
    patients = pacs.list_all("patients")
    assert {one, other} < {patient["PatientID"] for patient in patients}
    assert {patient.get("PatientName", "") for patient in patients} == {""}


def test_series_that_comes_again_is_the_same(pacs: Pacs, store_series: StoreSeries) -> None:
    for _ in range(2):
        pacs.send(store_series(CASES["oblique slab"]))

    n_images = CASES["oblique slab"].size[0]
    assert pacs.count() == {"Patients": 1, "Studies": 1, "Series": 1, "Instances": n_images}
