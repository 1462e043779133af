"""A start: what is imported and made ready, and what a restored snapshot renews."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.runtime import link_packages
from local.samples import list_samples
from tests.fakes.world import make_world
from tests.signatures import CLIENTS, list_clients
from tests.unit.functions.conftest import ROOT, Invoke, load_event
from tools.precompile import FILE_NAME, precompile
from workflow_manager.wiring import PORTS

RunOnLambda = Callable[..., Any]
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))
CASES = {"create_upload": "for_dag", "trigger_airflow": "upload_arrived"}
EVENT_FUNCTIONS = {
    "authorize_request",
    "follow_changes",
    "publish_events",
    "reconcile_runs",
    "simulate_reconstruction",
    "trigger_airflow",
}
# Modules that a function has imported when its first call is ready, interpreter included: those
# of 26 November 2026 and a tenth. Each is a third of a millisecond.
BUDGETS = {None: 580, "users": 460, "exam": 700, "orchestrator": 800, "store": 800, "bus": 590}
EVENT_BUDGET = 620
NEVER = (
    "aws_lambda_powertools.event_handler",
    "aws_lambda_powertools.utilities.batch",
    "aws_lambda_powertools.utilities.data_classes",
    "aws_lambda_powertools.utilities.idempotency",
    "aws_lambda_powertools.utilities.parser",
    "aws_xray_sdk",
    "numpy",
    "requests",
    "uvicorn",
)
NEVER_FOR_EVENTS = ("fastapi", "mangum", "opentelemetry", "python_multipart", "starlette")


class Recorder:
    """The outside world, which writes down who is called."""

    def __init__(self, ports: Any) -> None:
        self._ports = ports
        self.called: list[str] = []

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._ports, name)
        return RecordedPort(name, value, self.called) if name in CLIENTS else value


class RecordedPort:
    def __init__(self, name: str, port: Any, called: list[str]) -> None:
        self._name, self._port, self._called = name, port, called

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._port, name)
        if callable(value):
            self._called.append(self._name)
        return value


def choose_event(function: str) -> dict[str, Any]:
    samples = [each for each in list_samples() if each.function == function]
    wanted = CASES.get(function, "success")
    return next((each for each in samples if each.case == wanted), samples[0]).load()


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages that the layer has, and that of Lambda's runtime."""
    locked = (ROOT / "layers" / "workflow_manager" / "requirements.txt").read_text()
    names = re.findall(r"^([\w-]+)==", locked, re.MULTILINE)
    folder = tmp_path_factory.mktemp("layer") / "python"
    return link_packages(folder, [*names, "snapshot-restore-py"])


