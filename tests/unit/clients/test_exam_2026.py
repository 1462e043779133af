"""Exam-manager of 2026-02: what its records mean, and what it is told."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from tests.fakes.clients import PSEUDONYM_KEY
from tests.fakes.http import FakeServer
from tests.fakes.records_2026 import (
    DAG_TASK_ID,
    DEVICE_ID,
    PARAMETER,
    RESULT_ID,
    SCAN_ID,
    SEQUENCE_ID,
    WORKFLOW_ID,
    make_dag_task,
    make_result,
    make_scan,
    make_workflow,
)
from workflow_manager.clients.auth import BearerAuth
from workflow_manager.clients.exam_2026 import HttpExamClient2026
from workflow_manager.domain.errors import (
    ForeignContractError,
    NeighbourRefusedError,
    UpstreamError,
)
from workflow_manager.domain.exam import ExamTask, ItemStatus, ResultType, TaskType
from workflow_manager.domain.told_run import ToldFile, ToldRun

BASE = "http://exam-manager:8000/api/v1/exam"
FOLDER = "s3://lake/result/run-1"
IMAGES = f"https://localhost:8443/api/v1/exam/dcm/{WORKFLOW_ID}/{DAG_TASK_ID}/{RESULT_ID}"


def make_client(*answers: httpx.Response) -> tuple[HttpExamClient2026, FakeServer]:
    server, auth = FakeServer(*answers), BearerAuth("token-1")
    uri = "http://exam-manager:8000/"
    client = HttpExamClient2026(server.client, uri, auth, lambda: SecretStr(PSEUDONYM_KEY))
    return client, server


def answer(body: object, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=body)


def read_task(record: dict[str, Any]) -> ExamTask:
    return make_client(answer(record))[0].get_task(record["id"])


def read_body(request: httpx.Request) -> Any:
    return json.loads(request.content)


def test_a_scan_has_its_device_its_sequence_and_its_place() -> None:
    task = read_task(make_scan(status="ERROR", progress=40))
    assert (task.type, task.status) == (TaskType.DEVICE_TASK_SDK, ItemStatus.ERROR)
    assert (task.progress, task.position, task.input_task_ids) == (40, 3, None)
    assert (task.args["device_id"], task.args["sequence_id"]) == (DEVICE_ID, SEQUENCE_ID)
    assert json.loads(task.args["acquisition_parameter"]) == PARAMETER
    assert json.loads(task.args["calibration"]) == ["shims"]


@pytest.mark.parametrize(("nothing", "named"), [(None, {}), ("", {"sequence_id": ""})])
def test_a_scan_without_sequence_or_device_names_none(
    nothing: str | None, named: dict[str, str]
) -> None:
    record = make_scan(sequence_id=nothing, device_id=None, calibration=[])
    task = read_task(record | {"acquisition_parameter": None})
    assert task.args == named | {"acquisition_parameter": "null"}


@pytest.mark.parametrize(
    ("dag_id", "destinations"),
    [
        ("airflow::dags::my.dag-1", {"dag_id": "my.dag-1"}),
        ("reconstruction::repo::job", {"dag_id": "job"}),
        ("cartesian_reconstruction", {"dag_id": "cartesian_reconstruction"}),
        ("", {}),
        ("airflow::dags::", {}),
    ],
)
def test_the_dag_of_a_task_is_the_job_that_it_names(
    dag_id: str, destinations: dict[str, str]
) -> None:
    assert read_task(make_dag_task(dag_id=dag_id)).destinations == destinations


@pytest.mark.parametrize(
    ("dag_type", "task_type"),
    [
        ("RECONSTRUCTION", TaskType.RECONSTRUCTION_TASK),
        ("PROCESSING", TaskType.PROCESSING_TASK),
    ],
)
def test_a_dag_task_takes_the_data_of_those_that_it_names(
    dag_type: str, task_type: TaskType
) -> None:
    task = read_task(make_dag_task(dag_type=dag_type, input_task_ids=[SCAN_ID, "gone", SCAN_ID]))
    assert (task.type, task.input_task_ids) == (task_type, (SCAN_ID, "gone"))
    assert read_task(make_dag_task(input_task_ids=[])).input_task_ids == ()


def test_parameters_of_a_dag_are_its_own_but_for_those_that_are_ours() -> None:
    parameter = {"timeout_minutes": 5, "simulate": True, "contrast": "t2", "n_iterations": 3}
    args = read_task(make_dag_task(parameter=parameter)).args
    assert args == {
        "timeout_minutes": "5",
        "simulate": "true",
        "contrast": "t2",
        "parameters": '{"n_iterations": 3}',
    }


def test_a_workflow_has_tasks_of_both_kinds() -> None:
    client, server = make_client(answer(make_workflow(make_dag_task(), make_scan())))
    workflow = client.get_workflow("a/b", "Failed to fetch workflow")
    assert [task.id for task in workflow.tasks] == [DAG_TASK_ID, SCAN_ID]
    assert server.lines == [f"GET {BASE}/workflow/a%2Fb"]
    exams = [{"id": "e", "workflows": [make_workflow(make_scan())], "patient_id": "p"}]
    [exam] = make_client(answer(exams))[0].list_exams("p")
    assert [task.id for task in exam.workflows[0].tasks] == [SCAN_ID]


def test_a_result_shows_the_middle_of_its_images_and_has_all_of_its_files() -> None:
    files = ["b.dcm", "c.dcm", "a.dcm", "quality.json"]
    record = make_result(type="DICOM", directory=f"{FOLDER}/", files=files)
    result = make_client(answer(record))[0].get_result(RESULT_ID)
    assert (result.type, result.directory, result.filename) == ("DICOM", FOLDER, "b.dcm")
    assert result.files == tuple(files)


# Seen on the real service: the answer, and what it is to us.
REFUSALS: list[tuple[Callable[[HttpExamClient2026], object], int, str, int, str]] = [
    (lambda c: c.get_task("1"), 404, "Task not found", 404, "Task not found"),
    (lambda c: c.get_task("1"), 400, "Badly formed task_id.", 404, "Task not found"),
    (
        lambda c: c.get_workflow("1"),
        *(404, "Workflow not found", 404, "Failed to fetch workflow with id=1"),
    ),
    (
        lambda c: c.get_workflow("1"),
        *(400, "Badly formed workflow_id.", 400, "Failed to fetch workflow with id=1"),
    ),
    (lambda c: c.get_exam("1"), 400, "Badly formed exam_id", 400, "Failed to fetch exam with id=1"),
    (lambda c: c.get_exam("1"), 404, "Exam not found", 404, "Failed to fetch exam with id=1"),
    (
        lambda c: c.get_result("1"),
        *(404, "Result not found", 404, "Failed to fetch result with id=1"),
    ),
    (
        lambda c: c.get_result("1"),
        *(400, "Badly formed result_id.", 400, "Failed to fetch result with id=1"),
    ),
]


@pytest.mark.parametrize(("read", "status", "words", "shown_status", "detail"), REFUSALS)
def test_exam_managers_own_refusals_are_told_in_scanhubs_words(
    read: Callable[[HttpExamClient2026], object],
    status: int,
    words: str,
    shown_status: int,
    detail: str,
) -> None:
    client, _ = make_client(answer({"detail": words}, status))
    with pytest.raises(NeighbourRefusedError) as caught:
        read(client)
    assert caught.value.is_own
    assert (caught.value.status, caught.value.detail) == (shown_status, detail)


def test_a_proxys_404_is_no_word_that_there_is_no_task() -> None:
    client, _ = make_client(answer({"detail": "Not Found"}, 404))
    with pytest.raises(NeighbourRefusedError, match="Failed to fetch task with id=1") as caught:
        client.get_task("1")
    assert not caught.value.is_own


@pytest.mark.parametrize("record", [make_scan(future="field"), make_dag_task(parameter={"a": 1})])
@pytest.mark.parametrize("status", [ItemStatus.NEW, ItemStatus.FINISHED, ItemStatus.ERROR])
def test_all_of_a_task_goes_back_but_status_and_progress(
    record: dict[str, Any], status: ItemStatus
) -> None:
    client, server = make_client(answer(record))
    client.report_task(record["id"], status, 30, "Nobody reads it.")
    assert server.lines == [f"{method} {BASE}/task/{record['id']}" for method in ("GET", "PUT")]
    assert read_body(server.requests[1]) == record | {"status": status.value, "progress": 30}


def test_a_scan_is_started_and_a_dag_task_in_progress() -> None:
    for record, status in ((make_scan(), "STARTED"), (make_dag_task(), "INPROGRESS")):
        client, server = make_client(answer(record))
        client.report_task(record["id"], ItemStatus.STARTED, 0)
        assert read_body(server.requests[1])["status"] == status


def test_a_word_alone_has_no_place_and_costs_no_call() -> None:
    client, server = make_client(httpx.Response(500))
    client.report_task(SCAN_ID, word="Waits for raw data.")
    assert server.lines == []


@pytest.mark.parametrize(
    "record", [["garbage"], {"task_type": "RECONSTRUCTION", "position": 0}, "text"]
)
def test_nothing_is_written_to_what_is_no_task(record: object) -> None:
    client, server = make_client(answer(record))
    with pytest.raises(UpstreamError):
        client.report_task("1", ItemStatus.STARTED, 0)
    assert len(server.requests) == 1


def tell(told: ToldRun, *results: dict[str, Any], blank: int = 201) -> tuple[FakeServer, list[str]]:
    task = answer(make_dag_task(results=list(results)))
    created = [] if results else [answer(make_result(), blank)]
    client, server = make_client(task, *created, answer(make_result()))
    return server, client.report_run(DAG_TASK_ID, told)


def test_a_run_has_a_result_from_its_start_on() -> None:
    server, refusals = tell(ToldRun("run-1", FOLDER))
    assert refusals == []
    assert server.lines == [
        f"GET {BASE}/task/{DAG_TASK_ID}",
        f"POST {BASE}/result?task_id={DAG_TASK_ID}",
        f"PUT {BASE}/result/{RESULT_ID}",
    ]
    assert server.requests[1].content == b""
    assert read_body(server.requests[2]) == {
        "type": "DICOM",
        "directory": f"{FOLDER}/",
        "files": [],
        "meta": {"run_id": "run-1"},
    }


def test_a_result_that_was_left_blank_is_taken_instead_of_another_one() -> None:
    server, _ = tell(ToldRun("run-1", FOLDER), make_result())
    assert [line.split()[0] for line in server.lines] == ["GET", "PUT"]


def test_a_blank_result_is_not_taken_where_the_page_would_show_a_newer_one() -> None:
    content = {"type": "DICOM", "directory": "s3://lake/result/run-0/", "meta": {"run_id": "run-0"}}
    told = make_result(id="told", datetime_created="2026-02-01T10:00:01", **content)
    blank = make_result(id="blank")
    task = answer(make_dag_task(results=[blank, told]))
    client, server = make_client(task, answer(make_result(), 201), answer({}))
    client.report_run(DAG_TASK_ID, ToldRun("run-1", FOLDER))
    assert server.lines[1:] == [
        f"POST {BASE}/result?task_id={DAG_TASK_ID}",
        f"PUT {BASE}/result/{RESULT_ID}",
    ]


def test_the_same_again_changes_nothing() -> None:
    content = {"type": "DICOM", "directory": f"{FOLDER}/", "meta": {"run_id": "run-1"}}
    server, _ = tell(ToldRun("run-1", FOLDER), make_result(**content))
    assert [line.split()[0] for line in server.lines] == ["GET"]


def test_another_run_has_another_result() -> None:
    content = {"type": "DICOM", "directory": "s3://lake/result/run-0/", "meta": {"run_id": "run-0"}}
    task = answer(make_dag_task(results=[make_result(id="other", **content)]))
    client, server = make_client(task, answer(make_result(), 201), answer({}))
    client.report_run(DAG_TASK_ID, ToldRun("run-1", FOLDER))
    assert server.lines[2] == f"PUT {BASE}/result/{RESULT_ID}"


def test_what_a_run_has_left_is_what_scanhubs_viewer_shows() -> None:
    files = (
        ToldFile(ResultType.DICOM, f"{FOLDER}/series", "2.dcm"),
        ToldFile(ResultType.DICOM, FOLDER, "1.dcm"),
        ToldFile(ResultType.CALIBRATION, FOLDER, "quality.json"),
        ToldFile(ResultType.NUMPY, "/on/a/worker", "k.npy"),
    )
    told = ToldRun("run-1", FOLDER, has_succeeded=True, files=files)
    server, _ = tell(told, make_result(meta={"run_id": "run-1"}, directory=f"{FOLDER}/"))
    assert read_body(server.requests[1]) == {
        "type": "DICOM",
        "directory": f"{FOLDER}/",
        "files": ["1.dcm", "k.npy", "quality.json", "series/2.dcm"],
        "meta": {
            "run_id": "run-1",
            "instance_count": 2,
            "instances": [f"{IMAGES}/1.dcm", f"{IMAGES}/series_2.dcm"],
        },
    }


def test_a_result_that_shows_images_is_left_where_others_have_put_it() -> None:
    meta = {"run_id": "run-1", "instance_count": 1, "instances": ["somewhere"]}
    told = ToldRun("run-1", FOLDER, has_succeeded=True)
    server, _ = tell(told, make_result(directory="/data/w/t/r/", meta=meta))
    assert len(server.requests) == 1


def test_why_a_run_failed_stands_in_the_meta_of_its_result() -> None:
    server, _ = tell(ToldRun("run-1", FOLDER, reason="The file is not ISMRMRD."))
    meta = {"run_id": "run-1", "reason": "The file is not ISMRMRD."}
    assert read_body(server.requests[2])["meta"] == meta


def test_a_result_that_exam_manager_refuses_holds_up_nothing() -> None:
    refusal = answer({"detail": [{"loc": ["body", "type"]}]}, 422)
    client, _ = make_client(answer(make_dag_task()), answer(make_result(), 201), refusal)
    refusals = client.report_run(DAG_TASK_ID, ToldRun("run-1", FOLDER))
    assert refusals == ["Exam-manager refuses a result of type DICOM."]


def test_an_older_exam_manager_is_named_instead_of_an_outage() -> None:
    old = {"id": "1", "type": "DEVICE_TASK_SDK", "args": {}, "status": "NEW"}
    writers = (lambda c: c.report_task("1", ItemStatus.STARTED, 0), lambda c: c.get_task("1"))
    for call in writers:
        client, server = make_client(answer(old))
        with pytest.raises(ForeignContractError) as caught:
            call(client)
        assert caught.value.detail == "exam-manager speaks 2025-03, deployed for 2026-02"
        assert len(server.requests) == 1


def test_what_lies_elsewhere_is_no_image_of_the_viewer() -> None:
    for directory, told_directory in (("/data/on/a/worker", "/data/on/a/worker/"), ("", "")):
        files = (ToldFile(ResultType.DICOM, directory, "image.dcm"),)
        server, _ = tell(ToldRun("run-1", FOLDER, has_succeeded=True, files=files), make_result())
        body = read_body(server.requests[1])
        assert (body["directory"], body["files"]) == (told_directory, ["image.dcm"])
        assert body["meta"]["instances"] == []


def test_the_name_of_an_image_is_one_part_of_its_url() -> None:
    files = (ToldFile(ResultType.DICOM, f"{FOLDER}/a", "b #1?.dcm"),)
    server, _ = tell(ToldRun("run-1", FOLDER, has_succeeded=True, files=files), make_result())
    body = read_body(server.requests[1])
    assert body["files"] == ["a/b #1?.dcm"]
    assert body["meta"]["instances"] == [f"{IMAGES}/a_b%20%231%3F.dcm"]
