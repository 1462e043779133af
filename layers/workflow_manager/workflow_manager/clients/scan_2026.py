"""What starting a scan takes, as of 2026-02: patient-, exam- and device-manager."""

import json
import re
from collections.abc import Callable
from datetime import date, datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, FiniteFloat, ValidationError

from workflow_manager.clients.device_start import START_DETAIL, post_start
from workflow_manager.clients.exam_2026 import TASK_REFUSALS, require_task
from workflow_manager.clients.exam_records_2026 import AcquisitionRecord
from workflow_manager.clients.generations import DEVICE_MANAGER, PATIENT_MANAGER, read_record
from workflow_manager.clients.http import read_json, send
from workflow_manager.contract import Contract
from workflow_manager.domain.errors import (
    ConflictError,
    InvalidInputError,
    LoginExpiredError,
    NeighbourRefusedError,
    UpstreamError,
    UpstreamUnreachableError,
)
from workflow_manager.domain.exam import (
    AcquisitionParameter,
    Device,
    DeviceTask,
    Gender,
    Patient,
    TaskType,
)
from workflow_manager.domain.urls import quote_segment
from workflow_manager.settings import Settings

UNREAD = "Not started: exam-manager did not show the task as it is now."
CHANGED = "Not started: the task was changed in exam-manager meanwhile. Start it again."
# Exam-manager answers 500 to what is none of MongoDB's ids.
_OBJECT_ID = re.compile(r"[0-9a-fA-F]{24}")

ModelT = TypeVar("ModelT", bound=BaseModel)


class DeviceStatus(StrEnum):
    """What device-manager says of a device."""

    ONLINE = "ONLINE"
    BUSY = "BUSY"
    OFFLINE = "OFFLINE"
    ERROR = "ERROR"


# In the words of the devices of before. A device that never registered has no status.
_WORDS = {
    DeviceStatus.ONLINE: "ready",
    DeviceStatus.BUSY: "scanning",
    DeviceStatus.OFFLINE: "offline",
    DeviceStatus.ERROR: "error",
    None: "offline",
}


class _DeviceRecord(BaseModel):
    status: DeviceStatus | None
    datetime_updated: datetime | None = None


class _PatientRecord(BaseModel):
    birth_date: date
    sex: Gender
    height: FiniteFloat
    weight: FiniteFloat


