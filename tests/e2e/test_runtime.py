"""Every function as Lambda runs it: the built artefact, the runtime's client, its own environment.

What `sam deploy` was given runs in AWS's Runtime Interface Emulator, with the configuration that
was deployed, on the laptop stack. Python finds the function's folder and the built layer only.
"""

import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, TypeVar

import pytest
from packaging.utils import canonicalize_name

from local.config import HOST
from local.runtime import (
    INIT_TIMEOUT_S,
    RuntimeEmulator,
    RuntimeFunction,
    list_deployed_functions,
)
from local.samples import Hospital, Sample, list_samples
from tests.e2e.laptop import Json, Laptop
from tests.unit.functions.test_events import EVENT_FUNCTIONS, STATUS
from tools.build import SBOM_FOLDER
from tools.layer import LAYER

SAMPLES = list_samples()
LOGICAL_IDS = sorted({sample.logical_id for sample in SAMPLES})
# As docs/compatibility.md says; the unit tests' hospital in memory takes any text for an id.
STATUS_HERE = STATUS | {"trigger_task/malformed_id": 400}
# What comes back of a batch is its second record, or all of it; the other samples are handled.
GIVEN_BACK = {
    "publish_events/unreadable_record": ["111100000000000000002"],
    "follow_changes/poison": ["4c7be3ff-9d5c-4b9e-9a45-7b4f4e0ad6b1"],
    "trigger_airflow/poison": ["059f36b4-87a3-44ab-83d2-661975830a7d"],
}
EFFECTS = {
    "authorize_request/bearer_token": "Allow",
    "authorize_request/not_a_bearer_token": "Deny",
}
N_AT_ONCE = 2
# Port 1 is nobody's; a connection is refused at once.
CLOSED_URL = f"http://{HOST}:1"
HANDLER = "def lambda_handler(event, context):\n    return {}\n"
Result = TypeVar("Result")


@dataclass(frozen=True)
class Functions:
    """The deployed functions, each ready to be run in a folder of its own."""

    by_id: dict[str, RuntimeFunction]
    build: Path
    folder: Path

    def run(
        self, logical_id: str, name: str, task_root: Path | None = None, **changes: Any
    ) -> RuntimeEmulator:
        folder = self.folder / f"{logical_id}-{name}"
        folder.mkdir()
        function = replace(self.by_id[logical_id], **changes)
        task_root = task_root or self.build / logical_id
        return RuntimeEmulator(function, task_root, self.build / LAYER, folder)

    def map(self, work: Callable[[str], Result]) -> dict[str, Result]:
        """Return what `work` returns for each function, two at a time."""
        with ThreadPoolExecutor(N_AT_ONCE) as pool:
            return dict(zip(LOGICAL_IDS, pool.map(work, LOGICAL_IDS), strict=True))


@pytest.fixture(scope="module")
def functions(laptop: Laptop, tmp_path_factory: pytest.TempPathFactory) -> Functions:
    """Return all functions that are deployed."""
    deployed = {each.logical_id: each for each in list_deployed_functions(laptop.config)}
    return Functions(deployed, laptop.config.build_folder, tmp_path_factory.mktemp("runtime"))


@pytest.fixture(scope="module")
def answers(functions: Functions, laptop: Laptop) -> dict[str, Any]:
    """Return what each sample was answered; a function's samples come to the same process."""
    hospital = Hospital(laptop.stack)

    def invoke_all(logical_id: str) -> dict[str, Any]:
        with functions.run(logical_id, "samples") as emulator:
            return {
                str(sample): emulator.invoke(sample.load(hospital.make_names()))
                for sample in SAMPLES
                if sample.logical_id == logical_id
            }

    return {
        key: value for each in functions.map(invoke_all).values() for key, value in each.items()
    }


@dataclass(frozen=True)
class Start:
    """How a function started."""

    is_successful: bool
    duration_s: float
    log: str


