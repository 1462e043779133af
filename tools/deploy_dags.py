"""Put dags/ into the bucket of an Amazon MWAA environment, and let it install what they need.

Only what has changed is uploaded, and nothing is deleted without --delete. With --environment, the
environment is updated if it has other requirements than dags/requirements.txt: that takes 20
minutes and more, and restarts its workers, each when its tasks have ended.

Exit status: 0 done, or shown; 1 AWS failed: call again; 2 wrong call; 3 refused: nothing was
changed.
"""

from __future__ import annotations

import argparse
import re
import sys
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.config import ROOT

FAILED, REFUSED = 1, 3
REQUIREMENTS = "requirements.txt"
SKIPPED_FOLDERS = frozenset({"__pycache__", "tests"})
SKIPPED_FILES = frozenset({REQUIREMENTS, "requirements.in"})
# The states in which MWAA takes an update.
UPDATABLE = frozenset({"AVAILABLE", "UPDATE_FAILED"})
# If no line has the option (a comment counts too), MWAA adds its Airflow's constraints, whose
# versions differ from those that are locked here and tested with Airflow.
_CONSTRAINT_OPTION = re.compile(r"-c |--constraint ")
_HASH = re.compile(r"\s*\\\n\s+--hash=\S+")
NO_CONSTRAINT = "# Without --constraint of Airflow's: every version is locked here.\n"


class RefusedError(Exception):
    """The bucket or the environment is not what it should be; nothing was changed."""


@dataclass(frozen=True)
class SourceFile:
    """The key of an object and the bytes that it is to hold."""

    key: str
    content: bytes = field(repr=False)

    @property
    def digest(self) -> str:
        """The SHA-256 in S3's spelling."""
        return b64encode(sha256(self.content).digest()).decode()


@dataclass(frozen=True)
class Target:
    """The bucket and the environment that the DAGs go to.

    Parameters
    ----------
    prefix
        The folder of DAGs in the bucket.
    environment_name
        None: no environment is changed.
    is_dry_run
        Whether it only prints what it would do.
    has_hashes
        Whether the requirements have hashes, which pip then demands of all that it installs.
    """

    bucket: str
    prefix: str
    environment_name: str | None = None
    is_dry_run: bool = False
    has_hashes: bool = True


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.deploy_dags",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--bucket", required=True, help="the environment's bucket")
    parser.add_argument("--prefix", default="dags", help="its folder of DAGs; default: dags")
    parser.add_argument("--environment", help="the MWAA environment, to install what DAGs need")
    parser.add_argument("--delete", action="store_true", help="delete what is not in dags/ too")
    parser.add_argument("--dry-run", action="store_true", help="only show what would be done")
    parser.add_argument(
        "--without-hashes", action="store_true", help="requirements with their versions only"
    )
    options = parser.parse_args(arguments)
    prefix = options.prefix.strip("/")
    if not options.bucket or not prefix:
        parser.error("--bucket and --prefix must not be empty")
    target = Target(
        options.bucket,
        prefix,
        options.environment or None,
        is_dry_run=options.dry_run,
        has_hashes=not options.without_hashes,
    )
    try:
        mwaa = connect("mwaa", n_attempts=1) if target.environment_name else None
        deploy(connect("s3", n_attempts=3), mwaa, target, ROOT / "dags", is_deleting=options.delete)
    except RefusedError as error:
        print(f"Refused: {error}", file=sys.stderr)
        return REFUSED
    except (BotoCoreError, ClientError) as error:
        print(f"Failed: {error}", file=sys.stderr)
        return FAILED
    return 0


def connect(service: str, n_attempts: int) -> Any:
    """Return a boto3 client that gives up in time, after `n_attempts` of a request at most."""
    # The stubs of boto3 know one overload per literal name and refuse a variable.
    build: Any = boto3.client
    config = Config(
        connect_timeout=5,
        read_timeout=30,
        retries={"mode": "standard", "total_max_attempts": n_attempts},
    )
    return build(service, config=config)


def deploy(s3: Any, mwaa: Any, target: Target, folder: Path, *, is_deleting: bool = False) -> None:
    """Upload what has changed, then have the environment install changed requirements.

    Parameters
    ----------
    s3, mwaa
        boto3 clients; `mwaa` is not used without an environment.
    is_deleting
        Whether objects that are not in the folder are deleted.

    Raises
    ------
    RefusedError
        The bucket has no versions, or the environment reads from elsewhere or is being changed.
    """
    check_bucket(s3, target.bucket)
    environment = None
    if target.environment_name:
        environment = mwaa.get_environment(Name=target.environment_name)["Environment"]
        check_environment(environment, target)
    files = list_files(folder, target.prefix)
    for file in files:
        upload(s3, file, target)
    path = (environment or {}).get("RequirementsS3Path") or REQUIREMENTS
    requirements = read_requirements(folder, has_hashes=target.has_hashes)
    version = upload(s3, SourceFile(path, requirements), target)
    remove(s3, {file.key for file in files} | {path}, target, is_deleting=is_deleting)
    if environment is not None and version != environment.get("RequirementsS3ObjectVersion"):
        update_environment(mwaa, target, path, version)


