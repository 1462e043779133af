from typing import Any

import pytest

from tests.fakes.data_lake import MemoryDataLake
from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    DAG_ID,
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
    store,
)
from workflow_manager.domain.content import START_SIZE_BYTES
from workflow_manager.domain.dag_run import DagRun, object_dag_run_id
from workflow_manager.domain.data_lake import ObjectStart, ObjectVersion
from workflow_manager.domain.errors import (
    InvalidInputError,
    MissingPermissionError,
    UpstreamError,
    UpstreamUnreachableError,
)
from workflow_manager.domain.task import TaskStatus
from workflow_manager.ports import Dag
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.trigger_airflow import ObjectCreated, StartDagRun, trigger_airflow
from workflow_manager.steps.runs.check_content import check_content, read_inputs

HDF5 = b"\x89HDF\r\n\x1a\n" + bytes(3000)
NUMPY = b"\x93NUMPY\x01\x00"
GONE = "The object is no longer in the data lake."
RUN_ID = object_dag_run_id(make_dag_data())


class RecordingLake(MemoryDataLake):
    """Remembers what was read, and fails while it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[tuple[ObjectVersion, int]] = []
        self.outage: UpstreamError | None = None

    def read_start(self, data: ObjectVersion, n_bytes: int) -> ObjectStart | None:
        self.read.append((data, n_bytes))
        if self.outage:
            raise self.outage
        return super().read_start(data, n_bytes)


@pytest.fixture
def lake() -> RecordingLake:
    return RecordingLake()


@pytest.fixture
def world(lake: RecordingLake) -> MemoryPorts:
    world = make_world()
    world.lake = lake
    accept(world, "accepts:ismrmrd")
    return world


def accept(world: MemoryPorts, *tags: str) -> None:
    world.orchestrator.dags[DAG_ID] = Dag(dag_id=DAG_ID, dag_display_name="", tags=tags)


def arrive(world: MemoryPorts, body: bytes) -> None:
    store(world, make_dag_data(), body)
    deliver(world, make_dag_data())


def get_run(world: MemoryPorts) -> DagRun:
    run = world.store.get_dag_run(RUN_ID)
    assert run is not None
    return run


def test_object_that_the_dag_accepts_starts_it(world: MemoryPorts, lake: RecordingLake) -> None:
    arrive(world, HDF5)

    assert list(world.orchestrator.dag_runs) == [(DAG_ID, RUN_ID)]
    assert [(data.version_id, n) for data, n in lake.read] == [("v1", START_SIZE_BYTES)]


def test_object_that_the_dag_does_not_accept_fails_its_run_before_airflow(
    world: MemoryPorts,
) -> None:
    arrive(world, NUMPY)
    deliver(world, make_dag_data(), 20)

    run = get_run(world)
    assert run.state == "FAILED"
    assert run.reason == f"The DAG {DAG_ID} accepts ismrmrd; the object is NumPy."
    assert world.orchestrator.dag_runs == {}
    # Nothing is left for the reconciler, not even to stop.
    assert list(world.store.list_due(at(10**6).at)) == []


def test_dag_that_declares_nothing_is_given_anything(world: MemoryPorts) -> None:
    accept(world, "mri", "acceptable")
    arrive(world, b"anything")
    assert list(world.orchestrator.dag_runs) == [(DAG_ID, RUN_ID)]


@pytest.mark.parametrize("tags", [(), ("accepts:ismrmrd",)])
def test_object_that_was_deleted_meanwhile_fails_its_run(
    world: MemoryPorts, tags: tuple[str, ...]
) -> None:
    accept(world, *tags)
    store(world, make_dag_data(), HDF5)
    world.lake.delete_prefix(f"upload/{DAG_ID}/")

    call(trigger_airflow, world, ObjectCreated(make_dag_data()), at(10))

    assert (get_run(world).state, get_run(world).reason) == ("FAILED", GONE)
    assert world.orchestrator.dag_runs == {}


@pytest.mark.parametrize(
    "error", [UpstreamUnreachableError("The data lake failed."), MissingPermissionError()]
)
def test_run_waits_while_the_data_lake_cannot_be_asked(
    world: MemoryPorts, lake: RecordingLake, error: UpstreamError
) -> None:
    lake.outage = error
    arrive(world, HDF5)
    assert (get_run(world).state, get_run(world).reason) == ("PENDING", error.detail)
    assert list(world.store.list_due(at(60).at)) == [get_run(world)]

    lake.outage = None
    call(trigger_airflow, world, StartDagRun(RUN_ID), at(60))

    assert get_run(world).state == "RUNNING"


def test_raw_data_that_the_dag_does_not_accept_fails_its_task(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    store(world, make_raw_data(), NUMPY)

    deliver(world, make_raw_data())
    deliver_queue(world)

    task = get_task(world, RECONSTRUCTION_ID)
    assert get_task(world, SCAN_ID).status is TaskStatus.COMPLETED
    assert task.status is TaskStatus.FAILED
    assert task.reason == f"The DAG {DAG_ID} accepts ismrmrd; the object is NumPy."


def test_every_input_of_a_join_is_checked_and_the_wrong_one_is_named(world: MemoryPorts) -> None:
    dag = world.orchestrator.dags[DAG_ID]
    raw = world.lake.put("acquisition/w/t/raw.h5", HDF5, "")
    # Results are known without a version.
    result = ObjectVersion(bucket="data-lake", key="result/run-1/image.npy")
    gone = ObjectVersion(bucket="data-lake", key="upload/dag/gone/raw.h5", version_id="v1")
    with pytest.raises(InvalidInputError, match="object of input 2 is no longer"):
        check_content(dag, call(read_inputs, world, [raw, gone]))
    world.lake.put(result.key, NUMPY, "")
    with pytest.raises(InvalidInputError, match="ismrmrd; the object of input 2 is NumPy"):
        check_content(dag, call(read_inputs, world, [raw, result]))
    both = dag.model_copy(update={"tags": ("accepts:hdf5", "accepts:numpy")})
    check_content(both, call(read_inputs, world, [raw, result]))


def test_run_without_inputs_reads_nothing(world: MemoryPorts, lake: RecordingLake) -> None:
    check_content(world.orchestrator.dags[DAG_ID], call(read_inputs, world, []))
    assert lake.read == []


def test_simulated_run_reads_nothing(world: MemoryPorts, lake: RecordingLake) -> None:
    arrive_simulated(world)
    assert lake.read == []
    assert len(world.queue.simulation_steps) == 1


def arrive_simulated(world: MemoryPorts) -> None:
    reconstruction: Any = world.exam.tasks[RECONSTRUCTION_ID]
    args = {**reconstruction.args, "simulate": "true", "contrast": "image.dcm"}
    world.exam.tasks[RECONSTRUCTION_ID] = reconstruction.model_copy(update={"args": args})
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())
    deliver_queue(world)


@pytest.mark.parametrize("key", ["/data/upload/image.dcm", "result/run/series/", "result/out.npy"])
def test_path_that_a_dag_named_as_its_result_is_left_to_the_worker(
    world: MemoryPorts, lake: RecordingLake, key: str
) -> None:
    # Given a result that is no object; when it is an input, then nothing is raised
    named = ObjectVersion(bucket=lake.bucket, key=key)
    check_content(world.orchestrator.dags[DAG_ID], call(read_inputs, world, [named]))
