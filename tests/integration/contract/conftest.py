"""One deployment for all cells, and all that they log."""

import io
import logging
from collections.abc import Iterator

import pytest
from moto import mock_aws

from tests.fakes.airflow import PASSWORD
from tests.integration.conftest import REGION
from tests.integration.deployment import Deployment, deploy
from tests.integration.patient import PATIENT_WORDS
from workflow_manager.observability import logger
from workflow_manager.wiring import PORTS

# What clients send in bodies of this test, and no log may hold.
CLIENT_WORDS = ("Jane", "body-of-the-client", "patient_height", "birth_date", "Gender")


@pytest.fixture(scope="module", autouse=True)
def aws() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        yield


@pytest.fixture(scope="module")
def deployment(aws: None) -> Iterator[Deployment]:
    # State in memory, which the store's own contract test holds to what DynamoDB does: hundreds of
    # cells in moto's DynamoDB take minutes.
    with deploy() as deployment, pytest.MonkeyPatch.context() as patch:
        patch.setitem(PORTS, "store", lambda: deployment.store)
        yield deployment


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that goes to the log: ours, and the root's from INFO on, as Lambda's JSON format has."""
    stream, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logger.registered_formatter)
    level = root.level
    root.setLevel(logging.INFO)
    root.addHandler(handler)
    logger.addHandler(handler)
    yield stream
    logger.removeHandler(handler)
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture(autouse=True)
def confidential_log(
    deployment: Deployment, log: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> Iterator[None]:
    """Fail a test whose functions logged or printed what is nobody's business."""
    yield
    written = log.getvalue() + "".join(capsys.readouterr())
    assert [word for word in forbidden_words(deployment) if word in written] == []


def forbidden_words(deployment: Deployment) -> list[str]:
    known = deployment.stand_in.credentials
    service = deployment.stand_in.accounts.log_in(
        known["service_username"], known["service_password"]
    )
    assert service is not None
    callback_tokens = (run["conf"]["user_token"] for run in deployment.airflow.runs.values())
    secrets = [token.partition(".")[2] for token in callback_tokens]
    accounts = [known["password"], known["service_password"], service.access_token]
    tokens = [deployment.token, *accounts, PASSWORD]
    # A presigned URL is as good as a token.
    return [*tokens, *secrets, *CLIENT_WORDS, *PATIENT_WORDS, "X-Amz-Signature"]
