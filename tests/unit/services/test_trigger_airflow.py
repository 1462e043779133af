import itertools
from collections.abc import Mapping

import pytest
from pydantic import JsonValue

from tests.fakes.orchestrator import MemoryOrchestrator
from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    DAG_ID,
    RECONSTRUCTION,
    RECONSTRUCTION_ID,
    SCAN,
    SCAN_ID,
    TOKEN,
    WORKFLOW_ID,
    at,
    callback_token,
    deliver,
    deliver_queue,
    get_task,
    make_dag_data,
    make_raw_data,
    make_world,
    store,
)
from workflow_manager.domain.dag_run import DagRunState, object_dag_run_id, task_dag_run_id
from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.entity import Event
from workflow_manager.domain.errors import (
    ConflictError,
    DeviceStartError,
    UpstreamTimeoutError,
)
from workflow_manager.domain.exam import ItemStatus
from workflow_manager.domain.listing import ListQuery
from workflow_manager.domain.task import TaskStatus
from workflow_manager.ports import Dag
from workflow_manager.services.create_upload import UploadRequest, create_upload
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.trigger_airflow import ObjectCreated, StartDagRun, trigger_airflow
from workflow_manager.services.trigger_task import trigger_task


@pytest.fixture
def world() -> MemoryPorts:
    return make_world()


class LosesAnswers(MemoryOrchestrator):
    """Creates the run, then the answer is lost."""

    def trigger_dag_run(
        self, dag_id: str, dag_run_id: str, conf: Mapping[str, JsonValue]
    ) -> str | None:
        super().trigger_dag_run(dag_id, dag_run_id, conf)
        raise UpstreamTimeoutError("No answer in time.")


def get_run_state(world: MemoryPorts, dag_run_id: str) -> DagRunState:
    run = world.store.get_dag_run(dag_run_id)
    assert run is not None
    return run.state


def test_trigger_airflow_starts_one_run_for_an_object(world: MemoryPorts) -> None:
    deliver(world, make_dag_data())

    run_id = object_dag_run_id(make_dag_data())
    assert list(world.orchestrator.dag_runs) == [(DAG_ID, run_id)]
    assert get_run_state(world, run_id) is DagRunState.RUNNING


def test_trigger_airflow_starts_one_run_however_often_the_event_comes(world: MemoryPorts) -> None:
    for _ in range(3):
        deliver(world, make_dag_data())

    assert len(world.orchestrator.dag_runs) == 1


def test_trigger_airflow_starts_a_run_for_every_version_of_an_object(world: MemoryPorts) -> None:
    deliver(world, make_dag_data(version_id="v1"))
    deliver(world, make_dag_data(version_id="v2"))

    assert len(world.orchestrator.dag_runs) == 2


def test_trigger_airflow_tells_the_dag_where_its_data_is_and_no_user_token(
    world: MemoryPorts,
) -> None:
    data = make_dag_data()

    deliver(world, data)

    [conf] = world.orchestrator.dag_runs.values()
    run_id = object_dag_run_id(data)
    run = world.store.get_dag_run(run_id)
    assert run is not None
    file = {"bucket": "data-lake", "key": data.key, "version_id": "v1"}
    assert conf == {
        "directory": f"/upload/{DAG_ID}/upload-1",
        "file_name": "raw.h5",
        "workflow_manager_endpoint": "https://scanhub.invalid/api/v1/workflowmanager/results_ready/",
        "user_token": callback_token(world, run_id),
        "conf_version": 1,
        "bucket": "data-lake",
        "key": data.key,
        "version_id": "v1",
        "dag_run_id": run_id,
        "task_id": None,
        "inputs": [
            {
                "task_id": None,
                "dag_run_id": None,
                "type": None,
                **file,
                "results": [{**file, "type": None}],
            }
        ],
        "parameters": {},
        "orientation_convention": None,
        "coil_combination": None,
        "output_prefix": f"result/{run_id}",
        "study_instance_uid": None,
        "study_date": None,
        "study_time": None,
        "patient_pseudonym": None,
        "series_number": None,
        "traceparent": run.traceparent,
    }
    assert str(conf["user_token"]).startswith(f"{run_id}.")


def test_trigger_airflow_completes_the_scan_and_starts_its_reconstruction(
    world: MemoryPorts,
) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    deliver(world, make_raw_data())
    deliver_queue(world)

    assert get_task(world, SCAN_ID).status is TaskStatus.COMPLETED
    assert get_task(world, RECONSTRUCTION_ID).status is TaskStatus.IN_PROGRESS
    [(dag_id, run_id)] = world.orchestrator.dag_runs
    assert (dag_id, run_id) == (DAG_ID, task_dag_run_id(RECONSTRUCTION_ID, 1))
    assert world.orchestrator.dag_runs[dag_id, run_id]["key"] == make_raw_data().key


