from datetime import timedelta

import pytest
from pydantic import ValidationError

from tests.fakes.clients import CreatedResult
from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    DAG_ID,
    RECONSTRUCTION_ID,
    SCAN_ARGS,
    TOKEN,
    WORKFLOW_ID,
    at,
    callback_token,
    deliver,
    deliver_queue,
    follow,
    get_status,
    get_task,
    make_dag_data,
    make_exam_task,
    make_raw_data,
    make_world,
)
from workflow_manager.domain.dag_run import DagRun, DagRunState, hash_token, object_dag_run_id
from workflow_manager.domain.errors import (
    AuthenticationError,
    ConflictError,
    InvalidInputError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from workflow_manager.domain.exam import ItemStatus, ResultType, TaskType
from workflow_manager.domain.result import Engine, Result
from workflow_manager.domain.task import TaskStatus
from workflow_manager.domain.task_graph import TaskGraph
from workflow_manager.http.task_schemas import view_tasks
from workflow_manager.ports import Dag
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.receive_results import Callback, receive_results
from workflow_manager.services.reconcile_runs import reconcile_runs
from workflow_manager.services.retry_task import retry_task


@pytest.fixture
def world() -> MemoryPorts:
    ports = make_world()
    call(process_workflow, ports, WORKFLOW_ID, TOKEN, at(0))
    deliver(ports, make_raw_data())
    follow(ports)
    deliver_queue(ports)
    return ports


def get_run(world: MemoryPorts) -> DagRun:
    run = world.store.get_dag_run(get_task(world, RECONSTRUCTION_ID).dag_run_id or "")
    assert run is not None
    return run


def make_callback(world: MemoryPorts, name: str = "image.dcm") -> Callback:
    key = f"result/{get_run(world).dag_run_id}/{name}"
    return Callback(success=True, results=(Result(type=ResultType.DICOM, key=key),))


def call_back(world: MemoryPorts, callback: Callback, seconds: float = 20) -> DagRun:
    token = callback_token(world, get_run(world).dag_run_id)
    run = call(receive_results, world, token, callback, at(seconds, "receive_results"))
    follow(world, seconds)
    return run


def test_receive_results_finishes_run_task_and_workflow(world: MemoryPorts) -> None:
    call_back(world, make_callback(world))

    assert get_run(world).state is DagRunState.SUCCEEDED
    assert get_task(world, RECONSTRUCTION_ID).status is TaskStatus.COMPLETED
    assert get_task(world, RECONSTRUCTION_ID).progress == 100
    assert get_status(world) == "completed"


def test_receive_results_tells_exam_manager_of_the_result_and_the_end(world: MemoryPorts) -> None:
    call_back(world, make_callback(world))

    directory = f"s3://data-lake/result/{get_run(world).dag_run_id}"
    assert world.exam.results == [
        CreatedResult(RECONSTRUCTION_ID, ResultType.DICOM, directory, "image.dcm")
    ]
    assert world.exam.reports[-1].status is ItemStatus.FINISHED
    assert world.exam.reports[-1].progress == 100


@pytest.mark.parametrize(("n_images", "told"), [(2, [0, 1]), (3, [0, 2, 1]), (5, [0, 1, 3, 4, 2])])
def test_receive_results_tells_of_the_middle_image_last_which_scanhubs_viewer_shows(
    world: MemoryPorts, n_images: int, told: list[int]
) -> None:
    prefix = f"result/{get_run(world).dag_run_id}"
    keys = [f"{prefix}/{number}.dcm" for number in range(n_images)]
    results = tuple(Result(type=ResultType.DICOM, key=key) for key in keys)

    call_back(world, Callback(success=True, results=results))

    assert [each.filename for each in world.exam.results] == [f"{n}.dcm" for n in told]


def test_receive_results_leaves_nothing_due(world: MemoryPorts) -> None:
    call_back(world, make_callback(world))

    assert list(world.store.list_due(at(10**7).at)) == []


def test_receive_results_changes_nothing_when_the_same_comes_again(world: MemoryPorts) -> None:
    first = call_back(world, make_callback(world))
    n_events = len(world.store.list_events(f"workflow:{WORKFLOW_ID}"))

    again = call_back(world, make_callback(world), seconds=30)

    assert again.finished_at == first.finished_at
    assert len(world.store.list_events(f"workflow:{WORKFLOW_ID}")) == n_events
    assert len(world.exam.results) == 1


def test_receive_results_fails_the_task_with_the_dags_sentence(world: MemoryPorts) -> None:
    call_back(world, Callback(success=False, error="The file is not ISMRMRD."))

    task = get_task(world, RECONSTRUCTION_ID)
    assert (task.status, task.reason) == (TaskStatus.FAILED, "The file is not ISMRMRD.")
    assert get_status(world) == "failed"
    assert world.exam.reports[-1].word == "The file is not ISMRMRD."
    assert world.exam.results == []


def test_receive_results_fails_a_success_without_results_and_says_so_again(
    world: MemoryPorts,
) -> None:
    call_back(world, Callback(success=True))

    task = get_task(world, RECONSTRUCTION_ID)
    sentence = "The DAG cartesian_reconstruction reported success without a result."
    assert (task.status, task.reason) == (TaskStatus.FAILED, sentence)
    assert call_back(world, Callback(success=True), seconds=30).state is DagRunState.FAILED
    with pytest.raises(ConflictError):
        call_back(world, make_callback(world), seconds=40)


def test_receive_results_takes_a_success_without_results_of_a_dag_whose_tag_says_so() -> None:
    world = make_world()
    tags = ("results:optional",)
    world.orchestrator.dags[DAG_ID] = Dag(dag_id=DAG_ID, dag_display_name="", tags=tags)
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())
    deliver_queue(world)

    assert call_back(world, Callback(success=True)).state is DagRunState.SUCCEEDED


