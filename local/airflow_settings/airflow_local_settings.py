"""Airflow imports this file at its start (its folder is on the path of the laptop's Airflow only).

The scheduler forks the processes that run tasks, so they need not import again what it has
imported.
"""

import asyncio
import importlib
import os
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

HEAVY_PACKAGES = (
    *("boto3", "h5py", "httpx", "ismrmrd", "numpy", "PIL.Image", "pydicom"),
    *("scipy.fft", "scipy.ndimage", "scipy.special"),
)

if os.environ.get("SCANHUB_PRELOAD"):
    for package in HEAVY_PACKAGES:
        importlib.import_module(package)


def skip_audit_log(session: Session, *_: Any) -> None:
    """Write nothing from the API server's event loop; only its audit log of requests would.

    SQLite has one writer. A request that waits for it on the event loop keeps the writer, another
    request, from its commit: both wait for five seconds, and one ends as a 500.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    for record in list(session.new):
        if type(record).__name__ == "Log":
            session.expunge(record)


event.listen(Session, "before_flush", skip_audit_log)
