import json
from ipaddress import ip_network

import httpx
import pytest

from tests.fakes.http import FakeServer
from workflow_manager.clients.auth import BearerAuth
from workflow_manager.clients.scan import HttpScanClient
from workflow_manager.domain.errors import (
    ConflictError,
    InvalidInputError,
    LoginExpiredError,
    NeighbourRefusedError,
    PermissionDeniedError,
    UpstreamError,
    UpstreamRefusedError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from workflow_manager.domain.exam import (
    AcquisitionLimits,
    DeviceTask,
    ParametrizedSequence,
    SequenceParameters,
    TaskType,
    Xyz,
)
from workflow_manager.settings import Settings

DEVICES = "http://device-manager:8000/api/v1/device"
SDK_LINE = f"POST {DEVICES}/start_scan_via_websocket"
LOOKUP_LINE = f"GET {DEVICES}/scanner%2F1/ip_address"
SDK, SIMULATOR = TaskType.DEVICE_TASK_SDK, TaskType.DEVICE_TASK_SIMULATOR
FOV = Xyz(X=1.0, Y=2.0, Z=3.5)
DEVICE_TASK = DeviceTask(
    device_id="scanner/1",
    record_id="task-1",
    parametrized_sequence=ParametrizedSequence(
        acquisition_limits=AcquisitionLimits(
            patient_height=180, patient_weight=80, patient_gender="FEMALE", patient_age=36
        ),
        sequence_parameters=SequenceParameters(fov=FOV, fov_offset=FOV),
        sequence='{"file": "[VERSION]"}',
    ),
    user_access_token="token-1",
)
BODY = (
    b'{"device_id":"scanner/1","record_id":"task-1","command":"START",'
    b'"parametrized_sequence":{"acquisition_limits":{"patient_height":180,"patient_weight":80,'
    b'"Gender":"FEMALE","patient_age":36},"sequence_parameters":{"fov":{"X":1.0,"Y":2.0,"Z":3.5},'
    b'"fov_offset":{"X":1.0,"Y":2.0,"Z":3.5}},"sequence":"{\\"file\\": \\"[VERSION]\\"}"},'
    b'"user_access_token":"token-1"}'
)
OUTCOMES = [
    (httpx.Response(503, json={"detail": "Device offline."}), UpstreamRefusedError),
    (httpx.Response(422), UpstreamRefusedError),
    (httpx.Response(503, text="upstream connect error or disconnect"), UpstreamError),
    (httpx.Response(408), UpstreamError),
    (httpx.Response(429), UpstreamError),
    (httpx.ConnectError("refused"), UpstreamUnreachableError),
    (httpx.ConnectTimeout("slow"), UpstreamUnreachableError),
    (httpx.ReadTimeout("slow"), UpstreamTimeoutError),
    (httpx.WriteTimeout("slow"), UpstreamTimeoutError),
    (httpx.ReadError("dropped"), UpstreamError),
    (httpx.RemoteProtocolError("dropped"), UpstreamError),
    (httpx.Response(500), UpstreamError),
    (httpx.Response(502), UpstreamError),
    (httpx.Response(202, json={}), UpstreamError),
    (httpx.Response(307, headers={"Location": "http://elsewhere/"}), UpstreamError),
    (httpx.Response(200, text="<html>"), UpstreamError),
]


def agree() -> None:
    """Find that the start is still wanted."""


def refuse() -> None:
    raise ConflictError("Not wanted any more.")


def make_client(server: FakeServer, start_server: FakeServer | None = None) -> HttpScanClient:
    settings = Settings(
        patient_manager_uri="http://patient-manager:8100",
        sequence_manager_uri="http://sequence-manager:8000",
        device_manager_uri="http://device-manager:8000",
        device_networks=(ip_network("127.0.0.0/8"), ip_network("fd00::/8")),
    )
    clients = (server.client, (start_server or server).client)
    return HttpScanClient(*clients, settings, BearerAuth("token-1"))


def address(ip_address: object) -> httpx.Response:
    return httpx.Response(200, json={"ip_address": ip_address})


@pytest.mark.parametrize(
    "answer", [httpx.Response(404), httpx.Response(200, json={"birth_date": "somewhen"})]
)
def test_get_patient_fails_with_scanhubs_text(answer: httpx.Response) -> None:
    with pytest.raises(UpstreamError) as caught:
        make_client(FakeServer(answer)).get_patient("1")
    assert caught.value.detail == "Failed to fetch patient"


def test_only_a_start_goes_over_a_connection_of_its_own() -> None:
    server, start_server = FakeServer(address("127.0.0.1:7")), FakeServer(httpx.Response(200))
    client = make_client(server, start_server)
    client.start(SIMULATOR, DEVICE_TASK, agree)
    assert [len(each.requests) for each in (server, start_server)] == [1, 1]
    assert start_server.lines == ["POST http://127.0.0.1:7/api/start-scan"]


def test_device_is_what_device_manager_shows() -> None:
    shown = {"status": "scanning", "datetime_updated": "2026-11-23T06:22:15.491907", "name": "x"}
    device = make_client(FakeServer(httpx.Response(200, json=shown))).get_device("scanner/1")
    assert (device.status, str(device.datetime_updated)) == (
        "scanning",
        "2026-11-23 06:22:15.491907",
    )


@pytest.mark.parametrize(
    "answer",
    [
        {"status": "x" * 101},
        {"status": None},
        {"status": "ready", "datetime_updated": "noon"},
        ["ready"],
    ],
)
def test_device_that_cannot_be_read_fails_with_scanhubs_text(answer: object) -> None:
    with pytest.raises(UpstreamError) as caught:
        make_client(FakeServer(httpx.Response(200, json=answer))).get_device("1")
    assert caught.value.detail == "Failed to fetch device"


def test_sequence_that_is_refused_for_the_login_is_no_missing_sequence() -> None:
    with pytest.raises(LoginExpiredError):
        make_client(FakeServer(httpx.Response(401))).get_sequence("1")


def test_get_sequence_returns_the_document_as_it_came() -> None:
    text = '{"_id": "1",  "name": "se"}'
    server = FakeServer(httpx.Response(200, text=text))
    assert make_client(server).get_sequence("1") == text
    assert server.lines == ["GET http://sequence-manager:8000/api/v1/mri/sequences/1"]


@pytest.mark.parametrize("answer", [httpx.Response(404), httpx.Response(200, text="<html>")])
def test_get_sequence_fails_with_scanhubs_text(answer: httpx.Response) -> None:
    with pytest.raises(UpstreamError) as caught:
        make_client(FakeServer(answer)).get_sequence("1")
    assert caught.value.detail == "Could not retreive sequence for sequence_id:1"


@pytest.mark.parametrize(
    ("status", "said", "is_own"),
    [
        (404, "MRI sequence not found", True),
        (
            500,
            "'x' is not a valid ObjectId, it must be a 12-byte input or a 24-character hex string",
            True,
        ),
        (500, "MRI sequence not found, says a proxy", False),
    ],
)
def test_sequence_that_sequence_manager_cannot_have_is_refused_in_its_own_words(
    status: int, said: str, is_own: bool
) -> None:
    with pytest.raises(NeighbourRefusedError) as caught:
        make_client(FakeServer(httpx.Response(status, json={"detail": said}))).get_sequence("x")
    assert (caught.value.status, caught.value.is_own) == (400, is_own)


def test_start_posts_an_sdk_task_to_device_manager() -> None:
    server = FakeServer(httpx.Response(200, text="null"))
    make_client(server).start(SDK, DEVICE_TASK, agree)
    assert server.lines == [SDK_LINE]
    assert server.requests[0].content == BODY
    assert server.requests[0].headers["Content-Type"] == "application/json"
    assert server.requests[0].headers["Authorization"] == "Bearer token-1"


@pytest.mark.parametrize(
    ("ip_address", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1/api/start-scan"),
        ("127.0.0.1:8765", "http://127.0.0.1:8765/api/start-scan"),
        ("fd00::1", "http://[fd00::1]/api/start-scan"),
        ("[fd00::1]:8765", "http://[fd00::1]:8765/api/start-scan"),
    ],
)
def test_start_posts_a_simulator_task_to_the_device_itself(ip_address: str, url: str) -> None:
    server = FakeServer(address(ip_address), httpx.Response(200, json={}))
    make_client(server).start(SIMULATOR, DEVICE_TASK, agree)
    assert server.lines == [LOOKUP_LINE, f"POST {url}"]
    assert json.loads(server.requests[1].content) == json.loads(BODY)
    assert "Authorization" not in server.requests[1].headers


@pytest.mark.parametrize(
    "ip_address",
    [
        "10.0.0.1",
        "169.254.169.254",
        "::ffff:127.0.0.1",
        "localhost",
        "127.0.0.1.evil.example",
        "127.0.0.1@evil.example",
        "127.0.0.1/x",
        "127.0.0.1:0",
        "127.0.0.1:99999",
        "127.0.0.1:٣",
        "127.0.0.1:",
        "127.1",
        "fd00::1%@evil.example",
        "",
    ],
)
def test_start_sends_nothing_to_an_address_that_is_not_allowed(ip_address: str) -> None:
    server = FakeServer(address(ip_address))
    with pytest.raises(PermissionDeniedError, match="address"):
        make_client(server).start(SIMULATOR, DEVICE_TASK, agree)
    assert server.lines == [LOOKUP_LINE]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (httpx.Response(404), NeighbourRefusedError),
        (httpx.ReadTimeout("slow"), UpstreamUnreachableError),
        (httpx.Response(200, text="<html>"), UpstreamUnreachableError),
        (address(None), UpstreamUnreachableError),
    ],
)
def test_start_says_nothing_was_sent_when_the_look_up_fails(
    answer: httpx.Response | Exception, expected: type[UpstreamError]
) -> None:
    with pytest.raises(UpstreamError) as caught:
        make_client(FakeServer(answer)).start(SIMULATOR, DEVICE_TASK, agree)
    assert type(caught.value) is expected


