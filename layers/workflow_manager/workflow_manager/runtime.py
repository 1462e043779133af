"""A quick start: what is held while a function is imported, made at its end, renewed by a restore.

Everything here only happens on Lambda. Figures are shares of a start of `get_workflow`, with and
without, medians of 15 processes taking turns; docs/adr/0015-a-quick-start.md has the rest.
"""

import gc
import os
import random
import warnings
from collections.abc import Callable

_ON_LAMBDA = bool(os.environ.get("AWS_LAMBDA_FUNCTION_NAME"))


def begin_init() -> None:
    """Hold back what the import of a function does not need."""
    if not _ON_LAMBDA:
        return
    # Next to nothing that is imported is garbage: looking for it takes 7 %.
    gc.disable()
    if is_made_ahead():
        return
    from pydantic import BaseModel
    from pydantic.warnings import UnsupportedFieldAttributeWarning

    # Validators are built when first used. Most never are, FastAPI's 40 classes of OpenAPI above
    # all: 16 %. What a request needs, it builds in some milliseconds, once.
    BaseModel.model_config["defer_build"] = True
    # FastAPI ignores it while it builds; now it is built later.
    warnings.simplefilter("ignore", UnsupportedFieldAttributeWarning)


def end_init(make_clients: Callable[[], None], renew: Callable[[], None]) -> None:
    """Make ready what the first event needs; the environment may be frozen or copied after it.

    Parameters
    ----------
    make_clients
        Makes what the first event calls.
    renew
        Forgets clients, tokens and credentials: those of a snapshot are old, and not its alone.
    """
    if not _ON_LAMBDA:
        return
    make_clients()
    # What is there now stays: no collection needs to look at it again.
    gc.freeze()
    gc.enable()
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        # Part of Lambda's runtime from Python 3.12 on, where SnapStart begins.
        from snapshot_restore_py import register_after_restore

        def restore() -> None:
            # All copies of a snapshot would pause between retries alike. Our ids are the
            # operating system's random numbers, which differ anyway.
            random.seed()
            renew()
            make_clients()

        register_after_restore(restore)


def is_made_ahead() -> bool:
    """Whether nobody waits for this start: a snapshot, or concurrency that is paid for."""
    return os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand") != "on-demand"
