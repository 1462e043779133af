"""The table of the calls that list, and of those that ask whether something has changed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.integration.contract.cells import (
    PASSED_THROUGH,
    UNTOUCHED,
    Cell,
    Ids,
    Scenario,
    case,
    failures,
    loss,
    without_token,
)
from tests.integration.contract.data_cells import (
    RUN,
    SHOW,
    SHOW_SCANNING,
    UNKNOWN,
    UPLOAD,
    end_run,
    start_run,
)
from tests.integration.contract.runner import deliver, follow, resources
from tests.integration.contract.task_cells import FREE_TASK, SDK_TASK, trigger_before
from tests.integration.deployment import BUCKET, DAG_ID, Deployment
from workflow_manager import wiring
from workflow_manager.domain.listing import ListQuery
from workflow_manager.wiring import PORTS

LIST_WORKFLOWS = Scenario(
    "list workflows",
    "list_workflows",
    "GET",
    "/workflows/?status=running&limit=1",
    tasks=(SDK_TASK,),
    prepare=trigger_before,
)
BOARD = replace(LIST_WORKFLOWS, name="board", path="/workflows/?include=tasks")
LIST_RUNS = Scenario(
    "list runs",
    "list_dag_runs",
    "GET",
    "/dag_runs/?state=RUNNING&limit=100",
    tasks=(FREE_TASK,),
    prepare=start_run,
)
RUNS_OF = replace(
    LIST_RUNS, name="list runs of a workflow", path="/dag_runs/?workflow_id={workflow_id}"
)
LIST_EVENTS = Scenario(
    "list events",
    "list_workflow_events",
    "GET",
    "/workflows/{workflow_id}/events/?limit=1",
    tasks=(SDK_TASK,),
    prepare=trigger_before,
)
LIST_REJECTED = Scenario(
    "list rejected objects",
    "list_rejected_objects",
    "GET",
    "/rejected_objects/?limit=1",
    tasks=(FREE_TASK,),
)
LIST_UPLOADS = Scenario("list uploads", "list_uploads", "GET", "/uploads/?limit=1")
ME = Scenario("show the caller", "get_me", "GET", "/me/")
LISTS = (LIST_UPLOADS, LIST_WORKFLOWS, LIST_RUNS, LIST_REJECTED)


def dropped(label: str, key: str, reason: str, body: bytes = b"raw data") -> Cell:
    """Return a cell of an object that somebody put into the bucket, whose event came twice."""

    def drop(deployment: Deployment, ids: Ids) -> None:
        drop_by_hand(deployment, key.format(**ids), body)

    shown = {
        "rejected_objects.0.reason": reason,
        "rejected_objects.0.key": key,
        "rejected_objects.0.size_bytes": len(body),
        "next_cursor": None,
    }
    return case(replace(LIST_REJECTED, prepare=drop), label, 200, shows=shown, ours=UNTOUCHED)


def drop_by_hand(deployment: Deployment, key: str, body: bytes) -> None:
    """Put an object into the bucket past all of us; its event comes twice."""
    wiring._s3_client().put_object(Bucket=BUCKET, Key=key, Body=body)
    messages = resources("sqs", "queues")["events"]._messages
    messages.extend(list(messages))
    deliver(deployment)


def refused(label: str, reason: str, tags: tuple[str, ...], is_deleted: bool = False) -> Cell:
    """Return a cell of a run that is not started for what its object is."""

    def upload(deployment: Deployment, ids: Ids) -> None:
        deployment.airflow.states[DAG_ID] = {"tags": [{"name": tag} for tag in tags]}
        call = UPLOAD.function, UPLOAD.method, UPLOAD.path, UPLOAD.body, UPLOAD.headers
        assert deployment.call(*call)["statusCode"] == 200
        if is_deleted:
            PORTS["lake"]().delete_prefix(f"upload/{DAG_ID}/")
        deliver(deployment)
        assert deployment.airflow.runs == {}
        # moto's events name no version, of which an id is made.
        now = datetime.now(UTC)
        [run] = PORTS["store"]().list_dag_runs(ListQuery(now - timedelta(1), now, 10)).items
        ids["dag_run_id"] = run.dag_run_id

    shown = {"state": "FAILED", "reason": reason}
    return case(replace(RUN, prepare=upload), label, 200, shows=shown, run="FAILED", airflow="-")


def show_workflow(deployment: Deployment, ids: Ids) -> None:
    """Start the scan, look at it, and remember the tag."""
    trigger_before(deployment, ids)
    answer = deployment.call("get_workflow", "GET", f"/workflows/{ids['workflow_id']}/")
    ids["etag"] = answer["headers"]["etag"]


def store_image(deployment: Deployment, ids: Ids) -> None:
    """Let the run leave the image that it reports, and another one that it does not."""
    end_run(deployment, ids)
    for name in ("image.dcm", "image-2.dcm"):
        key = f"result/{ids['dag_run_id']}/{name}"
        wiring._s3_client().put_object(Bucket=BUCKET, Key=key, Body=b"pixels")


def tell_image(deployment: Deployment, ids: Ids) -> None:
    """Let exam-manager hear of the image that the run leaves."""
    store_image(deployment, ids)
    remember_result(deployment, ids)


def tell_path(deployment: Deployment, ids: Ids) -> None:
    """Let exam-manager hear of a file that is none of the data lake."""
    report_path(deployment, ids)
    remember_result(deployment, ids)


def erase_image(deployment: Deployment, ids: Ids) -> None:
    """Erase the image that exam-manager has heard of."""
    tell_image(deployment, ids)
    PORTS["lake"]().delete_prefix(f"result/{ids['dag_run_id']}/")


def remember_result(deployment: Deployment, ids: Ids) -> None:
    follow(deployment)
    task = deployment.scanhub.get(f"/api/v1/exam/task/{ids['task_id']}").json()
    ids["result_id"] = task["results"][-1]["id"]


def report_path(deployment: Deployment, ids: Ids) -> None:
    """Let a DAG of upstream name a file that is none of the data lake."""
    start_run(deployment, ids)
    body = {"result_file": "/opt/airflow/data_lake/image.dcm"}
    assert deployment.call_back({"user_token": ids["callback_token"]}, body) == 200


LIST_RESULTS = Scenario(
    "list results",
    "list_results",
    "GET",
    "/dag_runs/{dag_run_id}/results/?limit=1",
    tasks=(FREE_TASK,),
    prepare=store_image,
)
DICOM = Scenario(
    "image for a viewer",
    "get_dicom",
    "GET",
    "/dicom/{result_id}",
    tasks=(FREE_TASK,),
    prepare=tell_image,
)
NO_DICOM = "Could not find DICOM file of result with ID: {result_id}."
REPORTED = "results.0.unavailable_reason"


def asked(scenario: Scenario, query: str, status: int, *detail: str) -> Cell:
    """Return a cell of the same list with another query."""
    path, _, _ = scenario.path.partition("?")
    return case(replace(scenario, path=f"{path}?{query}"), query or "no query", status, *detail)


def known(scenario: Scenario, label: str, tags: str, status: int) -> Cell:
    """Return a cell of a client that has something already."""
    return case(replace(scenario, headers={"If-None-Match": tags}), label, status)


NO_KEY = "Its key reads neither"
NO_TASK = "The workflow has no such device task. Once that has changed, copy the object"
MISFITS = [
    dropped("unknown prefix", "Jane Doe.h5", NO_KEY),
    dropped("no DAG", "upload/Jane Doe.h5", NO_KEY),
    dropped("malformed DAG", "upload/a b/Jane Doe.h5", NO_KEY),
    dropped("malformed workflow", "acquisition/Jane Doe/{task_id}/raw.h5", NO_KEY),
    dropped("folder marker", f"upload/{DAG_ID}/Jane Doe/", "It is a folder marker", b""),
    dropped("empty object", f"upload/{DAG_ID}/by hand/Jane Doe.h5", "It is empty.", b""),
    dropped("a DAG's own result", "result/run-1/Jane Doe.dcm", "It lies below result/"),
    dropped(
        "unknown workflow",
        f"acquisition/{UNKNOWN}/{{task_id}}/Jane Doe.h5",
        "Exam-manager knows no such workflow. Once that has changed, copy the object",
    ),
    dropped("no UUID", "acquisition/x/{task_id}/Jane Doe.h5", "Exam-manager knows no such"),
    dropped("unknown task", f"acquisition/{{workflow_id}}/{UNKNOWN}/Jane Doe.h5", NO_TASK),
    dropped("no device task", "acquisition/{workflow_id}/{task_id}/Jane Doe.h5", NO_TASK),
    refused(
        "of an object that its DAG does not accept",
        f"The DAG {DAG_ID} accepts ismrmrd or numpy; the object is of no format that we know.",
        ("accepts:ismrmrd", "accepts:numpy"),
    ),
    refused("of an object that is gone", "The object is no longer in the data lake.", (), True),
]
CELLS = [
    *MISFITS,
    *[case(scenario, "", 200) for scenario in (*LISTS, LIST_EVENTS)],
    *[cell for scenario in (*LISTS, LIST_EVENTS) for cell in without_token(scenario)],
    *[loss(scenario, "table", 503) for scenario in (*LISTS, LIST_EVENTS)],
    *[asked(scenario, "", 200) for scenario in (*LISTS, LIST_EVENTS)],
    *[asked(scenario, "from=2026-11-01&to=2026-11-23T12:00:00Z", 200) for scenario in LISTS],
    *[asked(scenario, "limit=101", 422) for scenario in (*LISTS, LIST_EVENTS)],
    *[asked(scenario, "cursor=x", 422, "The cursor is none of ours.") for scenario in LISTS],
    *[asked(scenario, "from=yesterday", 422, "from is neither") for scenario in LISTS],
    *[asked(scenario, "to=2026-11-31", 422, "to is neither") for scenario in LISTS],
    *[asked(scenario, "from=2026-11-02&to=2026-11-01", 422, "The period") for scenario in LISTS],
    *[asked(scenario, "from=2025-11-01&to=2026-11-23", 422, "The period") for scenario in LISTS],
    case(ME, "", 200, shows={"username": "operator", "ends_at": None}),
    *without_token(ME),
    asked(LIST_WORKFLOWS, "status=PENDING", 422),
    asked(LIST_RUNS, "state=running", 422),
    case(RUNS_OF, "", 200, shows={"dag_runs.0.dag_run_id": "{dag_run_id}"}),
    case(
        replace(RUNS_OF, path=f"/dag_runs/?workflow_id={UNKNOWN}"),
        "unknown id",
        200,
        shows={"dag_runs": []},
    ),
    loss(RUNS_OF, "table", 503),
    asked(LIST_EVENTS, "cursor=x", 422),
    case(
        replace(LIST_EVENTS, path=f"/workflows/{UNKNOWN}/events/"), "unknown id", 404, "There is no"
    ),
    case(replace(LIST_EVENTS, prepare=None), "never processed", 404, "There is no"),
    case(
        LIST_RESULTS,
        "",
        200,
        shows={
            "state": "SUCCEEDED",
            "results.0.url": "https://data-lake.s3.eu-central-1.amazonaws.com/result/{dag_run_id}/",
            "results.0.size_bytes": 6,
            REPORTED: None,
        },
    ),
    *without_token(LIST_RESULTS),
    loss(LIST_RESULTS, "table", 503),
    loss(LIST_RESULTS, "bucket", 502, detail="The data lake failed."),
    asked(LIST_RESULTS, "", 200),
    asked(LIST_RESULTS, "limit=101", 422),
    asked(LIST_RESULTS, "cursor=x", 422, "The cursor is none of ours."),
    case(
        replace(LIST_RESULTS, prepare=start_run),
        "no results yet",
        200,
        shows={"state": "RUNNING", "results": []},
    ),
    case(
        replace(LIST_RESULTS, prepare=end_run),
        "file is gone",
        200,
        shows={"results.0.url": None, REPORTED: "There is no such file"},
    ),
    case(
        replace(LIST_RESULTS, prepare=report_path),
        "file of another run",
        200,
        shows={"results.0.url": None, REPORTED: "This is no plain path"},
    ),
    case(
        replace(LIST_RESULTS, path="/dag_runs/aaaaaaaaaaaaaaaaaaaa/results/"),
        "unknown id",
        404,
        "There is no such run",
    ),
    case(
        replace(LIST_RESULTS, path="/dag_runs/a b/results/"),
        "malformed id",
        404,
        "There is no such run",
    ),
    case(DICOM, "", 302),
    *without_token(DICOM),
    *failures(DICOM, "known result", PASSED_THROUGH),
    case(replace(DICOM, prepare=tell_path), "file elsewhere", 404, NO_DICOM),
    case(replace(DICOM, prepare=erase_image), "file is gone", 404, NO_DICOM),
    case(
        replace(DICOM, path=f"/dicom/{UNKNOWN}"),
        "unknown id",
        404,
        f"Could not find result with ID {UNKNOWN}.",
    ),
    case(replace(DICOM, path="/dicom/x"), "malformed id", 404, "Could not find result with ID x."),
    known(replace(SHOW_SCANNING, prepare=show_workflow), "unchanged", '"x", {etag}', 304),
    known(SHOW_SCANNING, "changed", 'W/"x"', 200),
    *[known(scenario, "anything", "*", 304) for scenario in (*LISTS, BOARD)],
    *[known(scenario, "changed", 'W/"x"', 200) for scenario in (*LISTS, BOARD)],
    case(BOARD, "", 200, shows={"workflows.0.tasks.0.name": "Scan 1"}),
    loss(BOARD, "table", 503),
    asked(BOARD, "include=events", 422),
    known(SHOW, "anything", "*", 304),
    known(RUN, "anything", "*", 304),
    known(RUN, "changed", 'W/"x"', 200),
]
