"""Checks of Airflow: an environment of Amazon MWAA, one by its URL, or none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import httpx
from botocore.exceptions import ClientError
from pydantic import ValidationError

from scanhub_workflow.doctor.checks import Check, failed, ok, skipped, warning
from tools.aws import DENIED, Aws, explain, get_code
from tools.http_probe import Answer, get
from tools.http_probe import explain as explain_silence
from workflow_manager.orchestrators.airflow_api import AIRFLOW_APIS, HealthDocument
from workflow_manager.settings import AirflowApiVersion

AIRFLOW = "Airflow"
# By AirflowApiVersion: the first number of Airflow's own version.
MAJORS = {"v2": "3", "v1": "2"}
_UNHEALTHY = "Start its scheduler and database; until then, every run waits."


def check_airflow(
    aws: Aws, values: Mapping[str, str], transport: httpx.BaseTransport | None = None
) -> Iterator[Check]:
    """Tell whether the Airflow of the template's parameters is there, in the version they name."""
    version = cast(AirflowApiVersion, values.get("AirflowApiVersion", "v2"))
    if name := values.get("MwaaEnvironmentName"):
        yield _check_mwaa(aws, name, version)
    elif url := values.get("AirflowUrl"):
        yield _check_url(url, version, is_in_vpc=bool(values.get("SubnetIds")), transport=transport)
    elif values.get("DeletionProtection") == "true":
        advice = "Give AirflowUrl or MwaaEnvironmentName where there are patients."
        yield warning(AIRFLOW, "There is none: every run is simulated.", advice)
    else:
        yield ok(AIRFLOW, "There is none: every run is simulated, which is not for patients.")


def _check_mwaa(aws: Aws, name: str, version: AirflowApiVersion) -> Check:
    client = aws.connect("mwaa")
    try:
        environment = client.get_environment(Name=name)["Environment"]
    except ClientError as error:
        if get_code(error) != "ResourceNotFoundException":
            raise
        advice = "Correct MwaaEnvironmentName, or the region: aws mwaa list-environments"
        return failed(AIRFLOW, f"{aws.region} has no MWAA environment {name}.", advice)
    status, theirs = environment["Status"], environment.get("AirflowVersion", "")
    if status != "AVAILABLE":
        advice = "Wait until it is AVAILABLE; after a failure, mend it in the console of MWAA."
        return failed(AIRFLOW, f"{name} is {status}.", advice)
    if theirs.partition(".")[0] != MAJORS[version]:
        advice = f"Set AirflowApiVersion={'v1' if version == 'v2' else 'v2'}."
        return failed(
            AIRFLOW, f"{name} has Airflow {theirs}, AirflowApiVersion is {version}.", advice
        )
    return _ask_mwaa(client, name, version, f"{name}, Airflow {theirs},")


def _ask_mwaa(client: Any, name: str, version: AirflowApiVersion, subject: str) -> Check:
    try:
        answer = client.invoke_rest_api(
            Name=name, Method="GET", Path=AIRFLOW_APIS[version].health_path
        )
    except ClientError as error:
        code = get_code(error)
        if code in DENIED:
            detail = f"{subject} is there; its web server could not be checked: {explain(error)}."
            return skipped(AIRFLOW, detail)
        if code not in {"RestApiClientException", "RestApiServerException"}:
            raise
        status = error.response.get("RestApiStatusCode", "no status")
        advice = "Look at its web server's log in the console of MWAA."
        return failed(AIRFLOW, f"{subject} answers with {status}.", advice)
    return _judge_health(answer.get("RestApiResponse"), subject)


def _judge_health(document: Any, subject: str) -> Check:
    try:
        health = HealthDocument.model_validate(document)
    except ValidationError:
        advice = "Correct AirflowUrl: scheme, host and port, without /api."
        return failed(AIRFLOW, f"{subject} does not tell of its health.", advice)
    if not health.is_healthy:
        detail = (
            f"{subject} is not healthy: scheduler {health.scheduler.status}, "
            f"database {health.metadatabase.status}."
        )
        return failed(AIRFLOW, detail, _UNHEALTHY)
    return ok(AIRFLOW, f"{subject} is healthy.")


def _check_url(
    url: str,
    version: AirflowApiVersion,
    *,
    is_in_vpc: bool,
    transport: httpx.BaseTransport | None,
) -> Check:
    try:
        answer = _ask_url(url, version, transport)
        if answer.status == httpx.codes.NOT_FOUND:
            other: AirflowApiVersion = "v1" if version == "v2" else "v2"
            if _ask_url(url, other, transport).status == httpx.codes.OK:
                detail = f"It has the API {other}, AirflowApiVersion is {version}."
                return failed(AIRFLOW, detail, f"Set AirflowApiVersion={other}.")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        if is_in_vpc:
            detail = f"Could not be checked from outside the VPC: {explain_silence(error)}."
            return skipped(AIRFLOW, detail)
        return failed(
            AIRFLOW, f"{explain_silence(error)}.", "Correct AirflowUrl, or start Airflow."
        )
    if answer.status != httpx.codes.OK:
        advice = "Correct AirflowUrl (without /api), or let it be asked for its health."
        return failed(AIRFLOW, f"It answers with HTTP {answer.status}.", advice)
    return _judge_health(answer.read_json(), f"Airflow {MAJORS[version]}")


def _ask_url(url: str, version: AirflowApiVersion, transport: httpx.BaseTransport | None) -> Answer:
    return get(f"{url}/api/{version}{AIRFLOW_APIS[version].health_path}", transport)
