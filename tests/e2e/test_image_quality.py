"""Scan, reconstruction and image quality: three tasks by one call of the operator."""

import json

from local.scanhub.seed import QUALITY_TASKS
from tests.e2e.laptop import Laptop

MEASURES = ("snr", "percent_signal_ghosting", "percent_integral_uniformity")


def test_image_of_a_scan_is_measured_as_soon_as_it_is_there(laptop: Laptop) -> None:
    # Given a workflow of a scan, its reconstruction and the quality of its image
    tasks = [task.model_dump(mode="json", exclude_none=True) for task in QUALITY_TASKS]
    ids = laptop.make_workflow(*tasks)
    # When the operator processes it once
    laptop.process(ids["workflow_id"]).raise_for_status()
    workflow = laptop.wait_for_workflow(ids["workflow_id"], "completed")
    # Then the last task has a JSON file as its only result, and its facts are the measures
    run = laptop.wait_for_run(workflow["tasks"][2]["dag_run_id"], "SUCCEEDED")
    assert run["dag_id"] == "image_quality"
    (result,) = run["results"]
    assert (result["type"], result["key"].rpartition("/")[2]) == (
        "CALIBRATION",
        "image_quality.json",
    )
    report = json.loads(laptop.read_object(result["key"]))
    assert (report["schema_version"], report["n_images"]) == (1, 1)
    for name in MEASURES:
        assert result["metadata"][name] == report["images"][0][name]["value"]
    # And they are those of the simulated phantom: its noise is known, and it has no ghosts
    assert 15 < result["metadata"]["snr"] < 25
    assert result["metadata"]["percent_signal_ghosting"] < 1
    assert 0 <= result["metadata"]["percent_integral_uniformity"] < 50
