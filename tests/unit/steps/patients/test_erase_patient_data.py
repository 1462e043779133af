import pytest

from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import SCAN_ID, TOKEN, WORKFLOW_ID, at, make_dag_data, make_world
from tests.unit.steps.patients.test_find_patient_data import PATIENT_ID, reconstruct, scan
from workflow_manager.domain.errors import ConflictError, UpstreamError
from workflow_manager.services.create_upload import UploadRequest, create_upload
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.steps.patients.erase_patient_data import erase_patient_data
from workflow_manager.steps.patients.find_patient_data import find_patient_data


@pytest.fixture
def world() -> MemoryPorts:
    """A completed walk, its upload, and the data of somebody else."""
    world = make_world()
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    call(create_upload, world, UploadRequest("Jane Doe.h5", 1000, task_id=SCAN_ID), at(1))
    scan(world, "upload-1")
    reconstruct(world)
    world.lake.put(make_dag_data().key, b"raw", "application/x-hdf5")
    world.lake.put(f"acquisition/{WORKFLOW_ID}0/scan/raw.h5", b"raw", "application/x-hdf5")
    return world


def test_erase_patient_data_leaves_nothing_of_the_patient(world: MemoryPorts) -> None:
    found = call(find_patient_data, world, PATIENT_ID)
    [workflow] = found.workflows

    n_deleted = call(erase_patient_data, world, found)

    # One run, one upload.
    assert n_deleted == workflow.n_items + workflow.n_objects + 2
    assert call(find_patient_data, world, PATIENT_ID).is_empty
    assert world.store.get_execution(WORKFLOW_ID) is None
    assert world.store.get_dag_run(workflow.dag_run_ids[0]) is None
    assert world.store.get_upload(workflow.upload_ids[0]) is None
    assert world.store.list_events(f"workflow:{WORKFLOW_ID}") == []


def test_erase_patient_data_leaves_everybody_elses(world: MemoryPorts) -> None:
    call(erase_patient_data, world, call(find_patient_data, world, PATIENT_ID))

    assert world.lake.keys == [f"acquisition/{WORKFLOW_ID}0/scan/raw.h5", make_dag_data().key]


def test_erase_patient_data_does_nothing_when_nothing_is_left(world: MemoryPorts) -> None:
    call(erase_patient_data, world, call(find_patient_data, world, PATIENT_ID))
    assert call(erase_patient_data, world, call(find_patient_data, world, PATIENT_ID)) == 0


def test_erase_patient_data_refuses_what_is_in_progress() -> None:
    world = make_world()
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    found = call(find_patient_data, world, PATIENT_ID)

    with pytest.raises(ConflictError, match=f"task:{SCAN_ID}"):
        call(erase_patient_data, world, found)

    assert call(find_patient_data, world, PATIENT_ID) == found


def test_erase_patient_data_can_be_repeated_after_it_broke_off(
    world: MemoryPorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a data lake that fails at the second prefix: the results
    delete = world.lake.delete_prefix

    def fail_at_results(prefix: str) -> int:
        if prefix.startswith("result/"):
            raise UpstreamError("The data lake failed.")
        return delete(prefix)

    with monkeypatch.context() as patch:
        patch.setattr(world.lake, "delete_prefix", fail_at_results)
        with pytest.raises(UpstreamError):
            call(erase_patient_data, world, call(find_patient_data, world, PATIENT_ID))

    # When it is repeated, then the rest is found by what is still there
    [left] = call(find_patient_data, world, PATIENT_ID).workflows
    assert (left.n_objects, len(left.dag_run_ids)) == (1, 1)
    call(erase_patient_data, world, call(find_patient_data, world, PATIENT_ID))
    assert not [key for key in world.lake.keys if key.startswith("result/")]
