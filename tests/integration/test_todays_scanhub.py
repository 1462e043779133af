"""What trips a client of ScanHub's contract of 2026-02, through the real handlers and adapters."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from local.scanhub import TODAYS_CONTRACT
from local.scanhub.seed import DEFAULT_TASKS
from tests.integration.conftest import REGION
from tests.integration.deployment import Deployment, deploy, put_part
from tests.integration.patient import HEIGHT_CM, WEIGHT_KG

EXAM = "/api/v1/exam"
WRITTEN = {"status", "progress", "datetime_updated", "results"}


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


@pytest.fixture
def told(deployment: Deployment) -> list[dict[str, Any]]:
    """Return what the device is told, which is all that it does."""
    messages: list[dict[str, Any]] = []

    async def take(message: dict[str, Any]) -> None:
        messages.append(message)

    deployment.stand_in.devices.connect(deployment.device_id, take)
    return messages


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


def test_the_device_gets_the_limits_once_however_often_it_is_started(
    deployment: Deployment, told: list[dict[str, Any]]
) -> None:
    # As ScanHub's page does by itself: it triggers an acquisition twice
    path = f"/trigger_task/{deployment.task_ids[0]}/"
    for _ in range(2):
        deployment.call("trigger_task", "POST", path)
    [message] = told
    limits = message["data"]["acquisition_limits"]
    assert (limits["patient_height"], limits["patient_weight"]) == (HEIGHT_CM, WEIGHT_KG)
    assert limits["patient_gender"] == "FEMALE" and limits["patient_age"] > 90
    assert read_tasks(deployment)[0]["status"] == "STARTED"


def test_no_write_resets_what_is_not_ours(
    deployment: Deployment, told: list[dict[str, Any]]
) -> None:
    # Given tasks with all that a task can have, in an order of the operator's
    ids = deployment.task_ids
    [scan, dag] = read_tasks(deployment)
    edited = scan | {"calibration": ["shims", "frequency"], "status": "UPDATED"}
    deployment.scanhub.put(f"{EXAM}/task/{ids[0]}", json=edited).raise_for_status()
    edited = dag | {"parameter": {"contrast": "t2"}, "destination": "pacs", "status": "UPDATED"}
    deployment.scanhub.put(f"{EXAM}/task/{ids[1]}", json=edited).raise_for_status()
    order = {"task_ids": [ids[1], ids[0]]}
    deployment.scanhub.put(f"{EXAM}/task/reorder", json=order).raise_for_status()
    before = read_tasks(deployment)
    # When they are carried out
    process(deployment)
    conf = send_raw_data(deployment)
    results = [{"type": "DICOM", "key": f"{conf['output_prefix']}/image.dcm"}]
    assert deployment.call_back(conf, {"success": True, "results": results}) == 200
    deployment.drain_queue("follow_changes")
    # Then they are finished, and all else is as it was
    after = read_tasks(deployment)
    assert [(each["status"], each["progress"]) for each in after] == [("FINISHED", 100)] * 2
    for one, other in zip(before, after, strict=True):
        assert {k: v for k, v in one.items() if k not in WRITTEN} == {
            k: v for k, v in other.items() if k not in WRITTEN
        }


def test_a_run_that_fails_is_an_error_in_exam_manager(
    deployment: Deployment, told: list[dict[str, Any]]
) -> None:
    process(deployment)
    conf = send_raw_data(deployment)
    assert deployment.call_back(conf, {"success": False}) == 200
    deployment.drain_queue("follow_changes")
    assert read_tasks(deployment)[1]["status"] == "ERROR"


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
