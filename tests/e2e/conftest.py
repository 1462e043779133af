"""One laptop stack for all end-to-end tests, and one walk through it that several look at."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser

from local.config import ROOT, StackConfig
from local.phantom import simulate_kspace
from local.stack import Stack, down, is_up, reset, up
from local.state import read_stack
from tests.chromium import open_chromium
from tests.e2e.laptop import Json, Laptop
from tests.e2e.watched import Watched, watch
from tests.own_dags import copy_own_dags
from tests.permissions.recorder import FOLDER_VARIABLE

INJECTED = ROOT / "tests" / "permissions" / "injected"

SCAN_DURATION_S = 0.9
# Whatever takes a service away comes late, and what looks at all traces comes after everything.
LATE_MODULES = ("test_airflow_outage", "test_chaos", "test_data_protection")
MEASUREMENTS = pytest.StashKey[dict[str, float | str]]()


@dataclass(frozen=True)
class Walk:
    """One scan from the operator's call to the result.

    Parameters
    ----------
    scan_task_id, reconstruction_task_id
        Its two tasks.
    workflow
        The completed workflow, as the API shows it.
    run
        Its run, as the API shows it.
    """

    workflow_id: str
    scan_task_id: str
    reconstruction_task_id: str
    workflow: Json
    run: Json


def walk_through(laptop: Laptop) -> Walk:
    """Process a fresh workflow and return it once it is completed."""
    ids = laptop.make_workflow()
    laptop.process(ids["workflow_id"]).raise_for_status()
    workflow = laptop.wait_for_workflow(ids["workflow_id"], "completed")
    (run_id,) = [task["dag_run_id"] for task in workflow["tasks"] if task["dag_run_id"]]
    run = laptop.wait_for_run(run_id, "SUCCEEDED")
    scan_task_id, reconstruction_task_id = ids["task_ids"]
    return Walk(ids["workflow_id"], scan_task_id, reconstruction_task_id, workflow, run)


@pytest.fixture(scope="session")
def dags_folder() -> Path:
    """Return a folder with the project's DAGs and those of the tests."""
    # Always the same: a stack that is up goes on looking there.
    folder = ROOT / ".local-test-dags"
    shutil.rmtree(folder, ignore_errors=True)
    copy_own_dags(folder)
    shutil.copytree(Path(__file__).with_name("dags"), folder, dirs_exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def own_dags_folder() -> Path:
    """Return an empty folder for DAGs of a user's own."""
    folder = ROOT / ".local-test-own-dags"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def laptop(dags_folder: Path, own_dags_folder: Path) -> Iterator[Laptop]:
    """Return a stack with the DAGs of the tests; one that is up is left as it was found."""
    config = StackConfig.from_environ()
    found = read_stack(config) if is_up(config) else None
    is_ready = found is not None and str(dags_folder) in found.dags_folders.split(os.pathsep)
    users = find_users(config, found) if found and not is_ready else None
    if users:
        # It rests until the tests are over.
        down(users)
    # A stack of the tests' own begins with nothing, and leaves the user's data alone.
    own = {} if is_ready else {"data_name": "test-data"}
    config = replace(
        config,
        dags_folder=dags_folder,
        own_dags_folder=own_dags_folder,
        function_environ=record_calls(),
        **own,
    )
    if not is_ready:
        reset(config)
    try:
        with Laptop.connect(config, up(config)) as connected:
            duration_s = connected.set_scan_duration()
            connected.set_scan_duration(SCAN_DURATION_S)
            yield connected
            connected.set_scan_duration(duration_s)
    finally:
        if not is_ready:
            reset(config)
        if users:
            up(users)


def find_users(config: StackConfig, stack: Stack) -> StackConfig:
    """Return how a user's stack that is up was brought up."""
    own = stack.dags_folders.split(os.pathsep)[1:]
    return replace(
        config,
        own_dags_folder=Path(own[0]) if own else None,
        scanhub_contract=stack.scanhub_contract,
    )


def record_calls() -> dict[str, str]:
    """Return the variables that make functions write down their calls of AWS, if that is wanted."""
    folder = os.environ.get(FOLDER_VARIABLE)
    return {FOLDER_VARIABLE: folder, "PYTHONPATH": str(INJECTED)} if folder else {}


@pytest.fixture(autouse=True)
def _no_faults(laptop: Laptop) -> Iterator[None]:
    laptop.clear_faults()
    yield
    laptop.clear_faults()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return Chromium."""
    with open_chromium() as browser:
        yield browser


@pytest.fixture
def console(browser: Browser, laptop: Laptop) -> Iterator[Watched]:
    """Return an empty page, which in the end must have kept to what holds for every page."""
    with watch(browser, laptop) as watched:
        yield watched


@pytest.fixture(scope="session")
def walk(laptop: Laptop) -> Walk:
    """Return one completed walk, for tests that only look."""
    return walk_through(laptop)


@pytest.fixture(scope="session")
def small_kspace(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a small `.npy` file."""
    path = tmp_path_factory.mktemp("kspace") / "small.npy"
    np.save(path, simulate_kspace(n_coils=2, matrix_size=64, oversampling=1.0))
    return path.read_bytes()


@pytest.fixture(scope="session")
def measurements(request: pytest.FixtureRequest) -> dict[str, float | str]:
    """Return where durations [s], and what is no duration, are noted for the summary."""
    return request.config.stash.setdefault(MEASUREMENTS, {})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put late modules last; the order is otherwise kept."""

    def lateness(item: pytest.Item) -> int:
        return LATE_MODULES.index(item.path.stem) + 1 if item.path.stem in LATE_MODULES else 0

    items.sort(key=lateness)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print what was measured."""
    measured = config.stash.get(MEASUREMENTS, {})
    if measured:
        terminalreporter.section("measured on the laptop stack")
    for name, value in measured.items():
        text = value if isinstance(value, str) else f"{value:.2f} s"
        terminalreporter.write_line(f"{name}: {text}")
