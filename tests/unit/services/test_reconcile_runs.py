from datetime import timedelta

import pytest

from tests.contracts.samples import make_run, make_task, make_workflow
from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    DAG_ID,
    RECONSTRUCTION_ID,
    SCAN,
    SCAN_ID,
    TOKEN,
    WORKFLOW_ID,
    at,
    deliver,
    deliver_queue,
    get_status,
    get_task,
    make_dag_data,
    make_exam_task,
    make_raw_data,
    make_world,
)
from workflow_manager.domain.dag_run import DagRun, DagRunState, object_dag_run_id
from workflow_manager.domain.errors import (
    NeighbourRefusedError,
    ScanHubError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from workflow_manager.domain.exam import ItemStatus
from workflow_manager.domain.orchestrator_run import OrchestratorRun
from workflow_manager.domain.task import DELETED_REASON, TaskStatus
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.reconcile_runs import LEASE_S, N_FOLLOWED, reconcile_runs
from workflow_manager.steps.scans.end_overdue_task import UNASKED, UNFINISHED, end_overdue_task


@pytest.fixture
def world() -> MemoryPorts:
    return make_world()


def get_run(world: MemoryPorts) -> DagRun:
    run = world.store.get_dag_run(object_dag_run_id(make_dag_data()))
    assert run is not None
    return run


def reconcile(world: MemoryPorts, seconds: float) -> int:
    return call(reconcile_runs, world, at(seconds, "reconcile_runs"))


def test_reconcile_runs_queues_a_run_again_that_waits_for_airflow(world: MemoryPorts) -> None:
    world.orchestrator.outage = UpstreamUnreachableError("Airflow is away.")
    deliver(world, make_dag_data(), seconds=0)
    reconcile(world, 60)
    deliver_queue(world, 61)
    assert get_run(world).state is DagRunState.PENDING
    world.orchestrator.outage = None

    reconcile(world, 600)
    deliver_queue(world, 601)

    assert get_run(world).state is DagRunState.RUNNING
    assert len(world.orchestrator.dag_runs) == 1


def test_reconcile_runs_queues_a_run_whose_message_was_lost(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())
    world.queue.dag_run_ids.clear()

    reconcile(world, 120)
    deliver_queue(world, 121)

    assert len(world.orchestrator.dag_runs) == 1


def test_reconcile_runs_tries_less_and_less_often(world: MemoryPorts) -> None:
    world.orchestrator.outage = UpstreamUnreachableError("Airflow is away.")
    deliver(world, make_dag_data(), seconds=0)
    n_queued = []
    for minute in range(1, 31):
        reconcile(world, 60 * minute)
        n_queued.append(len(world.queue.dag_run_ids))
        deliver_queue(world, 60 * minute + 1)

    assert sum(n_queued[:10]) > sum(n_queued[20:])
    assert sum(n_queued[20:]) >= 1


def test_reconcile_runs_fails_a_run_that_airflow_never_took(world: MemoryPorts) -> None:
    world.orchestrator.outage = UpstreamUnreachableError("Airflow is away.")
    deliver(world, make_dag_data(), seconds=0)

    reconcile(world, world.settings.dag_start_timeout_s + 1)

    assert get_run(world).state is DagRunState.FAILED
    assert get_run(world).reason == (
        "Airflow did not start the run before the deadline. Airflow is away."
    )


def test_reconcile_runs_fails_run_task_and_workflow_past_the_deadline(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())
    deliver_queue(world, 11)

    reconcile(world, 11 + world.settings.dag_run_timeout_s)

    task = get_task(world, RECONSTRUCTION_ID)
    assert task.status is TaskStatus.FAILED
    assert task.reason == "The run did not end before its deadline, so it was stopped."
    assert get_status(world) == "failed"


def test_reconcile_runs_leaves_a_run_alone_before_its_deadline(world: MemoryPorts) -> None:
    deliver(world, make_dag_data(), seconds=0)

    assert reconcile(world, world.settings.dag_run_timeout_s - 1) == 0
    assert get_run(world).state is DagRunState.RUNNING


def test_reconcile_runs_fails_a_scan_that_never_ends(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    reconcile(world, world.settings.device_task_timeout_s + 1)

    task = get_task(world, SCAN_ID)
    assert task.status is TaskStatus.FAILED
    assert task.reason is not None
    assert len(world.scan.starts) == 1


def test_reconcile_runs_looks_at_all_although_one_fails(world: MemoryPorts) -> None:
    world.queue.error = UpstreamUnreachableError("The queue is away.")
    world.orchestrator.outage = UpstreamUnreachableError("Airflow is away.")
    for version_id in ("v1", "v2", "v3"):
        deliver(world, make_dag_data(version_id=version_id), seconds=0)

    assert reconcile(world, 120) == 3
    assert reconcile(world, 121) == 0


def test_reconcile_runs_takes_one_turn_at_a_time(world: MemoryPorts) -> None:
    status = world.store.get_system_status()
    world.store.commit([status.lease(LEASE_S, at(0))])
    world.orchestrator.outage = UpstreamUnreachableError("Airflow is away.")
    deliver(world, make_dag_data(), seconds=-100)

    assert reconcile(world, LEASE_S - 1) == 0
    assert reconcile(world, LEASE_S + 1) == 1


def test_an_exam_manager_of_another_generation_is_degraded_and_says_so(
    world: MemoryPorts,
) -> None:
    foreign = "exam-manager speaks 2026-02, deployed for 2025-03"
    world.exam.foreign = foreign
    world.orchestrator.outage = UpstreamUnreachableError("Airflow is away.")
    reconcile(world, 0)
    assert world.store.get_system_status().degraded_at(at(1).at) == ["airflow", foreign]

    world.exam.fail_with["find_foreign_contract"] = UpstreamTimeoutError("late")
    world.orchestrator.outage = None
    reconcile(world, 60)
    assert world.store.get_system_status().degraded_at(at(61).at) == []


def test_reconcile_runs_notes_what_the_readiness_check_says(world: MemoryPorts) -> None:
    assert world.store.get_system_status().degraded_at(at(0).at) == ["reconciler"]

    reconcile(world, 0)
    assert world.store.get_system_status().degraded_at(at(60).at) == []

    world.orchestrator.outage = UpstreamUnreachableError("Airflow is away.")
    reconcile(world, 60)
    assert world.store.get_system_status().degraded_at(at(61).at) == ["airflow"]
    assert world.store.get_system_status().degraded_at(at(3600).at) == [
        "airflow",
        "reconciler",
    ]


def test_reconcile_runs_completes_a_scan_that_ended_and_whose_data_nobody_takes() -> None:
    world = make_world(SCAN)
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    world.exam.tasks[SCAN_ID] = SCAN.model_copy(update={"status": ItemStatus.FINISHED})

    reconcile(world, world.settings.device_task_timeout_s + 1)

    assert get_task(world, SCAN_ID).status is TaskStatus.COMPLETED
    assert get_status(world) == "completed"


def test_reconcile_runs_never_offers_a_scan_again_that_has_ended(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    world.exam.tasks[SCAN_ID] = SCAN.model_copy(update={"status": ItemStatus.FINISHED})
    n_reports = len(world.exam.reports)

    reconcile(world, world.settings.device_task_timeout_s + 1)

    task = get_task(world, SCAN_ID)
    assert task.status is TaskStatus.FAILED
    assert "upload it" in (task.reason or "")
    assert len(world.exam.reports) == n_reports


def test_reconcile_runs_asks_again_later_whether_a_scan_has_ended(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    world.exam.fail_with["get_task"] = UpstreamUnreachableError("away")
    deadline_s = world.settings.device_task_timeout_s

    reconcile(world, deadline_s + 1)
    assert get_task(world, SCAN_ID).status is TaskStatus.IN_PROGRESS
    world.exam.fail_with.clear()
    reconcile(world, deadline_s + 600)

    assert get_task(world, SCAN_ID).status is TaskStatus.FAILED


def test_reconcile_runs_tells_all_that_waits_once_exam_manager_is_back(world: MemoryPorts) -> None:
    # Given an outage in which many tries fail
    tasks = [make_task(f"task-{n}", is_mirror_due=True, updated_at=at(0).at) for n in range(20)]
    world.store.commit([make_workflow(), *tasks])
    known = [make_exam_task(task.task_id, task.task_type, 0) for task in tasks]
    world.exam.tasks |= {task.id: task for task in known}
    world.exam.fail_with["report_task"] = UpstreamUnreachableError("away")
    for minute in range(1, 61):
        reconcile(world, 60 * minute)

    # When it is over
    world.exam.fail_with.clear()
    reconcile(world, 3661)
    reconcile(world, 3720)

    # Then two turns later nothing waits
    assert {report.task_id for report in world.exam.reports} == {task.task_id for task in tasks}


def test_reconcile_runs_asks_an_exam_manager_that_is_away_a_few_times_a_turn(
    world: MemoryPorts,
) -> None:
    tasks = [make_task(f"task-{n}", is_mirror_due=True, updated_at=at(0).at) for n in range(20)]
    world.store.commit([make_workflow(), *tasks])
    tried: list[str] = []

    def refuse(task_id: str, *_: object) -> None:
        tried.append(task_id)
        raise UpstreamUnreachableError("away")

    world.exam.report_task = refuse  # type: ignore[method-assign,assignment]
    for minute in range(2, 12):
        reconcile(world, 60 * minute)

    # Each time others: who is refused stands behind those who were not tried.
    assert len(tried) == 30
    assert len(set(tried)) == 20


def test_reconcile_runs_gives_up_what_exam_manager_refuses_for_good(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    world.exam.fail_with["report_task"] = NeighbourRefusedError("gone", 404, is_own=True)

    deliver(world, make_raw_data(), 0)
    for minute in range(1, 60):
        reconcile(world, 60 * minute)
    assert get_task(world, SCAN_ID).is_mirror_due
    for minute in range(60, 120):
        reconcile(world, 60 * minute)

    assert not get_task(world, SCAN_ID).is_mirror_due


def test_reconcile_runs_never_gives_up_what_only_a_proxy_refuses(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    world.exam.fail_with["report_task"] = NeighbourRefusedError("no route", 404)

    deliver(world, make_raw_data(), 0)
    for hour in range(1, 24):
        reconcile(world, 3600 * hour)

    assert get_task(world, SCAN_ID).is_mirror_due


def test_reconcile_runs_stops_in_time_and_goes_on_at_its_next_turn(world: MemoryPorts) -> None:
    world.orchestrator.outage = UpstreamUnreachableError("Airflow is away.")
    for version_id in ("v1", "v2"):
        deliver(world, make_dag_data(version_id=version_id), seconds=0)
    clock, sent = [at(60).at], []
    world.clock = lambda: clock[0]

    def send_slowly(dag_run_id: str) -> None:
        clock[0] += timedelta(seconds=22)
        sent.append(dag_run_id)

    world.queue.send_start = send_slowly  # type: ignore[method-assign]
    assert reconcile(world, 60) == 1
    assert world.store.get_system_status().degraded_at(at(61).at) == ["airflow"]
    clock[0] = at(120).at
    reconcile(world, 120)
    assert len(set(sent)) == 2


def test_reconcile_runs_frees_the_device_of_a_task_that_was_deleted(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    del world.exam.tasks[SCAN_ID]
    deadline_s = world.settings.device_task_timeout_s

    reconcile(world, deadline_s + 1)
    assert get_task(world, SCAN_ID).status is TaskStatus.IN_PROGRESS
    reconcile(world, deadline_s + 301)

    task = get_task(world, SCAN_ID)
    assert (task.status, task.reason) == (TaskStatus.FAILED, DELETED_REASON)


@pytest.mark.parametrize(
    "error", [UpstreamUnreachableError("away"), NeighbourRefusedError("no route", 404)]
)
def test_reconcile_runs_fails_a_scan_for_which_exam_manager_cannot_be_asked(
    world: MemoryPorts, error: ScanHubError
) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    world.exam.fail_with["get_task"] = error
    deadline_s = world.settings.device_task_timeout_s

    for minute in range(1, 60):
        reconcile(world, deadline_s + 60 * minute)
    assert get_task(world, SCAN_ID).status is TaskStatus.IN_PROGRESS
    reconcile(world, deadline_s + 3900)

    task = get_task(world, SCAN_ID)
    assert (task.status, task.reason) == (TaskStatus.FAILED, f"{UNFINISHED} {UNASKED}")


def test_reconcile_runs_does_not_let_reports_crowd_out_a_lost_start(world: MemoryPorts) -> None:
    # Given: more reports due than a turn takes, all more overdue than the start
    reports = [
        make_task(f"task-{n}", is_mirror_due=True, updated_at=at(-900).at) for n in range(90)
    ]
    world.store.commit(reports)
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())
    world.queue.dag_run_ids.clear()

    reconcile(world, 120)

    assert len(world.queue.dag_run_ids) == 1


def test_reconcile_runs_does_what_is_due_although_airflow_hangs(world: MemoryPorts) -> None:
    deliver(world, make_dag_data(), seconds=0)
    now = world.settings.dag_run_timeout_s + 60
    hang(world, now)

    reconcile(world, now)

    assert get_run(world).state is DagRunState.FAILED


def test_reconcile_runs_notes_the_status_although_following_takes_too_long(
    world: MemoryPorts,
) -> None:
    deliver(world, make_dag_data(), seconds=0)
    clock = [at(200).at]
    world.clock = lambda: clock[0]

    def list_slowly(_: object) -> list[OrchestratorRun]:
        clock[0] = at(229).at
        return []

    world.orchestrator.list_dag_runs = list_slowly  # type: ignore[method-assign,assignment]
    world.orchestrator.dag_runs.clear()
    reconcile(world, 200)

    # The run, which Airflow does not list, is left to the next turn.
    assert get_run(world).state is DagRunState.RUNNING
    status = world.store.get_system_status()
    assert (status.checked_at, status.lease_until) == (at(200).at, None)


def test_reconcile_runs_notes_the_status_although_the_list_is_broken(world: MemoryPorts) -> None:
    world.store.list_due = None  # type: ignore[method-assign,assignment]
    with pytest.raises(TypeError):
        reconcile(world, 60)
    assert world.store.get_system_status().checked_at == at(60).at


def test_reconcile_runs_does_not_end_by_a_stale_deadline_what_was_seen_running(
    world: MemoryPorts,
) -> None:
    # Given: a start whose mark was lost, found in Airflow past the deadline of starts
    world.orchestrator.fail_with["trigger_dag_run"] = UpstreamTimeoutError("No answer.")
    deliver(world, make_dag_data(), seconds=0)
    world.orchestrator.fail_with.clear()
    world.orchestrator.trigger_dag_run(DAG_ID, get_run(world).dag_run_id, {})

    reconcile(world, world.settings.dag_start_timeout_s + 1)

    assert get_run(world).state is DagRunState.RUNNING


def hang(world: MemoryPorts, seconds: float) -> None:
    """Let each request to Airflow take as long as one to MWAA may."""
    clock = [at(seconds).at]
    world.clock = lambda: clock[0]

    def time_out(*_: object) -> None:
        clock[0] += timedelta(seconds=14)
        raise UpstreamTimeoutError("Airflow did not answer.")

    for name in ("list_dag_runs", "list_task_instances", "cancel_dag_run", "check_health"):
        setattr(world.orchestrator, name, time_out)


def test_end_overdue_task_leaves_an_attempt_alone_that_has_time(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    call(end_overdue_task, world, WORKFLOW_ID, SCAN_ID, at(5, "reconcile_runs"))

    assert get_task(world, SCAN_ID).status is TaskStatus.IN_PROGRESS


def test_reconcile_runs_follows_the_scans_of_each_page(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    world.exam.tasks[SCAN_ID] = SCAN.model_copy(update={"progress": 40})
    for n in range(N_FOLLOWED + 1):
        times = {"created_at": at(0).at, "deadline": at(9000).at}
        run = make_run(f"run-{n}", state=DagRunState.RUNNING, **times, dag_id=DAG_ID)
        world.store.commit([run])
        world.orchestrator.trigger_dag_run(DAG_ID, run.dag_run_id, {})

    reconcile(world, 60)

    assert get_task(world, SCAN_ID).progress == 40
