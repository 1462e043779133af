"""No patient's data, no user's token and no client's file name stays anywhere but where it must."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from local.function_logs import FILE_NAME as FUNCTION_LOGS
from local.function_logs import save_function_logs
from local.scanhub.seed import PATIENT_ID
from tests.e2e.conftest import Walk
from tests.e2e.laptop import Json, Laptop, wait_until

# The seeded patient's names, date of birth and id, and the names under which more would travel.
TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]")
PATIENT = re.compile(
    rb"\bPhan\b|\bTom\b|1985-?07-?14|"
    rb"patient_(?:name|height|weight|age|gender)|birth_?date|" + str(PATIENT_ID).encode(),
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def file_name() -> str:
    """Return the kind of name that people give to files, and that occurs nowhere else."""
    return f"Mustermann_Erika_{uuid4().hex[:12]}.npy"


@pytest.fixture(scope="module")
def secrets(laptop: Laptop, file_name: str) -> re.Pattern[bytes]:
    """Return what must not be found: token, patient and the file name, its stem alone too."""
    values = [laptop.stack.token, laptop.stack.password, file_name.removesuffix(".npy")]
    known = "|".join(re.escape(value) for value in values).encode()
    return re.compile(known + b"|" + PATIENT.pattern, re.IGNORECASE)


@pytest.fixture(scope="module", autouse=True)
def _uploads(
    laptop: Laptop,
    walk: Walk,
    file_name: str,
    small_kspace: bytes,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Let a walk and both kinds of upload leave their traces, the failing kind included."""
    path = tmp_path_factory.mktemp("upload") / file_name
    path.write_bytes(small_kspace)
    in_parts = laptop.upload(path)
    in_request = laptop.upload_and_trigger(small_kspace, file_name).raise_for_status().json()
    laptop.upload_and_trigger(small_kspace, f"../{file_name}")
    laptop.wait_for_run(in_parts, "SUCCEEDED")
    laptop.wait_for_run(in_request["data"]["dag_run_id"], "SUCCEEDED")


def find_secrets(secrets: re.Pattern[bytes], content: bytes) -> list[bytes]:
    return sorted({match.group() for match in secrets.finditer(content)})


def read_logs(laptop: Laptop) -> Iterator[Path]:
    save_function_logs(laptop.config)
    for folder in (Path(laptop.stack.log_dir), laptop.config.airflow_home / "logs"):
        yield from (path for path in sorted(folder.rglob("*")) if path.is_file())


def test_logs_hold_no_secret_after_scans_and_uploads(
    laptop: Laptop, secrets: re.Pattern[bytes]
) -> None:
    # Given scans and uploads; when every log is read, those of functions and DAGs too
    logs = list(read_logs(laptop))
    found = {str(path): find_secrets(secrets, path.read_bytes()) for path in logs}
    # Then none of them holds what was in the requests
    assert FUNCTION_LOGS in {path.name for path in logs}
    assert (Path(laptop.stack.log_dir) / FUNCTION_LOGS).stat().st_size > 0
    assert {path: matches for path, matches in found.items() if matches} == {}


def test_table_holds_the_file_name_in_its_own_attribute_only(
    laptop: Laptop, secrets: re.Pattern[bytes], file_name: str
) -> None:
    # Given scans and uploads; when the whole table is read
    items = laptop.scan_table()
    uploads = [item for item in items if item["SK"]["S"] == "UPLOAD"]
    # Then the upload's item has the name for its owner
    (upload,) = [item for item in uploads if item["file_name"]["S"] == file_name]
    assert upload["owner"]["S"] == laptop.stack.username
    # And no other attribute, and no other item, holds a secret
    for item in items:
        rest = {name: value for name, value in item.items() if name != "file_name"}
        assert find_secrets(secrets, json.dumps(rest).encode()) == [], rest["SK"]
        assert "file_name" not in item or item in uploads


def test_data_lake_holds_no_secret_in_keys_or_metadata(
    laptop: Laptop, secrets: re.Pattern[bytes]
) -> None:
    # Given scans and uploads; when every object is looked at
    objects = laptop.list_objects()
    assert {key["Key"].partition("/")[0] for key in objects} == {"acquisition", "upload", "result"}
    for version in objects:
        key, version_id = version["Key"], version["VersionId"]
        head: Json = laptop.s3.head_object(
            Bucket=laptop.stack.bucket, Key=key, VersionId=version_id
        )
        # Then neither its key nor what S3 tells about it holds a secret
        assert find_secrets(secrets, key.encode()) == []
        assert set(head["Metadata"]) <= {"traceparent"}
        assert all(TRACEPARENT.fullmatch(value) for value in head["Metadata"].values())
        assert find_secrets(secrets, json.dumps(head, default=str).encode()) == []


def test_results_hold_no_secret(laptop: Laptop, secrets: re.Pattern[bytes]) -> None:
    # Given results; when the files themselves are read; then they do not hold a secret either
    keys = {item["Key"] for item in laptop.list_objects() if item["Key"].startswith("result/")}
    assert keys
    for key in keys:
        assert find_secrets(secrets, laptop.read_object(key)) == [], key


def test_airflow_is_given_no_secret(laptop: Laptop, secrets: re.Pattern[bytes]) -> None:
    # Given runs of scans and uploads; when Airflow is asked for all that it was given
    runs = laptop.list_airflow_runs()
    assert runs
    # Then it holds no secret, and each token is its own run's
    assert find_secrets(secrets, json.dumps(runs).encode()) == []
    confs = [run["conf"] for run in runs if "user_token" in run["conf"]]
    assert confs
    for conf in confs:
        assert conf["user_token"].startswith(f"{conf['dag_run_id']}.")


@contextmanager
def held_up_queues(laptop: Laptop) -> Iterator[list[str]]:
    """Return the URLs of the queues, while nobody takes from them."""
    urls = laptop.sqs.list_queues()["QueueUrls"]
    mappings = laptop.functions.list_event_source_mappings()["EventSourceMappings"]
    ids = [each["UUID"] for each in mappings if ":sqs:" in each["EventSourceArn"]]
    for mapping_id in ids:
        laptop.functions.update_event_source_mapping(UUID=mapping_id, Enabled=False)
    try:
        yield urls
    finally:
        for mapping_id in ids:
            laptop.functions.update_event_source_mapping(UUID=mapping_id, Enabled=True)


def test_queues_hold_no_secret(
    laptop: Laptop, secrets: re.Pattern[bytes], small_kspace: bytes, file_name: str
) -> None:
    # Given an upload and a task that wait to be started
    task = {"type": "RECONSTRUCTION_TASK", "args": {"simulate": "true", "contrast": "T1"}}
    workflow = laptop.define_workflow(task)
    with held_up_queues(laptop) as urls:
        laptop.upload_and_trigger(small_kspace, file_name).raise_for_status()
        laptop.process(workflow["workflow_id"]).raise_for_status()
        bodies: set[str] = set()

        # When all messages are read, and left where they are
        def are_there() -> bool:
            for url in urls:
                answer = laptop.sqs.receive_message(
                    QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0
                )
                bodies.update(message["Body"] for message in answer.get("Messages", []))
            return len(bodies) >= 2

        wait_until(are_there, "an event of S3 and a start")
    # Then they hold ids and keys only
    assert find_secrets(secrets, "\n".join(sorted(bodies)).encode()) == []
    laptop.wait_for_workflow(workflow["workflow_id"], "completed")
