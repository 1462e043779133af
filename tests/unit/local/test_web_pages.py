"""What a hostile page in the browser of somebody whose stack is up gets: nothing."""

import pytest

from tests.unit.local.conftest import Served

SEED = "/_control/seed"
LOGIN = "/api/v1/userlogin/login"


@pytest.mark.parametrize(
    "host",
    ["elsewhere.example", "127.0.0.1.elsewhere.example:8090", "mylocalhost", "[::1", ""],
)
def test_a_name_that_somebody_let_point_to_loopback_is_refused(scanhub: Served, host: str) -> None:
    answers = [scanhub.client.get(path, headers={"Host": host}) for path in (SEED, LOGIN)]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert scanhub.seed["password"] not in answers[0].text


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "LOCALHOST:8090", "[::1]:8090", "172.17.0.1:8090", "data-lake.localhost:4566"],
)
def test_names_that_cannot_be_let_point_elsewhere_are_served(scanhub: Served, host: str) -> None:
    assert scanhub.client.get(SEED, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null"])
def test_no_page_posts_to_the_controls(scanhub: Served, origin: str) -> None:
    # Given what a page may send anywhere without asking first
    headers = {"Origin": origin, "Content-Type": "text/plain"}
    fault = b'{"service": "exam-manager", "kind": "status"}'

    answer = scanhub.client.post("/_control/faults", content=fault, headers=headers)

    assert answer.status_code == 403
    assert scanhub.client.get("/_control/faults").json() == []


def test_a_page_of_the_gateway_asks_its_services(scanhub: Served) -> None:
    headers = {"Origin": "http://127.0.0.1:8090"}

    answer = scanhub.client.get("/api/v1/userlogin/getcurrentuser", headers=headers)

    assert answer.status_code == 200


def test_the_socket_of_devices_is_refused_to_other_names(scanhub: Served) -> None:
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    headers |= {"Sec-WebSocket-Key": "c2l4dGVlbiBieXRlcyEhIQ==", "Host": "elsewhere.example"}

    assert scanhub.client.get("/api/v1/device/ws2", headers=headers).status_code == 403