def test_trigger_airflow_keeps_a_second_object_of_a_scan_in_the_audit_trail(
    world: MemoryPorts,
) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data("upload-1"))
    deliver(world, make_raw_data("upload-1"))

    deliver(world, make_raw_data("upload-2"))

    deliver(world, make_raw_data("upload-2"))

    late = [e for e in world.store.list_events(f"workflow:{WORKFLOW_ID}") if e.name == "late_data"]
    data_id = object_dag_run_id(make_raw_data("upload-2"))
    assert [data_id in (event.reason or "") for event in late] == [True]
    assert "upload-2" not in str(late)
    assert get_task(world, SCAN_ID).data == make_raw_data("upload-1")
    query = ListQuery(since=at(-60).at, until=at(60).at, limit=10)
    rejected = world.store.list_rejected_objects(query).items
    assert [each.key for each in rejected] == [make_raw_data("upload-2").key]


def test_trigger_airflow_takes_data_of_a_scan_that_was_started_elsewhere(
    world: MemoryPorts,
) -> None:
    deliver(world, make_raw_data())

    assert get_task(world, SCAN_ID).status is TaskStatus.COMPLETED
    assert len(world.queue.dag_run_ids) == 1


def test_trigger_airflow_marks_a_run_whose_first_answer_was_lost(world: MemoryPorts) -> None:
    dags = world.orchestrator.dags
    world.orchestrator = LosesAnswers(dags.values())
    deliver(world, make_dag_data())
    run_id = object_dag_run_id(make_dag_data())
    token = callback_token(world, run_id)
    assert get_run_state(world, run_id) is DagRunState.PENDING

    deliver(world, make_dag_data())

    run = world.store.get_dag_run(run_id)
    assert run is not None
    assert run.state is DagRunState.RUNNING
    assert len(world.orchestrator.dag_runs) == 1
    # The DAG holds the token of the attempt whose answer was lost.
    assert run.is_called_back_with(token, at(20).at)


def test_trigger_airflow_keeps_the_run_pending_on_a_conflict_that_is_not_its_own(
    world: MemoryPorts,
) -> None:
    class Conflicts(MemoryOrchestrator):
        def trigger_dag_run(
            self, dag_id: str, dag_run_id: str, conf: Mapping[str, JsonValue]
        ) -> str | None:
            raise ConflictError("Airflow has such a run.")

    world.orchestrator = Conflicts(world.orchestrator.dags.values())

    deliver(world, make_dag_data())

    assert get_run_state(world, object_dag_run_id(make_dag_data())) is DagRunState.PENDING


def test_trigger_airflow_waits_for_a_broken_dag(world: MemoryPorts) -> None:
    broken = Dag(dag_id=DAG_ID, dag_display_name="", has_import_errors=True)
    world.orchestrator.dags[DAG_ID] = broken

    deliver(world, make_dag_data())

    assert world.orchestrator.dag_runs == {}
    assert get_run_state(world, object_dag_run_id(make_dag_data())) is DagRunState.PENDING


