from tests.fakes.ports import MemoryPorts
from tests.unit.functions.conftest import Invoke, load_event, read_body
from workflow_manager.domain.errors import StoreUnavailableError


def test_check_readiness_says_ok_and_names_what_is_degraded(invoke: Invoke) -> None:
    invoke("reconcile_runs", load_event("reconcile_runs", "every_minute"))

    answer = invoke("check_readiness", load_event("check_readiness", "success"))

    assert answer["statusCode"] == 200
    assert read_body(answer) == {"status": "ok", "degraded": []}


def test_check_readiness_is_503_when_the_table_cannot_be_read(
    invoke: Invoke, world: MemoryPorts
) -> None:
    class Unreadable:
        def get_system_status(self) -> None:
            raise StoreUnavailableError("The state table cannot be read.")

    world.store = Unreadable()  # type: ignore[assignment]

    answer = invoke("check_readiness", load_event("check_readiness", "success"))

    assert answer["statusCode"] == 503
