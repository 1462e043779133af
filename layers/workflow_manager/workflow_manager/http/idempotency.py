"""A repeated request has no second effect (`Idempotency-Key`)."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Header, Request

from workflow_manager.domain.errors import (
    ConflictError,
    InvalidInputError,
    MissingPermissionError,
    StoreUnavailableError,
)
from workflow_manager.http.dependencies import Caller, CallerDep
from workflow_manager.wiring import build_idempotency_store

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.idempotency import BasePersistenceLayer

KEPT_FOR_S = 86_400
# https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Chosen by the client, one for each upload: sent again, it begins no second.",
    ),
]


async def get_idempotency_store() -> "Callable[[], BasePersistenceLayer]":
    """Return a builder of the store of past requests, which few requests need."""
    return build_idempotency_store


class Once:
    """Runs an operation once per user and key.

    Parameters
    ----------
    key
        The request's key; None: the operation always runs.
    context
        Lambda's; if a function dies, its key is free again at the end of its time.
    """

    def __init__(
        self, caller: Caller, key: str | None, build_store: "Callable[[], Any]", context: Any
    ) -> None:
        self._scope = (caller.cause.actor, key)
        self._build_store = build_store
        self._context = context

    def __call__(self, operation: Callable[[], str], body: dict[str, Any]) -> str:
        """Return the id that the operation returns now, or returned the first time.

        Parameters
        ----------
        operation
            Its id is stored for a day.
        body
            The body that belongs to the key; only its hash is stored.

        Raises
        ------
        InvalidInputError
            The key was used with another body.
        ConflictError
            The first request is still running.
        StoreUnavailableError
            Nobody knows whether there was an earlier request.
        MissingPermissionError
            The same, because the deployment lacks a permission.
        """
        if self._scope[1] is None:
            return operation()
        # Imported only where it is used: it adds 52 ms to the start of a function.
        from aws_lambda_powertools.utilities.idempotency import (
            IdempotencyConfig,
            exceptions,
            idempotent_function,
        )

        config = IdempotencyConfig(
            event_key_jmespath="scope",
            payload_validation_jmespath="body",
            expires_after_seconds=KEPT_FOR_S,
            lambda_context=self._context,
        )
        run: Callable[..., Any] = idempotent_function(
            lambda request: operation(),
            data_keyword_argument="request",
            persistence_store=self._build_store(),
            config=config,
            key_prefix="request",
        )
        try:
            return str(run(request={"scope": self._scope, "body": body}))
        except exceptions.IdempotencyValidationError as error:
            raise InvalidInputError("This Idempotency-Key was used for another request.") from error
        except (
            exceptions.IdempotencyAlreadyInProgressError,
            exceptions.IdempotencyInconsistentStateError,
        ) as error:
            raise ConflictError("The first request with this key is still at work.") from error
        except exceptions.IdempotencyPersistenceLayerError as error:
            if isinstance(error.__cause__, MissingPermissionError):
                raise error.__cause__ from None
            raise StoreUnavailableError("The table cannot be reached.") from error


async def get_once(
    request: Request,
    caller: CallerDep,
    build_store: Annotated[Any, Depends(get_idempotency_store)],
    key: IdempotencyKey = None,
) -> Once:
    """Return what runs an operation once."""
    return Once(caller, key, build_store, request.scope.get("aws.context"))


OnceDep = Annotated[Once, Depends(get_once)]
