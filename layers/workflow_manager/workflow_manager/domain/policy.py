"""A deployment's choices about scans and runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from workflow_manager.domain.exam import TaskType


@dataclass(frozen=True)
class ExecutionPolicy:
    """How a deployment carries out tasks.

    Parameters
    ----------
    bucket
        The data lake, where runs read and write their data.
    dag_start_timeout_s
        How long a run waits for Airflow [s].
    task_timeouts_s
        How long a started task of each type may take, unless its args say otherwise [s].
    default_dag_ids
        The DAG of tasks that name none, by type.
    has_orchestrator
        Without one, every run is simulated.
    """

    bucket: str
    dag_start_timeout_s: int
    task_timeouts_s: Mapping[TaskType, int]
    default_dag_ids: Mapping[TaskType, str] = field(default_factory=dict)
    has_orchestrator: bool = True
    auto_advance: bool = True