def check_bucket(s3: Any, bucket: str) -> None:
    """Refuse a bucket without versions, by which MWAA names requirements and can go back."""
    if s3.get_bucket_versioning(Bucket=bucket).get("Status") != "Enabled":
        raise RefusedError(f"the bucket {bucket} keeps no versions; switch versioning on.")


def check_environment(environment: dict[str, Any], target: Target) -> None:
    """Refuse an environment that would not read the files, or that takes no update now."""
    name = target.environment_name
    bucket = environment["SourceBucketArn"].rpartition(":")[2]
    folder = environment["DagS3Path"].strip("/")
    if (bucket, folder) != (target.bucket, target.prefix):
        raise RefusedError(f"{name} reads {folder} in {bucket}: give that as --bucket, --prefix.")
    if environment["Status"] not in UPDATABLE:
        raise RefusedError(f"{name} is {environment['Status']}: wait until it is AVAILABLE.")


def list_files(folder: Path, prefix: str) -> list[SourceFile]:
    """Return the files of a folder of DAGs; packages come before the DAGs that import them."""
    paths = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    wanted = sorted((p for p in paths if _is_deployed(p)), key=lambda p: (-len(p.parts), p))
    return [SourceFile(f"{prefix}/{p.as_posix()}", (folder / p).read_bytes()) for p in wanted]


def _is_deployed(path: Path) -> bool:
    if SKIPPED_FOLDERS & set(path.parts[:-1]) or path.name in SKIPPED_FILES:
        return False
    return path.name == ".airflowignore" or not any(part.startswith(".") for part in path.parts)


def read_requirements(folder: Path, *, has_hashes: bool = True) -> bytes:
    """Return the lock for MWAA, with an option that keeps it from adding its own constraints."""
    text = (folder / REQUIREMENTS).read_text()
    if not has_hashes:
        text = _HASH.sub("", text)
    return (text if _CONSTRAINT_OPTION.search(text) else NO_CONSTRAINT + text).encode()


def upload(s3: Any, file: SourceFile, target: Target) -> str | None:
    """Upload a file unless its object holds the same; return its version, None in a dry run."""
    there = _look(s3, target.bucket, file.key)
    if there.get("ChecksumSHA256") == file.digest:
        return str(there["VersionId"])
    print(f"{'would upload' if target.is_dry_run else 'upload'} {file.key}")
    if target.is_dry_run:
        return None
    answer = s3.put_object(
        Bucket=target.bucket,
        Key=file.key,
        Body=file.content,
        ChecksumAlgorithm="SHA256",
        ChecksumSHA256=file.digest,
    )
    return str(answer["VersionId"])


def _look(s3: Any, bucket: str, key: str) -> dict[str, Any]:
    try:
        return dict(s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED"))
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
    return {}


def remove(s3: Any, keys: set[str], target: Target, *, is_deleting: bool) -> None:
    """Delete objects in the folder of DAGs that are not ours, or only print them.

    Parameters
    ----------
    is_deleting
        Whether it deletes them; a bucket with versions can undo that.
    """
    for key in _list_keys(s3, target):
        if key in keys:
            continue
        if is_deleting and not target.is_dry_run:
            print(f"delete {key}")
            s3.delete_object(Bucket=target.bucket, Key=key)
        else:
            print(f"{'would delete' if is_deleting else 'left, not in dags/:'} {key}")


def _list_keys(s3: Any, target: Target) -> Iterator[str]:
    pages = s3.get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=target.bucket, Prefix=f"{target.prefix}/"):
        for entry in page.get("Contents", []):
            # S3's console makes an object for a folder.
            if not entry["Key"].endswith("/"):
                yield entry["Key"]


def update_environment(mwaa: Any, target: Target, path: str, version: str | None) -> None:
    """Have the environment install the requirements, by their key and version."""
    would = "would update" if target.is_dry_run else "update"
    print(f"{would} {target.environment_name}: takes 20 minutes and more, restarts its workers")
    if target.is_dry_run:
        return
    mwaa.update_environment(
        Name=target.environment_name,
        RequirementsS3Path=path,
        RequirementsS3ObjectVersion=version,
        # Running reconstructions go on to their end.
        WorkerReplacementStrategy="GRACEFUL",
    )


if __name__ == "__main__":
    sys.exit(main())
