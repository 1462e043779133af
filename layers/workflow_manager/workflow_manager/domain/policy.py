"""What a deployment decides about runs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DagPolicy:
    """How runs are created.

    Parameters
    ----------
    start_timeout_s
        How long a run waits for Airflow [s].
    has_orchestrator
        Without one, every run is simulated.
    """

    start_timeout_s: int
    has_orchestrator: bool = True
