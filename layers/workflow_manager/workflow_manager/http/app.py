"""The app and the Lambda handler of a router."""

from collections.abc import Iterator
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from mangum import Mangum
from mangum.types import LambdaEvent
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from workflow_manager.entry import Handler, wrap_handler
from workflow_manager.http.dependencies import CallersPort, Port
from workflow_manager.http.problems import add_problem_handlers, problem
from workflow_manager.http.routing import PROBLEM_JSON, ScanHubRouter, strip_base_path
from workflow_manager.observability import begin_trace, logger
from workflow_manager.settings import get_settings


def create_app(router: ScanHubRouter) -> FastAPI:
    """Make the app of one function."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.include_router(router)
    add_problem_handlers(app)
    app.add_middleware(_allow_web_origins)
    return app


def _allow_web_origins(app: ASGIApp) -> CORSMiddleware:
    # Built with the first request, not at import, because the origins are a setting.
    return CORSMiddleware(
        app,
        allow_origins=get_settings().web_origins,
        allow_credentials=True,
        expose_headers=["ETag"],
    )


def _find_header(event: LambdaEvent, name: str) -> str | None:
    # API Gateway passes header names on as the client spelt them.
    headers = event.get("headers") or {}
    return next((value for key, value in headers.items() if key.lower() == name), None)


def _refuse_unreadable(error: ValueError) -> dict[str, Any]:
    # The event makes no request: its text is not valid, or its body is not base64.
    logger.info("refused", extra={"error": type(error).__name__, "status": 400})
    answer = problem(400, "The request cannot be read.")
    return {
        "statusCode": answer.status_code,
        "headers": dict(answer.headers),
        "multiValueHeaders": {},
        "body": bytes(answer.body).decode(),
        "isBase64Encoded": False,
    }


def list_ports(router: ScanHubRouter) -> list[Port | CallersPort]:
    """Return the ports that routes take, in the order of their parameters."""
    routes = [route for route in router.routes if isinstance(route, APIRoute)]
    calls = (each.call for route in routes for each in _walk(route.dependant))
    return list(dict.fromkeys(call for call in calls if isinstance(call, Port | CallersPort)))


def _walk(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for each in dependant.dependencies:
        yield from _walk(each)


def create_handler(router: ScanHubRouter) -> Handler:
    """Make a function's handler; the client of its first port is built at the start."""
    # No lifespan: the app has none, and asking costs 70 us a request.
    text_types = ["text/", "application/json", PROBLEM_JSON]
    mangum = Mangum(create_app(router), lifespan="off", text_mime_types=text_types)

    def lambda_handler(event: LambdaEvent, context: LambdaContext) -> dict[str, Any]:
        # Mangum's own base path option knows one prefix; ours depends on how we are reached.
        trace = begin_trace(_find_header(event, "traceparent"))
        path = strip_base_path(event["path"])
        below = {**event, "path": path, "traceparent": trace.traceparent}
        try:
            answer: dict[str, Any] = mangum(below, context)  # type: ignore[arg-type]
        except ValueError as error:
            return _refuse_unreadable(error)
        return answer

    return wrap_handler([port.build for port in list_ports(router)], lambda_handler)
