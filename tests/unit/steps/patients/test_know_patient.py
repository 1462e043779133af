"""The pseudonym of the patient and the date of the exam: in whose runs, and where not to be had."""

from datetime import datetime
from typing import Any

import pytest

from tests.fakes.clients import PSEUDONYM_KEY
from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    RECONSTRUCTION,
    RECONSTRUCTION_ID,
    SCAN_ID,
    TOKEN,
    WORKFLOW_ID,
    at,
    deliver,
    deliver_queue,
    get_task,
    make_dag_data,
    make_raw_data,
    make_world,
)
from workflow_manager.domain.dag_run import DagRunState
from workflow_manager.domain.errors import (
    MissingPermissionError,
    NeighbourRefusedError,
    ScanHubError,
    UpstreamTimeoutError,
)
from workflow_manager.domain.exam import Exam
from workflow_manager.domain.pseudonym import make_pseudonym
from workflow_manager.domain.task import TaskStatus
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.trigger_task import trigger_task

FIRST, SECOND = (make_pseudonym(PSEUDONYM_KEY, f"patient-{n}") for n in (1, 2))
AWAY = UpstreamTimeoutError("Failed to fetch exam")


@pytest.fixture
def world() -> MemoryPorts:
    world = make_world()
    made_at = datetime(2026, 11, 23, 8, 15, 2, 491907)
    first = world.exam.exams["exam-1"]
    world.exam.exams["exam-1"] = first.model_copy(update={"datetime_created": made_at})
    world.exam.exams["exam-2"] = Exam(
        id="exam-2", patient_id="patient-2", patient_height_cm=180, patient_weight_kg=80
    )
    world.scan.patients["patient-2"] = world.scan.patients["patient-1"]
    return world


def list_confs(world: MemoryPorts) -> list[dict[str, Any]]:
    return list(world.orchestrator.dag_runs.values())


def list_pseudonyms(world: MemoryPorts) -> list[str | None]:
    return [conf["patient_pseudonym"] for conf in list_confs(world)]


def list_dates(world: MemoryPorts) -> list[tuple[str | None, str | None]]:
    return [(conf["study_date"], conf["study_time"]) for conf in list_confs(world)]


def stored_pseudonym(world: MemoryPorts) -> str | None:
    execution = world.store.get_execution(WORKFLOW_ID)
    assert execution is not None
    return execution.graph.workflow.patient_pseudonym


def put_into(world: MemoryPorts, exam_id: str) -> None:
    workflow = world.exam.workflows[WORKFLOW_ID]
    world.exam.workflows[WORKFLOW_ID] = workflow.model_copy(update={"exam_id": exam_id})


def get_reason(world: MemoryPorts) -> str | None:
    run = world.store.get_dag_run(get_task(world, RECONSTRUCTION_ID).dag_run_id or "")
    assert run is not None
    assert run.state is DagRunState.PENDING
    return run.waits_because


def test_scan_brings_the_pseudonym_to_its_reconstruction_though_exam_manager_is_away(
    world: MemoryPorts,
) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    world.exam.fail_with["get_exam"] = AWAY

    deliver(world, make_raw_data())
    deliver_queue(world)

    assert list_pseudonyms(world) == [FIRST]
    assert "patient-1" not in str(list_confs(world))
    assert list_dates(world) == [("20261123", "081502")]


@pytest.mark.parametrize("error", [AWAY, MissingPermissionError()])
def test_scan_starts_though_the_key_cannot_be_read_and_its_run_waits(
    world: MemoryPorts, error: ScanHubError
) -> None:
    world.exam.fail_with["pseudonymize"] = error
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    assert get_task(world, SCAN_ID).status is TaskStatus.IN_PROGRESS
    deliver(world, make_raw_data())
    deliver_queue(world)
    assert (list_confs(world), get_reason(world)) == ([], error.detail)

    del world.exam.fail_with["pseudonymize"]
    run_id = get_task(world, RECONSTRUCTION_ID).dag_run_id or ""
    world.queue.dag_run_ids.append(run_id)
    deliver_queue(world, 400)

    assert list_pseudonyms(world) == [FIRST]
    assert stored_pseudonym(world) == FIRST


@pytest.mark.parametrize(
    "error", [AWAY, NeighbourRefusedError("Failed to fetch exam", 404, is_own=False)]
)
def test_upload_without_a_scan_of_ours_waits_for_exam_manager(
    world: MemoryPorts, error: ScanHubError
) -> None:
    world.exam.fail_with["get_exam"] = error
    deliver(world, make_raw_data())
    deliver_queue(world)
    assert (list_confs(world), get_reason(world)) == ([], "Failed to fetch exam")

    del world.exam.fail_with["get_exam"]
    world.queue.dag_run_ids.append(get_task(world, RECONSTRUCTION_ID).dag_run_id or "")
    deliver_queue(world, 400)

    assert list_pseudonyms(world) == [FIRST]
    assert list_dates(world) == [("20261123", "081502")]


def test_exam_is_asked_once_for_all_runs_of_a_workflow() -> None:
    second = RECONSTRUCTION.model_copy(update={"id": "reconstruction-2"})
    world = make_world(*make_world().exam.tasks.values(), second)
    deliver(world, make_raw_data())
    first, other = world.queue.dag_run_ids
    world.queue.dag_run_ids[:] = [first]
    deliver_queue(world)
    world.exam.fail_with["get_exam"] = AWAY
    world.queue.dag_run_ids[:] = [other]
    deliver_queue(world)
    assert list_pseudonyms(world) == [FIRST, FIRST]


def test_exam_that_is_gone_or_nobodys_leaves_a_run_without_a_pseudonym() -> None:
    gone, nobodys = make_world(), make_world()
    del gone.exam.exams["exam-1"]
    nobodys.exam.exams["exam-1"] = Exam(id="exam-1")
    for world in (gone, nobodys):
        deliver(world, make_raw_data())
        deliver_queue(world)
        assert list_pseudonyms(world) == [None]


def test_run_of_an_object_has_none(world: MemoryPorts) -> None:
    deliver(world, make_dag_data())
    assert list_pseudonyms(world) == [None]


def test_workflow_that_was_moved_takes_the_other_patients(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    put_into(world, "exam-2")
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(60))
    deliver(world, make_raw_data())
    deliver_queue(world)
    assert list_pseudonyms(world) == [SECOND]


def test_run_that_waits_is_not_filed_under_the_patient_of_another_exam(
    world: MemoryPorts,
) -> None:
    # Given a run of the first exam, that waits for its patient
    world.exam.fail_with["get_exam"] = AWAY
    deliver(world, make_raw_data())
    # When the workflow is moved, and we are told of it
    put_into(world, "exam-2")
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(20))
    del world.exam.fail_with["get_exam"]
    deliver_queue(world, 30)
    # Then it is of its own exam's study, and of nobody's else
    [conf] = list_confs(world)
    assert conf["patient_pseudonym"] is None


def test_exam_of_another_patient_counts_from_the_next_start(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())
    exam = world.exam.exams["exam-1"]
    world.exam.exams["exam-1"] = exam.model_copy(update={"patient_id": "patient-2"})

    call(trigger_task, world, SCAN_ID, TOKEN, at(60))
    deliver(world, make_raw_data("upload-2"), 70)
    deliver_queue(world, 80)

    assert list_pseudonyms(world)[-1] == SECOND
