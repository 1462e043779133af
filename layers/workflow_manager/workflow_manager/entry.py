"""What every function is wrapped in: log, metrics, a quick start."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from workflow_manager.observability import log_unexpected, logger, metrics
from workflow_manager.runtime import end_init, is_made_ahead
from workflow_manager.wiring import PORTS, forget, ports_of

Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]


def lambda_entry(use_case: Callable[..., object]) -> Callable[[Handler], Handler]:
    """Make a function the handler of an event; the last act of its module.

    Parameters
    ----------
    use_case
        What it calls. The first of its ports is made ready during the start; the others, too, if
        nobody waits for that.
    """
    return partial(wrap_handler, [PORTS[name] for name in ports_of(use_case)])


def wrap_handler(ports: Iterable[Callable[[], object]], handle: Handler) -> Handler:
    """Return the handler that Lambda calls, after making the first of its ports ready.

    Parameters
    ----------
    ports
        Build what it calls.
    handle
        What it does.
    """
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
