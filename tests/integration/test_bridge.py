"""The bridge between ScanHub's volume and the functions: from a device's file to an image."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import httpx
import pytest
from anyio.from_thread import start_blocking_portal

from local.scanhub import CONTRACTS
from local.scanhub.models import BaseResult, ItemStatus, ResultOut
from local.scanhub.seed import SERVICE_PASSWORD, SERVICE_USERNAME
from scanhub_workflow import Clock, Retry
from scanhub_workflow.bridge import Bridge, BridgeSettings, ServiceAccount
from scanhub_workflow.bridge.connection import Addresses
from tests.fakes.app import InProcess, make_app
from tests.integration.deployment import BUCKET, Deployment, deploy

RAW_DATA = b"\x89HDF\r\n\x1a\n raw data"
IMAGE = bytes(128) + b"DICM image"


class Hosts(httpx.BaseTransport):
    """The functions in this process, ScanHub on loopback, and moto in the place of S3."""

    def __init__(self, api: InProcess) -> None:
        self._api = api
        self._network = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        match request.url.host:
            case "api.test":
                return self._api.handle_request(request)
            case "127.0.0.1":
                return self._network.handle_request(request)
        # moto serves S3 to boto3 only.
        s3, params = boto3.client("s3"), request.url.params
        place = {"Bucket": BUCKET, "Key": request.url.path.removeprefix(f"/{BUCKET}").lstrip("/")}
        if request.method == "GET":
            found = s3.get_object(**place)
            body = found["Body"].read()
            headers = {"ETag": found["ETag"], "Content-Length": str(len(body))}
            return httpx.Response(200, headers=headers, content=iter([body]))
        part = {"UploadId": params["uploadId"], "PartNumber": int(params["partNumber"])}
        answer = s3.upload_part(**place, **part, Body=request.read())
        return httpx.Response(200, headers={"ETag": answer["ETag"]})

    def close(self) -> None:
        self._network.close()


@pytest.fixture(params=CONTRACTS)
def deployment(request: pytest.FixtureRequest) -> Iterator[Deployment]:
    with deploy(request.param) as deployment:
        yield deployment


@pytest.fixture
def bridge(deployment: Deployment, tmp_path: Path) -> Iterator[Bridge]:
    password = tmp_path / "password"
    password.write_text(SERVICE_PASSWORD)
    password.chmod(0o600)
    url = str(deployment.scanhub.base_url).rstrip("/")
    (tmp_path / "state").mkdir()
    with ExitStack() as stack:
        app = make_app()
        app.dependency_overrides.clear()
        hosts = Hosts(InProcess(app, stack.enter_context(start_blocking_portal())))
        stack.callback(hosts.close)
        bridge = Bridge(
            BridgeSettings(deployment.stand_in.volume.folder, tmp_path / "state", reserve_bytes=0),
            Addresses("https://api.test/api/v1/workflowmanager", url, hosts, hosts),
            ServiceAccount(url, SERVICE_USERNAME, password),
            lambda line: None,
            Retry(clock=Clock(sleep=lambda _: None)),
        )
        yield bridge
        bridge.close()


def send_file(deployment: Deployment) -> None:
    """Do what a device does after its scan."""
    stand_in, scan_id = deployment.stand_in, deployment.task_ids[0]
    if hasattr(stand_in.devices, "begin_transfer"):
        message = {"device_id": "d", "task_id": scan_id, "user_access_token": deployment.token}
        message |= {"filename": "scan.h5", "size_bytes": len(RAW_DATA)}
        transfer = stand_in.devices.begin_transfer(message)
        transfer.write(RAW_DATA)
        transfer.finish()
        return
    path, told = stand_in.volume.locate(deployment.workflow_id, scan_id, uuid4(), "scan.h5")
    path.parent.mkdir(parents=True)
    path.write_bytes(RAW_DATA)
    result = {"task_id": scan_id, "type": "MRD", "status": ItemStatus.NEW}
    result |= {"directory": str(told.parent), "filename": path.name}
    stand_in.store.add(ResultOut, BaseResult.model_validate(result))


def test_file_of_a_device_becomes_an_image_in_its_volume(
    deployment: Deployment, bridge: Bridge
) -> None:
    # Given a scan whose device has written its file
    deployment.call("process_workflow", "POST", f"/process/{deployment.workflow_id}/")
    send_file(deployment)

    # When the bridge looks twice; then its run has begun, once
    assert bridge.run_once()
    assert bridge.run_once()
    deployment.drain_queue()
    [run] = deployment.airflow.runs.values()
    conf = run["conf"]
    s3 = boto3.client("s3")
    assert s3.get_object(Bucket=BUCKET, Key=conf["key"])["Body"].read() == RAW_DATA

    # When its DAG has written an image, and the bridge looks
    key = f"{conf['output_prefix']}/image.dcm"
    s3.put_object(Bucket=BUCKET, Key=key, Body=IMAGE)
    results: dict[str, Any] = {"success": True, "results": [{"type": "DICOM", "key": key}]}
    assert deployment.call_back(conf, results) == 200
    deployment.drain_queue("follow_changes")
    assert bridge.run_once()

    # Then it lies where ScanHub looks
    reconstruction_id = deployment.task_ids[1]
    folder = deployment.stand_in.volume.folder / deployment.workflow_id / reconstruction_id
    [path] = folder.rglob("*.dcm")
    assert path.read_bytes() == IMAGE
    shown = deployment.scanhub.get(f"/api/v1/exam/task/{reconstruction_id}").json()["results"]
    if "meta" in shown[0]:
        [result] = shown
        assert result["meta"]["instances"][0].endswith(f"/{result['id']}/image.dcm")
        assert result["directory"].endswith(f"/{result['id']}/")
        place = f"{deployment.workflow_id}/{reconstruction_id}/{result['id']}/image.dcm"
        assert deployment.scanhub.get(f"/api/v1/exam/dcm/{place}").content == IMAGE
