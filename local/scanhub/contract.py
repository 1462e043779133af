"""What differs between two generations of ScanHub, and is chosen when the stand-in starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from local.scanhub.scanner import SimulatedScanner
from local.scanhub.seed import Seed
from local.scanhub.store import Key, Schema, Store
from local.scanhub.volume import Volume


@dataclass(frozen=True, kw_only=True)
class Contract:
    """One generation.

    Attributes
    ----------
    task, device
        The tables of tasks and devices.
    device_key
        The id of the device that is called by a text.
    away
        What device-manager says of a device without a socket.
    make_devices
        Of a store, of what tells whether a token is valid, and of the data volume.
    refuse_body
        What answers a request that does not fit its model; None: the framework itself.
    """

    schema: Schema
    task: type[BaseModel]
    device: type[BaseModel]
    device_id: str
    device_key: Callable[[str], Key]
    away: tuple[str, ...]
    make_devices: Callable[[Store, Callable[[str], bool], Volume], Any]
    make_device: Callable[[dict[str, str]], Any]
    scanner: type[SimulatedScanner]
    seed_store: Callable[[Store], Seed]
    seed_workflow: Callable[..., Seed]
    routers: tuple[APIRouter, ...]
    refuse_body: Callable[..., Any] | None = None
