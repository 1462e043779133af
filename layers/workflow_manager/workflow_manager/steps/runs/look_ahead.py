"""Ask for what the start of a run is decided by, all at the same time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from workflow_manager.beside import Beside
from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.ports import Dag, DataLake, Orchestrator
from workflow_manager.steps.runs.check_content import InputStart, read_inputs
from workflow_manager.steps.runs.check_dag import require_dag


@dataclass(frozen=True)
class RunLook:
    """What was asked for; what was answered, an error too, counts where it is needed, or never.

    Parameters
    ----------
    dag
        The answer of `require_dag`.
    starts
        The answer of `read_inputs`.
    """

    dag: Beside[Dag]
    starts: Beside[list[InputStart]]


@contextmanager
def look_ahead(
    lake: DataLake, orchestrator: Orchestrator, dag_id: str, inputs: Sequence[ObjectVersion]
) -> Iterator[RunLook]:
    """Ask for a run's DAG and the beginnings of its inputs; the block ends with the answers."""
    # A port is built when its first attribute is read: here, not in two threads at once.
    _ = lake.read_start, orchestrator.get_dag
    with (
        Beside(partial(require_dag, orchestrator, dag_id)) as dag,
        Beside(partial(read_inputs, lake, inputs)) as starts,
    ):
        yield RunLook(dag, starts)
