"""Writes down every call of AWS that a function signs, as the permissions that it needs.

It hangs on the signer of botocore, so that a URL that is signed for somebody else counts as a call.
Standard library only, and no module of the project: on the laptop stack it is loaded into the
processes of the functions, whose botocore is the layer's.
"""

import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

FOLDER_VARIABLE = "RECORDED_CALLS_FOLDER"
"""Where calls are written down; without it, nothing is."""

_caller: ContextVar[str | None] = ContextVar("caller", default=None)
_written: set[str] = set()


@contextmanager
def record_as(function: str) -> Iterator[None]:
    """Count what is signed meanwhile as calls of this function, by its folder's name."""
    token = _caller.set(function)
    try:
        yield
    finally:
        _caller.reset(token)


def write_down(service: str, operation: str, request: dict[str, Any]) -> None:
    """Append a call to this process's file, once; outside a function, do nothing."""
    folder = os.environ.get(FOLDER_VARIABLE)
    function = _caller.get() or os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
    if not folder or not function:
        return
    names = {name: value for name, value in os.environ.items() if value and name in RESOURCES}
    call = {"function": function, "service": service, "operation": operation}
    line = json.dumps(call | {"request": request, "names": names}, sort_keys=True)
    if line in _written:
        return
    _written.add(line)
    Path(folder).mkdir(parents=True, exist_ok=True)
    with Path(folder, f"{os.getpid()}.jsonl").open("a") as file:
        file.write(line + "\n")


RESOURCES = {
    "TABLE_NAME",
    "BUCKET_NAME",
    "QUEUE_URL",
    "SIMULATION_QUEUE_URL",
    "CHANGE_QUEUE_URL",
    "EVENT_BUS_NAME",
    "AIRFLOW_SECRET_ARN",
    "SERVICE_ACCOUNT_SECRET_ARN",
    "PATIENT_PSEUDONYM_SECRET_ARN",
    "MWAA_ENVIRONMENT_NAME",
}
"""The variables of a function that name what it calls."""


def watch(signers: ModuleType) -> None:
    """Make the signer of this botocore write down what it signs."""
    sign = signers.RequestSigner.sign

    def sign_and_write_down(
        self: Any,
        operation_name: str,
        request: Any,
        region_name: str | None = None,
        signing_type: str = "standard",
        *options: Any,
        **named: Any,
    ) -> Any:
        query = dict(parse_qsl(urlsplit(request.url).query)) | dict(request.params or {})
        body = request.data if isinstance(request.data, bytes | str) else b""
        is_json = "json" in str(request.headers.get("Content-Type"))
        seen = {
            "place": shorten_url(request.url),
            "is_presigned": signing_type == "presign-url",
            "query": sorted(query),
            "prefix": str(query.get("prefix", "")).partition("/")[0],
            # Of other bodies, which may be raw data, no permission depends.
            "body": shorten(json.loads(body)) if is_json and body else None,
        }
        write_down(self._service_id.hyphenize(), operation_name, seen)
        return sign(self, operation_name, request, region_name, signing_type, *options, **named)

    signers.RequestSigner.sign = sign_and_write_down


def shorten_url(url: str) -> str:
    """Return host and path without the end of a key: no policy tells objects of a folder apart."""
    parts = urlsplit(url)
    return parts.netloc + "/".join(parts.path.split("/")[:3])


KEPT_WORDS = {"TableName", "IndexName", "QueueUrl", "SecretId", "EventBusName", "RequestItems"}


def shorten(body: Any) -> Any:
    """Keep of a request what names a resource or, in a transaction, an action."""
    if isinstance(body, list):
        return [kept for each in body if (kept := shorten(each))]
    if not isinstance(body, dict):
        return None
    kept = {name: value for name, value in body.items() if name in KEPT_WORDS}
    if "RequestItems" in kept:
        kept["RequestItems"] = sorted(kept["RequestItems"])
    for name in ("TransactItems", "Entries"):
        if name in body:
            kept[name] = sorted_once(shorten(body[name]))
    for name in ("Put", "Update", "Delete", "ConditionCheck", "Get"):
        if isinstance(body.get(name), dict):
            kept[name] = shorten(body[name])
    return kept


def sorted_once(items: list[Any]) -> list[Any]:
    return [json.loads(text) for text in sorted({json.dumps(item) for item in items})]


class WatchOnImport:
    """A finder that watches `botocore.signers` as soon as somebody imports it."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != "botocore.signers":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec and spec.loader:
            execute: Callable[[ModuleType], None] = spec.loader.exec_module

            def execute_and_watch(module: ModuleType) -> None:
                execute(module)
                watch(module)

            spec.loader.exec_module = execute_and_watch  # type: ignore[method-assign] # of one spec
        return spec
