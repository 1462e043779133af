from tests.unit.functions.conftest import Invoke, load_event


def test_authorize_request_allows_the_whole_stage_to_a_user(invoke: Invoke) -> None:
    policy = invoke("authorize_request", load_event("authorize_request", "bearer_token"))

    [statement] = policy["policyDocument"]["Statement"]
    assert policy["principalId"] == "operator"
    assert policy["context"] == {"role": "medical"}
    assert statement["Effect"] == "Allow"
    assert statement["Resource"] == (
        "arn:aws:execute-api:eu-central-1:123456789012:abc123def4/api/*"
    )


def test_authorize_request_denies_everybody_else(invoke: Invoke) -> None:
    policy = invoke("authorize_request", load_event("authorize_request", "not_a_bearer_token"))

    [statement] = policy["policyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