@pytest.fixture
def run_on_lambda(layer: Path) -> RunOnLambda:
    """Returns what code prints as JSON in a fresh interpreter that takes itself for Lambda."""

    def run(
        function: str, code: str, before: str = "", first: Path = ROOT, **variables: str
    ) -> Any:
        folders = [
            first,
            ROOT / "functions" / function,
            ROOT / "layers" / "workflow_manager",
            layer,
        ]
        environ = {
            "PATH": os.defpath,
            "PYTHONPATH": os.pathsep.join(map(str, folders)),
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_LAMBDA_FUNCTION_NAME": function,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "id",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "MWAA_ENVIRONMENT_NAME": "airflow",
            "EXAM_MANAGER_URI": "https://exam.example.org",
            "USER_LOGIN_MANAGER_URI": "https://login.example.org",
            **variables,
        }
        # Without the site's own start, which imports what it likes.
        text = f"{before}\nimport json, sys, app\n{code}"
        command = [sys.executable, "-S", "-s", "-P", "-c", text]
        done = subprocess.run(  # noqa: S603 - our own words, no shell
            command, env=environ, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.fixture(scope="module")
def precompiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our package, beside what the build puts into the layer."""
    folder = tmp_path_factory.mktemp("precompiled")
    package = Path("workflow_manager")
    (folder / package).symlink_to(ROOT / "layers" / "workflow_manager" / package)
    precompile(folder)
    return folder


@pytest.fixture
def world() -> Recorder:
    return Recorder(make_world())


@pytest.mark.parametrize("function", FUNCTIONS)
def test_function_says_whom_it_calls_and_whom_first(
    function: str, invoke: Invoke, world: Recorder
) -> None:
    invoke(function, choose_event(function))

    declared = list_clients(function)
    assert next(iter(world.called), None) == next(iter(declared), None)
    for sample in list_samples():
        if sample.function == function:
            invoke(function, sample.load())
    assert set(world.called) <= set(declared)


def test_port_that_a_request_does_not_use_is_not_built(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: str) -> None:
        raise AssertionError

    for name in ("orchestrator", "exam"):
        monkeypatch.setitem(PORTS, name, refuse)

    answer = invoke("cancel_dag_run", load_event("cancel_dag_run", "unknown_run"))

    assert answer["statusCode"] == 404


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_request_waits_for_a_thread(
    function: str, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: Any, **options: Any) -> None:
        raise AssertionError(arguments)

    monkeypatch.setattr("anyio.to_thread.run_sync", refuse)
    for sample in list_samples():
        if sample.function == function:
            answer = invoke(function, sample.load())
            assert not isinstance(answer, dict) or answer.get("statusCode", 0) < 500


@pytest.mark.parametrize("function", FUNCTIONS)
def test_function_imports_what_it_needs(function: str, run_on_lambda: RunOnLambda) -> None:
    modules = run_on_lambda(function, "print(json.dumps(list(sys.modules)))")

    is_event = function in EVENT_FUNCTIONS
    first = next(iter(list_clients(function)), None)
    denied = NEVER + (NEVER_FOR_EVENTS if is_event else ())
    if first not in {"users", "exam"}:
        denied += ("httpx",)
    assert not {name for name in modules if name.startswith(denied)}
    is_authorizer = function == "authorize_request"
    budget = EVENT_BUDGET if is_event and not is_authorizer else BUDGETS[first]
    assert len(modules) <= budget


def test_the_client_of_the_first_call_is_ready(run_on_lambda: RunOnLambda) -> None:
    code = """
from workflow_manager import wiring
kept = {built.__name__: built.cache_info().currsize for built in wiring._KEPT}
print(json.dumps(kept))
"""
    exam = run_on_lambda("trigger_task", code)
    store = run_on_lambda("get_workflow", code)

    assert (exam["_http_client"], exam["_aws_client"]) == (1, 0)
    assert (store["_http_client"], store["_aws_client"]) == (0, 1)


def test_all_clients_are_ready_if_nobody_waits_for_the_start(run_on_lambda: RunOnLambda) -> None:
    code = """
from workflow_manager import wiring
kept = (wiring._http_client, wiring._aws_client)
print(json.dumps([built.cache_info().currsize for built in kept]))
"""
    ahead = {"AWS_LAMBDA_INITIALIZATION_TYPE": "provisioned-concurrency"}

    assert run_on_lambda("get_workflow", code, **ahead) == [1, 1]


def test_garbage_is_collected_again_but_not_in_what_was_imported(
    run_on_lambda: RunOnLambda,
) -> None:
    code = "import gc\nprint(json.dumps([gc.isenabled(), gc.get_freeze_count()]))"

    is_enabled, n_frozen = run_on_lambda("get_workflow", code)

    assert is_enabled
    assert n_frozen > 100_000


def test_models_of_the_openapi_are_not_built(run_on_lambda: RunOnLambda) -> None:
    code = """
from fastapi.openapi.models import Info
print(json.dumps(Info.__pydantic_complete__))
"""
    assert not run_on_lambda("get_workflow", code)


def test_start_without_lambda_leaves_the_interpreter_alone(run_on_lambda: RunOnLambda) -> None:
    code = """
import gc
from pydantic import BaseModel
print(json.dumps([gc.get_freeze_count(), dict(BaseModel.model_config)]))
"""
    assert run_on_lambda("get_workflow", f"import os\n{code}", AWS_LAMBDA_FUNCTION_NAME="") == [
        0,
        {},
    ]


# A text has no file, as the code that dataclasses write, and annotations.
COUNT = """
import re, sys
n_compiled = {"patterns": 0, "texts": 0}
def count(kind):
    n_compiled[kind] += 1
sys.addaudithook(lambda *told: told[0] == "compile" and told[1][1] == "<string>" and count("texts"))
make_code = re._compiler._code
re._compiler._code = lambda *given: (count("patterns"), make_code(*given))[1]
"""


@pytest.mark.parametrize("function", ["get_workflow", "trigger_airflow"])
def test_the_build_compiles_what_a_start_would(
    function: str, precompiled: Path, run_on_lambda: RunOnLambda
) -> None:
    before = run_on_lambda(function, "print(json.dumps(n_compiled))", COUNT)
    after = run_on_lambda(function, "print(json.dumps(n_compiled))", COUNT, precompiled)

    assert before["patterns"] > 100
    assert before["texts"] > 500
    # What is compiled before our package is imported, or by `exec` in other modules.
    assert after["patterns"] < 20
    assert after["texts"] < 100


SAME = """
import re
from urllib3.util import url
patterns = [each for each in vars(url).values() if isinstance(each, re.Pattern)]
told = [(p.pattern, p.flags, p.groups, dict(p.groupindex)) for p in patterns]
texts = ("[::1]", "http://u@h:80/p?q#f", "a.b")
matched = [[str(p.search(text)) for text in texts] for p in patterns]
print(json.dumps([told, matched]))
"""


def test_what_the_build_compiled_does_the_same(
    precompiled: Path, run_on_lambda: RunOnLambda
) -> None:
    ours = run_on_lambda("get_workflow", SAME, first=precompiled)

    assert ours == run_on_lambda("get_workflow", SAME)
    assert len(ours[0]) > 5


@pytest.mark.parametrize("content", [b"", b"of another Python"])
def test_file_of_another_python_is_not_used(
    content: bytes, tmp_path: Path, precompiled: Path, run_on_lambda: RunOnLambda
) -> None:
    (tmp_path / "workflow_manager").symlink_to(precompiled / "workflow_manager")
    (tmp_path / FILE_NAME).write_bytes(content + (precompiled / FILE_NAME).read_bytes()[9:])

    made = run_on_lambda("get_workflow", "print(json.dumps(n_compiled))", COUNT, tmp_path)

    assert made["patterns"] > 100


RESTORE = """
import random, boto3
from snapshot_restore_py import get_after_restore
from workflow_manager import wiring
random.seed(1)
client, session, expected = wiring._aws_client("dynamodb"), boto3.DEFAULT_SESSION, random.random()
random.seed(1)
for hook, arguments, options in get_after_restore():
    hook(*arguments, **options)
print(json.dumps({
    "is_client_new": wiring._aws_client("dynamodb") is not client,
    "is_session_new": boto3.DEFAULT_SESSION is not session,
    "is_ready": wiring._aws_client.cache_info().misses == 1,
    "is_random": random.random() != expected,
}))
"""


def test_restored_snapshot_has_its_own_clients_and_random_numbers(
    run_on_lambda: RunOnLambda,
) -> None:
    done = run_on_lambda("get_workflow", RESTORE, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start")

    assert done == dict.fromkeys(done, True)


def test_client_that_cannot_be_made_fails_nobody_yet(run_on_lambda: RunOnLambda) -> None:
    assert run_on_lambda("get_workflow", "print(json.dumps(1))", AWS_DEFAULT_REGION="") == 1


def test_restore_without_aws_does_not_load_it(run_on_lambda: RunOnLambda) -> None:
    code = """
from snapshot_restore_py import get_after_restore
for hook, arguments, options in get_after_restore():
    hook(*arguments, **options)
print(json.dumps("boto3" in sys.modules))
"""
    ahead = {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}
    assert run_on_lambda("authorize_request", code, **ahead) is False


def test_ordinary_start_registers_nothing_for_a_restore(run_on_lambda: RunOnLambda) -> None:
    code = """
from snapshot_restore_py import get_after_restore
print(json.dumps(len(get_after_restore())))
"""
    assert run_on_lambda("get_workflow", code) == 0
