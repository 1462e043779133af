import pytest

from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    RECONSTRUCTION_ID,
    SCAN_ID,
    TOKEN,
    WORKFLOW_ID,
    at,
    callback_token,
    deliver,
    deliver_queue,
    get_task,
    make_exam_task,
    make_raw_data,
    make_success,
    make_world,
)
from workflow_manager.domain.dag_run import task_dag_run_id
from workflow_manager.domain.data_lake import acquisition_prefixes
from workflow_manager.domain.errors import NeighbourRefusedError, UpstreamUnreachableError
from workflow_manager.domain.exam import Exam, ItemStatus, TaskType
from workflow_manager.services.create_upload import UploadRequest, create_upload
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.receive_results import receive_results
from workflow_manager.services.trigger_task import trigger_task
from workflow_manager.steps.patients.find_patient_data import find_patient_data

PATIENT_ID = "patient-1"


@pytest.fixture
def world() -> MemoryPorts:
    return make_world()


def reconstruct(world: MemoryPorts) -> str:
    """Start the reconstruction, leave an image, and return the id of its run."""
    deliver_queue(world)
    run_id = get_task(world, RECONSTRUCTION_ID).dag_run_id or ""
    world.lake.put(f"result/{run_id}/image.dcm", b"image", "application/dicom")
    call(receive_results, world, callback_token(world, run_id), make_success(run_id), at(20))
    return run_id


def scan(world: MemoryPorts, upload_id: str) -> None:
    data = make_raw_data(upload_id)
    world.lake.put(data.key, b"raw", "application/x-hdf5")
    deliver(world, data)


def test_find_patient_data_finds_results_of_a_workflow_that_the_table_has_forgotten(
    world: MemoryPorts,
) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    scan(world, "upload-1")
    run_id = reconstruct(world)
    world.store.expire(at(366 * 86_400).at)
    assert world.store.get_execution(WORKFLOW_ID) is None

    [found] = call(find_patient_data, world, PATIENT_ID).workflows

    assert f"result/{run_id}/" in found.prefixes
    assert found.n_objects == 2


def test_upper_case_is_another_workflow_where_the_id_is_no_uuid() -> None:
    assert acquisition_prefixes("workflow-1") == ["acquisition/workflow-1"]
    assert acquisition_prefixes(WORKFLOW_ID) == [
        f"acquisition/{WORKFLOW_ID}",
        f"acquisition/{WORKFLOW_ID.upper()}",
    ]


def test_find_patient_data_finds_nothing_of_an_unknown_patient(world: MemoryPorts) -> None:
    found = call(find_patient_data, world, "patient-2")
    assert (found.n_exams, found.workflows, found.is_empty) == (0, (), True)


def test_find_patient_data_finds_nothing_before_anything_happened(world: MemoryPorts) -> None:
    found = call(find_patient_data, world, PATIENT_ID)
    assert [workflow.workflow_id for workflow in found.workflows] == [WORKFLOW_ID]
    assert found.is_empty


def test_find_patient_data_finds_a_workflow_that_exam_manager_has_deleted(
    world: MemoryPorts,
) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    scan(world, "upload-1")
    reconstruct(world)
    [before] = call(find_patient_data, world, PATIENT_ID).workflows
    world.exam.exams.clear()
    # Of the exam alone, or of the workflow too.
    for _ in range(2):
        found = call(find_patient_data, world, PATIENT_ID)
        assert (found.n_exams, found.workflows) == (0, (before,))
        assert call(find_patient_data, world, "patient-2").is_empty
        world.exam.workflows.clear()


def test_find_patient_data_leaves_a_workflow_that_is_another_patients_by_now(
    world: MemoryPorts,
) -> None:
    # Given a scan of the wrong exam, which somebody has put right in exam-manager
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    moved = world.exam.workflows[WORKFLOW_ID].model_copy(update={"exam_id": "exam-2"})
    world.exam.workflows[WORKFLOW_ID] = moved
    world.exam.exams["exam-2"] = Exam(id="exam-2", patient_id="patient-2")

    assert call(find_patient_data, world, PATIENT_ID).workflows == ()
    [found] = call(find_patient_data, world, "patient-2").workflows
    assert found.workflow_id == WORKFLOW_ID


def test_find_patient_data_takes_an_outage_for_no_answer(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    world.exam.exams.clear()
    world.exam.fail_with["get_workflow"] = NeighbourRefusedError("Not found", 404, is_own=False)
    with pytest.raises(NeighbourRefusedError):
        call(find_patient_data, world, PATIENT_ID)


def test_find_patient_data_finds_every_attempt(world: MemoryPorts) -> None:
    # Given a scan that was reconstructed, and repeated
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    scan(world, "upload-1")
    first = reconstruct(world)
    call(trigger_task, world, SCAN_ID, TOKEN, at(30))
    scan(world, "upload-2")
    second = reconstruct(world)

    [found] = call(find_patient_data, world, PATIENT_ID).workflows

    assert found.dag_run_ids == (first, second)
    assert (first, second) == tuple(task_dag_run_id(RECONSTRUCTION_ID, n) for n in (1, 2))
    prefixes = {f"acquisition/{WORKFLOW_ID}/", f"result/{first}/", f"result/{second}/"}
    assert prefixes <= set(found.prefixes)
    assert found.n_objects == 4
    n_events = len(world.store.list_events(f"workflow:{WORKFLOW_ID}"))
    assert found.n_items == 1 + 2 + n_events
    assert found.in_progress == ()


def test_find_patient_data_finds_unfinished_uploads(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    request = UploadRequest("Jane Doe.h5", 1000, task_id=SCAN_ID)
    upload = call(create_upload, world, request, at(1))

    [found] = call(find_patient_data, world, PATIENT_ID).workflows

    assert (found.upload_ids, found.n_objects) == ((upload.upload_id,), 1)


def test_find_patient_data_names_what_is_in_progress(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    [found] = call(find_patient_data, world, PATIENT_ID).workflows
    assert found.in_progress == (f"task:{SCAN_ID}",)

    scan(world, "upload-1")

    [found] = call(find_patient_data, world, PATIENT_ID).workflows
    run_id = get_task(world, RECONSTRUCTION_ID).dag_run_id
    assert found.in_progress == (f"task:{RECONSTRUCTION_ID}", f"dag_run:{run_id}")


def test_find_patient_data_names_a_run_that_is_not_stopped_yet(world: MemoryPorts) -> None:
    # Given a run on old data, which a rescan cannot stop for now
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    scan(world, "upload-1")
    deliver_queue(world)
    run_id = get_task(world, RECONSTRUCTION_ID).dag_run_id
    world.orchestrator.fail_with["cancel_dag_run"] = UpstreamUnreachableError("Airflow is away.")
    call(trigger_task, world, SCAN_ID, TOKEN, at(30))

    [found] = call(find_patient_data, world, PATIENT_ID).workflows

    assert f"dag_run:{run_id}" in found.in_progress


def test_find_patient_data_names_what_somebody_else_has_started() -> None:
    started = make_exam_task(
        SCAN_ID, TaskType.DEVICE_TASK_SDK, 1, status=ItemStatus.STARTED, args={}
    )
    [found] = call(find_patient_data, make_world(started), PATIENT_ID).workflows
    assert found.in_progress == (f"task:{SCAN_ID}",)
