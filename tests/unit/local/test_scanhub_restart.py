"""A stand-in that starts again on its file knows what it knew."""

from pathlib import Path

import pytest

from local.scanhub.app import Settings, make_stand_in
from local.scanhub.dependencies import StandIn
from local.scanhub.models import (
    BaseResult,
    Device,
    ExamOut,
    ItemStatus,
    MRISequence,
    PatientOut,
    ResultOut,
    ResultType,
    TaskOut,
    WorkflowOut,
)
from local.scanhub.seed import DEFAULT_TASKS, DEVICE_ID, seed_workflow

MODELS = (PatientOut, MRISequence, ExamOut, WorkflowOut, TaskOut, ResultOut)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(address="127.0.0.1:1", file=tmp_path / "scanhub.sqlite")


def restart(stand_in: StandIn, settings: Settings) -> StandIn:
    # No orderly end: the process may have been killed.
    again = make_stand_in(settings)
    stand_in.store.close()
    return again


def test_rows_are_kept_in_the_order_of_the_heap(settings: Settings) -> None:
    # Given workflows, of whose tasks one has moved to the end and has a result, and one is gone
    first = make_stand_in(settings)
    seeded = seed_workflow(first.store, first.seed.exam_id, DEFAULT_TASKS)
    gone = seed_workflow(first.store, first.seed.exam_id, DEFAULT_TASKS)
    task_id = seeded.task_ids[0]
    result = BaseResult(task_id=task_id, type=ResultType.MRD, filename="phantom.h5")
    first.store.add(ResultOut, result)
    first.store.update(TaskOut, task_id, status=ItemStatus.FINISHED, progress=100)
    first.store.delete(WorkflowOut, gone.workflow_id)
    before = {model: first.store.select(model) for model in MODELS}
    # When it starts again
    again = restart(first, settings)
    # Then all tables are as they were, and later rows are newer
    assert {model: again.store.select(model) for model in MODELS} == before
    assert before[TaskOut][-1].id == task_id
    assert again.seed == first.seed
    added = seed_workflow(again.store, again.seed.exam_id, DEFAULT_TASKS)
    rows = again.store.select(WorkflowOut)
    assert max(rows, key=lambda row: row.datetime_created).id == added.workflow_id
    again.store.close()


def test_who_is_logged_in_stays_so(settings: Settings) -> None:
    # Given an operator who is logged in, and a service that was logged out
    first = make_stand_in(settings)
    names = first.credentials
    operator = first.accounts.log_in(names["username"], names["password"])
    service = first.accounts.log_in(names["service_username"], names["service_password"])
    assert operator and service
    first.accounts.log_out(service.username)
    # When it starts again; then the operator's token is valid, and the other is not
    again = restart(first, settings)
    known = again.accounts.check_token(operator.access_token)
    assert known and known.username == operator.username
    assert again.accounts.check_token(service.access_token) is None
    again.store.close()


def test_devices_are_ready_unless_they_were_away(settings: Settings) -> None:
    # Given a device that scans, and one that is disconnected
    first = make_stand_in(settings)
    first.add_device("scanning", status="scanning")
    first.add_device("away", status="disconnected")
    # When it starts again; then what was scanning can scan, and what was away is away
    again = restart(first, settings)
    statuses = {device.id: device.status for device in again.store.select(Device)}
    assert statuses == {DEVICE_ID: "ready", "scanning": "ready", "away": "disconnected"}
    again.store.close()
