"""What a DAG's callback is, beside its body."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request

from workflow_manager.domain.timestamps import parse_time
from workflow_manager.http.dependencies import (
    CallbackToken,
    CauseDep,
    ClockDep,
    QueueDep,
    ServiceExamDep,
    SettingsDep,
    StoreDep,
)
from workflow_manager.services.receive_results import Callback, receive_results
from workflow_manager.steps.runs.measure_callback_lag import measure_callback_lag

# A header, not a part of the body: an older deployment ignores it, and a callback that is repeated
# may name another time and is the same outcome still.
ENDED_AT_HEADER = "ScanHub-Ended-At"
# Records what the DAG says of its run, or of the run of the task that the path names.
Record = Callable[[Callback, str | None], None]


async def get_record(
    request: Request,
    store: StoreDep,
    queue: QueueDep,
    exam: ServiceExamDep,
    clock: ClockDep,
    settings: SettingsDep,
    token: CallbackToken,
    cause: CauseDep,
) -> Record:
    """Return what records a callback, and how late we hear it."""
    ended_at = parse_time(request.headers.get(ENDED_AT_HEADER))

    def record(callback: Callback, task_id: str | None) -> None:
        run = receive_results(store, queue, exam, settings, token, callback, cause, task_id)
        measure_callback_lag(clock, run, ended_at, cause)

    return record


RecordDep = Annotated[Record, Depends(get_record)]
