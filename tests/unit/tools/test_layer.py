"""The build product: what stays works as before, what nobody reads is gone."""

import contextlib
import json
import shutil
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any, get_args
from zipfile import ZIP_DEFLATED, ZipFile

import botocore
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from botocore.loaders import Loader
from botocore.parsers import ResponseParserError
from botocore.session import Session
from urllib3 import HTTPResponse

from local.config import StackError
from tools.layer import (
    LAYER,
    compile_folder,
    finish_build,
    list_aws_services,
    measure_size,
    remove_useless,
    trim_botocore,
)
from workflow_manager.aws import AwsService

DATA = Path(botocore.__file__).parent / "data"
SERVICES = get_args(AwsService)
REGIONS = ("us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1")


@pytest.fixture(scope="module")
def trimmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed botocore's data as the layer has it: a new release is tried with the lock."""
    data = tmp_path_factory.mktemp("botocore") / "data"
    data.mkdir()
    for path in DATA.iterdir():
        if path.is_file() or path.name in {*SERVICES, "sns"}:
            (shutil.copytree if path.is_dir() else shutil.copy)(path, data / path.name)
    trim_botocore(data, SERVICES)
    return data


def make_client(data: Path, service: str, region: str) -> Any:
    session = Session()
    loader = Loader(extra_search_paths=[str(data)], include_default_search_paths=False)
    session.register_component("data_loader", loader)
    return session.create_client(
        service, region, aws_access_key_id="id", aws_secret_access_key="secret"
    )


def describe(client: Any) -> dict[str, Any]:
    model = client.meta.service_model
    operations = {name: model.operation_model(name) for name in model.operation_names}
    return {
        "endpoint": client.meta.endpoint_url,
        "operations": {
            name: (
                each.http,
                sorted(each.input_shape.members) if each.input_shape else None,
                sorted(each.output_shape.members) if each.output_shape else None,
                [shape.name for shape in each.error_shapes],
            )
            for name, each in operations.items()
        },
        "pages": {name: client.can_paginate(name) for name in client.meta.method_to_api_mapping},
    }


def test_services_are_those_that_the_code_may_ask_for() -> None:
    assert list_aws_services() == SERVICES


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("service", SERVICES)
def test_client_is_the_same_without_the_rest_of_botocore(
    service: str, region: str, trimmed: Path
) -> None:
    assert describe(make_client(trimmed, service, region)) == describe(
        make_client(DATA, service, region)
    )


CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "dynamodb": ("get_item", {"TableName": "t", "Key": {"PK": {"S": "a"}}}),
    "events": ("put_events", {"Entries": [{"Source": "a", "DetailType": "b", "Detail": "{}"}]}),
    "mwaa": ("invoke_rest_api", {"Name": "a", "Path": "/dags", "Method": "GET"}),
    "s3": ("list_multipart_uploads", {"Bucket": "b"}),
    "secretsmanager": ("get_secret_value", {"SecretId": "s"}),
    "sqs": (
        "send_message",
        {"QueueUrl": "https://sqs.us-east-1.amazonaws.com/1/q", "MessageBody": "m"},
    ),
}


def send(client: Any, operation: str, parameters: dict[str, Any]) -> tuple[str, bytes]:
    """Return the URL and the body of what would have been sent."""
    sent = []

    def keep(request: Any, **_: Any) -> AWSResponse:
        sent.append((request.url, request.body))
        return AWSResponse(request.url, 200, {}, HTTPResponse(BytesIO(), preload_content=False))

    client.meta.events.register("before-send", keep)
    with contextlib.suppress(ClientError, ResponseParserError):
        getattr(client, operation)(**parameters)
    return sent[0]


@pytest.mark.parametrize("service", SERVICES)
def test_call_is_the_same_without_the_rest_of_botocore(service: str, trimmed: Path) -> None:
    ours, theirs = (make_client(data, service, "us-east-1") for data in (trimmed, DATA))

    assert send(ours, *CALLS[service]) == send(theirs, *CALLS[service])


