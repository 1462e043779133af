"""MWAA's `InvokeRestApi` in front of any Airflow, for the real boto3 client."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import boto3
import httpx
from botocore.config import Config

ENVIRONMENT = "scanhub"
MAX_PATH_LENGTH = 64


class MwaaFacade(BaseHTTPRequestHandler):
    """`POST /restapi/{Name}`, as AWS answers it; `airflow` ends in `/api/vN`, logged in."""

    airflow: httpx.Client

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "/airflow/aws4_request" not in self.headers["Authorization"]:
            return self._answer(403, {"Message": "not signed"}, "AccessDeniedException")
        if self.path != f"/restapi/{ENVIRONMENT}":
            return self._answer(404, {"message": "no environment"}, "ResourceNotFoundException")
        if not 1 <= len(body["Path"]) <= MAX_PATH_LENGTH or set(body) & {"Name"}:
            return self._answer(400, {"message": "bad request"}, "ValidationException")
        response = self.airflow.request(
            body["Method"],
            body["Path"],
            params=body.get("QueryParameters"),
            json=body.get("Body"),
        )
        content = {"RestApiStatusCode": response.status_code, "RestApiResponse": _parse(response)}
        if response.is_success:
            return self._answer(200, content)
        side = "Client" if response.is_client_error else "Server"
        return self._answer(400, content, f"RestApi{side}Exception")

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""

    def _answer(self, status: int, content: Any, error: str = "") -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-amzn-RequestId", "1")
        if error:
            self.send_header("x-amzn-ErrorType", error)
        self.end_headers()
        self.wfile.write(body)


def _parse(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return response.text


@contextmanager
def serve_mwaa(airflow: httpx.Client) -> Iterator[str]:
    """Serve the facade on loopback; yield its URL."""
    handler = type("Handler", (MwaaFacade,), {"airflow": airflow})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def connect_mwaa(url: str, read_timeout_s: float = 12) -> Iterator[Any]:
    """Yield a boto3 client of the facade, whatever the environment says."""
    config = Config(
        inject_host_prefix=False,
        connect_timeout=2,
        read_timeout=read_timeout_s,
        retries={"total_max_attempts": 1},
        proxies={},
    )
    client = boto3.client(
        "mwaa",
        endpoint_url=url,
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=config,
    )
    try:
        yield client
    finally:
        client.close()
