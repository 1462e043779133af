from tests.fakes.ports import MemoryPorts
from tests.fakes.world import deliver, make_dag_data
from tests.unit.functions.conftest import Invoke, load_event
from workflow_manager.domain.errors import UpstreamUnreachableError


def test_reconcile_runs_counts_what_it_looked_at(invoke: Invoke, world: MemoryPorts) -> None:
    world.orchestrator.outage = UpstreamUnreachableError("Airflow is away.")
    deliver(world, make_dag_data(), seconds=-(10**7))

    answer = invoke("reconcile_runs", load_event("reconcile_runs", "every_minute"))

    assert answer == {"n_reconciled": 1}
