"""The wrapper of every function: log, metrics and a quick start."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from workflow_manager.observability import log_unexpected, logger, metrics
from workflow_manager.runtime import end_init, is_made_ahead
from workflow_manager.wiring import PORTS, forget, ports_of

Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]


def lambda_entry(use_case: Callable[..., object]) -> Callable[[Handler], Handler]:
    """Make a function the handler of an event; the last thing that its module does.

    Parameters
    ----------
    use_case
        What the handler calls. Its first port is built at the start; the others too if no caller
        waits for the start (SnapStart, provisioned concurrency).
    """
    return partial(wrap_handler, [PORTS[name] for name in ports_of(use_case)])


def wrap_handler(ports: Iterable[Callable[[], object]], handle: Handler) -> Handler:
    """Return the handler that Lambda calls; a start calls the first of `ports`, or all of them."""
    with_metrics = metrics.log_metrics(handle)
    handler: Handler = logger.inject_lambda_context(clear_state=True)(with_metrics)
    builders = list(ports)
    end_init(partial(_try_to_build, builders if is_made_ahead() else builders[:1]), forget)
    return handler


def _try_to_build(builders: Iterable[Callable[[], object]]) -> None:
    try:
        for build in builders:
            build()
    except Exception as error:  # noqa: BLE001 - whoever needs it is told, with a problem's answer
        log_unexpected(error)
