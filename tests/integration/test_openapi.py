"""The API keeps what its OpenAPI promises, whatever it is sent."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import allow_header_conformance, positive_data_acceptance

from tests.fakes.app import make_app
from tests.fakes.ports import find_ports
from tests.fakes.world import make_world
from tools.openapi import make_document

SCHEMA = schemathesis.openapi.from_dict(json.loads(make_document()))
SCHEMA.app = make_app()


@pytest.fixture(scope="module", autouse=True)
def world() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        find_ports(patch, make_world())
        yield


@SCHEMA.parametrize()
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_operation_keeps_its_promise(case: Any) -> None:
    # No schema can say that a file name is no path, or that one of two fields is to be given; and a
    # function knows its own method only: for the others of its path, API Gateway answers.
    case.call_and_validate(
        headers={"Authorization": "Bearer a-users-token"},
        excluded_checks=[positive_data_acceptance, allow_header_conformance],
    )
