"""What a function's signature says that it touches."""

import importlib
from types import ModuleType

from workflow_manager.http.app import list_ports
from workflow_manager.http.dependencies import Port
from workflow_manager.wiring import ports_of

# What is called over the network: the clock and the settings are not.
CLIENTS = ("store", "lake", "queue", "bus", "orchestrator", "exam", "scan", "users")


def load_function(function: str) -> ModuleType:
    return importlib.import_module(f"functions.{function}.app")


def list_clients(function: str) -> list[str]:
    """Return whom a function calls, the first one first."""
    module = load_function(function)
    if hasattr(module, "router"):
        names = [port.name for port in list_ports(module.router)]
    else:
        names = ports_of(getattr(module, function))
    return [name for name in names if name in CLIENTS]


def is_service_account(function: str) -> bool:
    """Tell whether a function calls exam-manager in its own name."""
    module = load_function(function)
    if hasattr(module, "router"):
        return Port("exam") in list_ports(module.router)
    return "exam" in ports_of(getattr(module, function))
