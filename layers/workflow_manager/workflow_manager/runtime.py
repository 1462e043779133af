"""A quick start: what to hold back during import, make at its end, and renew after a restore.

All of this happens only on Lambda. Percentages are shares of the start of `get_workflow`, with and
without it, medians of 15 processes that take turns; docs/adr/0015-a-quick-start.md has the rest.
"""

import gc
import os
import random
import warnings
from collections.abc import Callable
from contextlib import suppress

from workflow_manager.precompiled import use_precompiled

_ON_LAMBDA = bool(os.environ.get("AWS_LAMBDA_FUNCTION_NAME"))


def begin_init() -> None:
    """Hold back what the import of a function does not need."""
    if not _ON_LAMBDA:
        return
    # A Python that has other names inside compiles all itself, as without it.
    with suppress(Exception):
        use_precompiled()
    # Imports leave next to no garbage, and looking for it takes 7 %.
    gc.disable()
    if is_made_ahead():
        return
    from pydantic import BaseModel
    from pydantic.warnings import UnsupportedFieldAttributeWarning

    # Pydantic builds a validator when it is first used. Most are never used, above all those of
    # FastAPI's 40 classes of OpenAPI: 16 %. A request builds those that it needs once, in some
    # milliseconds.
    BaseModel.model_config["defer_build"] = True
    # FastAPI silences this warning while it builds models, but now they are built later.
    warnings.simplefilter("ignore", UnsupportedFieldAttributeWarning)


def end_init(make_clients: Callable[[], None], renew: Callable[[], None]) -> None:
    """Make what the first event needs; Lambda may freeze or copy the environment afterwards.

    Parameters
    ----------
    renew
        Forgets clients, tokens and credentials, which are old in a snapshot and shared by its
        copies.
    """
    if not _ON_LAMBDA:
        return
    make_clients()
    # All present objects stay, so no collection needs to look at them again.
    gc.freeze()
    gc.enable()
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        # Part of Lambda's runtime from Python 3.12 on, where SnapStart begins.
        from snapshot_restore_py import register_after_restore

        def restore() -> None:
            # Otherwise all copies of a snapshot would pause between retries for the same times. Our
            # ids come from the operating system's random numbers, which differ anyway.
            random.seed()
            renew()
            make_clients()

        register_after_restore(restore)


def is_made_ahead() -> bool:
    """Whether no caller waits for this start: a snapshot, or provisioned concurrency."""
    return os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand") != "on-demand"
