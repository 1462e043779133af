"""The laptop's AWS: start ministack and deploy the project's template to it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from local.airflow import USERNAME as AIRFLOW_USERNAME
from local.config import (
    HOST,
    REGION,
    STACK_NAME,
    StackConfig,
    StackError,
    aws_environ,
    clean_environ,
)
from local.probes import is_aws_ready
from local.processes import Processes
from local.scanhub.seed import DAG_ID, SERVICE_PASSWORD, SERVICE_USERNAME
from local.state import AirflowSecrets
from tools.build import SAM, build, runtime_parameters
from tools.layer import mark_layer

READY_TIMEOUT_S = 30
DEPLOY_TIMEOUT_S = 300
ARTEFACT_BUCKET = "scanhub-artefacts"
NEIGHBOUR_PARAMETERS = (
    "UserLoginManagerUri",
    "ExamManagerUri",
    "PatientManagerUri",
    "SequenceManagerUri",
    "DeviceManagerUri",
)
REQUIRED_OUTPUTS = ("ApiUrl", "BucketName", "TableName", "QueueUrl", "DlqUrl")


def start_aws(config: StackConfig, processes: Processes) -> None:
    """Start ministack with what it has kept, and wait for it."""
    remove_aws_files(config)
    temporary = config.folder / "aws" / "tmp"
    temporary.mkdir(mode=0o700, parents=True)
    kept = config.data_folder / "aws"
    kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    environ = clean_environ(
        BIND_HOST=HOST,
        GATEWAY_PORT=str(config.aws_port),
        MINISTACK_HOST=HOST,
        MINISTACK_REGION=REGION,
        LAMBDA_EXECUTOR="local",
        # By default it listens for MQTT on all interfaces.
        IOT_MTLS_ENABLED="0",
        # Roles and permissions boundary are enforced as in an account.
        AUTH="true",
        PERSIST_STATE="1",
        STATE_DIR=str(kept / "state"),
        S3_PERSIST="1",
        S3_DATA_DIR=str(kept / "s3"),
        TMPDIR=str(temporary),
        **config.function_environ,
    )
    processes.start("aws", [sys.executable, "-m", "local.emulator"], environ)
    processes.wait_until("aws", lambda: is_aws_ready(config), "its first answer", READY_TIMEOUT_S)


def save(processes: Processes) -> None:
    """Let ministack write down what is deployed, so that a kill does not cost it."""
    if pid := processes.pid_of("aws"):
        os.kill(pid, signal.SIGUSR1)


def remove_aws_files(config: StackConfig) -> None:
    """Delete the unpacked functions, which ministack leaves behind."""
    shutil.rmtree(config.folder / "aws", ignore_errors=True)


def deploy(config: StackConfig, processes: Processes) -> dict[str, str]:
    """Build the template, deploy it to the laptop's AWS and return its outputs."""
    make_client(config, "s3").create_bucket(Bucket=ARTEFACT_BUCKET)
    overrides = make_parameters(config, create_secrets(config))
    built = build(config, processes)
    mark_layer(built.parent, overrides)
    command = [SAM, "deploy", "--template-file", str(built), "--stack-name", STACK_NAME]
    command += ["--s3-bucket", ARTEFACT_BUCKET, "--region", REGION, "--config-env", "laptop"]
    command += ["--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    command += ["--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar"]
    environ = clean_environ(**aws_environ(config), SAM_CLI_TELEMETRY="0")
    parameters = ["--parameter-overrides", *overrides]
    processes.run("sam-deploy", [*command, *parameters], environ, DEPLOY_TIMEOUT_S)
    outputs = read_outputs(config)
    switch_on_expiry(config, outputs["TableName"])
    return outputs


def create_secrets(config: StackConfig) -> dict[str, str]:
    """Write both secrets that the template refers to; return parameter → ARN."""
    airflow_password = AirflowSecrets.read(config.folder).password
    secrets = {
        "AirflowSecretArn": (AIRFLOW_USERNAME, airflow_password),
        "ServiceAccountSecretArn": (SERVICE_USERNAME, SERVICE_PASSWORD),
    }
    client = make_client(config, "secretsmanager")
    return {
        parameter: _put_secret(
            client, f"scanhub/{parameter}", json.dumps({"username": username, "password": password})
        )
        for parameter, (username, password) in secrets.items()
    }


def _put_secret(client: Any, name: str, text: str) -> str:
    try:
        return str(client.create_secret(Name=name, SecretString=text)["ARN"])
    except client.exceptions.ResourceExistsException:
        return str(client.put_secret_value(SecretId=name, SecretString=text)["ARN"])


def make_parameters(config: StackConfig, secret_arns: dict[str, str]) -> list[str]:
    """Return the template's parameters, ``Name=value``; none of them is secret."""
    values = {
        "AwsEndpointUrl": config.aws_url,
        "AirflowUrl": config.airflow_url,
        **secret_arns,
        **dict.fromkeys(NEIGHBOUR_PARAMETERS, config.scanhub_url),
        # Who opens the console behind ScanHub's gateway reads and writes the data lake from there.
        "WebOrigin": config.scanhub_url,
        "DeviceNetworks": "127.0.0.0/8",
        # ScanHub's own page makes tasks that name none.
        "DefaultReconstructionDag": DAG_ID,
        "ScanHubContract": config.new_contract,
    }
    return [*runtime_parameters(), *(f"{name}={value}" for name, value in values.items())]


def read_outputs(config: StackConfig) -> dict[str, str]:
    """Return the outputs of the deployed template; raise if one that clients need is missing."""
    answer = make_client(config, "cloudformation").describe_stacks(StackName=STACK_NAME)
    stack = answer["Stacks"][0]
    outputs = {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", [])}
    if missing := [name for name in REQUIRED_OUTPUTS if name not in outputs]:
        raise StackError(f"The template has no output {', '.join(missing)}.")
    return outputs


def switch_on_expiry(config: StackConfig, table: str) -> None:
    """Switch on the expiry of items: ministack accepts the template's setting but ignores it."""
    specification = {"Enabled": True, "AttributeName": "expires_at"}
    try:
        make_client(config, "dynamodb").update_time_to_live(
            TableName=table, TimeToLiveSpecification=specification
        )
    except ClientError as error:
        # A release that does apply the template's setting refuses a second call.
        if error.response["Error"]["Code"] != "ValidationException":
            raise


def make_client(config: StackConfig, service: str) -> Any:
    """Return a boto3 client of the laptop's AWS, whatever the user's profile holds."""
    # The stubs of boto3 know one overload per literal name and refuse a variable.
    connect: Any = boto3.client
    return connect(
        service,
        endpoint_url=config.aws_url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - ministack accepts any
        config=Config(
            # S3's older signature, the default of presigned URLs, never expires here.
            signature_version="s3v4" if service == "s3" else None,
            connect_timeout=5,
            read_timeout=30,
            retries={"total_max_attempts": 3},
            proxies={},
        ),
    )
