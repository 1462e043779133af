"""The least code that starts a DAG for an object: S3's event in, one POST to Airflow out.

It has no layer and no state, and nothing is safe to repeat: the pipeline's benchmark compares us
with it. It runs as a Lambda function of its own, from this one file.
"""

from __future__ import annotations

import json
import os
import urllib.request
from functools import cache
from typing import Any
from urllib.parse import unquote_plus

_TIMEOUT_S = 20


def lambda_handler(event: dict[str, Any], context: object) -> None:
    """Start the DAG for each object."""
    for record in event.get("Records", []):
        key = unquote_plus(record["s3"]["object"]["key"])
        body = {"logical_date": None, "conf": {"key": key}}
        _post(f"/api/v2/dags/{os.environ['DAG_ID']}/dagRuns", body, _log_in())


@cache
def _log_in() -> str:
    login = {"username": os.environ["USERNAME"], "password": os.environ["PASSWORD"]}
    return str(_post("/auth/token", login)["access_token"])


def _post(path: str, body: dict[str, Any], token: str = "") -> dict[str, Any]:
    headers = {"Content-Type": "application/json"}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(  # noqa: S310 - our own stack's address
        os.environ["AIRFLOW_URL"] + path, json.dumps(body).encode(), headers
    )
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - the same
        return dict(json.load(answer))
