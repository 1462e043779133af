"""Builds one stand-in: its state, and the application that serves it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.types import ASGIApp

from local.scanhub import (
    control,
    exam_manager,
    registries,
    scanner_api,
    user_login_manager,
)
from local.scanhub.accounts import Account, Accounts
from local.scanhub.dependencies import StandIn
from local.scanhub.faults import FaultBoard
from local.scanhub.middleware import FaultyWire
from local.scanhub.models import Role
from local.scanhub.recorder import Recorder
from local.scanhub.scanner import Acquire, ScannerSettings, SimulatedScanner, acquire_phantom
from local.scanhub.seed import (
    OPERATOR_PASSWORD,
    OPERATOR_USERNAME,
    SERVICE_PASSWORD,
    SERVICE_USERNAME,
    seed_store,
)
from local.scanhub.store import Store
from local.scanhub.validation import answer_validation_error


@dataclass(frozen=True)
class Settings:
    """The settings of a stand-in.

    Attributes
    ----------
    address
        ``host:port`` of the stand-in, which is also the seeded device's.
    workflow_manager_url
        Where the scanner uploads; empty until the control API sets it.
    scan_duration_s
        How long a scan takes [s].
    acquire, transport
        Tests replace the phantom and the network by these.
    """

    address: str
    workflow_manager_url: str = ""
    username: str = OPERATOR_USERNAME
    password: str = OPERATOR_PASSWORD
    service_password: str = SERVICE_PASSWORD
    scan_duration_s: float = 3.0
    acquire: Acquire = acquire_phantom
    transport: httpx.BaseTransport | None = None


def make_stand_in(settings: Settings) -> StandIn:
    """Return the seeded state of a new stand-in."""
    store, faults = Store(), FaultBoard()
    accounts = Accounts(
        Account(settings.username, settings.password, "Olivia", "Operator", Role.MEDICAL),
        Account(SERVICE_USERNAME, settings.service_password, "Workflow", "Manager", Role.ENGINEER),
    )
    scanner = SimulatedScanner(
        ScannerSettings(
            settings.workflow_manager_url,
            settings.scan_duration_s,
            settings.acquire,
            settings.transport,
        ),
        store,
        faults,
        is_token_valid=lambda token: accounts.check_token(token) is not None,
    )
    return StandIn(
        store=store,
        accounts=accounts,
        scanner=scanner,
        faults=faults,
        recorder=Recorder(),
        seed=seed_store(store, device_address=settings.address),
        credentials={
            "username": settings.username,
            "password": settings.password,
            "service_username": SERVICE_USERNAME,
            "service_password": settings.service_password,
        },
        scanner_address=settings.address,
    )


def make_app(stand_in: StandIn) -> ASGIApp:
    """Return the application: all services behind the wire that can fail."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        stand_in.scanner.stop()

    # Generation A's framework read JSON whatever the Content-Type said; clients rely on it.
    app = FastAPI(title="ScanHub stand-in", lifespan=lifespan, strict_content_type=False)
    app.state.stand_in = stand_in
    app.add_exception_handler(RequestValidationError, answer_validation_error)
    for router in (
        control.router,
        user_login_manager.router,
        exam_manager.router,
        registries.patients,
        registries.sequences,
        registries.devices,
        scanner_api.router,
    ):
        app.include_router(router)
    return FaultyWire(app, faults=stand_in.faults, recorder=stand_in.recorder)
