"""Send a start exactly once, and tell what its answer says for certain."""

import httpx

from workflow_manager.clients.http import check_login, exchange, parse_json, read_json
from workflow_manager.domain.errors import UpstreamError, UpstreamRefusedError

START_DETAIL = "Error at starting device task."
# Request timeout, too early, too many requests, nginx's "client closed the connection".
_UNCERTAIN = {408, 425, 429, 499}
# How device-manager says what is missing; "Sequence not found" may be a token that it refuses.
_REASONS = frozenset(
    {"Missing sequence ID", "Missing device ID", "Sequence not found", "Device not found"}
)


def post_start(client: httpx.Client, url: str, body: str | bytes, auth: httpx.Auth | None) -> None:
    """Send a start: never repeated, whatever happens.

    Parameters
    ----------
    client
        One that keeps no connection.
    body
        JSON.
    auth
        None: the device itself is asked, which gets no token in a header.

    Raises
    ------
    UpstreamRefusedError
        The device, or device-manager for it, said no: nothing was started.
    UpstreamUnreachableError
        Nothing was sent.
    UpstreamError
        Anything else: whether the scan started is unknown.
    """
    headers = {"Content-Type": "application/json"}
    request = client.build_request("POST", url, content=body, headers=headers)
    response = exchange(client, request, START_DETAIL, auth)
    check_login(response, START_DETAIL, auth)
    if _is_refusal(response):
        raise UpstreamRefusedError(START_DETAIL, response.status_code, _find_reason(response))
    if response.status_code != httpx.codes.OK:
        raise UpstreamError(START_DETAIL)
    if response.content:
        read_json(response, START_DETAIL)


def _find_reason(response: httpx.Response) -> str | None:
    body = parse_json(response)
    said = body.get("detail") if isinstance(body, dict) else None
    return said if isinstance(said, str) and said in _REASONS else None


def _is_refusal(response: httpx.Response) -> bool:
    """Tell whether an answer says for certain that nothing was started.

    A proxy may answer for a device that has read the request: only device-manager's own 503 counts,
    and no 4xx that speaks of time.
    """
    if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        return "Device offline." in response.text
    return response.is_client_error and response.status_code not in _UNCERTAIN
