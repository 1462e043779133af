"""The stand-in answers as ScanHub's services of 2026-02 do, and leaves what they leave."""

from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pydicom
import pytest
from anyio.from_thread import start_blocking_portal

from local.phantom import simulate_acquisition
from local.scanhub.app import Settings, make_app, make_stand_in
from tests.fakes.app import InProcess
from tests.unit.local.probes import (
    ADDRESS,
    BARE,
    Table,
    World,
    check_form,
    edit,
    fill,
    is_part,
    name_seeded,
    post,
)

TABLE = Table("scanhub_probes_2026_02")
KEYS_422 = {"type", "loc", "msg", "input"}
PART_10 = b"\0" * 128 + b"DICM" + b"\0" * 68


@pytest.fixture(scope="module")
def sent() -> list[dict[str, Any]]:
    """Return what devices were told."""
    return []


@pytest.fixture(scope="module")
def made(sent: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    volume = tmp_path_factory.mktemp("scanhub") / "data"
    stand_in = make_stand_in(Settings(ADDRESS, contract="2026-02", volume=volume))

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    with start_blocking_portal() as portal:
        wire = InProcess(make_app(stand_in), portal)
        with httpx.Client(base_url=f"http://{ADDRESS}", transport=wire) as client:
            world = World(stand_in, client, {}, stand_in.store._tables)
            world.begin()
            world.ids = make_world(client)
            stand_in.devices.connect(world.ids["device"], send)
            stand_in.devices.break_socket(world.ids["deaf_device"])
            world.tables = stand_in.store._tables
            folder, _ = stand_in.volume.locate("w", "t", "r")
            folder.mkdir(parents=True)
            (folder / "image.dcm").write_bytes(PART_10)
            yield world


@pytest.fixture
def world(made: World, sent: list[dict[str, Any]]) -> World:
    made.begin()
    sent.clear()
    return made


def make_world(client: httpx.Client) -> dict[str, str]:
    """Return the ids of a seeded workflow, of one that was scanned, of templates and devices."""
    ids = name_seeded(client)
    for name in ("result", "blank"):
        ids[name] = post(client, f"result?task_id={ids['scanned_task']}")["id"]
    body = TABLE.bodies["result"]
    client.put(f"/api/v1/exam/result/{ids['result']}", json=body).raise_for_status()
    for name, status in (("offline_device", "OFFLINE"), ("deaf_device", "ONLINE")):
        device = client.post("/_control/devices", json={"id": name, "status": status}).json()
        ids[name] = device["id"]
    return ids | make_template(client, ids)


def make_template(client: httpx.Client, ids: dict[str, str]) -> dict[str, str]:
    """Return the ids of a template exam: of two tasks the first was edited, the second names it."""
    template = {"is_template": True, "status": "NEW"}
    exam = post(client, "new", TABLE.change("exam", patient_id=None, **template))["id"]
    workflow = TABLE.change("workflow", exam_id=exam, **template)
    workflow_id = post(client, "workflow/new", workflow)["id"]
    above = template | {"workflow_id": workflow_id}
    scan = fill(TABLE.change("task", **above), ids)
    task_id = post(client, "task/new", scan)["id"]
    edit(client, task_id, status="UPDATED", progress=40)
    # One input is in the template, one is not.
    dag = TABLE.change("dag", **above, input_task_ids=[task_id, ids["task"]])
    dag_id = post(client, "task/new", dag)["id"]
    made = {"template_exam": exam, "template_workflow": workflow_id}
    return made | {"template_task": task_id, "template_dag": dag_id}


@pytest.mark.parametrize("probe", TABLE.probes)
def test_the_stand_in_answers_as_the_real_service(world: World, probe: dict[str, Any]) -> None:
    answer = TABLE.ask(world, probe)
    expected = fill(probe.get("answer"), world.ids)
    assert answer.status_code == probe["status"], (probe, answer.text)
    check_form(answer, expected)
    for name, value in probe.get("headers_back", {}).items():
        assert answer.headers[name] == value
    if probe["status"] == 422:
        assert all(
            KEYS_422 <= set(error) <= KEYS_422 | {"ctx"} for error in answer.json()["detail"]
        )
        assert is_part(expected, answer.json()["detail"]), (probe, answer.text)
    elif probe["status"] >= 400 and expected != BARE:
        assert answer.json() == {"detail": expected}, probe
    elif "answer" in probe and expected != BARE:
        assert is_part(expected, answer.json()), (probe, answer.text)
    if absent := probe.get("absent"):
        assert not set(absent) & set(answer.json()), probe


@pytest.mark.parametrize("contract", ["2025-03", "2026-02"])
def test_a_generation_is_recognised_by_its_openapi(contract: str) -> None:
    stand_in = make_stand_in(Settings(ADDRESS, contract=contract))
    with start_blocking_portal() as portal:
        wire = InProcess(make_app(stand_in), portal)
        with httpx.Client(base_url=f"http://{ADDRESS}", transport=wire) as client:
            document = client.get("/api/v1/exam/openapi.json").json()
    schemas, is_today = document["components"]["schemas"], contract == "2026-02"
    assert ("/api/v1/exam/task/reorder" in document["paths"]) is is_today
    assert ("input_task_ids" in schemas.get("BaseDAGTask", {}).get("properties", {})) is is_today
    assert ("type" in schemas.get("BaseTask", {}).get("properties", {})) is not is_today
    assert document["info"]["version"] == "0.1.0"


def test_a_copy_is_in_order_and_has_lost_what_came_from_outside(world: World) -> None:
    # Given a template whose second task was put first, and takes a task of another workflow too
    ids, client = world.ids, world.client
    order = {"task_ids": [ids["template_dag"], ids["template_task"]]}
    client.put("/api/v1/exam/task/reorder", json=order).raise_for_status()
    # When it is copied
    path = f"workflow?exam_id={ids['exam']}&template_id={ids['template_workflow']}"
    copy = post(client, f"{path}&new_workflow_is_template=false")
    # Then the answer has no tasks, but the copy has: in order, as they were, with its own inputs
    assert copy["tasks"] == []
    dag, scan = client.get(f"/api/v1/exam/workflow/{copy['id']}").json()["tasks"]
    assert (scan["status"], scan["progress"], scan["task_type"]) == ("UPDATED", 40, "ACQUISITION")
    assert (dag["position"], scan["position"]) == (0, 1)
    assert dag["input_task_ids"] == [scan["id"]]
    assert (dag["is_template"], scan["is_template"]) == (False, False)


@pytest.mark.parametrize("is_sent", [True, False])
def test_limits_reach_the_device_only_if_the_caller_sends_them(
    world: World, sent: list[dict[str, Any]], is_sent: bool
) -> None:
    limits = {"patient_height": 172, "patient_weight": 68, "patient_age": 40}
    limits |= {"patient_gender": "OTHER"}
    path = f"/api/v1/exam/task/{world.ids['task']}"
    told = world.client.get(path).json() | {"acquisition_limits": limits}
    # What exam-manager answers to the write is what the original sends.
    order = world.client.put(path, json=told).raise_for_status().json()
    order |= {"acquisition_limits": limits} if is_sent else {}
    start = "/api/v1/device/start_scan_via_websocket"
    assert world.client.post(start, json=order).json() is None
    [message] = sent
    assert message["command"] == "start"
    assert message["data"]["acquisition_limits"] == (limits if is_sent else None)
    assert message["data"]["sequence"]["_id"] == world.ids["sequence"]


def test_an_uploaded_sequence_has_the_suffixes_of_its_files(world: World) -> None:
    answer = world.client.post(
        "/api/v1/exam/sequence",
        data={"name": "Gradient echo", "tags": '["phantom"]'},
        files={"seq_file": ("gre.seq", b"[VERSION]"), "xml_file": ("gre.xml", b"<x/>")},
    )
    sequence = answer.json()
    assert (answer.status_code, sequence["seq_file_extension"]) == (201, ".seq")
    assert (sequence["xml_file"], sequence["xml_file_extension"]) == ("<x/>", ".xml")
    assert world.client.get(f"/api/v1/exam/sequence/{sequence['_id']}").json() == sequence


def test_an_image_that_is_no_part_10_file_is_shown_as_one(world: World) -> None:
    folder, _ = world.stand_in.volume.locate("w", "t", "raw")
    folder.mkdir()
    dataset = pydicom.Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.4", "1.2.3"
    pydicom.dcmwrite(folder / "a.dcm", dataset, implicit_vr=True, little_endian=True)
    answer = world.client.get("/api/v1/exam/dcm/w/t/raw/a.dcm")
    assert answer.content[128:132] == b"DICM"
    assert "no-store" in answer.headers["cache-control"]


def test_a_viewer_learns_what_is_in_the_raw_data(world: World) -> None:
    folder, _ = world.stand_in.volume.locate("w", "t", "mrd")
    folder.mkdir()
    simulate_acquisition(folder / "scan.mrd", matrix_size=16)
    meta = world.client.get("/api/v1/exam/mrd/w/t/mrd/meta").json()
    first = meta["acquisitions"][0]
    assert (meta["task_id"], meta["dtype"], first["acquisition_id"]) == ("t", "fc32", 0)
    assert first["num_samples"] > 0 and np.isfinite(first["dwell_time"])


def test_nothing_outside_the_volume_is_shown(world: World) -> None:
    (world.stand_in.volume.folder.parent / "secret.dcm").write_bytes(PART_10)
    answer = world.client.get("/api/v1/exam/dcm/w/%2e%2e/%2e%2e/secret.dcm")
    assert answer.status_code == 404
    assert answer.json()["detail"].startswith("Dicom file does not exist")