@pytest.mark.parametrize(
    ("answer", "expected"), [*OUTCOMES, (httpx.Response(401), LoginExpiredError)]
)
def test_start_tells_what_is_known_and_never_repeats_for_an_sdk_task(
    answer: httpx.Response | Exception, expected: type[UpstreamError]
) -> None:
    server = FakeServer(answer)
    with pytest.raises(UpstreamError) as caught:
        make_client(server).start(SDK, DEVICE_TASK, agree)
    assert type(caught.value) is expected
    assert server.lines == [SDK_LINE]
    assert "token-1" not in repr(caught.value)


@pytest.mark.parametrize(
    ("answer", "expected"), [*OUTCOMES, (httpx.Response(401), UpstreamRefusedError)]
)
def test_start_tells_what_is_known_and_never_repeats_for_a_simulator_task(
    answer: httpx.Response | Exception, expected: type[UpstreamError]
) -> None:
    server = FakeServer(address("127.0.0.1"), answer)
    with pytest.raises(UpstreamError) as caught:
        make_client(server).start(SIMULATOR, DEVICE_TASK, agree)
    assert type(caught.value) is expected
    assert len(server.requests) == 2


def test_start_refuses_a_task_that_no_device_carries_out() -> None:
    server = FakeServer(httpx.Response(200, text="null"))
    with pytest.raises(InvalidInputError):
        make_client(server).start(TaskType.PROCESSING_TASK, DEVICE_TASK, agree)
    assert server.requests == []


@pytest.mark.parametrize("task_type", [SDK, SIMULATOR])
def test_start_sends_nothing_that_is_not_wanted_any_more(task_type: TaskType) -> None:
    server = FakeServer(httpx.Response(200, json={"ip_address": "127.0.0.1:9"}))

    with pytest.raises(ConflictError):
        make_client(server).start(task_type, DEVICE_TASK, refuse)

    assert [line for line in server.lines if line.startswith("POST")] == []
