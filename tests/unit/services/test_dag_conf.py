"""What the conf of a run tells its DAG of inputs and parameters."""

from typing import Any

import pytest

from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    DAG_ID,
    SCAN,
    SCAN_ID,
    TOKEN,
    WORKFLOW_ID,
    at,
    callback_token,
    deliver,
    deliver_queue,
    get_task,
    make_raw_data,
    make_world,
)
from tests.unit.services.test_advance import make_dag_task, make_diamond
from workflow_manager.domain.errors import InvalidInputError
from workflow_manager.domain.exam import ResultType
from workflow_manager.domain.result import Result
from workflow_manager.ports import Dag
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.receive_results import Callback, receive_results


def get_conf(world: MemoryPorts, task_id: str) -> dict[str, Any]:
    return world.orchestrator.dag_runs[DAG_ID, get_task(world, task_id).dag_run_id or ""]


def test_dag_is_told_of_each_input_task_in_its_place_and_of_all_its_files() -> None:
    world = make_diamond()
    tags = ("results:optional",)
    world.orchestrator.dags[DAG_ID] = Dag(dag_id=DAG_ID, dag_display_name="", tags=tags)
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())
    deliver_queue(world)
    ids = {each: get_task(world, each).dag_run_id or "" for each in ("left", "right")}
    # Given one side without any, and a series of 500 images on the other
    call(
        receive_results, world, callback_token(world, ids["right"]), Callback(success=True), at(20)
    )
    keys = [f"result/{ids['left']}/image-{n:04}.dcm" for n in range(1, 501)]
    world.lake.put(keys[0], b"image", "")
    series = tuple(Result(type=ResultType.DICOM, key=key) for key in keys)
    told = Callback(success=True, results=series)
    call(receive_results, world, callback_token(world, ids["left"]), told, at(30))
    deliver_queue(world, 31)

    # Then
    empty, full = get_conf(world, "join")["inputs"]
    of_right = {"task_id": "right", "dag_run_id": ids["right"], "type": "PROCESSING_TASK"}
    of_left = {"task_id": "left", "dag_run_id": ids["left"], "type": "PROCESSING_TASK"}
    assert empty == {**of_right, "bucket": None, "key": None, "version_id": None, "results": []}
    assert [each["key"] for each in full.pop("results")] == keys
    assert full == {**of_left, "bucket": "data-lake", "key": keys[0], "version_id": None}
    assert get_conf(world, "join")["key"] == keys[0]


def test_dag_is_told_of_a_scans_raw_data_and_its_version() -> None:
    world = make_world(SCAN, make_dag_task("reco", 2, SCAN_ID))
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    raw = make_raw_data(version_id="v7")
    deliver(world, raw)
    deliver_queue(world)

    file = {"bucket": "data-lake", "key": raw.key, "version_id": "v7"}
    ids = {"task_id": SCAN_ID, "dag_run_id": None, "type": SCAN.type.value}
    assert get_conf(world, "reco")["inputs"] == [
        {**ids, **file, "results": [{**file, "type": None}]}
    ]


def test_run_of_the_release_before_is_told_of_its_files() -> None:
    world = make_world(SCAN, make_dag_task("reco", 2, SCAN_ID))
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())
    run = world.store.get_dag_run(get_task(world, "reco").dag_run_id or "")
    assert run is not None
    world.store.commit([run.evolve(input_tasks=())])
    deliver_queue(world)

    [told] = get_conf(world, "reco")["inputs"]
    assert (told["task_id"], told["results"][0]["key"]) == (None, make_raw_data().key)


def test_inputs_that_no_conf_holds_fail_the_run_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("workflow_manager.steps.runs.gather_inputs.MAX_INPUTS_BYTES", 100)
    world = make_world(SCAN, make_dag_task("reco", 2, SCAN_ID))
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())
    deliver_queue(world)

    assert (
        get_task(world, "reco").reason == "The task takes more files (1) than a DAG can be told of."
    )
    assert world.orchestrator.dag_runs == {}


def test_dag_is_told_of_the_tasks_parameters() -> None:
    given = '{"orientation_convention": "inverse", "n_iterations": 30}'
    world = make_world(SCAN, make_dag_task("reco", 2, SCAN_ID, parameters=given, note="A. Muster"))
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())
    deliver_queue(world)

    conf = get_conf(world, "reco")
    assert conf["parameters"] == {"orientation_convention": "inverse", "n_iterations": 30}
    assert (conf["orientation_convention"], conf["coil_combination"]) == ("inverse", None)
    assert "Muster" not in str(conf)


def test_parameters_in_free_text_keep_the_scan_from_starting() -> None:
    reco = make_dag_task("reco", 2, SCAN_ID, parameters='{"comment": "Anna Muster"}')
    world = make_world(SCAN, reco)

    with pytest.raises(InvalidInputError, match='Entry 1 of the args\' "parameters" is refused'):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    assert world.scan.starts == []
