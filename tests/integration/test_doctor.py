"""The doctor on the functions' own apps."""

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime

import httpx
import pytest
from anyio.from_thread import start_blocking_portal

from scanhub_workflow import Check, Outcome, examine
from tests.fakes.app import InProcess, make_app
from tests.fakes.doctor_server import WEB_ORIGIN, answer_preflight, refuse
from tests.fakes.ports import MemoryPorts, find_ports
from tests.fakes.world import DAG_ID, make_world

URL = "https://api.test/api/v1/workflowmanager"
TOKEN = "a-users-token"
ALLOWED = {"Access-Control-Allow-Origin": WEB_ORIGIN}


class Gateway(httpx.BaseTransport):
    """Answers for the app what API Gateway answers itself: preflights, strangers, and the date."""

    def __init__(self, app: InProcess) -> None:
        self._app = app

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "OPTIONS":
            return answer_preflight()
        if (
            request.headers.get("Authorization") != f"Bearer {TOKEN}"
            and "hello" in request.url.path
        ):
            return refuse(request)
        answer = self._app.handle_request(request)
        if request.headers.get("Origin") == WEB_ORIGIN:
            answer.headers.update(ALLOWED)
        answer.headers["Date"] = format_datetime(datetime.now(UTC), usegmt=True)
        return answer


@pytest.fixture
def world() -> MemoryPorts:
    # The reconciler has just been there.
    world = make_world()
    status = world.store.get_system_status()
    world.store.commit([status.evolve(checked_at=datetime.now(UTC))])
    return world


@pytest.fixture
def api(world: MemoryPorts, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    find_ports(monkeypatch, world)
    with start_blocking_portal() as portal:
        yield Gateway(InProcess(make_app(), portal))


def run(api: Gateway) -> list[Check]:
    storage = httpx.MockTransport(lambda _: httpx.Response(200, headers=ALLOWED))
    return list(examine(URL, TOKEN, transport=api, storage_transport=storage))


def test_all_is_well(api: Gateway, world: MemoryPorts) -> None:
    # When all is examined, then all is well
    assert [check for check in run(api) if check.outcome is not Outcome.OK] == []

    # And nothing is left in the data lake
    assert not world.lake.keys
    assert not world.lake.list_open_uploads("")


def test_paused_dag_is_told(api: Gateway, world: MemoryPorts) -> None:
    # Given DAGs that are all paused
    for dag_id, dag in world.orchestrator.dags.items():
        world.orchestrator.dags[dag_id] = dag.model_copy(update={"is_paused": True})

    # When all is examined, then they are named, and no upload is planned
    outcomes = {check.name: check for check in run(api)}
    assert outcomes["airflow"].outcome is Outcome.WARNING
    assert DAG_ID in outcomes["airflow"].detail
    assert outcomes["storage"].outcome is Outcome.SKIPPED
