"""Builds one stand-in: its state, and the application that serves it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.types import ASGIApp

from local.scanhub import (
    DEFAULT_CONTRACT,
    TODAYS_CONTRACT,
    contract_2025_03,
    control,
    gateway,
    user_login_manager,
)
from local.scanhub.accounts import Account, Accounts
from local.scanhub.contract import Contract
from local.scanhub.contract_2026_02 import contract as contract_2026_02
from local.scanhub.dependencies import StandIn
from local.scanhub.errors import UnhandledError, answer_unhandled
from local.scanhub.faults import FaultBoard
from local.scanhub.middleware import FaultyWire
from local.scanhub.models import Role
from local.scanhub.recorder import Recorder
from local.scanhub.scanner import ScannerSettings
from local.scanhub.seed import (
    OPERATOR_PASSWORD,
    OPERATOR_USERNAME,
    SCIENTIST_PASSWORD,
    SCIENTIST_USERNAME,
    SERVICE_PASSWORD,
    SERVICE_USERNAME,
    Seed,
)
from local.scanhub.store import Store
from local.scanhub.volume import Volume

GENERATIONS = {
    DEFAULT_CONTRACT: contract_2025_03.CONTRACT,
    TODAYS_CONTRACT: contract_2026_02.CONTRACT,
}


@dataclass
class Settings(ScannerSettings):
    """The settings of a stand-in; its address is ``host:port``, and that of its devices.

    What it keeps for its next start is in ``file``; ``volume`` is ScanHub's folder of data.
    """

    address: str
    contract: str = DEFAULT_CONTRACT
    file: Path | None = None
    volume: Path | None = None
    username: str = OPERATOR_USERNAME
    password: str = OPERATOR_PASSWORD
    service_password: str = SERVICE_PASSWORD


def make_stand_in(settings: Settings) -> StandIn:
    """Return the state of a stand-in: what it has kept, or else the seed."""
    contract = GENERATIONS[settings.contract]
    store, faults = Store(settings.file, contract.schema), FaultBoard()
    accounts = Accounts(
        store,
        Account(settings.username, settings.password, "Olivia", "Operator", Role.MEDICAL),
        Account(SCIENTIST_USERNAME, SCIENTIST_PASSWORD, "Sam", "Scientist", Role.SCIENTIST),
        Account(SERVICE_USERNAME, settings.service_password, "Workflow", "Manager", Role.ENGINEER),
    )
    volume = Volume(settings.volume)
    devices = contract.make_devices(
        store, lambda token: accounts.check_token(token) is not None, volume
    )
    stand_in = StandIn(
        contract=contract,
        store=store,
        accounts=accounts,
        devices=devices,
        scanner=contract.scanner(settings, devices, accounts, faults),
        faults=faults,
        recorder=Recorder(),
        volume=volume,
        seed=_recall_seed(store, contract),
        credentials={
            **{"username": settings.username, "password": settings.password},
            **{"service_username": SERVICE_USERNAME, "service_password": settings.service_password},
        },
        scanner_address=settings.address,
    )
    # Devices that were there before have the same scanner, which forgot what it was scanning.
    rows: list[Any] = store.select(contract.device)
    own = [row for row in rows if not getattr(row, "token", "")]
    known = {str(row.id) for row in own if row.status not in contract.away}
    for device_id in sorted(known | {contract.device_id}):
        stand_in.add_device(device_id)
    return stand_in


def _recall_seed(store: Store, contract: Contract) -> Seed:
    if (noted := store.recall("seed")) is None:
        noted = contract.seed_store(store).to_json()
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
        stand_in.volume.close()

    # Generation A's framework read JSON whatever the Content-Type said; clients rely on it.
    app = FastAPI(title="ScanHub stand-in", lifespan=lifespan, strict_content_type=False)
    app.state.stand_in = stand_in
    app.add_exception_handler(UnhandledError, answer_unhandled)
    if stand_in.contract.refuse_body:
        app.add_exception_handler(RequestValidationError, stand_in.contract.refuse_body)
    routers = stand_in.contract.routers
    for router in (control.router, user_login_manager.router, *routers, gateway.router):
        app.include_router(router)
    return FaultyWire(app, faults=stand_in.faults, recorder=stand_in.recorder)
