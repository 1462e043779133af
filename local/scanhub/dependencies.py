"""What endpoints share: the stand-in's state, and the check of the bearer token."""

from dataclasses import dataclass
from typing import Annotated, NoReturn, cast
from uuid import UUID

from fastapi import Depends, Header, HTTPException, Request

from local.scanhub.accounts import Accounts
from local.scanhub.faults import FaultBoard
from local.scanhub.models import User
from local.scanhub.recorder import Recorder
from local.scanhub.scanner import SimulatedScanner
from local.scanhub.seed import Seed
from local.scanhub.store import Store


@dataclass
class StandIn:
    """All parts of one running stand-in."""

    store: Store
    accounts: Accounts
    scanner: SimulatedScanner
    faults: FaultBoard
    recorder: Recorder
    seed: Seed
    credentials: dict[str, str]
    scanner_address: str


def get_stand_in(request: Request) -> StandIn:
    """Return the state of the stand-in that serves a request."""
    return cast(StandIn, request.app.state.stand_in)


StandInDep = Annotated[StandIn, Depends(get_stand_in)]


def check_user(stand_in: StandInDep, authorization: Annotated[str | None, Header()] = None) -> User:
    """Return the caller, or answer 401 with ScanHub's texts.

    In ScanHub every service asks user-login-manager. Here a fault of user-login-manager does not
    affect the others, so that a switch concerns only the service it names.
    """
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        _refuse("Not authenticated")
    user = stand_in.accounts.check_token(token.strip())
    if user is None:
        _refuse("Invalid token.")
    return user


UserDep = Annotated[User, Depends(check_user)]


def parse_uuid(text: str) -> UUID | None:
    """Return a UUID, or ``None``: each service has its own answer to a malformed id."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _refuse(detail: str) -> NoReturn:
    raise HTTPException(401, detail, headers={"WWW-Authenticate": "Bearer"})
