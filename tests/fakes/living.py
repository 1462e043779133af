"""An Airflow and scanners that live, and the workflows that they work for."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.clients import FakeScan
from tests.fakes.orchestrator import MemoryOrchestrator
from tests.fakes.world import DAG_ID, SCAN_ARGS, make_exam_task
from workflow_manager.domain.exam import DeviceTask, ExamTask, TaskType
from workflow_manager.services.receive_results import Callback

SHAPES: dict[str, dict[str, list[str]]] = {
    "alone": {},
    "one": {"reco": ["scan"]},
    "chain": {"reco": ["scan"], "then": ["reco"]},
    "diamond": {"left": ["scan"], "right": ["scan"], "join": ["left", "right"]},
    "beside": {"reco": ["scan"], "free": []},
    "two scans": {"reco": ["scan"], "scan2": [], "reco2": ["scan2", "reco"]},
    "no scan": {"free": [], "behind": ["free"]},
}


class LivingAirflow(MemoryOrchestrator):
    """Remembers the token of every run that it was ever given."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens: list[str] = []

    def trigger_dag_run(self, dag_id: str, dag_run_id: str, conf: Any) -> str | None:
        version = super().trigger_dag_run(dag_id, dag_run_id, conf)
        self.tokens.append(conf["user_token"])
        return version

    def lose(self, dag_id: str, dag_run_id: str) -> None:
        """Forget a run, as after an operator's click."""
        del self.dag_runs[dag_id, dag_run_id]
        self.states.pop((dag_id, dag_run_id), None)

    @property
    def live(self) -> list[tuple[str, str]]:
        """The runs that have not ended."""
        return [ids for ids in self.dag_runs if not self._get_state(*ids).state.is_final]


@dataclass
class LivingScan(FakeScan):
    """Scanners that scan: `running` holds the task of each device, `started` looks at a start."""

    running: dict[str, str] = field(default_factory=dict)
    started: Callable[[str, str], None] = lambda *_: None

    def start(
        self, task_type: TaskType, device_task: DeviceTask, check: Callable[[], None]
    ) -> None:
        check()
        self.started(device_task.device_id, device_task.record_id)
        super().start(task_type, device_task, check)
        self.running[device_task.device_id] = device_task.record_id
        # Who says "ready" for minutes is lost, and only the reconciler looks.
        self.device_statuses[device_task.device_id] = "scanning"


@dataclass(frozen=True)
class Callout:
    """What a DAG wants to tell."""

    token: str
    callback: Callback


def pick(choices: Any, index: int) -> Any:
    """Return one of `choices`, or None if there is none."""
    return choices[index % len(choices)] if choices else None


def drop(messages: list[Any], message: object) -> None:
    """Take a message off its queue, unless somebody has."""
    if message in messages:
        messages.remove(message)


def make_tasks(workflow_id: str, shape: str) -> list[ExamTask]:
    """Return the tasks of a workflow, as exam-manager defines them."""
    graph = SHAPES[shape] if shape == "no scan" else {"scan": [], **SHAPES[shape]}
    tasks = []
    for order, (name, inputs) in enumerate(graph.items()):
        is_scan = name.startswith("scan")
        args = dict(SCAN_ARGS) if is_scan else {"dag_id": DAG_ID}
        args["input_task_ids"] = json.dumps([f"{workflow_id}-{each}" for each in inputs])
        kind = TaskType.DEVICE_TASK_SDK if is_scan else TaskType.PROCESSING_TASK
        task_id = f"{workflow_id}-{name}"
        task = make_exam_task(task_id, kind, order, args=args, workflow_id=workflow_id)
        tasks.append(task)
    return tasks
