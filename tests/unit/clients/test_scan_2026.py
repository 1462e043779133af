"""The start of a scan as of 2026-02."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.fakes.http import FakeServer
from tests.fakes.records_2026 import (
    DEVICE_ID,
    MADE_AT,
    PARAMETER,
    SCAN_ID,
    SEQUENCE_ID,
    make_dag_task,
    make_scan,
)
from workflow_manager.clients.auth import BearerAuth
from workflow_manager.clients.scan_2026 import CHANGED, UNREAD, HttpScanClient2026
from workflow_manager.domain.errors import (
    ConflictError,
    ForeignContractError,
    InvalidInputError,
    LoginExpiredError,
    NeighbourRefusedError,
    UpstreamError,
    UpstreamRefusedError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from workflow_manager.domain.exam import (
    AcquisitionLimits,
    AcquisitionParameter,
    DeviceTask,
    ParametrizedSequence,
    TaskType,
)
from workflow_manager.settings import Settings

START = "POST http://device-manager:8000/api/v1/device/start_scan_via_websocket"
LOOK = f"GET http://exam-manager:8000/api/v1/exam/task/{SCAN_ID}"
PATIENT = {"id": "p", "birth_date": "1985-03-01", "sex": "FEMALE", "height": 172.5, "weight": 68.9}
SDK = TaskType.DEVICE_TASK_SDK


def make_client(*answers: httpx.Response | Exception) -> tuple[HttpScanClient2026, FakeServer]:
    server = FakeServer(*answers)
    settings = Settings(
        patient_manager_uri="http://patient-manager:8100/",
        exam_manager_uri="http://exam-manager:8000",
        device_manager_uri="http://device-manager:8000",
    )
    auth = BearerAuth("token-1")
    return HttpScanClient2026(server.client, server.client, settings, auth), server


def make_order(parameters: object = PARAMETER, **changes: str) -> DeviceTask:
    parsed = None if parameters is None else AcquisitionParameter.model_validate(parameters)
    limits = AcquisitionLimits(
        patient_height=172, patient_weight=68, patient_gender="FEMALE", patient_age=41
    )
    order = DeviceTask(
        device_id=DEVICE_ID,
        record_id=SCAN_ID,
        parametrized_sequence=ParametrizedSequence(
            acquisition_limits=limits, sequence_parameters=parsed, sequence="{}"
        ),
        user_access_token="token-1",
        sequence_id=SEQUENCE_ID,
    )
    return order.model_copy(update=changes)


def answer(body: object, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=body)


def agree() -> None:
    """Find that the start is still wanted."""


def test_a_start_sends_the_whole_task_with_the_limits_that_nobody_else_sends() -> None:
    task = make_scan(status="STARTED", future="field")
    client, server = make_client(answer(task), answer(None))
    client.start(SDK, make_order(), agree)
    assert server.lines == [LOOK, START]
    limits = {
        "patient_height": 172,
        "patient_weight": 68,
        "patient_gender": "FEMALE",
        "patient_age": 41,
    }
    assert json.loads(server.requests[1].content) == task | {"acquisition_limits": limits}
    assert server.requests[1].headers["Content-Type"] == "application/json"
    assert server.tokens == ["Bearer token-1"] * 2


def test_a_scan_without_parameters_runs_its_sequence_as_it_is() -> None:
    client, server = make_client(answer(make_scan(acquisition_parameter=None)), answer(None))
    client.start(SDK, make_order(None), agree)
    assert server.lines == [LOOK, START]


@pytest.mark.parametrize(
    "task",
    [
        make_scan(device_id="55555555-5555-4555-8555-555555555555"),
        make_scan(sequence_id="65a1b2c3d4e5f60718293a4c"),
        make_scan(acquisition_parameter=None),
        make_scan(acquisition_parameter={"fov_scaling": 1}),
        make_dag_task(id=SCAN_ID),
    ],
)
def test_a_task_that_is_another_by_now_is_not_started(task: dict[str, Any]) -> None:
    client, server = make_client(answer(task))
    with pytest.raises(ConflictError, match=CHANGED):
        client.start(SDK, make_order(), agree)
    assert server.lines == [LOOK]


def test_a_task_that_is_gone_is_not_started() -> None:
    client, server = make_client(answer({"detail": "Task not found"}, 404))
    with pytest.raises(ConflictError, match=CHANGED):
        client.start(SDK, make_order(), agree)
    assert server.lines == [LOOK]


@pytest.mark.parametrize(
    "failure", [httpx.Response(500), httpx.ReadTimeout("slow"), answer(["garbage"])]
)
def test_nothing_was_sent_if_the_task_cannot_be_read(failure: httpx.Response | Exception) -> None:
    client, server = make_client(failure)
    with pytest.raises(UpstreamUnreachableError) as caught:
        client.start(SDK, make_order(), agree)
    assert caught.value.reason == UNREAD
    assert START not in server.lines


# Device-manager's answers in the order of its checks, and what each says for certain.
OUTCOMES: list[tuple[httpx.Response | Exception, type[UpstreamError], str | None]] = [
    (answer({"detail": "Not authenticated"}, 401), LoginExpiredError, None),
    (answer({"detail": [{"loc": ["body"]}]}, 422), UpstreamRefusedError, None),
    (answer({"detail": "Missing sequence ID"}, 404), UpstreamRefusedError, "Missing sequence ID"),
    (answer({"detail": "Missing device ID"}, 404), UpstreamRefusedError, "Missing device ID"),
    (answer({"detail": "Sequence not found"}, 404), UpstreamRefusedError, "Sequence not found"),
    (answer({"detail": "Device not found"}, 404), UpstreamRefusedError, "Device not found"),
    (answer({"detail": "Anything else"}, 404), UpstreamRefusedError, None),
    (answer({"detail": "Device offline."}, 503), UpstreamRefusedError, None),
    (httpx.Response(500, text="Internal Server Error"), UpstreamError, None),
    (httpx.ReadTimeout("slow"), UpstreamTimeoutError, None),
    (httpx.ConnectError("refused"), UpstreamUnreachableError, None),
]


@pytest.mark.parametrize(("outcome", "error", "reason"), OUTCOMES)
def test_a_start_is_sent_once_and_its_answer_tells_what_is_certain(
    outcome: httpx.Response | Exception, error: type[UpstreamError], reason: str | None
) -> None:
    client, server = make_client(answer(make_scan()), outcome)
    with pytest.raises(UpstreamError) as caught:
        client.start(SDK, make_order(), agree)
    assert (type(caught.value), server.lines) == (error, [LOOK, START])
    if isinstance(caught.value, UpstreamRefusedError) and error is UpstreamRefusedError:
        assert caught.value.reason == reason


def test_no_device_is_asked_by_its_own_address() -> None:
    client, server = make_client(httpx.Response(500))
    with pytest.raises(InvalidInputError):
        client.start(TaskType.DEVICE_TASK_SIMULATOR, make_order(), agree)
    assert server.lines == []


def test_a_patient_has_height_and_weight() -> None:
    client, _ = make_client(answer(PATIENT))
    patient = client.get_patient("p")
    assert (patient.height_cm, patient.weight_kg) == (172.5, 68.9)


@pytest.mark.parametrize("name", ["height", "weight"])
def test_a_patient_without_them_is_of_an_older_patient_manager(name: str) -> None:
    client, _ = make_client(answer({key: PATIENT[key] for key in PATIENT if key != name}))
    with pytest.raises(ForeignContractError, match="patient-manager speaks 2025-03"):
        client.get_patient("p")


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ("ONLINE", "ready"),
        ("BUSY", "scanning"),
        ("OFFLINE", "offline"),
        ("ERROR", "error"),
        (None, "offline"),
    ],
)
def test_a_devices_status_is_one_of_our_words(status: str | None, word: str) -> None:
    shown = {"id": DEVICE_ID, "status": status, "parameter": None, "datetime_updated": MADE_AT}
    device = make_client(answer(shown))[0].get_device(DEVICE_ID)
    assert (device.status, device.datetime_updated is None) == (word, False)


def test_a_device_with_an_address_is_of_an_older_device_manager() -> None:
    client, _ = make_client(answer({"status": "ready", "ip_address": "10.0.0.1"}))
    with pytest.raises(ForeignContractError, match="device-manager speaks 2025-03"):
        client.get_device("d")


def test_a_sequence_is_exam_managers() -> None:
    client, server = make_client(answer({"_id": SEQUENCE_ID, "seq_file": "[VERSION]"}))
    assert json.loads(client.get_sequence(SEQUENCE_ID))["_id"] == SEQUENCE_ID
    assert server.lines == [f"GET http://exam-manager:8000/api/v1/exam/sequence/{SEQUENCE_ID}"]


def test_an_unknown_sequence_is_refused_and_a_malformed_id_asks_nobody() -> None:
    words = {"detail": f"MRI sequence with ID {SEQUENCE_ID} not found."}
    for sequence_id, n_calls in ((SEQUENCE_ID, 1), ("../sequences/all", 0)):
        client, server = make_client(answer(words, 404))
        with pytest.raises(NeighbourRefusedError, match="Could not retreive sequence") as caught:
            client.get_sequence(sequence_id)
        assert (caught.value.status, caught.value.is_own) == (400, True)
        assert len(server.requests) == n_calls


Read = Callable[[HttpScanClient2026], object]
UNKNOWN: list[tuple[Read, str, str]] = [
    (lambda c: c.get_patient("1"), "Patient not found", "Failed to fetch patient with id=1"),
    (lambda c: c.get_device("1"), "Device not found", "Failed to fetch device"),
]


@pytest.mark.parametrize(("read", "words", "detail"), UNKNOWN)
def test_what_is_unknown_is_the_services_own_404(read: Read, words: str, detail: str) -> None:
    with pytest.raises(NeighbourRefusedError, match=detail) as caught:
        read(make_client(answer({"detail": words}, 404))[0])
    assert (caught.value.status, caught.value.is_own) == (404, True)
