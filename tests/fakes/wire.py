"""The network as the functions see it: real to ScanHub's stand-in, in memory to Airflow.

It fails where it is told to, and without waiting: a slow neighbour does its work, and the caller's
patience ends at that moment. So no test depends on how fast the machine is. What a neighbour of
ScanHub answers wrongly is left to the stand-in's own switches.
"""

from dataclasses import dataclass, field

import httpx

from local.scanhub.recorder import find_service
from tests.fakes.airflow import FakeAirflow

AIRFLOW_URL = "http://airflow.test"


@dataclass(frozen=True)
class WireFault:
    """One failure.

    Attributes
    ----------
    service
        As the stand-in names its services, or ``airflow``.
    method, path_contains
        Which of its calls.
    kind
        ``slow``, ``refused``, ``drop``, ``garbage``, or an HTTP status.
    """

    service: str
    method: str
    path_contains: str
    kind: str

    def is_for(self, service: str | None, request: httpx.Request) -> bool:
        is_path = self.path_contains in request.url.path
        return self.service == service and self.method == request.method and is_path


@dataclass
class Wire(httpx.BaseTransport):
    """Stands in for the network below `build_http_client`."""

    airflow: FakeAirflow
    faults: list[WireFault] = field(default_factory=list)
    network: httpx.HTTPTransport = field(default_factory=httpx.HTTPTransport)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        is_airflow = str(request.url).startswith(AIRFLOW_URL)
        service = "airflow" if is_airflow else find_service(request.url.path)
        kind = next((fault.kind for fault in self.faults if fault.is_for(service, request)), None)
        if kind == "refused":
            raise httpx.ConnectError("Connection refused", request=request)
        if kind == "drop":
            raise httpx.RemoteProtocolError("Server disconnected", request=request)
        if kind == "garbage":
            return httpx.Response(200, text="<html>no JSON</html>")
        if kind and kind.isdigit():
            return httpx.Response(int(kind), json={"detail": "Injected fault"})
        answer = self._forward(request, is_airflow)
        if kind == "slow":
            answer.close()
            raise httpx.ReadTimeout("The read operation timed out", request=request)
        return answer

    def close(self) -> None:
        self.network.close()

    def _forward(self, request: httpx.Request, is_airflow: bool) -> httpx.Response:
        if is_airflow:
            request.read()
            return self.airflow.handle(request)
        return self.network.handle_request(request)
