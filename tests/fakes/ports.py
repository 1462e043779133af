"""All of the outside world, in memory."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any, TypeVar

import pytest

from tests.fakes.clients import FakeEventBus, FakeExam, FakeQueue, FakeScan, FakeUsers
from tests.fakes.data_lake import MemoryDataLake
from tests.fakes.orchestrator import MemoryOrchestrator
from tests.fakes.store import MemoryStore
from workflow_manager.ports import Dag
from workflow_manager.settings import Settings
from workflow_manager.wiring import PORTS, ports_of

T = TypeVar("T")


def make_settings() -> Settings:
    return Settings(
        table_name="workflow-manager",
        bucket_name="data-lake",
        queue_url="https://sqs.invalid/runs",
        airflow_url="http://airflow.invalid",
        workflow_manager_url="https://scanhub.invalid/api/v1/workflowmanager",
        user_login_manager_uri="http://user-login-manager.invalid",
        exam_manager_uri="http://exam-manager.invalid",
        patient_manager_uri="http://patient-manager.invalid",
        sequence_manager_uri="http://sequence-manager.invalid",
        device_manager_uri="http://device-manager.invalid",
        device_networks=(ip_network("127.0.0.0/8"),),
    )


def make_orchestrator() -> MemoryOrchestrator:
    return MemoryOrchestrator([Dag(dag_id="dag_reco", dag_display_name="Reconstruction")])


@dataclass
class MemoryPorts:
    """The ports of a use case under test, by name; every field may be replaced."""

    settings: Settings = field(default_factory=make_settings)
    store: MemoryStore = field(default_factory=MemoryStore)
    lake: MemoryDataLake = field(default_factory=MemoryDataLake)
    queue: FakeQueue = field(default_factory=FakeQueue)
    bus: FakeEventBus = field(default_factory=FakeEventBus)
    orchestrator: MemoryOrchestrator = field(default_factory=make_orchestrator)
    exam: FakeExam = field(default_factory=FakeExam)
    scan: FakeScan = field(default_factory=FakeScan)
    users: FakeUsers = field(default_factory=FakeUsers)
    clock: Callable[[], datetime] = lambda: datetime(2000, 1, 1, tzinfo=UTC)


def call(use_case: Callable[..., T], world: Any, *args: Any, **options: Any) -> T:
    """Call a use case with the ports that it takes."""
    ports = (getattr(world, name) for name in ports_of(use_case))
    return use_case(*ports, *args, **options)


def find_ports(monkeypatch: pytest.MonkeyPatch, world: Any) -> None:
    """Let all functions find the ports of a world."""
    for name in PORTS:
        monkeypatch.setitem(PORTS, name, lambda name=name, **_: getattr(world, name))
