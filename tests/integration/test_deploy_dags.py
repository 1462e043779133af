"""DAGs in a versioned bucket of moto; Amazon MWAA, which moto has not, answers by stubs."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from local.config import ROOT
from tests.integration.conftest import REGION
from tests.own_dags import find_foreign
from tools import deploy_dags
from tools.deploy_dags import NO_CONSTRAINT, main

BUCKET = "airflow-environment"
NAME = "scanhub-airflow"


@pytest.fixture
def bucket(aws: None) -> Any:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    set_versioning(s3, "Enabled")
    return s3


@pytest.fixture
def dags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a DAG, its package, and what must stay here."""
    monkeypatch.setattr(deploy_dags, "ROOT", tmp_path)
    folder = tmp_path / "dags"
    for name in (
        "reconstruction.py",
        ".airflowignore",
        "package/model.py",
        "package/__pycache__/model.pyc",
        "tests/test_model.py",
        ".cache/x",
        "requirements.in",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / "requirements.txt").write_text("numpy==2.3.5 \\\n    --hash=sha256:aa\n")
    return folder


@pytest.fixture
def mwaa(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """Amazon MWAA; it must be asked just what is stubbed."""
    client = boto3.client("mwaa")
    connect = deploy_dags.connect

    def connect_to_stub(service: str, n_attempts: int) -> Any:
        return client if service == "mwaa" else connect(service, n_attempts)

    monkeypatch.setattr(deploy_dags, "connect", connect_to_stub)
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def set_versioning(s3: Any, status: str) -> None:
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": status})


def say_environment(mwaa: Stubber, **changes: Any) -> None:
    environment = {
        "Name": NAME,
        "Status": "AVAILABLE",
        "SourceBucketArn": f"arn:aws:s3:::{BUCKET}",
        "DagS3Path": "dags",
        "RequirementsS3Path": "requirements.txt",
        "RequirementsS3ObjectVersion": "an-old-one",
    }
    answer = {"Environment": environment | changes}
    mwaa.add_response("get_environment", answer, {"Name": NAME})


def expect_update(mwaa: Stubber, path: str = "requirements.txt") -> None:
    expected = {
        "Name": NAME,
        "RequirementsS3Path": path,
        "RequirementsS3ObjectVersion": ANY,
        "WorkerReplacementStrategy": "GRACEFUL",
    }
    mwaa.add_response("update_environment", {"Arn": "arn:aws:airflow:x:1:environment/x"}, expected)


def call(*options: str) -> int:
    return main(["--bucket", BUCKET, *options])


def list_keys(s3: Any) -> set[str]:
    return {each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])}


def read(s3: Any, key: str) -> str:
    return str(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode())


def count_versions(s3: Any) -> int:
    return len(s3.list_object_versions(Bucket=BUCKET).get("Versions", []))


def test_dags_and_their_requirements_are_uploaded_and_nothing_else(bucket: Any, dags: Path) -> None:
    assert call() == 0

    files = {"dags/reconstruction.py", "dags/.airflowignore", "dags/package/model.py"}
    assert list_keys(bucket) == files | {"requirements.txt"}
    assert read(bucket, "dags/package/model.py") == "package/model.py"