def test_receive_results_takes_a_success_without_results_of_a_run_of_the_release_before(
    world: MemoryPorts,
) -> None:
    world.store.commit([get_run(world).evolve(needs_results=False)])

    assert call_back(world, Callback(success=True)).state is DagRunState.SUCCEEDED


def test_receive_results_does_not_save_an_overdue_run_by_a_success_without_results(
    world: MemoryPorts,
) -> None:
    late = world.settings.dag_run_timeout_s + 60
    call(reconcile_runs, world, at(late, "reconcile_runs"))

    assert call_back(world, Callback(success=True), late + 60).state is DagRunState.FAILED


def test_receive_results_keeps_what_made_them(world: MemoryPorts) -> None:
    engine = Engine(name="SigPy", version="0.1.27")
    told = make_callback(world).model_copy(update={"engine": engine, "dag_version": "1a2b3c"})

    run = call_back(world, told)

    assert (run.engine, run.dag_version) == (engine, "1a2b3c")
    # A repetition by a DAG that does not tell is the same outcome.
    assert call_back(world, make_callback(world), seconds=30).engine == engine


def test_receive_results_keeps_the_version_that_airflow_counts(world: MemoryPorts) -> None:
    world.orchestrator.dag_version = "7"
    call_back(world, Callback(success=False, error="Out of memory."))
    call(retry_task, world, WORKFLOW_ID, RECONSTRUCTION_ID, TOKEN, at(30))
    deliver_queue(world, 31)

    assert call_back(world, make_callback(world), seconds=40).dag_version == "7"


