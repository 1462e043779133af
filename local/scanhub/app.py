"""Builds one stand-in: its state, and the application that serves it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.types import ASGIApp

from local.scanhub import (
    control,
    device_api,
    exam_manager,
    gateway,
    registries,
    user_login_manager,
)
from local.scanhub.accounts import Account, Accounts
from local.scanhub.dependencies import AWAY, StandIn
from local.scanhub.device_manager import DeviceManager
from local.scanhub.errors import UnhandledError, answer_unhandled, answer_validation_error
from local.scanhub.faults import FaultBoard
from local.scanhub.middleware import FaultyWire
from local.scanhub.models import Device, Role
from local.scanhub.recorder import Recorder
from local.scanhub.scanner import ScannerSettings, SimulatedScanner
from local.scanhub.seed import (
    DEVICE_ID,
    OPERATOR_PASSWORD,
    OPERATOR_USERNAME,
    SCIENTIST_PASSWORD,
    SCIENTIST_USERNAME,
    SERVICE_PASSWORD,
    SERVICE_USERNAME,
    Seed,
    seed_store,
)
from local.scanhub.store import Store


@dataclass
class Settings(ScannerSettings):
    """The settings of a stand-in; its address is ``host:port``, and that of its devices.

    What it keeps for its next start is in ``file``.
    """

    address: str
    file: Path | None = None
    username: str = OPERATOR_USERNAME
    password: str = OPERATOR_PASSWORD
    service_password: str = SERVICE_PASSWORD


def make_stand_in(settings: Settings) -> StandIn:
    """Return the state of a stand-in: what it has kept, or else the seed."""
    store, faults = Store(settings.file), FaultBoard()
    accounts = Accounts(
        store,
        Account(settings.username, settings.password, "Olivia", "Operator", Role.MEDICAL),
        Account(SCIENTIST_USERNAME, SCIENTIST_PASSWORD, "Sam", "Scientist", Role.SCIENTIST),
        Account(SERVICE_USERNAME, settings.service_password, "Workflow", "Manager", Role.ENGINEER),
    )
    devices = DeviceManager(store, lambda token: accounts.check_token(token) is not None)
    stand_in = StandIn(
        store=store,
        accounts=accounts,
        devices=devices,
        scanner=SimulatedScanner(settings, devices, accounts, faults),
        faults=faults,
        recorder=Recorder(),
        seed=_recall_seed(store),
        credentials={
            **{"username": settings.username, "password": settings.password},
            **{"service_username": SERVICE_USERNAME, "service_password": settings.service_password},
        },
        scanner_address=settings.address,
    )
    # Devices that were there before have the same scanner, which forgot what it was scanning.
    known = {device.id for device in store.select(Device) if device.status not in AWAY}
    for device_id in sorted(known | {DEVICE_ID}):
        stand_in.add_device(device_id)
    return stand_in


def _recall_seed(store: Store) -> Seed:
    if (noted := store.recall("seed")) is None:
        noted = seed_store(store).to_json()
        store.note("seed", noted)
    return Seed.from_json(noted)


def make_app(stand_in: StandIn) -> ASGIApp:
    """Return the application: all services behind the wire that can fail."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
        async with gateway.make_client() as client:
            yield {"gateway": client}
        stand_in.scanner.stop()
        stand_in.store.close()

    # Generation A's framework read JSON whatever the Content-Type said; clients rely on it.
    app = FastAPI(title="ScanHub stand-in", lifespan=lifespan, strict_content_type=False)
    app.state.stand_in = stand_in
    app.add_exception_handler(RequestValidationError, answer_validation_error)
    app.add_exception_handler(UnhandledError, answer_unhandled)
    for router in (
        control.router,
        user_login_manager.router,
        exam_manager.public,
        exam_manager.router,
        registries.public,
        registries.patients,
        registries.sequences,
        device_api.public,
        device_api.router,
        gateway.router,
    ):
        app.include_router(router)
    return FaultyWire(app, faults=stand_in.faults, recorder=stand_in.recorder)
