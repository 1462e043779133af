"""What a deployment decides about scans and runs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ExecutionPolicy:
    """How tasks are carried out.

    Parameters
    ----------
    bucket
        The data lake, where runs find and leave their data.
    dag_start_timeout_s
        How long a run waits for Airflow [s].
    device_task_timeout_s
        How long a scan may take until its data is there [s].
    has_orchestrator
        Without one, every run is simulated.
    """

    bucket: str
    dag_start_timeout_s: int
    device_task_timeout_s: int
    has_orchestrator: bool = True