@pytest.mark.parametrize(
    "engine",
    [
        {"name": "BART", "version": "of Anna Muster"},
        {"name": "", "version": "1"},
        {"name": "B" * 65},
        {"version": "1"},
        {"name": "BART", "patient": "x"},
    ],
)
def test_callback_refuses_an_engine_in_free_text(engine: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Callback.model_validate({"success": True, "engine": engine})


def test_callback_takes_a_series_of_500_images_and_refuses_what_no_item_holds(
    world: MemoryPorts,
) -> None:
    prefix = f"result/{get_run(world).dag_run_id}"
    results = tuple(
        Result(type=ResultType.DICOM, key=f"{prefix}/image-{n:04}.dcm") for n in range(1, 501)
    )

    run = call_back(world, Callback(success=True, results=results))

    assert len(run.results) == 500
    # Exam-manager lists results with each task: of a long series, it is told of one.
    assert [each.filename for each in world.exam.results] == ["image-0251.dcm"]
    with pytest.raises(ValidationError):
        Callback(success=True, results=results * 3)


def test_receive_results_takes_scanhubs_body(world: MemoryPorts) -> None:
    path = f"s3://data-lake/result/{get_run(world).dag_run_id}/volume.npy"

    run = call_back(world, Callback(dag_id="dag_reco", result_file=path))

    assert [(result.type, result.key) for result in run.results] == [
        (ResultType.NUMPY, f"result/{run.dag_run_id}/volume.npy")
    ]


@pytest.mark.parametrize(
    "path",
    [
        "s3://data-lake/acquisition/other-workflow/other-task/u/raw.h5",
        "acquisition/other-workflow/other-task/u/raw.h5",
        "upload/dag_reco/u/raw.h5",
        "result/another/image.dcm",
        "/result/another/image.dcm",
        "s3://data-lake/elsewhere/image.dcm",
        "s3://data-lake/",
        "result",
    ],
)
def test_receive_results_takes_no_file_of_another_run(world: MemoryPorts, path: str) -> None:
    with pytest.raises(InvalidInputError, match="A result's key must begin with result/"):
        call_back(world, Callback(result_file=path))

    assert get_task(world, RECONSTRUCTION_ID).status is TaskStatus.IN_PROGRESS


def test_receive_results_leaves_no_folder_of_the_run_by_dots(world: MemoryPorts) -> None:
    own = f"s3://data-lake/result/{get_run(world).dag_run_id}"

    with pytest.raises(InvalidInputError):
        call_back(world, Callback(result_file=f"{own}/../another/image.dcm"))


@pytest.mark.parametrize("path", ["a.dcm", "/opt/airflow/data_lake/a.dcm", "s3://other/a.dcm"])
def test_receive_results_shows_a_path_of_upstream(world: MemoryPorts, path: str) -> None:
    assert [result.key for result in call_back(world, Callback(result_file=path)).results] == [path]


def test_receive_results_moves_progress_forwards_only(world: MemoryPorts) -> None:
    for progress in (50, 25, 60):
        call_back(world, Callback(progress=progress))

    assert get_run(world).progress == 60
    assert [r.progress for r in world.exam.reports if r.task_id == RECONSTRUCTION_ID] == [0, 50, 60]


def test_receive_results_writes_no_task_for_its_progress(world: MemoryPorts) -> None:
    # Given a task of which exam-manager has been told
    follow(world)
    before, workflow = get_task(world, RECONSTRUCTION_ID), world.store.get_workflow(WORKFLOW_ID)

    # When its run tells progress, and exam-manager is away for one of two
    call_back(world, Callback(progress=50))
    world.exam.fail_with["report_task"] = UpstreamUnreachableError("Exam-manager is away.")
    call_back(world, Callback(progress=60))
    world.exam.fail_with.clear()

    # Then the workflow's version tells that what is shown has changed, and nothing is owed
    assert get_task(world, RECONSTRUCTION_ID) == before
    moved = world.store.get_workflow(WORKFLOW_ID)
    assert workflow and moved and moved.version == workflow.version + 2
    [_, task] = view_tasks(
        TaskGraph(moved, world.store.list_tasks(WORKFLOW_ID)),
        {get_run(world).dag_run_id: get_run(world)},
    )
    assert task.progress == 60


def test_receive_results_ignores_progress_after_the_end(world: MemoryPorts) -> None:
    call_back(world, make_callback(world))

    assert call_back(world, Callback(progress=50)).progress == 100


@pytest.mark.parametrize("token", ["", "a-users-token", "unknown.secret"])
def test_receive_results_refuses_a_token_that_is_no_runs(world: MemoryPorts, token: str) -> None:
    with pytest.raises(AuthenticationError, match=r"Invalid token\."):
        call(receive_results, world, token, make_callback(world), at(20))


def test_receive_results_refuses_another_secret_for_the_same_run(world: MemoryPorts) -> None:
    token = callback_token(world, get_run(world).dag_run_id)

    with pytest.raises(AuthenticationError):
        call(receive_results, world, token[:-1] + "!", make_callback(world), at(20))


@pytest.mark.parametrize("place", ["", f".{WORKFLOW_ID}.{RECONSTRUCTION_ID}", ".other.other"])
def test_receive_results_takes_a_token_wherever_it_says_that_the_run_belongs(
    world: MemoryPorts, place: str
) -> None:
    # Given a token that was sent along; the release before named no place in it
    run = get_run(world)
    token = f"{run.dag_run_id}.secret{place}"
    world.store.commit([run.evolve(callback_token_hashes=(hash_token(token),))])

    # When
    call(receive_results, world, token, Callback(progress=50), at(20))

    # Then
    assert get_run(world).progress == 50


def test_receive_results_refuses_a_token_that_names_another_place(world: MemoryPorts) -> None:
    token = callback_token(world, get_run(world).dag_run_id)
    assert token.endswith(f".{WORKFLOW_ID}.{RECONSTRUCTION_ID}")

    with pytest.raises(AuthenticationError):
        call(receive_results, world, f"{token}-2", Callback(progress=50), at(20))


def test_receive_results_refuses_an_expired_token(world: MemoryPorts) -> None:
    late = get_run(world).deadline + timedelta(days=1, seconds=1) - at(0).at

    with pytest.raises(AuthenticationError):
        call_back(world, make_callback(world), seconds=late.total_seconds())


def test_receive_results_refuses_the_task_of_another_run(world: MemoryPorts) -> None:
    token = callback_token(world, get_run(world).dag_run_id)

    with pytest.raises(InvalidInputError, match="another task"):
        call(receive_results, world, token, make_callback(world), at(20), task_id="another")


def test_receive_results_takes_a_callback_that_overtakes_the_mark_of_the_start(
    world: MemoryPorts,
) -> None:
    run = get_run(world)
    world.store.commit([run.evolve(state=DagRunState.PENDING)])

    assert call_back(world, make_callback(world)).state is DagRunState.SUCCEEDED


def test_receive_results_starts_the_next_task_by_itself() -> None:
    processing = make_exam_task(
        "processing", TaskType.PROCESSING_TASK, 3, args={"dag_id": "dag_reco"}
    )
    world = make_world(*make_world().exam.tasks.values(), processing)
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())
    deliver_queue(world)
    callback = make_callback(world)

    call_back(world, callback)

    task = get_task(world, "processing")
    run = world.store.get_dag_run(task.dag_run_id or "")
    assert task.status is TaskStatus.IN_PROGRESS
    assert world.queue.dag_run_ids == [task.dag_run_id]
    assert run is not None
    assert run.data is not None
    assert run.data.key == callback.results[0].key


