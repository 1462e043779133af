"""All functions as one app over memory, in process."""

import httpx
from anyio.from_thread import BlockingPortal
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.fakes.idempotency import MemoryPersistenceLayer
from tests.fakes.lambda_context import FakeLambdaContext
from tools.openapi import merge_apps
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
        if scope["type"] == "http":
            below = strip_base_path(scope["path"])
            event = {"requestContext": REQUEST_CONTEXT}
            scope.update({"path": below, "raw_path": below.encode()})
            scope.update({"aws.event": event, "aws.context": FakeLambdaContext()})
        await self._app(scope, receive, send)


def make_app() -> FastAPI:
    """Return the app; whose ports it finds, says `find_ports`."""
    app = merge_apps()
    app.dependency_overrides = {get_idempotency_store: lambda: MemoryPersistenceLayer}
    add_problem_handlers(app)
    app.add_middleware(Vouched)
    return app


class InProcess(httpx.BaseTransport):
    """Answers by an app, in an event loop of another thread: the client has none."""

    def __init__(self, app: ASGIApp, portal: BlockingPortal) -> None:
        self._app = app
        self._portal = portal

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._portal.call(self._ask, request)

    async def _ask(self, request: httpx.Request) -> httpx.Response:
        transport = httpx.ASGITransport(self._app)
        body = request.read()
        copy = httpx.Request(request.method, request.url, headers=request.headers, content=body)
        async with httpx.AsyncClient(transport=transport) as client:
            answer = await client.send(copy)
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)
