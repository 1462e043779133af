"""Show what the workflow manager holds of one patient, and with --delete delete it for good.

Exit status: 0 shown (maybe nothing), or deleted and nothing is left; 1 a service failed: what is
deleted stays deleted, call again; 2 wrong call; 3 refused, for something is in progress; 4 more
came meanwhile: call again. docs/operations.md names what is out of reach.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from local.config import STACK_NAME
from workflow_manager.contract import Contract
from workflow_manager.domain.errors import (
    ConflictError,
    MissingPermissionError,
    ScanHubError,
    UpstreamRefusedError,
)
from workflow_manager.ports import DataLake, ExamClient, WorkflowStore
from workflow_manager.settings import Settings
from workflow_manager.steps.patients.erase_patient_data import erase_patient_data
from workflow_manager.steps.patients.find_patient_data import PatientData, find_patient_data
from workflow_manager.wiring import build_exam, build_lake, build_store

TOKEN_VARIABLE = "SCANHUB_WORKFLOW_TOKEN"  # noqa: S105 - the name of a variable
FAILED, REFUSED, LEFT = 1, 3, 4
OUT_OF_REACH = """Not reached, see docs/operations.md: uploads for a DAG of their own, Airflow's
database and logs, backups of the table, and the records of exam- and patient-manager."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.erase_patient",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--patient", required=True, help="patient-manager's id")
    parser.add_argument("--stack-name", default=STACK_NAME, help=f"default: {STACK_NAME}")
    parser.add_argument("--exam-manager-uri", help="if the stack's is not reached from here")
    parser.add_argument("--delete", action="store_true", help="else it only shows what there is")
    options = parser.parse_args(arguments)
    # Not an argument: every user of a machine sees arguments.
    token = os.environ.get(TOKEN_VARIABLE, "")
    if not token or not options.patient:
        parser.error(f"--patient and {TOKEN_VARIABLE}, a token of ScanHub, must not be empty")
    try:
        client = boto3.client("cloudformation")
        settings, contract = read_deployment(client, options.stack_name, options.exam_manager_uri)
        store, lake = build_store(settings), build_lake(settings)
        exam = build_exam(token, settings, contract)
        return run(store, lake, exam, options.patient, is_deleting=options.delete)
    except UpstreamRefusedError as error:
        print(f"Failed: {error.detail} (status {error.status})", file=sys.stderr)
    except MissingPermissionError:
        # Not the deployment's secret: here the operator's own account calls.
        print("Failed: your AWS account lacks the permission named above.", file=sys.stderr)
    except ScanHubError as error:
        print(f"Failed: {error.detail}", file=sys.stderr)
    except (BotoCoreError, ClientError, LookupError) as error:
        print(f"Failed: the stack {options.stack_name} cannot be read: {error}", file=sys.stderr)
    return FAILED


def read_deployment(
    client: Any, stack_name: str, exam_manager_uri: str | None
) -> tuple[Settings, Contract]:
    """Return settings and contract of a deployed stack, read from CloudFormation.

    Parameters
    ----------
    exam_manager_uri
        Replaces the stack's own.
    """
    [stack] = client.describe_stacks(StackName=stack_name)["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}
    listed = stack.get("Parameters", [])
    parameters = {each["ParameterKey"]: each.get("ParameterValue", "") for each in listed}
    settings = Settings(
        table_name=outputs["TableName"],
        bucket_name=outputs["BucketName"],
        exam_manager_uri=exam_manager_uri or parameters["ExamManagerUri"],
        patient_pseudonym_secret_arn=outputs["PatientPseudonymSecretArn"],
    )
    # A stack of before has no such parameter.
    return settings, Contract(parameters.get("ScanHubContract") or Contract.MARCH_2025)


def run(
    store: WorkflowStore, lake: DataLake, exam: ExamClient, patient_id: str, *, is_deleting: bool
) -> int:
    """Show what is there, delete it if that is wanted, and look again."""
    found = find_patient_data(store, lake, exam, patient_id)
    show(found)
    print(OUT_OF_REACH)
    if not is_deleting:
        print("Nothing was deleted; --delete does it.")
        return 0
    try:
        n_deleted = erase_patient_data(store, lake, found)
    except ConflictError as error:
        print(f"Refused: {error.detail}", file=sys.stderr)
        return REFUSED
    print(f"Deleted {n_deleted} items and object versions.")
    left = find_patient_data(store, lake, exam, patient_id)
    if left.is_empty:
        print("Nothing is left.")
        return 0
    print("Something has come meanwhile:", file=sys.stderr)
    show(left)
    return LEFT


def show(found: PatientData) -> None:
    """Print counts and ids."""
    if not found.n_exams:
        print("Exam-manager knows no exam of this patient: only the pseudonym leads to our data.")
    for workflow in found.workflows:
        print(f"workflow {workflow.workflow_id}")
        print(f"  {workflow.n_items} items, {workflow.n_objects} object versions")
        for name, ids in (
            ("run", workflow.dag_run_ids),
            ("upload", workflow.upload_ids),
            ("in progress", workflow.in_progress),
        ):
            for each in ids:
                print(f"  {name} {each}")


if __name__ == "__main__":
    sys.exit(main())
