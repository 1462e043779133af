"""The schemas of docs/dags/ say what workflow manager and kit do."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError
from pydantic import ValidationError as RefusedError

from scanhub_dag.conf import DagRunConf
from scanhub_dag.results import MAX_FACTS, MAX_RESULTS, MAX_TEXT_LENGTH
from workflow_manager.domain.dag_run import DagRun, InputTask
from workflow_manager.domain.dag_run_conf import CONF_VERSION, dag_run_conf, list_run_inputs
from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.exam import ResultType, TaskType
from workflow_manager.domain.result import MAX_N_RESULTS, Result
from workflow_manager.services.receive_results import Callback

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "dags"
AT = datetime(2026, 11, 29, tzinfo=UTC)
RESULT = {"type": "DICOM", "key": "result/r/a.dcm"}


def read(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((FOLDER / f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    return schema


def make_dag_run(dag_run_id: str = "run-1", **facts: Any) -> DagRun:
    times = dict.fromkeys(("next_attempt_at", "deadline", "created_at"), AT)
    return DagRun(dag_run_id=dag_run_id, dag_id="d", bucket="lake", **times, **facts)


def make_conf() -> dict[str, Any]:
    """Return the conf of a task that takes a scan, a task without data, and a series of two."""
    scan = ObjectVersion(bucket="lake", key="acquisition/w/t1/u/raw.h5", version_id="v1")
    image = ObjectVersion(bucket="lake", key="result/before/1.dcm", version_id="v2")
    tasks = (
        InputTask(task_id="t1", type=TaskType.DEVICE_TASK_SDK),
        InputTask(task_id="t2", type=TaskType.DEVICE_TASK_SDK, has_data=False),
        InputTask(task_id="t3", type=TaskType.RECONSTRUCTION_TASK, dag_run_id="before"),
    )
    run = make_dag_run(data=scan, inputs=(scan, image), input_tasks=tasks, parameters={"n": 3})
    series = tuple(Result(type=ResultType.DICOM, key=f"result/before/{n}.dcm") for n in (1, 2))
    producers = {"before": make_dag_run("before", results=series)}
    inputs = [each.describe() for each in list_run_inputs(run, producers)]
    return dag_run_conf(run, inputs, "https://scanhub.test/results_ready/", "token")


def test_conf_is_as_its_schema_says() -> None:
    schema = read("conf")

    for conf in (make_conf(), dag_run_conf(make_dag_run(), [], "https://scanhub.test/", "t")):
        Draft202012Validator(schema).validate(conf)

    assert set(make_conf()) == set(schema["properties"])
    assert schema["properties"]["conf_version"]["minimum"] == CONF_VERSION


def test_kit_reads_all_inputs_of_the_conf_in_their_places() -> None:
    facts = DagRunConf.from_mapping(make_conf())

    assert [each.task_id for each in facts.inputs] == ["t1", "t2", "t3"]
    assert facts.inputs[2].type == "RECONSTRUCTION_TASK"
    assert [[result.key for result in each.results] for each in facts.inputs] == [
        ["acquisition/w/t1/u/raw.h5"],
        [],
        ["result/before/1.dcm", "result/before/2.dcm"],
    ]
    assert facts.inputs[0].results[0].version_id == "v1"
    assert facts.parameters == {"n": 3}


CALLBACKS: list[dict[str, Any]] = [
    {"progress": 0},
    {"dag_id": "d", "progress": 100},
    {"progress": 101},
    {"progress": 5, "results": [RESULT]},
    {"success": True},
    {"success": True, "results": []},
    {"success": True, "results": [RESULT], "result_file": "s3://lake/result/r/a.dcm"},
    {"success": True, "results": [RESULT] * (MAX_N_RESULTS + 1)},
    {"success": True, "results": [RESULT | {"type": "JPEG"}]},
    {"success": True, "results": [RESULT | {"key": ""}]},
    {"success": True, "results": [RESULT | {"preview_key": "result/r/a.png"}]},
    {"success": True, "results": [RESULT | {"metadata": {"a": [1, 2.5], "b": None, "c": True}}]},
    {"success": True, "results": [RESULT | {"metadata": {"a": {}}}]},
    {"success": True, "results": [RESULT | {"metadata": {"a": "x" * (MAX_TEXT_LENGTH + 1)}}]},
    {"success": True, "results": [RESULT | {"metadata": {"a": [1] * 17}}]},
    {"success": True, "results": [RESULT | {"metadata": {"a" * 101: 1}}]},
    {
        "success": True,
        "results": [RESULT | {"metadata": dict.fromkeys("x" * n for n in range(31))}],
    },
    {"success": True, "error": "The file is empty."},
    {"success": True, "engine": {"name": "BART", "version": "0.9.00"}},
    {"success": True, "engine": {"name": "BART"}, "dag_version": "3"},
    {"success": True, "engine": {"name": ""}},
    {"success": True, "engine": {"name": "BART", "version": "for Jane Doe"}},
    {"success": False},
    {"success": False, "error": "The file is empty."},
    {"success": False, "error": "x" * 1001},
    {"success": False, "results": [RESULT]},
    {"result_file": "/data/image.dcm"},
    {"succes": True},
    {},
]


@pytest.mark.parametrize("body", CALLBACKS, ids=lambda body: json.dumps(body)[:60])
def test_workflow_manager_takes_what_the_schema_allows(body: dict[str, Any]) -> None:
    assert is_taken(body) == is_allowed(body)


def is_taken(body: dict[str, Any]) -> bool:
    try:
        Callback.model_validate(body)
    except RefusedError:
        return False
    return True


def is_allowed(body: dict[str, Any]) -> bool:
    try:
        Draft202012Validator(read("callback")).validate(body)
    except ValidationError:
        return False
    return True


def test_callback_schema_names_all_fields_and_the_kits_limits() -> None:
    schema = read("callback")
    result = schema["$defs"]["result"]["properties"]

    assert set(schema["properties"]) == set(Callback.model_fields)
    assert set(result) == set(Result.model_fields)
    assert schema["properties"]["results"]["maxItems"] == MAX_RESULTS == MAX_N_RESULTS
    assert result["metadata"]["maxProperties"] == MAX_FACTS
