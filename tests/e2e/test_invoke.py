"""`make invoke` and the files of `make sam-local`, on the stack."""

import json
from collections.abc import Iterator
from ipaddress import IPv4Network

import pytest
import yaml

from local import invoke, sam_local
from local.config import HOST, StackError
from local.probes import get_json
from local.processes import Processes
from local.sam_local import RELAY, ContainerNetwork
from local.samples import TOKEN, WORKFLOW_ID, list_samples
from tests.e2e.conftest import Walk
from tests.e2e.laptop import Laptop

SUCCESSFUL = [
    "process_workflow",
    "get_upload",
    "complete_upload",
    "abort_upload",
    "get_dag_run",
    "list_results",
]
# All of 127.0.0.0/8 is this machine: an address that containers could have for it.
GATEWAY = ContainerNetwork("127.0.0.2", IPv4Network("127.0.0.0/8"))


@pytest.mark.parametrize("function", SUCCESSFUL)
def test_function_finds_what_its_event_names(
    function: str, laptop: Laptop, walk: Walk, capsys: pytest.CaptureFixture[str]
) -> None:
    status = invoke.main([function, "success"])

    said = capsys.readouterr()
    assert status == 0, said.err
    assert json.loads(said.out)["statusCode"] == 200, said.out
    assert "REPORT RequestId" in said.err
    assert laptop.stack.token not in said.err


def test_function_that_fails_is_told_by_the_status(
    laptop: Laptop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invoke.Hospital, "fill", lambda *_: {"no": "event of API Gateway"})

    assert invoke.main(["hello", "success"]) == 1
    assert "errorMessage" in json.loads(capsys.readouterr().out)


@pytest.fixture
def _engine(laptop: Laptop, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sam_local, "find_network", lambda: GATEWAY)
    yield
    Processes(laptop.config.folder).stop(RELAY)


@pytest.mark.usefixtures("_engine")
def test_container_is_given_the_stack_and_its_ids(
    laptop: Laptop, capsys: pytest.CaptureFixture[str]
) -> None:
    sam_local.prepare(laptop.config)

    folder = laptop.config.sam_local_folder
    environ = json.loads((folder / "env.json").read_text())
    assert set(environ) == {sample.logical_id for sample in list_samples()}
    assert HOST not in str(environ)
    parameters = yaml.safe_load((folder / "parameters.yaml").read_text())
    assert parameters["AwsEndpointUrl"] == f"http://{GATEWAY.gateway}:{laptop.config.aws_port}"
    for sample in list_samples():
        event = (folder / sample.path).read_text()
        assert f'"Bearer {TOKEN}"' not in event
        assert WORKFLOW_ID not in event
    modes = {file.stat().st_mode & 0o077 for file in folder.rglob("*")}
    assert modes == {0}
    said = capsys.readouterr().out
    assert "sam local invoke ProcessWorkflowFunction --event" in said
    assert "sam local start-api" in said
    assert laptop.stack.token not in said


@pytest.mark.usefixtures("_engine")
def test_container_reaches_every_service_of_the_stack(laptop: Laptop) -> None:
    sam_local.prepare(laptop.config)

    urls = (laptop.config.scanhub_url, laptop.config.airflow_url, laptop.config.aws_url)
    paths = ("/_control/ready", "/api/v2/monitor/health", "/_ministack/ready")
    for url, path in zip(urls, paths, strict=True):
        assert get_json(url.replace(HOST, GATEWAY.gateway) + path) is not None


def test_files_are_written_without_an_engine_too(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise StackError("No container engine answers: none is there.")

    monkeypatch.setattr(sam_local, "find_network", fail)

    sam_local.prepare(laptop.config)

    assert "make invoke needs none" in capsys.readouterr().out
    environ = json.loads((laptop.config.sam_local_folder / "env.json").read_text())
    assert environ["HelloFunction"]["AWS_ENDPOINT_URL"] == laptop.config.aws_url
