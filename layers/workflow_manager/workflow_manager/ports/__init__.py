"""What the use cases need of the outside world. Adapters implement these; tests use fakes."""

from collections.abc import Callable
from datetime import datetime

from workflow_manager.ports.orchestration import (
    Dag,
    DagImportError,
    EventBus,
    MessageQueue,
    Orchestrator,
)
from workflow_manager.ports.scanhub import ExamClient, ScanClient, UserClient
from workflow_manager.ports.storage import DataLake, WorkflowStore

__all__ = [
    "Clock",
    "Dag",
    "DagImportError",
    "DataLake",
    "EventBus",
    "ExamClient",
    "MessageQueue",
    "Orchestrator",
    "ScanClient",
    "UserClient",
    "WorkflowStore",
]

# Returns the time, UTC.
Clock = Callable[[], datetime]
