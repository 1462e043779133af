"""What a DAG's callback is, beside its body."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request

from workflow_manager.domain.entity import Cause
from workflow_manager.domain.timestamps import parse_time
from workflow_manager.http.dependencies import CallbackToken, CauseDep, ServicePortsDep
from workflow_manager.ports import Ports
from workflow_manager.services.measure_callback_lag import measure_callback_lag
from workflow_manager.services.receive_results import Callback, receive_results

# A header, not a part of the body: an older deployment ignores it, and a callback that is repeated
# may name another time and is the same outcome still.
ENDED_AT_HEADER = "ScanHub-Ended-At"


@dataclass(frozen=True)
class DagReport:
    """A callback that waits to be recorded.

    Parameters
    ----------
    ports
        The outside world, on behalf of the service account.
    token
        The run's callback token.
    cause
        Who and when.
    ended_at
        When the DAG had ended, by its own clock; None if it does not say.
    """

    ports: Ports
    token: str = field(repr=False)
    cause: Cause
    ended_at: datetime | None

    def record(self, callback: Callback, task_id: str | None = None) -> None:
        """Record what the DAG says, and how late we hear it.

        Parameters
        ----------
        callback
            What the DAG sent.
        task_id
            The task that the path names, if it names one.
        """
        run = receive_results(self.ports, self.token, callback, self.cause, task_id)
        measure_callback_lag(self.ports, run, self.ended_at, self.cause)


async def get_dag_report(
    request: Request, token: CallbackToken, ports: ServicePortsDep, cause: CauseDep
) -> DagReport:
    """Return the callback of a request."""
    return DagReport(ports, token, cause, parse_time(request.headers.get(ENDED_AT_HEADER)))


DagReportDep = Annotated[DagReport, Depends(get_dag_report)]
