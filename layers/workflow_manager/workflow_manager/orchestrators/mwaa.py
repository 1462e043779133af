"""The `Orchestrator` on Amazon MWAA, by its `InvokeRestApi`."""

import logging
import os
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from workflow_manager.aws import build_aws_client
from workflow_manager.deadline import limit
from workflow_manager.domain.errors import (
    MissingPermissionError,
    UpstreamError,
    UpstreamRefusedError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from workflow_manager.orchestrators.airflow import TRANSIENT_STATUSES, AirflowOrchestrator
from workflow_manager.orchestrators.answers import DETAIL, Answer
from workflow_manager.orchestrators.pace import Pace
from workflow_manager.settings import AirflowApiVersion

logger = logging.getLogger(__name__)

# MWAA itself gives Airflow 10 s; whoever gives up earlier does not learn of a failure's kind.
READ_TIMEOUT_S = 12
# For both tries together.
TOTAL_S = 15
RETRY_PAUSE_S = 0.3

_FROM_AIRFLOW = {"RestApiClientException", "RestApiServerException"}
_FROM_MWAA_AND_TRANSIENT = TRANSIENT_STATUSES | {429, 500}
_EMULATED = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_MWAA")


def build_mwaa_client() -> Any:
    """Return a client that waits as long as MWAA does, and repeats nothing by itself."""
    config = Config(
        connect_timeout=2,
        read_timeout=READ_TIMEOUT_S,
        # A trigger is a POST, which botocore would repeat as readily as a GET.
        retries={"mode": "standard", "total_max_attempts": 1},
        # In AWS the host is env.airflow...; an emulator has one name for everything.
        inject_host_prefix=not any(os.environ.get(name) for name in _EMULATED),
    )
    return build_aws_client("mwaa", config, TOTAL_S)


class MwaaOrchestrator(AirflowOrchestrator):
    """Airflow in an environment of Amazon MWAA.

    Parameters
    ----------
    client
        From `build_mwaa_client`.
    environment_name
        The environment.
    api_version
        ``v2`` for Airflow 3, ``v1`` for Airflow 2; MWAA itself chooses by the environment.
    pace
        Holds requests back.
    """

    max_path_length = 64

    def __init__(
        self,
        client: Any,
        environment_name: str,
        api_version: AirflowApiVersion = "v2",
        pace: Pace | None = None,
    ) -> None:
        super().__init__(api_version, pace)
        self._client = client
        self._environment_name = environment_name

    def _exchange(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Answer:
        request: dict[str, Any] = {"Method": method, "Path": path}
        if params is not None:
            request["QueryParameters"] = dict(params)
        if body is not None:
            request["Body"] = dict(body)
        with limit(TOTAL_S):
            if method == "GET" and (answer := self._try(request)):
                return answer
            return self._invoke(request)

    def _try(self, request: dict[str, Any]) -> Answer | None:
        """Return the answer, or None after a pause if another try may have a better one."""
        try:
            answer = self._invoke(request)
            if answer.status not in TRANSIENT_STATUSES:
                return answer
        except (UpstreamTimeoutError, MissingPermissionError):
            raise
        except UpstreamRefusedError as error:
            if error.status not in _FROM_MWAA_AND_TRANSIENT:
                raise
        except UpstreamError:
            # No connection, or a dropped one; the second try tells.
            pass
        time.sleep(RETRY_PAUSE_S)
        return None

    def _invoke(self, request: dict[str, Any]) -> Answer:
        try:
            return _read(self._client.invoke_rest_api(Name=self._environment_name, **request))
        except ClientError as error:
            if error.response["Error"]["Code"] in _FROM_AIRFLOW:
                return _read(error.response)
            raise _translate_refusal(error) from None
        except (ConnectTimeoutError, EndpointConnectionError) as error:
            raise UpstreamUnreachableError(DETAIL) from error
        except ReadTimeoutError as error:
            raise UpstreamTimeoutError(DETAIL) from error
        except BotoCoreError as error:
            raise UpstreamError(DETAIL) from error


def _read(response: Mapping[str, Any]) -> Answer:
    # An error of MWAA's own making carries no status of Airflow.
    status = response.get("RestApiStatusCode") or HTTPStatus.BAD_GATEWAY
    return Answer(int(status), response.get("RestApiResponse"))


def _translate_refusal(error: ClientError) -> UpstreamRefusedError:
    """Return what MWAA itself refuses: its 404 is a missing environment, not a missing DAG."""
    status = int(error.response["ResponseMetadata"]["HTTPStatusCode"])
    logger.error("Amazon MWAA refuses: %s, status %d", error.response["Error"]["Code"], status)
    return UpstreamRefusedError(DETAIL, status)
