"""API Gateway's TOKEN authorizer: its event and its answer."""

from typing import Any

from workflow_manager.domain.exam import User


def read_token(event: dict[str, Any]) -> tuple[str, str]:
    """Return the ``Authorization`` header and the ARN of the method that is called.

    Parameters
    ----------
    event
        https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html
    """
    return str(event.get("authorizationToken", "")), str(event["methodArn"])


def make_policy(user: User | None, method_arn: str) -> dict[str, Any]:
    """Return API Gateway's policy for a user, or a refusal if nobody knows the token.

    Parameters
    ----------
    method_arn
        The method that is called. API Gateway caches the answer per token, so it holds for the
        whole stage.
    """
    stage_arn = "/".join(method_arn.split("/")[:2])
    statement = {
        "Action": "execute-api:Invoke",
        "Effect": "Allow" if user else "Deny",
        "Resource": f"{stage_arn}/*",
    }
    return {
        "principalId": user.username if user else "anonymous",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"role": user.role} if user else {},
    }