def test_other_services_and_documentation_are_gone(trimmed: Path) -> None:
    folders = {path.name for path in trimmed.iterdir() if path.is_dir()}
    assert folders == set(SERVICES)
    model = json.loads(next(trimmed.glob("sqs/*/service-2.json")).read_text())
    assert not model["operations"]["SendMessage"]["documentation"]
    assert sum(path.stat().st_size for path in trimmed.rglob("*.json")) < 1_500_000


def test_trimming_again_changes_nothing(trimmed: Path) -> None:
    before = {path: path.read_text() for path in trimmed.rglob("*.json")}

    trim_botocore(trimmed, SERVICES)

    assert {path: path.read_text() for path in trimmed.rglob("*.json")} == before


def test_service_that_botocore_lost_is_named(trimmed: Path, tmp_path: Path) -> None:
    data = shutil.copytree(trimmed, tmp_path / "data")

    with pytest.raises(StackError, match="botocore knows no service telepathy"):
        trim_botocore(data, [*SERVICES, "telepathy"])


def write(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_what_no_function_reads_is_removed(tmp_path: Path) -> None:
    useless = (
        "pkg-1.dist-info/RECORD",
        "pkg/tests/test_it.py",
        "pkg/tests/data/tests/it.json",
        "pkg/it.pyi",
        "pkg/py.typed",
        "pydantic/v1/main.py",
        "bin/tool",
    )
    kept = (
        "pkg/it.py",
        "pkg-1.dist-info/METADATA",
        "pkg-1.dist-info/licenses/LICENSE",
        "pydantic/main.py",
        "tests.py",
    )
    for name in (*useless, *kept):
        write(tmp_path / name)

    remove_useless(tmp_path)

    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == set(kept)


def test_bytecode_is_used_unchecked_and_names_lambdas_folder(tmp_path: Path) -> None:
    # Given compiled code whose source is newer, as after unpacking
    write(tmp_path / "it.py", "print('compiled')")
    compile_folder(tmp_path, "/opt/python")
    write(tmp_path / "it.py", "print('source')")

    command = [sys.executable, "-c", "import it"]
    done = subprocess.run(  # noqa: S603 - our own words, no shell
        command, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )

    assert done.stdout == "compiled\n"
    [bytecode] = (tmp_path / "__pycache__").iterdir()
    assert b"/opt/python/it.py" in bytecode.read_bytes()
    assert str(tmp_path).encode() not in bytecode.read_bytes()


def test_size_is_that_of_a_zip_file(tmp_path: Path) -> None:
    write(tmp_path / "folder" / "below" / "zeros", "0" * 100_000)
    expected = tmp_path / "expected.zip"
    with ZipFile(expected, "w", ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "folder" / "below" / "zeros", "below/zeros")

    size = measure_size(tmp_path / "folder")

    assert size.zip_bytes == expected.stat().st_size < 1000
    assert size.unpacked_bytes == 100_000


def test_code_that_does_not_compile_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / "it.py", "def")

    with pytest.raises(StackError, match="does not compile"):
        compile_folder(tmp_path, "/opt/python")


@pytest.mark.parametrize("has_bytecode", [True, False])
def test_build_is_finished_in_place_and_measured(tmp_path: Path, has_bytecode: bool) -> None:
    # Given what sam built: a layer and two functions
    write(tmp_path / LAYER / "python" / "pkg.py", "x = 1")
    shutil.copytree(DATA / "sqs", tmp_path / LAYER / "python" / "botocore" / "data" / "sqs")
    write(tmp_path / "SmallFunction" / "app.py", "x = 1")
    write(tmp_path / "LargeFunction" / "app.py", "x = 1")
    write(tmp_path / "LargeFunction" / "data.bin", "x" * 10_000)
    for service in {*SERVICES} - {"sqs"}:
        shutil.copytree(DATA / service, tmp_path / LAYER / "python" / "botocore" / "data" / service)

    size = finish_build(tmp_path, has_bytecode=has_bytecode)

    compiled = {path.parent.parent.name for path in tmp_path.rglob("*.pyc")}
    assert compiled == ({"python", "SmallFunction", "LargeFunction"} if has_bytecode else set())
    assert size.zip_bytes < size.unpacked_bytes < 2_000_000
    assert finish_build(tmp_path, has_bytecode=has_bytecode) == size
