"""What every function is wrapped in: log, metrics, a quick start."""

from collections.abc import Callable
from functools import partial
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from workflow_manager.observability import log_unexpected, logger, metrics
from workflow_manager.runtime import end_init, is_made_ahead
from workflow_manager.wiring import PortName, forget, make_ready

Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]


def lambda_entry(*ports: PortName) -> Callable[[Handler], Handler]:
    """Make a function the handler that Lambda calls; the last act of its module.

    Parameters
    ----------
    *ports
        What it calls, in this order. The first is made ready during the start; the others, too, if
        nobody waits for that.
    """

    def decorate(handle: Handler) -> Handler:
        with_metrics = metrics.log_metrics(handle)
        handler: Handler = logger.inject_lambda_context(clear_state=True)(with_metrics)
        end_init(partial(_try_to_make_ready, ports if is_made_ahead() else ports[:1]), forget)
        return handler

    return decorate


def _try_to_make_ready(ports: tuple[PortName, ...]) -> None:
    try:
        make_ready(*ports)
    except Exception as error:  # noqa: BLE001 - whoever needs it is told, with a problem's answer
        log_unexpected(error)
