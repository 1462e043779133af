"""A router becomes a Lambda handler."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from fastapi import FastAPI
from mangum import Mangum
from mangum.types import LambdaEvent
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from workflow_manager.entry import Handler, lambda_entry
from workflow_manager.http.problems import add_problem_handlers
from workflow_manager.http.routing import PROBLEM_JSON, ScanHubRouter, strip_base_path
from workflow_manager.observability import begin_trace
from workflow_manager.settings import get_settings
from workflow_manager.wiring import PortName


def create_app(router: ScanHubRouter) -> FastAPI:
    """Make the app of one function.

    Parameters
    ----------
    router
        Its route.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.include_router(router)
    add_problem_handlers(app)
    app.add_middleware(_allow_web_origins)
    return app


def _allow_web_origins(app: ASGIApp) -> CORSMiddleware:
    # Called with the first request, not at import: the origins are a setting.
    return CORSMiddleware(
        app,
        allow_origins=get_settings().web_origins,
        allow_credentials=True,
        expose_headers=["ETag"],
    )


def _find_header(event: LambdaEvent, name: str) -> str | None:
    # API Gateway hands names on as the client spelt them.
    headers = event.get("headers") or {}
    return next((value for key, value in headers.items() if key.lower() == name), None)


def create_handler(app: FastAPI, *ports: PortName) -> Handler:
    """Make the handler that Lambda calls.

    Parameters
    ----------
    app
        The function's app.
    *ports
        What it calls, in this order.
    """
    # No lifespan: the app has none, and asking costs 70 us a request.
    mangum = Mangum(
        app, lifespan="off", text_mime_types=["text/", "application/json", PROBLEM_JSON]
    )

    @lambda_entry(*ports)
    def lambda_handler(event: LambdaEvent, context: LambdaContext) -> dict[str, Any]:
        # Mangum's own base path option knows one prefix; ours depends on how we are reached.
        trace = begin_trace(_find_header(event, "traceparent"))
        path = strip_base_path(event["path"])
        below = {**event, "path": path, "traceparent": trace.traceparent}
        answer: dict[str, Any] = mangum(below, context)  # type: ignore[arg-type]
        return answer

    return lambda_handler