def test_trigger_airflow_fails_the_run_and_the_task_of_an_unknown_dag(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    world.orchestrator.dags.clear()
    deliver(world, make_raw_data())

    run_id = world.queue.dag_run_ids[0]
    deliver_queue(world, 11)
    assert get_run_state(world, run_id) is DagRunState.PENDING
    call(trigger_airflow, world, StartDagRun(run_id), at(300))

    task = get_task(world, RECONSTRUCTION_ID)
    assert task.status is TaskStatus.FAILED
    assert task.reason == f"Airflow does not know the DAG {DAG_ID}."


def test_dag_run_ids_differ_for_every_cause() -> None:
    objects = [
        ObjectVersion(bucket=bucket, key=key, version_id=version)
        for bucket, key, version in itertools.product("ab", "ab", ("1", "2", None))
    ]
    ids = [object_dag_run_id(data) for data in objects]
    ids += [task_dag_run_id(task_id, attempt) for task_id in "ab" for attempt in (1, 2)]

    assert len(set(ids)) == len(ids)
    assert all(len(run_id) == 20 and run_id.isalnum() for run_id in ids)


def test_trigger_airflow_takes_the_data_of_a_scan_whose_start_was_not_confirmed(
    world: MemoryPorts,
) -> None:
    world.scan.start_error = UpstreamTimeoutError("late")
    with pytest.raises(DeviceStartError):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    upload = call(create_upload, world, UploadRequest("a.h5", 1, task_id=SCAN_ID), at(5))

    deliver(world, make_raw_data(upload.upload_id))

    assert get_task(world, SCAN_ID).status is TaskStatus.COMPLETED
    assert get_task(world, RECONSTRUCTION_ID).status is TaskStatus.IN_PROGRESS


def test_trigger_airflow_does_not_take_data_of_an_earlier_attempt_for_a_rescan(
    world: MemoryPorts,
) -> None:
    call(trigger_task, world, SCAN_ID, TOKEN, at(0))
    late_upload = call(create_upload, world, UploadRequest("a.h5", 1, task_id=SCAN_ID), at(5))
    deliver(world, make_raw_data("upload-1"))
    call(trigger_task, world, SCAN_ID, TOKEN, at(20))

    deliver(world, make_raw_data(late_upload.upload_id), 30)

    assert get_task(world, SCAN_ID).status is TaskStatus.IN_PROGRESS


def test_trigger_airflow_does_not_take_an_event_that_comes_again_for_a_rescan(
    world: MemoryPorts,
) -> None:
    # Given two scans with data, dropped by hand, and a third one that waits for its own
    for n, version_id in enumerate(["v1", "v2"]):
        call(trigger_task, world, SCAN_ID, TOKEN, at(30 * n))
        deliver(world, make_raw_data("by-hand", version_id), 30 * n + 10)
    call(trigger_task, world, SCAN_ID, TOKEN, at(60))

    deliver(world, make_raw_data("by-hand", "v1"), 70)

    assert get_task(world, SCAN_ID).status is TaskStatus.IN_PROGRESS


def test_trigger_airflow_leaves_data_in_the_audit_trail_that_a_rescan_replaces(
    world: MemoryPorts,
) -> None:
    call(trigger_task, world, SCAN_ID, TOKEN, at(0))
    deliver(world, make_raw_data(version_id="v1"), 10)
    call(trigger_task, world, SCAN_ID, TOKEN, at(20))
    deliver(world, make_raw_data(version_id="v2"), 30)

    reasons = [e.reason or "" for e in world.store.list_events(f"workflow:{WORKFLOW_ID}")]

    assert any(object_dag_run_id(make_raw_data(version_id="v1")) in each for each in reasons)


def test_trigger_airflow_gives_a_scan_that_ended_without_data_its_data() -> None:
    world = make_world(SCAN.model_copy(update={"status": ItemStatus.FINISHED}))
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    world.exam.add_workflow(
        world.exam.workflows[WORKFLOW_ID].model_copy(update={"tasks": [SCAN, RECONSTRUCTION]})
    )
    world.exam.tasks[SCAN_ID] = SCAN.model_copy(update={"status": ItemStatus.FINISHED})
    upload = call(create_upload, world, UploadRequest("a.h5", 1, task_id=SCAN_ID), at(5))

    deliver(world, make_raw_data(upload.upload_id))

    assert get_task(world, SCAN_ID).data is not None


def test_trigger_airflow_completes_a_scan_with_data_dropped_by_hand(world: MemoryPorts) -> None:
    # Given a scan in progress; when somebody with rights on the bucket copies its file there
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    by_hand = make_raw_data().model_copy(
        update={"key": f"acquisition/{WORKFLOW_ID}/{SCAN_ID}/scan 7.h5"}
    )

    deliver(world, by_hand)

    # Then the scan is completed with it, and its reconstruction is queued, once
    scan = get_task(world, SCAN_ID)
    assert (scan.status, scan.data) == (TaskStatus.COMPLETED, by_hand)
    assert len(world.queue.dag_run_ids) == 1


def test_trigger_airflow_reads_no_more_of_the_trail_than_the_object_is_old(
    world: MemoryPorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a trail of many lines, and data that a rescan does not wait for
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    for n in range(100):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(n), n % 2 == 1)
    store(world, make_raw_data())
    arrival = ObjectCreated(make_raw_data(), at(2000).at)
    call(trigger_airflow, world, arrival, at(2001))
    call(trigger_task, world, SCAN_ID, TOKEN, at(2002))
    n_read = []
    list_events = world.store.list_events

    def count(*arguments: object) -> list[Event]:
        found = list_events(*arguments)  # type: ignore[arg-type]
        n_read.append(len(found))
        return found

    monkeypatch.setattr(world.store, "list_events", count)

    # When its event comes again
    call(trigger_airflow, world, arrival, at(2003))

    assert get_task(world, SCAN_ID).status is TaskStatus.IN_PROGRESS
    assert len(n_read) == 1
    assert n_read[0] < 20
