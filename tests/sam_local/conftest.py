"""The laptop stack, and what containers are given of it, for all tests of this folder."""

import os
from collections.abc import Iterator

import pytest

from local import sam_local
from local.processes import Processes
from local.sam_local import RELAY
from tests.e2e.conftest import dags_folder, laptop
from tests.e2e.laptop import Laptop

__all__ = ["dags_folder", "laptop"]


@pytest.fixture(scope="session")
def pull_options() -> list[str]:
    """Return how sam comes by AWS's image: SKIP_PULL=1 takes the one that is here."""
    return ["--skip-pull-image"] if os.environ.get("SKIP_PULL") else []


@pytest.fixture(scope="session")
def prepared(laptop: Laptop) -> Iterator[Laptop]:
    """Return the stack as `make sam-local` prepares it; without an engine, every test fails."""
    sam_local.find_network()
    sam_local.prepare(laptop.config)
    yield laptop
    Processes(laptop.config.folder).stop(RELAY)
