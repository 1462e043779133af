import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from scanhub_workflow import Client, Clock, Retry
from tests.fakes.upload_server import FakeUploadServer

URL = "https://api.test/api"


class FakeClock:
    def __init__(self) -> None:
        self.at_s = 0.0
        self.sleeps: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.at_s += seconds

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.at_s, self.sleep)


@pytest.fixture
def fake_clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def retry(fake_clock: FakeClock) -> Retry:
    return Retry(n_attempts=4, clock=fake_clock.clock, random=lambda: 1)


@pytest.fixture
def make_client(retry: Retry) -> Iterator[Callable[..., Client]]:
    made: list[Client] = []

    def make(
        api: Callable[[httpx.Request], httpx.Response],
        s3: Callable[[httpx.Request], httpx.Response] | None = None,
    ) -> Client:
        storage = httpx.MockTransport(s3) if s3 else None
        transport = httpx.MockTransport(api)
        client = Client(URL, "a-token", transport=transport, storage_transport=storage, retry=retry)
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


@pytest.fixture
def local_zone() -> Iterator[Callable[[str], None]]:
    with pytest.MonkeyPatch.context() as patch:

        def move(zone: str) -> None:
            patch.setenv("TZ", zone)
            time.tzset()

        yield move
    time.tzset()


@pytest.fixture
def server() -> FakeUploadServer:
    return FakeUploadServer(part_size_bytes=10)


@pytest.fixture
def client(make_client: Callable[..., Client], server: FakeUploadServer) -> Client:
    return make_client(server.answer_api, server.answer_s3)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "scan.h5"
    path.write_bytes(bytes(range(95)))
    return path