def test_a_package_comes_before_the_dag_that_imports_it(
    bucket: Any, dags: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call() == 0

    uploaded = capsys.readouterr().out.splitlines()
    assert uploaded.index("upload dags/package/model.py") < uploaded.index(
        "upload dags/reconstruction.py"
    )


def test_only_what_has_changed_is_uploaded_again(
    bucket: Any, dags: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call() == 0
    n_versions = count_versions(bucket)
    (dags / "reconstruction.py").write_text("another one")
    capsys.readouterr()

    assert call() == 0

    assert capsys.readouterr().out == "upload dags/reconstruction.py\n"
    assert count_versions(bucket) == n_versions + 1
    assert read(bucket, "dags/reconstruction.py") == "another one"


def test_a_file_that_somebody_else_uploaded_is_replaced(bucket: Any, dags: Path) -> None:
    bucket.put_object(Bucket=BUCKET, Key="dags/reconstruction.py", Body=b"another one")

    assert call() == 0

    assert read(bucket, "dags/reconstruction.py") == "reconstruction.py"


def test_what_is_not_ours_is_left_and_named(
    bucket: Any, dags: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket.put_object(Bucket=BUCKET, Key="dags/theirs.py", Body=b"")

    assert call() == 0

    assert "left, not in dags/: dags/theirs.py" in capsys.readouterr().out
    assert "dags/theirs.py" in list_keys(bucket)


def test_delete_deletes_in_the_folder_of_dags_only(bucket: Any, dags: Path) -> None:
    for key in ("dags/", "dags/theirs.py", "dags-of-others/theirs.py", "plugins.zip"):
        bucket.put_object(Bucket=BUCKET, Key=key, Body=b"")

    assert call("--delete") == 0

    assert "dags/theirs.py" not in list_keys(bucket)
    assert {"dags/", "dags-of-others/theirs.py", "plugins.zip"} < list_keys(bucket)


def test_dry_run_changes_nothing(
    bucket: Any, dags: Path, mwaa: Stubber, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket.put_object(Bucket=BUCKET, Key="dags/theirs.py", Body=b"")
    say_environment(mwaa)

    assert call("--delete", "--dry-run", "--environment", NAME) == 0

    said = capsys.readouterr().out
    assert list_keys(bucket) == {"dags/theirs.py"}
    assert "would upload dags/reconstruction.py" in said
    assert "would delete dags/theirs.py" in said
    assert f"would update {NAME}" in said


def test_mwaa_adds_no_constraints_to_the_lock(bucket: Any, dags: Path) -> None:
    assert call() == 0

    sent = read(bucket, "requirements.txt")
    assert sent == NO_CONSTRAINT + (dags / "requirements.txt").read_text()
    # What MWAA's image looks for in each line.
    assert [line for line in sent.splitlines() if re.search(r"-c |--constraint ", line)] == [
        NO_CONSTRAINT.strip()
    ]


def test_hashes_are_left_out_if_asked(bucket: Any, dags: Path) -> None:
    numpy = "numpy==2.3.5 ; python_version >= '3.12'"
    a, b, c = (f" \\\n    --hash=sha256:{each}" for each in "abc")
    lock = f"{numpy}{a}{b}\nh5py==3{c}\n"
    (dags / "requirements.txt").write_text(lock)

    assert call("--without-hashes") == 0

    assert read(bucket, "requirements.txt") == f"{NO_CONSTRAINT}{numpy}\nh5py==3\n"


def test_our_own_lock_without_hashes_is_a_version_a_line() -> None:
    folder = deploy_dags.ROOT / "dags"
    whole = deploy_dags.read_requirements(folder).decode()
    lines = deploy_dags.read_requirements(folder, has_hashes=False).decode().splitlines()

    assert "--hash" in whole
    assert [line for line in lines[1:] if not re.match(r"[\w.-]+==[\w.]+( ; [^\\]+)?$", line)] == []


def test_requirements_with_a_constraint_stay_as_they_are(bucket: Any, dags: Path) -> None:
    text = '--constraint "/usr/local/airflow/dags/constraints.txt"\nnumpy\n'
    (dags / "requirements.txt").write_text(text)

    assert call() == 0

    assert read(bucket, "requirements.txt") == text


def test_other_requirements_update_the_environment(
    bucket: Any, dags: Path, mwaa: Stubber, capsys: pytest.CaptureFixture[str]
) -> None:
    say_environment(mwaa, RequirementsS3Path="config/requirements.txt")
    expect_update(mwaa, "config/requirements.txt")

    assert call("--environment", NAME) == 0

    assert "config/requirements.txt" in list_keys(bucket)
    assert "20 minutes and more" in capsys.readouterr().out


def test_the_same_requirements_leave_the_environment_alone(
    bucket: Any, dags: Path, mwaa: Stubber
) -> None:
    assert call() == 0
    version = bucket.head_object(Bucket=BUCKET, Key="requirements.txt")["VersionId"]
    (dags / "reconstruction.py").write_text("another one")
    say_environment(mwaa, RequirementsS3ObjectVersion=version)

    assert call("--environment", NAME) == 0


def test_an_update_that_failed_is_asked_for_again(bucket: Any, dags: Path, mwaa: Stubber) -> None:
    say_environment(mwaa)
    mwaa.add_client_error("update_environment", "ThrottlingException", http_status_code=429)
    assert call("--environment", NAME) == 1

    say_environment(mwaa, Status="UPDATE_FAILED")
    expect_update(mwaa)
    assert call("--environment", NAME) == 0


def test_a_bucket_without_versions_is_refused(
    bucket: Any, dags: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    set_versioning(bucket, "Suspended")

    assert call() == 3

    assert "switch versioning on" in capsys.readouterr().err
    assert list_keys(bucket) == set()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"SourceBucketArn": "arn:aws:s3:::other"}, "reads dags in other: give that"),
        ({"DagS3Path": "airflow/dags"}, f"reads airflow/dags in {BUCKET}: give that"),
        ({"Status": "UPDATING"}, "is UPDATING: wait until it is AVAILABLE."),
    ],
)
def test_an_environment_that_does_not_fit_is_refused(
    bucket: Any,
    dags: Path,
    mwaa: Stubber,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, str],
    sentence: str,
) -> None:
    say_environment(mwaa, **changes)

    assert call("--environment", NAME) == 3

    assert sentence in capsys.readouterr().err
    assert list_keys(bucket) == set()


def test_an_aws_that_refuses_ends_with_a_sentence(
    aws: None, dags: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call() == 1

    assert capsys.readouterr().err.startswith("Failed: ")


@pytest.mark.parametrize("options", [["--bucket", ""], ["--bucket", BUCKET, "--prefix", "/"], []])
def test_a_call_without_a_bucket_or_a_folder_is_a_wrong_one(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(options)

    assert ended.value.code == 2
    assert "--bucket" in capsys.readouterr().err


def test_our_own_dags_are_those_that_airflow_needs() -> None:
    foreign = {path.relative_to(ROOT).as_posix() for path in find_foreign()}
    keys = {each.key for each in deploy_dags.list_files(ROOT / "dags", "dags")} - foreign

    assert {"dags/cartesian_reconstruction.py", "dags/.airflowignore"} < keys
    assert all(key.endswith((".py", ".airflowignore")) for key in keys)
