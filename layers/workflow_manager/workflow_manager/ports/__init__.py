"""What the use cases need of the outside world. Adapters implement these; tests use fakes."""

from datetime import datetime
from typing import Protocol

from workflow_manager.ports.orchestration import Dag, EventBus, Orchestrator, RunQueue
from workflow_manager.ports.scanhub import ExamClient, ScanClient, UserClient
from workflow_manager.ports.storage import DataLake, WorkflowStore
from workflow_manager.settings import Settings

__all__ = [
    "Dag",
    "DataLake",
    "EventBus",
    "ExamClient",
    "Orchestrator",
    "Ports",
    "RunQueue",
    "ScanClient",
    "UserClient",
    "WorkflowStore",
]


class Ports(Protocol):
    """All of the outside world, each part built when first used."""

    def now(self) -> datetime:
        """Return the time, UTC."""

    @property
    def settings(self) -> Settings:
        """The deployment's settings."""

    @property
    def store(self) -> WorkflowStore:
        """State."""

    @property
    def lake(self) -> DataLake:
        """Data."""

    @property
    def queue(self) -> RunQueue:
        """Messages to `trigger_airflow`."""

    @property
    def bus(self) -> EventBus:
        """Notifications to others."""

    @property
    def orchestrator(self) -> Orchestrator:
        """Airflow."""

    @property
    def exam(self) -> ExamClient:
        """Exam-manager."""

    @property
    def scan(self) -> ScanClient:
        """What starting a scan takes."""

    @property
    def users(self) -> UserClient:
        """User-login-manager."""
