"""The authorizer under every failure: it allows a known user, and fails closed."""

import json

import pytest

from tests.integration.contract.cells import KINDS
from tests.integration.contract.runner import clear_failures, fail, reset
from tests.integration.deployment import Deployment
from workflow_manager.domain.errors import UpstreamError

METHOD_ARN = "arn:aws:execute-api:eu-central-1:123456789012:abc/api/GET/v1/workflowmanager/hello/"


def authorize(deployment: Deployment, authorization: str) -> dict[str, object]:
    event = {"type": "TOKEN", "authorizationToken": authorization, "methodArn": METHOD_ARN}
    return deployment.invoke("authorize_request", event)


def test_authorize_request_allows_the_stage_and_keeps_the_token_to_itself(
    deployment: Deployment,
) -> None:
    reset(deployment)

    answer = authorize(deployment, f"Bearer {deployment.token}")

    assert answer["principalId"] == "operator"
    assert "Allow" in json.dumps(answer)
    assert deployment.token not in json.dumps(answer)


@pytest.mark.parametrize("authorization", ["", "Bearer", "Basic abc", "Bearer bad", "Bearer ü\n"])
def test_authorize_request_denies_what_is_nobodys_token(
    deployment: Deployment, authorization: str
) -> None:
    reset(deployment)

    assert "Deny" in json.dumps(authorize(deployment, authorization))


@pytest.mark.parametrize("kind", KINDS)
def test_authorize_request_never_allows_when_user_login_manager_fails(
    deployment: Deployment, kind: str
) -> None:
    reset(deployment)
    fail(deployment, {}, "current user", kind)

    if kind == "401":
        assert "Deny" in json.dumps(authorize(deployment, f"Bearer {deployment.token}"))
    else:
        # Not a refusal, which API Gateway would keep: it answers for us and asks again.
        with pytest.raises(UpstreamError):
            authorize(deployment, f"Bearer {deployment.token}")
    clear_failures(deployment)
