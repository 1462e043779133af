import json
from dataclasses import astuple
from pathlib import Path

import pytest

from benchmarks.objects import EventSource, LakeNeighbours, make_events, measure
from benchmarks.requests_neighbours import Call
from local.config import ROOT, StackError
from tests.unit.benchmarks.conftest import Run
from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.events.sqs import parse_body
from workflow_manager.services.trigger_airflow import ObjectCreated


def test_each_object_is_in_one_message_of_a_batch() -> None:
    events = [json.loads(line) for line in make_events(5, 2)]

    assert [len(event["Records"]) for event in events] == [2, 2, 1]
    found = [
        command.data
        for event in events
        for record in event["Records"]
        for command in parse_body(record["body"])
        if isinstance(command, ObjectCreated)
    ]
    assert len({(data.key, data.version_id) for data in found}) == len(found) == 5
    assert isinstance(found[0], ObjectVersion)


def test_benchmark_measures_what_the_template_says(run: Run) -> None:
    # MWAA takes ten requests a second
    assert EventSource.of(ROOT) == EventSource(batch_size=1, n_environments=2)

    assert all(value > 0 for value in astuple(run(measure(ROOT, 4))))


def test_template_without_an_event_source_is_refused(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text("Resources:\n  TriggerAirflowFunction:\n")

    with pytest.raises(StackError, match="handed out"):
        EventSource.of(tmp_path)


def test_run_that_is_started_twice_is_counted_twice() -> None:
    neighbours = LakeNeighbours()
    body = json.dumps({"Method": "POST", "Path": "/dags/d/dagRuns", "Body": {"dag_run_id": "r"}})
    for _ in range(2):
        neighbours.answer(Call("POST", "/restapi/benchmark", {}, body.encode()))

    assert neighbours.started["r"] == 2
