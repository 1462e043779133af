from tests.fakes.ports import MemoryPorts
from workflow_manager.ports import Ports


def test_memory_ports_satisfies_the_protocol() -> None:
    ports: Ports = MemoryPorts()
    assert ports.lake.bucket == ports.settings.bucket_name
