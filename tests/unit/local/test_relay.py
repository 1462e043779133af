"""Containers reach the stack, and nobody else does."""

import asyncio
import subprocess
import sys
from contextlib import closing
from functools import partial
from ipaddress import ip_network

import httpx
import pytest

from local.config import HOST
from local.probes import make_client
from local.relay import relay
from tests.fakes.served import serve

HERE = "127.0.0.0/8"
ELSEWHERE = "10.88.0.0/16"
# Of a network for documentation: nobody has it.
FOREIGN_ADDRESS = "198.51.100.1"
BODY = bytes(range(256)) * 4096


def ask_through_relay(network: str, port: int) -> httpx.Response:
    """Return what is answered to a large body that goes through a relay to a port."""

    def ask(relay_port: int) -> httpx.Response:
        with make_client() as client:
            return client.post(f"http://{HOST}:{relay_port}/path", content=BODY)

    async def run() -> httpx.Response:
        server = await asyncio.start_server(partial(relay, ip_network(network), port), HOST, 0)
        async with server:
            return await asyncio.to_thread(ask, server.sockets[0].getsockname()[1])

    # `asyncio.run` would take the thread's own event loop from Mangum.
    with closing(asyncio.new_event_loop()) as loop:
        return loop.run_until_complete(run())


def echo(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=request.content)


def test_request_and_answer_pass_unchanged() -> None:
    with serve(echo) as url:
        answer = ask_through_relay(HERE, httpx.URL(url).port or 0)

    assert answer.content == BODY


def test_who_is_not_in_the_network_gets_no_answer() -> None:
    asked: list[httpx.Request] = []

    def note(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200)

    with serve(note) as url, pytest.raises(httpx.TransportError):
        ask_through_relay(ELSEWHERE, httpx.URL(url).port or 0)

    assert asked == []


def test_connection_ends_when_the_service_is_down() -> None:
    with pytest.raises(httpx.TransportError):
        ask_through_relay(HERE, 1)


def test_relay_that_cannot_listen_says_where_and_ends() -> None:
    command = [sys.executable, "-m", "local.relay", FOREIGN_ADDRESS, "198.51.100.0/24", "0"]

    done = subprocess.run(  # noqa: S603 - our own words, no shell
        command, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 1
    assert FOREIGN_ADDRESS in done.stderr
    assert "Traceback" not in done.stderr