def test_receive_results_never_starts_a_scanner() -> None:
    second_scan = make_exam_task("scan-2", TaskType.DEVICE_TASK_SIMULATOR, 3, args=SCAN_ARGS)
    world = make_world(*make_world().exam.tasks.values(), second_scan)
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())
    deliver_queue(world)

    call_back(world, make_callback(world))

    assert get_task(world, "scan-2").status is TaskStatus.PENDING
    assert len(world.scan.starts) == 1
    assert get_status(world) == "running"


def test_receive_results_leaves_the_report_to_the_reconciler_when_exam_manager_is_down(
    world: MemoryPorts,
) -> None:
    world.exam.fail_with["create_result"] = UpstreamTimeoutError("late")
    call_back(world, make_callback(world))
    assert get_status(world) == "completed"
    assert world.exam.results == []
    world.exam.fail_with.clear()

    call(reconcile_runs, world, at(200, "reconcile_runs"))

    assert len(world.exam.results) == 1
    assert world.exam.reports[-1].status is ItemStatus.FINISHED


def test_receive_results_adds_no_second_result_after_a_lost_answer(world: MemoryPorts) -> None:
    world.exam.fail_with["report_task"] = UpstreamTimeoutError("late")
    call_back(world, make_callback(world))
    assert len(world.exam.results) == 1
    world.exam.fail_with.clear()

    call(reconcile_runs, world, at(200, "reconcile_runs"))

    assert len(world.exam.results) == 1


def test_receive_results_finishes_a_run_without_a_workflow() -> None:
    world = make_world()
    deliver(world, make_dag_data())
    run_id = object_dag_run_id(make_dag_data())
    key = f"result/{run_id}/image.dcm"
    callback = Callback(success=True, results=(Result(type=ResultType.DICOM, key=key),))

    run = call(receive_results, world, callback_token(world, run_id), callback, at(20))

    names = [event.name for event in world.store.list_events(f"dag_run:{run_id}")]
    assert run.state is DagRunState.SUCCEEDED
    assert names == ["create", "start", "succeed"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"error": "boom"},
        {"succes": False, "error": "boom"},
        {"progress": 40, "error": "boom"},
        {"success": True, "error": "boom"},
        {"success": False, "result_file": "x"},
        {"progress": 100, "result_file": "x"},
        {"progress": 101},
    ],
)
def test_callback_refuses_what_can_be_taken_two_ways(body: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Callback.model_validate(body)


def test_receive_results_takes_results_that_come_after_the_deadline(world: MemoryPorts) -> None:
    late = world.settings.dag_run_timeout_s + 60
    call(reconcile_runs, world, at(late, "reconcile_runs"))
    assert get_task(world, RECONSTRUCTION_ID).status is TaskStatus.FAILED

    call_back(world, make_callback(world), seconds=late + 60)

    assert get_task(world, RECONSTRUCTION_ID).status is TaskStatus.COMPLETED
    assert get_status(world) == "completed"
    assert world.exam.reports[-1].status is ItemStatus.FINISHED


def test_receive_results_progress_does_not_put_off_the_deadline(world: MemoryPorts) -> None:
    timeout_s = world.settings.reconstruction_task_timeout_s
    call_back(world, Callback(progress=50), seconds=timeout_s - 60)

    call(reconcile_runs, world, at(timeout_s + 60, "reconcile_runs"))

    assert get_run(world).state is DagRunState.FAILED


def test_receive_results_leaves_exam_manager_with_the_newest_state(
    world: MemoryPorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a report of progress that is under way while the result comes in
    report = world.exam.report_task
    is_first = iter([True])

    def overtaken(task_id: str, status: ItemStatus, progress: int, *words: str | None) -> None:
        if next(is_first, False):
            call_back(world, make_callback(world))
        report(task_id, status, progress, *words)

    monkeypatch.setattr(world.exam, "report_task", overtaken)

    # When it lands after the result's
    call_back(world, Callback(progress=75))

    # Then exam-manager is told again
    assert world.exam.reports[-1].status is ItemStatus.FINISHED
