"""The operator's command against a table, a versioned bucket and a served ScanHub."""

import json
from collections.abc import Iterator

import boto3
import pytest

from local.scanhub.seed import PATIENT_ID
from tests.integration.deployment import BUCKET, TABLE, Deployment, deploy, put_part
from tools import erase_patient
from tools.erase_patient import TOKEN_VARIABLE, main
from workflow_manager.contract import Contract
from workflow_manager.settings import get_settings


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    with deploy() as deployment:
        # CloudFormation, which moto plays only in part, answers in the end-to-end test.
        found = (get_settings(), Contract.MARCH_2025)
        monkeypatch.setattr(erase_patient, "read_deployment", lambda *_: found)
        monkeypatch.setenv(TOKEN_VARIABLE, deployment.token)
        yield deployment


def call(*options: str) -> int:
    return main(["--patient", str(PATIENT_ID), *options])


def walk(deployment: Deployment) -> str:
    """Scan, reconstruct, leave a result; return the key of the raw data."""
    deployment.call("process_workflow", "POST", f"/process/{deployment.workflow_id}/")
    upload = {"task_id": deployment.task_ids[0], "file_name": "Jane Doe.h5", "size_bytes": 4}
    plan = json.loads(deployment.call("create_upload", "POST", "/uploads/", upload)["body"])
    body = {"parts": [{"part_number": 1, "etag": put_part(plan)}]}
    path = f"/uploads/{plan['upload_id']}/complete/"
    deployment.call("complete_upload", "POST", path, body)
    deployment.drain_queue()
    [run] = deployment.airflow.runs.values()
    key = f"{run['conf']['output_prefix']}/image.dcm"
    boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"image")
    results = {"success": True, "results": [{"type": "DICOM", "key": key}]}
    assert deployment.call_back(run["conf"], results) == 200
    return str(run["conf"]["key"])


def list_keys() -> list[str]:
    listed = boto3.client("s3").list_object_versions(Bucket=BUCKET)
    return [each["Key"] for each in [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]]


def list_partitions() -> set[str]:
    items = boto3.client("dynamodb").scan(TableName=TABLE)["Items"]
    return {item["PK"]["S"].partition("#")[0] for item in items}


def test_erase_patient_deletes_all_items_versions_and_unfinished_uploads(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given a walk, raw data that was deleted by hand, an unfinished upload, and a DAG's own data
    key = walk(deployment)
    s3 = boto3.client("s3")
    s3.delete_object(Bucket=BUCKET, Key=key)
    unfinished = key.replace("raw.h5", "second.h5")
    s3.create_multipart_upload(Bucket=BUCKET, Key=unfinished)
    s3.put_object(Bucket=BUCKET, Key="upload/dag/upload-1/raw.h5", Body=b"raw")

    # When it is shown, then nothing changes
    n_versions = len(list_keys())
    assert call() == 0
    assert len(list_keys()) == n_versions == 4
    assert "Jane" not in capsys.readouterr().out

    # When it is deleted, then only what has no patient is left
    assert call("--delete") == 0
    assert list_keys() == ["upload/dag/upload-1/raw.h5"]
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET)
    # The lock of a scanner names the task that had it last; the mark of lists has a time only.
    assert list_partitions() == {"DEVICE", "SYSTEM"}
    assert "Nothing is left." in capsys.readouterr().out


def test_erase_patient_fails_without_a_valid_token(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "no-such-token")
    assert call("--delete") == 1
    assert "(status 401)" in capsys.readouterr().err
