from datetime import UTC, datetime, timedelta

from tests.contracts.samples import make_finished_run, make_run
from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    RECONSTRUCTION_ID,
    TOKEN,
    WORKFLOW_ID,
    at,
    deliver,
    get_task,
    make_dag_data,
    make_raw_data,
)
from tests.unit.functions.conftest import Invoke, load_event, read_body
from workflow_manager.services.cancel_task import cancel_task
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.retry_task import retry_task


def test_list_dag_runs_shows_runs_as_get_dag_run_does(invoke: Invoke, world: MemoryPorts) -> None:
    world.store.commit([make_run(created_at=datetime.now(UTC), callback_token_hashes=("a",))])
    event = load_event("get_dag_run", "success") | {"path": "/v1/workflowmanager/dag_runs/run-1/"}

    answer = invoke("list_dag_runs", load_event("list_dag_runs", "defaults"))

    assert answer["statusCode"] == 200
    alone = read_body(invoke("get_dag_run", event))
    # Airflow is asked for one run only, not for each of a list.
    shown = {k: v for k, v in alone.items() if k not in {"airflow_url", "task_instances"}}
    assert read_body(answer) == {"dag_runs": [shown], "next_cursor": None}


def test_list_dag_runs_filters_by_state_dag_and_time(invoke: Invoke, world: MemoryPorts) -> None:
    now = datetime.now(UTC)
    old = now - timedelta(days=31)
    world.store.commit(
        [
            make_run("a", created_at=now),
            make_finished_run("b", created_at=now),
            make_finished_run("c", created_at=now, dag_id="other"),
            make_finished_run("d", created_at=old),
        ]
    )
    event = load_event("list_dag_runs", "defaults")
    query = {"state": ["SUCCEEDED"], "dag_id": ["dag_reco"]}

    recent = invoke("list_dag_runs", event | {"multiValueQueryStringParameters": query})
    query["from"] = [(now - timedelta(days=40)).isoformat()]
    all_of_it = invoke("list_dag_runs", event | {"multiValueQueryStringParameters": query})

    assert [run["dag_run_id"] for run in read_body(recent)["dag_runs"]] == ["b"]
    assert [run["dag_run_id"] for run in read_body(all_of_it)["dag_runs"]] == ["b", "d"]


def test_list_dag_runs_shows_every_attempt_of_a_workflow_page_by_page(
    invoke: Invoke, world: MemoryPorts
) -> None:
    # Given a workflow whose reconstruction was retried, and a run of its own
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())
    deliver(world, make_dag_data("upload-9"))
    first = get_task(world, RECONSTRUCTION_ID).dag_run_id
    call(cancel_task, world, WORKFLOW_ID, RECONSTRUCTION_ID, at(20))
    call(retry_task, world, WORKFLOW_ID, RECONSTRUCTION_ID, TOKEN, at(30))
    second = get_task(world, RECONSTRUCTION_ID).dag_run_id
    event = load_event("list_dag_runs", "defaults")

    def ask(**query: str) -> list[str]:
        asked = {"to": ["2026-12-01"]} | {name: [value] for name, value in query.items()}
        body = read_body(
            invoke("list_dag_runs", event | {"multiValueQueryStringParameters": asked})
        )
        more = [body["next_cursor"]] if body["next_cursor"] else []
        return [run["dag_run_id"] for run in body["dag_runs"]] + more

    assert ask(workflow_id=WORKFLOW_ID) == [second, first]
    assert ask(workflow_id=WORKFLOW_ID.replace("-", "").upper(), state="CANCELLED") == [first]
    page = ask(workflow_id=WORKFLOW_ID, limit="1")
    assert page[0] == second
    assert ask(workflow_id=WORKFLOW_ID, limit="1", cursor=page[1]) == [first]
    assert ask(workflow_id="another") == []
    assert len(ask()) == 3
