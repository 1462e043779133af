"""What endpoints share: the stand-in's state, and the check of the bearer token."""

from dataclasses import dataclass
from typing import Annotated, Any, NoReturn, cast
from uuid import UUID

from fastapi import Depends, Header, HTTPException
from starlette.requests import HTTPConnection

from local.scanhub.accounts import Accounts
from local.scanhub.contract import Contract
from local.scanhub.errors import UnhandledError
from local.scanhub.faults import FaultBoard
from local.scanhub.models import User
from local.scanhub.recorder import Recorder
from local.scanhub.scanner import SimulatedScanner
from local.scanhub.seed import Seed
from local.scanhub.store import Store
from local.scanhub.volume import Volume


@dataclass
class StandIn:
    """All parts of one running stand-in; its contract says what devices, tasks and seed are."""

    contract: Contract
    store: Store
    accounts: Accounts
    devices: Any
    scanner: SimulatedScanner
    faults: FaultBoard
    recorder: Recorder
    volume: Volume
    seed: Seed
    credentials: dict[str, str]
    scanner_address: str

    def add_device(self, id: str, **fields: str) -> Any:
        """Keep a device, new or known; it is the scanner's, unless it says that it is away."""
        device = self.contract.make_device({"id": id, "ip_address": self.scanner_address} | fields)
        if device.status in self.contract.away:
            self.devices.forget(str(device.id))
        else:
            self.devices.connect(str(device.id), self.scanner.take)
        return self.store.put(device)

    def find_device(self, id: str) -> Any:
        """Return a device by its id, or by the name that it was added with."""
        return self.store.find(self.contract.device, self.contract.device_key(id))


def get_stand_in(connection: HTTPConnection) -> StandIn:
    """Return the state of the stand-in that serves a request or a socket."""
    return cast(StandIn, connection.app.state.stand_in)


StandInDep = Annotated[StandIn, Depends(get_stand_in)]


def check_user(stand_in: StandInDep, authorization: Annotated[str | None, Header()] = None) -> User:
    """Return the caller, or answer 401 with ScanHub's texts.

    In ScanHub every service asks user-login-manager. Here a fault of user-login-manager does not
    affect the others, so that a switch concerns only the service it names.
    """
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        refuse_user("Not authenticated")
    user = stand_in.accounts.check_token(token.strip())
    if user is None:
        refuse_user("Invalid token.")
    return user


UserDep = Annotated[User, Depends(check_user)]


def require_uuid(text: str) -> UUID:
    """Return a UUID; where a service does not look first, a malformed one crashes it."""
    try:
        return UUID(text)
    except ValueError:
        raise UnhandledError from None


def refuse_user(detail: str) -> NoReturn:
    """Answer 401."""
    raise HTTPException(401, detail, headers={"WWW-Authenticate": "Bearer"})
