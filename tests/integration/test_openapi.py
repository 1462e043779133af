"""The API keeps what its OpenAPI promises, whatever it is sent."""

import json
from typing import Any

import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import allow_header_conformance, positive_data_acceptance
from starlette.types import ASGIApp, Receive, Scope, Send

from local.openapi import make_document, merge_apps
from tests.fakes.idempotency import MemoryPersistenceLayer
from tests.fakes.lambda_context import FakeLambdaContext
from tests.fakes.world import make_world
from workflow_manager.http.dependencies import get_service_ports, get_user_ports
from workflow_manager.http.idempotency import get_idempotency_store
from workflow_manager.http.problems import add_problem_handlers
from workflow_manager.http.routing import strip_base_path

REQUEST_CONTEXT = {
    "requestId": "r",
    "path": "/api/v1/workflowmanager/",
    "domainName": "api.test",
    "authorizer": {"principalId": "operator", "role": "medical"},
}


class Vouched:
    """Adds what API Gateway adds: the event, with the authorizer's word for the caller."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        below = strip_base_path(scope["path"])
        scope |= {"path": below, "raw_path": below.encode()}
        scope |= {
            "aws.event": {"requestContext": REQUEST_CONTEXT},
            "aws.context": FakeLambdaContext(),
        }
        await self._app(scope, receive, send)


def make_app() -> FastAPI:
    app = merge_apps()
    world = make_world()
    app.dependency_overrides = {
        get_user_ports: lambda: world,
        get_service_ports: lambda: world,
        get_idempotency_store: lambda: MemoryPersistenceLayer,
    }
    add_problem_handlers(app)
    app.add_middleware(Vouched)
    return app


SCHEMA = schemathesis.openapi.from_dict(json.loads(make_document()))
SCHEMA.app = make_app()


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
