"""What starting a scan takes, as of 2025-03: three services, and the devices."""

from collections.abc import Callable
from http import HTTPStatus

import httpx
from pydantic import BaseModel, Field

from workflow_manager.clients.device_address import check_device_address
from workflow_manager.clients.device_start import START_DETAIL, post_start
from workflow_manager.clients.http import read_json, read_model, send
from workflow_manager.domain.errors import (
    InvalidInputError,
    LoginExpiredError,
    NeighbourRefusedError,
    UpstreamError,
    UpstreamRefusedError,
    UpstreamUnreachableError,
)
from workflow_manager.domain.exam import Device, DeviceTask, Patient, SequenceParameters, TaskType
from workflow_manager.domain.urls import quote_segment
from workflow_manager.settings import Settings

# How the services themselves say that they have no such thing; a proxy says something else.
_OWN_WORDS = (
    "Patient not found",
    "MRI sequence not found",
    # Behind the id that it could not read; with 500.
    "is not a valid ObjectId, it must be a 12-byte input or a 24-character hex string",
    "Device not found",
)


class HttpScanClient:
    """The services and devices over HTTP.

    Parameters
    ----------
    client, start_client
        From `build_http_client`; the one that sends starts keeps no connection.
    settings
        Names the services and the networks in which devices may be.
    auth
        On whose behalf.
    """

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
        self._sequence_url = f"{settings.sequence_manager_uri.rstrip('/')}/api/v1/mri/sequences"
        self._device_url = f"{settings.device_manager_uri.rstrip('/')}/api/v1/device"
        self._networks = settings.device_networks
        self._auth = auth

    def get_patient(self, patient_id: str) -> Patient:
        """Return a patient."""
        detail = "Failed to fetch patient"
        response = self._get(f"{self._patient_url}/{quote_segment(patient_id)}", detail)
        return read_model(Patient, response, detail)

    def get_sequence(self, sequence_id: str) -> str:
        """Return a sequence document as JSON text."""
        # Spelt as ScanHub's clients know it.
        detail = f"Could not retreive sequence for sequence_id:{sequence_id}"
        try:
            response = self._get(f"{self._sequence_url}/{quote_segment(sequence_id)}", detail)
        except LoginExpiredError:
            raise
        except NeighbourRefusedError as error:
            # ScanHub's clients know 400 for it, whatever sequence-manager said.
            status = HTTPStatus.BAD_REQUEST
            raise NeighbourRefusedError(detail, status, is_own=error.is_own) from None
        read_json(response, detail)
        return response.text

    def get_device(self, device_id: str) -> Device:
        """Return a device as device-manager shows it."""
        detail = "Failed to fetch device"
        response = self._get(f"{self._device_url}/{quote_segment(device_id)}", detail)
        return read_model(Device, response, detail)

    def start(
        self, task_type: TaskType, device_task: DeviceTask, check: Callable[[], None]
    ) -> None:
        """Send a start exactly once: never repeated, whatever happens.

        `check` is called right before it is sent, and raises if it is not wanted any more.

        Raises
        ------
        UpstreamRefusedError
            The device, or device-manager for it, said no: nothing was started.
        UpstreamUnreachableError
            Nothing was sent.
        UpstreamError
            Anything else: whether the scan started is unknown.
        """
        if task_type is TaskType.DEVICE_TASK_SDK:
            check()
            self._post(f"{self._device_url}/start_scan_via_websocket", device_task, self._auth)
        elif task_type is TaskType.DEVICE_TASK_SIMULATOR:
            host = self._find_device(device_task.device_id)
            check()
            # A device is not ScanHub: it gets no header with the token.
            self._post(f"http://{host}/api/start-scan", device_task, None)
        else:
            raise InvalidInputError(f"A {task_type} is not started on a device.")

    def _find_device(self, device_id: str) -> str:
        url = f"{self._device_url}/{quote_segment(device_id)}/ip_address"
        try:
            found = read_model(_DeviceAddress, self._get(url, START_DETAIL), START_DETAIL)
        except UpstreamRefusedError:
            raise
        except UpstreamError as error:
            # However the look-up failed, nothing was sent to the device.
            raise UpstreamUnreachableError(START_DETAIL) from error
        return check_device_address(found.ip_address, self._networks)

    def _post(self, url: str, device_task: DeviceTask, auth: httpx.Auth | None) -> None:
        if not isinstance(
            device_task.parametrized_sequence.sequence_parameters, SequenceParameters
        ):
            raise InvalidInputError('The task\'s args lack "sequence_parameters".')
        post_start(self._start_client, url, device_task.model_dump_json(by_alias=True), auth)

    def _get(self, url: str, detail: str) -> httpx.Response:
        request = self._client.build_request("GET", url)
        return send(self._client, request, detail, self._auth, _OWN_WORDS)


class _DeviceAddress(BaseModel):
    ip_address: str = Field(max_length=100)
