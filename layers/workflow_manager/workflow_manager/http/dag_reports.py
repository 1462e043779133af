"""What a DAG's callback is, beside its body: whose it is, and when the DAG had ended."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from workflow_manager.domain.errors import AuthenticationError
from workflow_manager.domain.ids import is_token
from workflow_manager.domain.timestamps import parse_time
from workflow_manager.http.dependencies import (
    CauseDep,
    QueueDep,
    StoreDep,
    give_clock,
    give_settings,
)
from workflow_manager.services.receive_results import (
    Callback,
    CalledRun,
    authenticate_callback,
    receive_results,
)
from workflow_manager.steps.runs.measure_callback_lag import measure_callback_lag

# A header, not a part of the body: an older deployment ignores it, and a callback that is repeated
# may name another time and is the same outcome still.
ENDED_AT_HEADER = "ScanHub-Ended-At"
# Records what the DAG says of its run, or of the run of the task that the path names.
Record = Callable[[Callback, str | None], None]
callback_scheme = HTTPBearer(
    scheme_name="callback_token", description="The run's own token, from the DAG's conf."
)


async def get_callback_token(
    credentials: Annotated[HTTPAuthorizationCredentials, Depends(callback_scheme)],
) -> str:
    """Return the token of a callback.

    Raises
    ------
    AuthenticationError
        It cannot be one.
    """
    if not is_token(credentials.credentials):
        raise AuthenticationError("Invalid token.")
    return credentials.credentials


CallbackToken = Annotated[str, Depends(get_callback_token)]


async def check_callback_token(token: CallbackToken, store: StoreDep, cause: CauseDep) -> CalledRun:
    """Return the token's run, and refuse a stranger before a word is said about the body."""
    return authenticate_callback(store, token, cause)


async def get_record(
    request: Request,
    store: StoreDep,
    queue: QueueDep,
    token: CallbackToken,
    cause: CauseDep,
    known: Annotated[CalledRun, Depends(check_callback_token)],
) -> Record:
    """Return what records a callback, and how late we hear it."""
    ended_at = parse_time(request.headers.get(ENDED_AT_HEADER))

    def record(callback: Callback, task_id: str | None) -> None:
        run = receive_results(store, queue, give_settings(), token, callback, cause, task_id, known)
        measure_callback_lag(give_clock(), run, ended_at, cause)

    return record


RecordDep = Annotated[Record, Depends(get_record)]
