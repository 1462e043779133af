"""Which attempt at a task a caller wants to be started."""

from typing import Annotated

from fastapi import Query

MAX_ATTEMPT = 1_000_000

ExpectedAttempt = Annotated[
    int | None,
    Query(
        ge=0,
        le=MAX_ATTEMPT,
        description="The task's `attempt` as the caller knows it, 0 before the first: only the "
        "next one is started, so that the call can be sent again however long it has waited. If "
        "that is in progress, the answer is as that of the first call; if the task is at another "
        "attempt, 409 with that `attempt`.",
    ),
]
