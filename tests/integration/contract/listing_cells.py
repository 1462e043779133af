"""The table of the calls that list, and of those that ask whether something has changed."""

from dataclasses import replace

from tests.integration.contract.cells import Cell, Ids, Scenario, case, loss, without_token
from tests.integration.contract.data_cells import (
    RUN,
    SHOW,
    SHOW_SCANNING,
    UNKNOWN,
    end_run,
    start_run,
)
from tests.integration.contract.task_cells import DAG_TASK, SDK_TASK, trigger_before
from tests.integration.deployment import BUCKET, Deployment
from workflow_manager import wiring

LIST_WORKFLOWS = Scenario(
    "list workflows",
    "list_workflows",
    "GET",
    "/workflows/?status=running&limit=1",
    tasks=(SDK_TASK,),
    prepare=trigger_before,
)
LIST_RUNS = Scenario(
    "list runs",
    "list_dag_runs",
    "GET",
    "/dag_runs/?state=RUNNING&limit=100",
    tasks=(DAG_TASK,),
    prepare=start_run,
)
LIST_EVENTS = Scenario(
    "list events",
    "list_workflow_events",
    "GET",
    "/workflows/{workflow_id}/events/?limit=1",
    tasks=(SDK_TASK,),
    prepare=trigger_before,
)
LISTS = (LIST_WORKFLOWS, LIST_RUNS)


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


def report_path(deployment: Deployment, ids: Ids) -> None:
    """Let a DAG of upstream name a file of another run."""
    start_run(deployment, ids)
    wiring._s3_client().put_object(Bucket=BUCKET, Key="result/other/image.dcm", Body=b"x")
    body = {"result_file": f"s3://{BUCKET}/result/other/image.dcm"}
    assert deployment.call_back({"user_token": ids["callback_token"]}, body) == 200


LIST_RESULTS = Scenario(
    "list results",
    "list_results",
    "GET",
    "/dag_runs/{dag_run_id}/results/?limit=1",
    tasks=(DAG_TASK,),
    prepare=store_image,
)
REPORTED = "results.0.unavailable_reason"


def asked(scenario: Scenario, query: str, status: int, *detail: str) -> Cell:
    """Return a cell of the same list with another query."""
    path, _, _ = scenario.path.partition("?")
    return case(replace(scenario, path=f"{path}?{query}"), query or "no query", status, *detail)


def known(scenario: Scenario, label: str, tags: str, status: int) -> Cell:
    """Return a cell of a client that has something already."""
    return case(replace(scenario, headers={"If-None-Match": tags}), label, status)


CELLS = [
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
    asked(LIST_WORKFLOWS, "status=PENDING", 422),
    asked(LIST_RUNS, "state=running", 422),
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
    known(replace(SHOW_SCANNING, prepare=show_workflow), "unchanged", '"x", {etag}', 304),
    known(SHOW_SCANNING, "changed", 'W/"x"', 200),
    known(SHOW, "anything", "*", 304),
    known(RUN, "anything", "*", 304),
    known(RUN, "changed", 'W/"x"', 200),
]
