"""A login under every failure: it answers, logs nothing of it, and gives its turn back."""

import io
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.integration.contract.cells import KINDS
from tests.integration.contract.runner import clear_failures, fail, reset
from tests.integration.deployment import Deployment

FORM: dict[str, str | None] = {
    "Content-Type": "application/x-www-form-urlencoded",
    "Authorization": None,
}


def log_in(deployment: Deployment, **changed: str) -> dict[str, Any]:
    known = deployment.stand_in.credentials
    form = {"username": known["username"], "password": known["password"], **changed}
    body = urlencode(form).encode()
    return deployment.call("log_in", "POST", "/login/", body, FORM, actor=None)


def test_a_login_on_the_table_gives_the_token_and_the_turn_back(deployment: Deployment) -> None:
    reset(deployment, is_on_table=True)

    answers = [log_in(deployment), log_in(deployment, password="wrong"), log_in(deployment)]

    assert [each["statusCode"] for each in answers] == [200, 401, 200]
    assert deployment.token in answers[0]["body"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_login_that_fails_says_nothing_of_what_was_sent(
    deployment: Deployment, log: io.StringIO, kind: str
) -> None:
    reset(deployment, is_on_table=True)
    fail(deployment, {}, "login", kind)

    answer = log_in(deployment)

    password = deployment.stand_in.credentials["password"]
    assert answer["statusCode"] in ({401} if kind == "401" else {502, 504})
    assert password not in answer["body"] + log.getvalue()
    clear_failures(deployment)
    assert log_in(deployment)["statusCode"] == 200


def test_without_the_table_nobody_is_asked(deployment: Deployment) -> None:
    reset(deployment, is_on_table=True)
    fail(deployment, {}, "table", "gone")

    assert log_in(deployment)["statusCode"] == 503
    clear_failures(deployment)
