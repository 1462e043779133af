"""From a device's file to an image in ScanHub's viewer, with the bridge in between."""

import json
import re
from pathlib import Path
from typing import Any

from scanhub_workflow.targets import MARKER
from tests.fakes.bridge_world import IMAGES, PATIENT, RAW_DATA, BridgeWorld


def test_raw_data_goes_up_and_images_come_down(world: BridgeWorld) -> None:
    # Given a device whose file lies in the volume
    world.acquire()

    # When the bridge runs; then the lake has it, and its run begins
    assert world.run_bridge()
    assert world.uploaded == [RAW_DATA]
    [run_id] = world.let_engine_work()

    # When it runs again; then the images lie where the viewer looks, for all to read
    assert world.run_bridge()
    results = world.get_results(world.reconstruction_id)
    folder = results[0]["id"] if results else run_id
    assert world.list_images() == {f"{folder}/{name}": body for name, body in IMAGES.items()}
    for path in [*world.data.rglob("*.dcm"), *world.data.rglob(MARKER)]:
        assert path.stat().st_mode & 0o444 == 0o444

    # And once all is done, a bridge that starts changes nothing
    n_before = len(world.wire.requests)
    assert world.run_bridge()
    later = world.wire.requests[n_before:]
    assert {line.split()[0] for line in later if "login" not in line} == {"GET"}
    assert not [line for line in later if " s3" in line]


def test_result_leads_the_viewer_to_its_images(make_bridge_world: Any) -> None:
    # Given a run whose images have come down
    world = make_bridge_world("2026-02")
    world.acquire()
    world.run_bridge()
    [run_id] = world.let_engine_work()
    world.run_bridge()

    # Then exam-manager's result says so, as today's page reads it
    [result] = world.get_results(world.reconstruction_id)
    place = f"{world.workflow_id}/{world.reconstruction_id}/{result['id']}"
    url = f"https://localhost:8443/api/v1/exam/dcm/{place}"
    assert result["directory"] == f"/data/{place}/"
    assert (result["type"], result["files"]) == ("DICOM", sorted(IMAGES))
    assert result["meta"] == {
        "run_id": run_id,
        "instance_count": len(IMAGES),
        "instances": [f"{url}/{name}" for name in sorted(IMAGES)],
    }
    # And exam-manager gives the image
    shown = world.ask(f"dcm/{place}/slice1.dcm")
    assert (shown.status_code, shown.content) == (200, IMAGES["slice1.dcm"])


def test_nobody_reads_a_name_of_a_file(world: BridgeWorld) -> None:
    # Given a file whose name is a patient's, and a walk with failures in it
    world.acquire()
    path = next(world.data.rglob("*.h5"))
    path.rename(world.folder / path.name)
    assert not world.run_bridge()
    (world.folder / path.name).rename(path)
    world.run_bridge()
    world.let_engine_work()
    world.run_bridge()

    # Then neither log nor status nor API has it, nor a token
    assert world.user
    told = "\n".join([*world.log, str(world.status), *world.wire.bodies])
    assert world.log
    assert PATIENT not in told
    assert world.user.access_token not in told


def test_page_names_the_operations_that_its_role_needs(world: BridgeWorld) -> None:
    # Given all that the bridge asks of the API, when an upload is given up too
    world.acquire()

    def change(service: str, line: str, is_answered: bool) -> None:
        if service == "s3" and not is_answered:
            next(world.data.rglob("*.h5")).write_bytes(RAW_DATA[::-1])
            world.wire.fault = lambda service, line, is_answered: None

    world.wire.fault = change
    world.run_bridge()
    world.run_bridge()
    world.let_engine_work()
    world.run_bridge()
    asked = {line.partition("/api/v1/workflowmanager")[0::2] for line in world.wire.requests}

    # Then docs/scanhub.md names each operation
    page = Path("docs/scanhub.md").read_text().partition("## The volume")[2]
    document = json.loads(Path("functions/get_openapi/openapi.json").read_text())["paths"]
    found = {
        operation["operationId"]
        for template, operations in document.items()
        for method, operation in operations.items()
        for called, path in asked
        if called == f"{method.upper()} api"
        and re.fullmatch(re.sub(r"{\w+}", r"[^/]+", template).rstrip("/") + "/?", path)
    }
    assert {"list_workflows", "create_upload", "complete_upload", "abort_upload"} <= found
    assert [each for each in found if f"`{each}`" not in page.partition("\n## ")[0]] == []
