from tests.fakes.ports import MemoryPorts
from workflow_manager.ports import (
    DataLake,
    EventBus,
    ExamClient,
    MessageQueue,
    Orchestrator,
    ScanClient,
    UserClient,
    WorkflowStore,
)
from workflow_manager.wiring import PORTS


def test_fakes_satisfy_the_protocols() -> None:
    world = MemoryPorts()
    lake: DataLake = world.lake
    kept: tuple[WorkflowStore, MessageQueue, EventBus] = (world.store, world.queue, world.bus)
    others: tuple[Orchestrator, ExamClient, ScanClient, UserClient] = (
        world.orchestrator,
        world.exam,
        world.scan,
        world.users,
    )

    assert lake.bucket == world.settings.bucket_name
    assert len(kept + others) + 1 == 8
    assert set(vars(world)) == set(PORTS)
