"""Ids in whatever form they come: one thing has one item, and what cannot be an id has none."""

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.fakes.ports import MemoryPorts
from tests.fakes.world import NOW, SCAN_ID, WORKFLOW_ID, deliver, get_task, make_raw_data
from tests.unit.functions.conftest import Invoke, load_event, read_body
from workflow_manager.domain.listing import ListQuery
from workflow_manager.domain.task import TaskStatus
from workflow_manager.steps.patients.find_patient_data import find_patient_data

# What Python's `uuid.UUID` takes, by which ScanHub reads ids, and in which it writes them.
FORMS = [
    str.upper,
    lambda text: text[:8].upper() + text[8:],
    lambda text: text.replace("-", ""),
    lambda text: f"{{{text}}}",
    lambda text: f"urn:uuid:{text.upper()}",
]


def at_path(function: str, case: str, old: str, new: str) -> dict[str, Any]:
    event = load_event(function, case)
    assert old in event["path"]
    return event | {"path": event["path"].replace(old, new)}


@pytest.mark.parametrize("form", FORMS)
def test_workflow_is_the_same_by_each_form_of_its_id(invoke: Invoke, form: Any) -> None:
    event = at_path("process_workflow", "success", WORKFLOW_ID, form(WORKFLOW_ID))
    assert invoke("process_workflow", event)["statusCode"] == 200

    looked = invoke(
        "get_workflow", at_path("get_workflow", "success", WORKFLOW_ID, form(WORKFLOW_ID))
    )
    listed = read_body(invoke("list_workflows", load_event("list_workflows", "defaults")))

    assert read_body(looked)["workflow_id"] == WORKFLOW_ID
    assert read_body(looked)["status"] == "running"
    assert [each["workflow_id"] for each in listed["workflows"]] == [WORKFLOW_ID]


@pytest.mark.parametrize("form", FORMS)
def test_task_of_an_upload_is_the_same_by_each_form_of_its_id(
    invoke: Invoke, world: MemoryPorts, form: Any
) -> None:
    event = load_event("create_upload", "for_task")
    body = json.loads(event["body"]) | {"task_id": form(SCAN_ID)}

    answer = invoke("create_upload", event | {"body": json.dumps(body)})

    assert answer["statusCode"] == 201
    upload = world.store.get_upload(read_body(answer)["upload_id"])
    assert upload is not None
    assert upload.task_id == SCAN_ID
    assert upload.key.startswith(f"acquisition/{WORKFLOW_ID}/{SCAN_ID}/")


def deliver_by(world: MemoryPorts, form: Any) -> str:
    data = make_raw_data()
    key = data.key.replace(WORKFLOW_ID, form(WORKFLOW_ID)).replace(SCAN_ID, form(SCAN_ID))
    deliver(world, data.model_copy(update={"key": key}))
    return str(key)


def test_raw_data_completes_its_task_by_ids_in_upper_case_and_is_found_to_be_erased(
    invoke: Invoke, world: MemoryPorts
) -> None:
    invoke("process_workflow", load_event("process_workflow", "success"))

    key = deliver_by(world, str.upper)

    task = get_task(world, SCAN_ID)
    assert task.status is TaskStatus.COMPLETED
    assert task.data is not None
    # S3 keeps the object where it lies.
    assert task.data.key == key
    [found] = find_patient_data(world.store, world.lake, world.exam, "patient-1").workflows
    assert any(key.startswith(prefix) for prefix in found.prefixes)
    assert found.n_objects == 1


@pytest.mark.parametrize("form", FORMS[1:3])
def test_raw_data_whose_ids_are_written_otherwise_is_rejected_for_people_to_see(
    invoke: Invoke, world: MemoryPorts, form: Any
) -> None:
    invoke("process_workflow", load_event("process_workflow", "success"))

    deliver_by(world, form)

    assert get_task(world, SCAN_ID).status is TaskStatus.IN_PROGRESS
    query = ListQuery(NOW - timedelta(days=1), NOW + timedelta(days=1), limit=10)
    assert len(world.store.list_rejected_objects(query).items) == 1


@pytest.mark.parametrize("text", ["x" * 65, "%C3%A4", "%00", "%7F", "\ud800", f"{WORKFLOW_ID}%0A"])
def test_what_cannot_be_an_id_is_not_there_and_nobody_is_asked(
    invoke: Invoke, world: MemoryPorts, text: str
) -> None:
    del world.store, world.exam

    answer = invoke("get_workflow", at_path("get_workflow", "success", WORKFLOW_ID, text))

    assert answer["statusCode"] == 404
    assert read_body(answer)["detail"] == "Nothing has such an id."