@pytest.fixture(scope="module")
def lonely_starts(functions: Functions) -> dict[str, Start]:
    """Return how each function starts where nobody can be reached."""

    def start(logical_id: str) -> Start:
        with functions.run(logical_id, "alone", environ=cut_off(functions, logical_id)) as emulator:
            # Nobody's event: it is refused without a call.
            emulator.invoke({})
            return Start(
                emulator.has_initialized, emulator.read_init_duration_s(), emulator.read_log()
            )

    return functions.map(start)


def cut_off(functions: Functions, logical_id: str) -> dict[str, str]:
    """Return a function's environment with every address in it closed."""
    environ = functions.by_id[logical_id].environ
    return {
        name: CLOSED_URL if value.startswith(("http://", "https://")) else value
        for name, value in environ.items()
    }


@pytest.fixture
def hanging_url() -> Iterator[str]:
    """Return the address of a neighbour that takes a connection and never says a word."""
    with socket.create_server((HOST, 0)) as server:
        yield f"http://{HOST}:{server.getsockname()[1]}"


def test_all_functions_are_deployed_and_have_samples(functions: Functions) -> None:
    assert sorted(functions.by_id) == LOGICAL_IDS


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_function_answers_its_sample(sample: Sample, answers: dict[str, Json]) -> None:
    answer = answers[str(sample)]

    assert "errorMessage" not in answer, answer
    if sample.function not in EVENT_FUNCTIONS:
        assert answer["statusCode"] == STATUS_HERE[str(sample)], answer["body"]
        assert isinstance(answer["body"], str)
    elif sample.function == "authorize_request":
        assert answer["policyDocument"]["Statement"][0]["Effect"] == EFFECTS[str(sample)]
    elif sample.function == "reconcile_runs":
        assert answer["n_reconciled"] >= 0
    else:
        given_back = [item["itemIdentifier"] for item in answer["batchItemFailures"]]
        assert given_back == GIVEN_BACK.get(str(sample), [])


@pytest.mark.parametrize("logical_id", LOGICAL_IDS)
def test_function_starts_where_nobody_can_be_reached(
    logical_id: str, lonely_starts: dict[str, Start]
) -> None:
    start = lonely_starts[logical_id]

    assert start.is_successful, start.log
    assert start.duration_s < INIT_TIMEOUT_S


@pytest.mark.parametrize(
    "first_line, error",
    [
        # Installed beside the tests, but not in the layer.
        ("import pytest", "No module named 'pytest'"),
        (
            "import os, urllib.request as r; r.urlopen(os.environ['AWS_ENDPOINT_URL'])",
            "Connection refused",
        ),
    ],
    ids=["package-that-is-not-in-the-layer", "call-at-import"],
)
def test_function_that_cannot_start_is_found_out(
    first_line: str, error: str, functions: Functions, tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text(f"{first_line}\n{HANDLER}")
    environ = cut_off(functions, "HelloFunction")

    with functions.run("HelloFunction", tmp_path.name, tmp_path, environ=environ) as emulator:
        answer = emulator.invoke({})

        assert not emulator.has_initialized
        assert error in answer["errorMessage"]


def test_function_is_ended_at_its_timeout_when_a_neighbour_hangs(
    functions: Functions, laptop: Laptop, hanging_url: str
) -> None:
    sample = Sample("process_workflow", "success")
    environ = {**functions.by_id[sample.logical_id].environ, "EXAM_MANAGER_URI": hanging_url}
    event = sample.load(Hospital(laptop.stack).make_names())

    with functions.run(sample.logical_id, "hanging", environ=environ, timeout_s=2) as emulator:
        assert emulator.invoke(event) == {"errorMessage": "Task timed out after 2.00 seconds"}
        assert emulator.has_initialized


def test_sbom_names_what_is_in_the_layer(laptop: Laptop) -> None:
    build = laptop.config.build_folder
    sbom = json.loads((build.with_name(SBOM_FOLDER) / "layer.cdx.json").read_text())

    installed = distributions(path=[str(build / LAYER / "python")])
    assert {(each["name"], each["version"]) for each in sbom["components"]} == {
        (canonicalize_name(each.name), each.version) for each in installed
    }
