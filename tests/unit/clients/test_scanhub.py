"""Our clients of ScanHub on the laptop's stand-in, in each of its contracts."""

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal
from pydantic import SecretStr

from local.scanhub.app import Settings as StandInSettings
from local.scanhub.app import make_app, make_stand_in
from local.scanhub.contract_2026_02.seed import PARAMETER
from tests.contracts.scanhub import (
    Hospital,
    ScanHub2025Contract,
    ScanHub2026Contract,
)
from tests.fakes.app import InProcess
from tests.fakes.clients import PSEUDONYM_KEY
from workflow_manager.clients.auth import BearerAuth
from workflow_manager.clients.exam import HttpExamClient
from workflow_manager.clients.exam_2026 import HttpExamClient2026
from workflow_manager.clients.http import build_http_client
from workflow_manager.clients.scan import HttpScanClient
from workflow_manager.clients.scan_2026 import HttpScanClient2026
from workflow_manager.clients.user_login import HttpUserClient
from workflow_manager.contract import Contract
from workflow_manager.domain.exam import (
    AcquisitionParameter,
    TaskType,
)
from workflow_manager.settings import Settings

ADDRESS = "127.0.0.1:8090"
URL = f"http://{ADDRESS}"
TASKS = f"{URL}/api/v1/exam/task"
CLIENTS: dict[Contract, tuple[type[Any], type[Any]]] = {
    Contract.MARCH_2025: (HttpExamClient, HttpScanClient),
    Contract.FEBRUARY_2026: (HttpExamClient2026, HttpScanClient2026),
}


@contextmanager
def open_hospital(contract: Contract, *shape: Any) -> Iterator[Hospital]:
    # A scan that is started fails: nobody takes its data.
    settings = StandInSettings(ADDRESS, contract, scan_duration_s=0, acquire=lambda path: None)
    stand_in = make_stand_in(settings)
    user = stand_in.accounts.log_in("operator", stand_in.credentials["password"])
    assert user is not None and user.access_token
    urls = Settings(
        exam_manager_uri=URL,
        patient_manager_uri=URL,
        sequence_manager_uri=URL,
        device_manager_uri=URL,
        device_networks=(ip_network("127.0.0.0/8"),),
    )
    auth, seed = BearerAuth(user.access_token), stand_in.seed

    def read(task_id: str) -> dict[str, Any]:
        task: dict[str, Any] = client.get(f"{TASKS}/{task_id}", auth=auth).json()
        return task

    def write_comment(task_id: str, comment: str | None) -> None:
        # As ScanHub's page does: all of the task, as it was read.
        task = read(task_id) | {"comment": comment}
        client.put(f"{TASKS}/{task_id}", json=task, auth=auth).raise_for_status()

    exam_client, scan_client = CLIENTS[contract]
    scan_id, reconstruction_id = map(str, seed.task_ids)
    with (
        start_blocking_portal() as portal,
        build_http_client(InProcess(make_app(stand_in), portal)) as client,
    ):
        yield Hospital(
            exam_client(client, URL, auth, lambda: SecretStr(PSEUDONYM_KEY)),
            scan_client(client, client, urls, auth),
            HttpUserClient(client, URL),
            user.access_token,
            stand_in.credentials["password"],
            str(seed.workflow_id),
            (scan_id, reconstruction_id),
            str(seed.exam_id),
            str(seed.patient_id),
            seed.sequence_id,
            seed.device_id,
            lambda task_id: read(task_id)["comment"],
            write_comment,
            read,
            *shape,
        )
    stand_in.scanner.stop()


class TestClients2025(ScanHub2025Contract):
    @pytest.fixture
    def hospital(self) -> Iterator[Hospital]:
        with open_hospital(Contract.MARCH_2025) as hospital:
            yield hospital


class TestClients2026(ScanHub2026Contract):
    @pytest.fixture
    def hospital(self) -> Iterator[Hospital]:
        parameters = AcquisitionParameter.model_validate(PARAMETER)
        types = (TaskType.DEVICE_TASK_SDK,)
        with open_hospital(Contract.FEBRUARY_2026, parameters, types) as hospital:
            yield hospital


@pytest.mark.parametrize("contract", Contract)
def test_exam_manager_is_known_by_its_own_description(contract: Contract) -> None:
    with open_hospital(contract) as hospital:
        assert hospital.exam.find_foreign_contract() is None
