"""The stand-in answers as ScanHub's own services did, and leaves what they leave."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from anyio.from_thread import start_blocking_portal

from local.scanhub.app import Settings, make_app, make_stand_in
from tests.fakes.app import InProcess
from tests.unit.local.probes import (
    ADDRESS,
    BARE,
    UNKNOWN,
    Table,
    World,
    check_form,
    edit,
    fill,
    is_part,
    name_seeded,
    post,
)

TABLE = Table("scanhub_probes")
change = TABLE.change


@pytest.fixture(scope="module")
def made() -> Iterator[World]:
    stand_in = make_stand_in(Settings(ADDRESS, scan_duration_s=0, acquire=lambda path: None))
    with start_blocking_portal() as portal:
        wire = InProcess(make_app(stand_in), portal)
        with httpx.Client(base_url=f"http://{ADDRESS}", transport=wire) as client:
            world = World(stand_in, client, {}, stand_in.store._tables)
            world.begin()
            world.ids = make_world(client)
            world.tables = stand_in.store._tables
            yield world
    stand_in.scanner.stop()


@pytest.fixture
def world(made: World) -> World:
    made.begin()
    return made


def make_world(client: httpx.Client) -> dict[str, str]:
    """Return the ids of a seeded workflow, of one that was scanned, and of templates."""
    ids = name_seeded(client)
    result = change("result", task_id=ids["scanned_task"])
    ids["result"] = post(client, "result", result)["id"]
    ids["pd"] = post(client, "result", result | {"filename": "pd"})["id"]
    template = {"is_template": True}
    exam = change("exam", patient_id=None, **template)
    ids["template_exam"] = post(client, "new", exam)["id"]
    workflow = change(
        "workflow", exam_id=ids["template_exam"], comment="made on Monday", **template
    )
    ids["template_workflow"] = post(client, "workflow/new", workflow)["id"]
    ids["template_task"] = make_template_task(client, ids, "Scan")
    task = {"status": "STARTED", "progress": 40, "comment": "why"}
    task["args"] = {"input": ids["template_task"]}
    edit(client, ids["template_task"], **task)
    return ids


def make_template_task(client: httpx.Client, ids: dict[str, str], name: str) -> str:
    task = change("task", workflow_id=ids["template_workflow"], name=name, is_template=True)
    return str(post(client, "task/new", task)["id"])


@pytest.mark.parametrize("probe", TABLE.probes)
def test_the_stand_in_answers_as_the_real_service(world: World, probe: dict[str, Any]) -> None:
    answer = TABLE.ask(world, probe)
    expected = fill(probe.get("answer"), world.ids)
    assert answer.status_code == probe["status"], (probe, answer.text)
    check_form(answer, expected)
    if probe["status"] >= 400 and expected != BARE:
        assert answer.json() == {"detail": expected}, probe
    elif expected not in (None, BARE):
        assert is_part(expected, answer.json()), (probe, answer.text)


def list_tasks(world: World, workflow_id: str) -> list[dict[str, Any]]:
    found = world.client.get(f"/api/v1/exam/workflow/{workflow_id}").raise_for_status()
    return list(found.json()["tasks"])


def copy_workflow(world: World, is_template: bool = False) -> Any:
    exam = world.ids["template_exam" if is_template else "exam"]
    template = f"template_id={world.ids['template_workflow']}"
    kind = f"new_workflow_is_template={is_template}"
    return post(world.client, f"workflow?exam_id={exam}&{template}&{kind}")


def test_an_edit_moves_a_task_to_the_end_and_copies_follow_that_order(world: World) -> None:
    # Given a template of a scan and its reconstruction
    scan = world.ids["template_task"]
    reconstruction = make_template_task(world.client, world.ids, "Reconstruction")
    # When the scan is edited, and the template copied
    edit(world.client, scan, comment="edited")
    template = list_tasks(world, world.ids["template_workflow"])
    copy = copy_workflow(world)
    # Then the reconstruction is created first, and all but the ids is the template's
    assert [task["id"] for task in template] == [reconstruction, scan]
    assert [task["name"] for task in copy["tasks"]] == ["Reconstruction", "Scan"]
    first, second = list_tasks(world, copy["id"])
    assert first["datetime_created"] < second["datetime_created"]
    own = {"id", "workflow_id", "is_template", "datetime_created", "datetime_updated", "creator"}
    kept = [{name: task[name] for name in task if name not in own} for task in (*template, first)]
    assert kept[0] == kept[2]
    assert second["args"] == {"input": scan}


def test_a_write_that_changes_nothing_moves_nothing(world: World) -> None:
    before = list_tasks(world, world.ids["workflow"])
    edit(world.client, before[0]["id"])
    assert list_tasks(world, world.ids["workflow"]) == before


def test_a_copied_template_exam_has_copies_of_all(world: World) -> None:
    exam = post(
        world.client,
        f"?template_id={world.ids['template_exam']}",
        change("exam", patient_id=world.ids["patient"]),
    )
    [workflow] = exam["workflows"]
    assert (exam["is_template"], workflow["is_template"]) == (False, False)
    assert [task["status"] for task in workflow["tasks"]] == ["STARTED"]
    assert copy_workflow(world, is_template=True)["tasks"][0]["is_template"]


@pytest.mark.parametrize("path", ["task/{scanned_task}", "workflow/{scanned}", "{exam}"])
def test_a_deletion_takes_along_all_below_but_results(world: World, path: str) -> None:
    ids, client = world.ids, world.client
    assert client.delete(f"/api/v1/exam/{path.format(**ids)}").status_code == 204
    assert client.get(f"/api/v1/exam/task/{ids['scanned_task']}").status_code == 404
    result = client.get(f"/api/v1/exam/result/{ids['result']}").json()
    assert (result["id"], result["task_id"]) == (ids["result"], None)
    is_exam_gone = path == "{exam}"
    others = client.get(f"/api/v1/exam/task/{ids['task']}").status_code
    assert others == (404 if is_exam_gone else 200)


def test_an_uploaded_sequence_has_the_suffix_of_its_file(world: World) -> None:
    answer = world.client.post(
        "/api/v1/mri/sequences/upload",
        data={"name": "Gradient echo", "tags": '["phantom"]'},
        files={"file": ("gre.seq", b"[VERSION]")},
    )
    sequence = answer.json()
    assert (answer.status_code, sequence["file_extension"]) == (201, ".seq")
    assert (sequence["tags"], sequence["updated_at"]) == (["phantom"], sequence["created_at"])
    assert world.client.get(f"/api/v1/mri/sequences/{sequence['_id']}").json() == sequence


@pytest.mark.parametrize(("result", "status"), [("{result}", 200), (UNKNOWN, 404), ("x", 500)])
def test_an_uploaded_image_is_taken_and_never_shown(world: World, result: str, status: int) -> None:
    path = f"/api/v1/exam/dicom/{result.format(**world.ids)}"
    assert world.client.post(path, files={"file": ("a.dcm", b"DICM")}).status_code == status
    assert world.client.get(path).status_code == (500 if status == 500 else 404)


def test_after_a_logout_no_token_of_the_user_is_valid(world: World) -> None:
    assert world.client.post("/api/v1/userlogin/logout").json() is None
    assert world.client.get("/api/v1/userlogin/getcurrentuser").status_code == 401
