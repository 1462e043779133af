"""The operator's command: what it prints, and with which status it ends."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.fakes.data_lake import MemoryDataLake
from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import SCAN_ID, TOKEN, WORKFLOW_ID, at, make_world
from tests.unit.steps.patients.test_find_patient_data import PATIENT_ID, reconstruct, scan
from tools import erase_patient
from tools.erase_patient import TOKEN_VARIABLE, main, read_deployment, run
from workflow_manager.contract import Contract
from workflow_manager.domain.errors import NeighbourRefusedError
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.settings import Settings
from workflow_manager.steps.patients.find_patient_data import find_patient_data

Output = pytest.CaptureFixture[str]


@pytest.fixture
def world() -> MemoryPorts:
    world = make_world()
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    scan(world, "upload-1")
    reconstruct(world)
    return world


def test_run_shows_ids_and_counts_and_deletes_nothing(world: MemoryPorts, capsys: Output) -> None:
    found = call(find_patient_data, world, PATIENT_ID)

    assert call(run, world, PATIENT_ID, is_deleting=False) == 0

    printed = capsys.readouterr().out
    [workflow] = found.workflows
    assert f"workflow {WORKFLOW_ID}\n  {workflow.n_items} items, 2 object versions" in printed
    assert f"run {workflow.dag_run_ids[0]}" in printed
    assert "Nothing was deleted" in printed
    assert call(find_patient_data, world, PATIENT_ID) == found


def test_run_deletes_and_looks_again(world: MemoryPorts, capsys: Output) -> None:
    assert call(run, world, PATIENT_ID, is_deleting=True) == 0
    assert "Nothing is left." in capsys.readouterr().out
    assert call(find_patient_data, world, PATIENT_ID).is_empty


def test_run_says_what_is_out_of_reach(world: MemoryPorts, capsys: Output) -> None:
    call(run, world, "patient-2", is_deleting=False)
    printed = capsys.readouterr().out
    assert "knows no exam of this patient" in printed
    assert "uploads for a DAG of their own" in printed


def test_run_refuses_while_a_task_is_in_progress(capsys: Output) -> None:
    world = make_world()
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    assert call(run, world, PATIENT_ID, is_deleting=True) == 3

    assert f"Refused: In progress: task:{SCAN_ID}" in capsys.readouterr().err
    assert not call(find_patient_data, world, PATIENT_ID).is_empty


@dataclass
class LateData(MemoryDataLake):
    """A bucket to which an object comes when others are deleted."""

    keys_to_come: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def delete_prefix(self, prefix: str) -> int:
        n_deleted = super().delete_prefix(prefix)
        for key in self.keys_to_come:
            self.put(key, b"raw", "application/x-hdf5")
        return n_deleted


def test_run_says_when_something_came_meanwhile(world: MemoryPorts, capsys: Output) -> None:
    world.lake = LateData([f"acquisition/{WORKFLOW_ID}/{SCAN_ID}/raw.h5"])

    assert call(run, world, PATIENT_ID, is_deleting=True) == 4

    assert "Something has come meanwhile" in capsys.readouterr().err


class StubCloudFormation:
    """Describes one stack."""

    def __init__(self, **stack: Any) -> None:
        self.stack = stack

    def describe_stacks(self, **_: str) -> dict[str, Any]:
        return {"Stacks": [self.stack]}


OUTPUTS = [
    {"OutputKey": "TableName", "OutputValue": "table"},
    {"OutputKey": "BucketName", "OutputValue": "bucket"},
    {"OutputKey": "PatientPseudonymSecretArn", "OutputValue": "arn:key"},
]
PARAMETERS = [{"ParameterKey": "ExamManagerUri", "ParameterValue": "https://exam-manager"}]


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, "https://exam-manager"), ("http://localhost", "http://localhost")],
)
def test_read_deployment_asks_the_stack(given: str | None, expected: str) -> None:
    client = StubCloudFormation(Outputs=OUTPUTS, Parameters=PARAMETERS)
    settings, contract = read_deployment(client, "stack", given)
    assert contract is Contract.MARCH_2025
    assert (settings.table_name, settings.bucket_name) == ("table", "bucket")
    assert settings.exam_manager_uri == expected
    assert settings.patient_pseudonym_secret_arn == "arn:key"


def test_read_deployment_knows_the_generation_of_the_stack() -> None:
    of_today = {"ParameterKey": "ScanHubContract", "ParameterValue": "2026-02"}
    client = StubCloudFormation(Outputs=OUTPUTS, Parameters=[*PARAMETERS, of_today])
    assert read_deployment(client, "stack", None)[1] is Contract.FEBRUARY_2026


def test_read_deployment_refuses_another_stack() -> None:
    with pytest.raises(LookupError):
        read_deployment(StubCloudFormation(), "stack", None)


def test_main_takes_no_token_but_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    with pytest.raises(SystemExit) as caught:
        main(["--patient", PATIENT_ID])
    assert caught.value.code == 2
    assert TOKEN_VARIABLE in capsys.readouterr().err


def test_main_names_the_status_of_who_refused(
    world: MemoryPorts, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    world.exam.fail_with["list_exams"] = NeighbourRefusedError("Failed to fetch exams", 401)
    monkeypatch.setenv(TOKEN_VARIABLE, "a-token")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    found = (Settings(), Contract.MARCH_2025)
    monkeypatch.setattr(erase_patient, "read_deployment", lambda *_: found)
    monkeypatch.setattr(erase_patient, "build_exam", lambda *_: world.exam)

    assert main(["--patient", PATIENT_ID]) == 1

    assert capsys.readouterr().err == "Failed: Failed to fetch exams (status 401)\n"