class HttpScanClient2026:
    """The services over HTTP, as of 2026-02; devices are reached by device-manager alone.

    Parameters
    ----------
    client, start_client
        From `build_http_client`; the one that sends starts keeps no connection.
    settings
        Names the services.
    auth
        On whose behalf.
    """

    contract = Contract.FEBRUARY_2026

    def __init__(
        self,
        client: httpx.Client,
        start_client: httpx.Client,
        settings: Settings,
        auth: httpx.Auth,
    ) -> None:
        self._client = client
        self._start_client = start_client
        self._patient_url = f"{settings.patient_manager_uri.rstrip('/')}/api/v1/patient"
        exam_url = f"{settings.exam_manager_uri.rstrip('/')}/api/v1/exam"
        self._task_url, self._sequence_url = f"{exam_url}/task", f"{exam_url}/sequence"
        self._device_url = f"{settings.device_manager_uri.rstrip('/')}/api/v1/device"
        self._auth = auth

    def get_patient(self, patient_id: str) -> Patient:
        """Return a patient."""
        url = f"{self._patient_url}/{quote_segment(patient_id)}"
        detail, own_words = f"Failed to fetch patient with id={patient_id}", ("Patient not found",)
        found = self._read(_PatientRecord, url, detail, PATIENT_MANAGER, own_words)
        return Patient(
            birth_date=found.birth_date,
            sex=found.sex,
            height_cm=found.height,
            weight_kg=found.weight,
        )

    def get_sequence(self, sequence_id: str) -> str:
        """Return a sequence document as JSON text."""
        # Spelt as ScanHub's clients know it.
        detail = f"Could not retreive sequence for sequence_id:{sequence_id}"
        status = HTTPStatus.BAD_REQUEST
        if not _OBJECT_ID.fullmatch(sequence_id):
            raise NeighbourRefusedError(detail, status, is_own=True)
        request = self._client.build_request("GET", f"{self._sequence_url}/{sequence_id}")
        own_words = (f"MRI sequence with ID {sequence_id} not found.",)
        try:
            response = send(self._client, request, detail, self._auth, own_words)
        except LoginExpiredError:
            raise
        except NeighbourRefusedError as error:
            raise NeighbourRefusedError(detail, status, is_own=error.is_own) from None
        read_json(response, detail)
        return response.text

    def get_device(self, device_id: str) -> Device:
        """Return a device as device-manager shows it, in the words of the devices of before."""
        url = f"{self._device_url}/{quote_segment(device_id)}"
        own_words = ("Device not found",)
        found = self._read(_DeviceRecord, url, "Failed to fetch device", DEVICE_MANAGER, own_words)
        return Device(status=_WORDS[found.status], datetime_updated=found.datetime_updated)

    def start(
        self, task_type: TaskType, device_task: DeviceTask, check: Callable[[], None]
    ) -> None:
        """Send a start exactly once: never repeated, whatever happens.

        `check` is called right before it is sent, and raises if it is not wanted any more.

        Raises
        ------
        ConflictError
            Exam-manager has another scan under that task by now: nothing was sent.
        UpstreamRefusedError
            Device-manager said no: nothing was started.
        UpstreamUnreachableError
            Nothing was sent.
        UpstreamError
            Anything else: whether the scan started is unknown.
        """
        if task_type is not TaskType.DEVICE_TASK_SDK:
            raise InvalidInputError(f"A {task_type} is not started on a device.")
        task = self._read_task(device_task)
        # Exam-manager has no place for the limits, and nobody else sends them to the device.
        limits = device_task.parametrized_sequence.acquisition_limits.model_dump(mode="json")
        body = json.dumps(task | {"acquisition_limits": limits})
        check()
        url = f"{self._device_url}/start_scan_via_websocket"
        post_start(self._start_client, url, body, self._auth)

    def _read_task(self, device_task: DeviceTask) -> dict[str, Any]:
        request = self._client.build_request(
            "GET", f"{self._task_url}/{quote_segment(device_task.record_id)}"
        )
        try:
            response = send(self._client, request, START_DETAIL, self._auth, TASK_REFUSALS)
            task = require_task(read_json(response, START_DETAIL), START_DETAIL)
        except LoginExpiredError:
            raise
        except UpstreamError as error:
            if isinstance(error, NeighbourRefusedError) and error.is_own:
                raise ConflictError(CHANGED) from None
            # However the look-up failed, nothing was sent to the device.
            raise UpstreamUnreachableError(START_DETAIL, UNREAD) from error
        if not _is_as_ordered(task, device_task):
            raise ConflictError(CHANGED)
        return task

    def _read(
        self,
        model: type[ModelT],
        url: str,
        detail: str,
        service: str,
        own_words: tuple[str, ...],
    ) -> ModelT:
        request = self._client.build_request("GET", url)
        response = send(self._client, request, detail, self._auth, own_words)
        return read_record(model, response, detail, service, self.contract)


def _is_as_ordered(task: dict[str, Any], device_task: DeviceTask) -> bool:
    try:
        found = AcquisitionRecord.model_validate(task)
        typed = found.acquisition_parameter
        parameters = None if typed is None else AcquisitionParameter.model_validate(typed)
    except ValidationError:
        return False
    ordered = (device_task.device_id, device_task.sequence_id)
    is_same = parameters == device_task.parametrized_sequence.sequence_parameters
    return is_same and (found.device_id, found.sequence_id) == ordered
