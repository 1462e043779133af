"""Copies and broken tasks of ScanHub's contract of 2026-02, through the real handlers."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from local.scanhub import TODAYS_CONTRACT
from local.scanhub.seed import DEFAULT_TASKS
from tests.integration.conftest import REGION
from tests.integration.deployment import Deployment, deploy, put_part

EXAM = "/api/v1/exam"


@pytest.fixture(scope="module", autouse=True)
def aws() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        yield


@pytest.fixture(scope="module")
def deployed(aws: None) -> Iterator[Deployment]:
    with deploy(TODAYS_CONTRACT) as deployment:
        yield deployment


@pytest.fixture
def deployment(deployed: Deployment) -> Deployment:
    deployed.airflow.runs.clear()
    deployed.add_workflow(*DEFAULT_TASKS)
    return deployed


def process(deployment: Deployment) -> dict[str, Any]:
    path = f"/process/{deployment.workflow_id}/"
    return deployment.call("process_workflow", "POST", path)


def send_raw_data(deployment: Deployment) -> dict[str, Any]:
    """Upload the scan's raw data, and return the conf of the run that it starts."""
    upload = {"task_id": deployment.task_ids[0], "file_name": "a.h5", "size_bytes": 4}
    plan = json.loads(deployment.call("create_upload", "POST", "/uploads/", upload)["body"])
    body = {"parts": [{"part_number": 1, "etag": put_part(plan)}]}
    path = f"/uploads/{plan['upload_id']}/complete/"
    assert deployment.call("complete_upload", "POST", path, body)["statusCode"] == 200
    deployment.drain_queue()
    [run] = deployment.airflow.runs.values()
    return dict(run["conf"])


def read_tasks(deployment: Deployment) -> list[dict[str, Any]]:
    answer = deployment.scanhub.get(f"{EXAM}/workflow/{deployment.workflow_id}")
    return list(answer.raise_for_status().json()["tasks"])


def test_a_copied_template_is_carried_out_though_its_answer_has_no_tasks(
    deployment: Deployment,
) -> None:
    # Given a workflow that was copied of a template, whose inputs are its own tasks
    deployment.add_workflow(*DEFAULT_TASKS, is_template=True)
    template = deployment.workflow_id
    query = f"exam_id={deployment.exam_id}&template_id={template}&new_workflow_is_template=false"
    copy = deployment.scanhub.post(f"{EXAM}/workflow?{query}").raise_for_status().json()
    assert copy["tasks"] == []
    deployment.workflow_id = copy["id"]
    deployment.task_ids = tuple(each["id"] for each in read_tasks(deployment))
    # When it is processed, and its raw data come
    assert process(deployment)["statusCode"] == 200
    conf = send_raw_data(deployment)
    # Then its own reconstruction takes them
    assert conf["task_id"] == deployment.task_ids[1]


def test_a_task_that_broke_in_exam_manager_is_no_crash_of_ours(deployment: Deployment) -> None:
    # Given a task whose type somebody has changed: its workflow is 500 from then on
    other = read_tasks(deployment)[1] | {"id": deployment.task_ids[0]}
    path = f"{EXAM}/task/{deployment.task_ids[0]}"
    assert deployment.scanhub.put(path, json=other).status_code == 200
    # When it is asked of us
    answers = [
        process(deployment),
        deployment.call("trigger_task", "POST", f"/trigger_task/{deployment.task_ids[0]}/"),
    ]
    # Then it is exam-manager that fails
    assert [answer["statusCode"] for answer in answers] == [502, 502]
