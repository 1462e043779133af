"""The services answer as the contract says."""

from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from tests.unit.local.conftest import Served

# Fixed, for test names must not differ between workers.
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"

MISSING = {"msg": "field required", "type": "value_error.missing"}


def make_task(scanhub: Served, **changes: Any) -> dict[str, Any]:
    task = scanhub.get_task(scanhub.make_workflow()["task_ids"][0])
    return {**task, **changes}


def test_ready_answers_without_token(scanhub: Served) -> None:
    answer = scanhub.client.get("/_control/ready", headers={"Authorization": ""})
    assert answer.status_code == 200


def test_log_in_answers_same_token_while_logged_in(scanhub: Served) -> None:
    form = {"username": scanhub.seed["username"], "password": scanhub.seed["password"]}
    answer = scanhub.client.post("/api/v1/userlogin/login", data=form)
    user = answer.json()
    assert answer.status_code == 200
    assert user["access_token"] == scanhub.token
    assert len(user["access_token"]) == 512
    assert user["token_type"] == "bearer"
    assert user["last_login_unixtime"] is None
    assert "access_token" in answer.headers["set-cookie"]


def test_log_in_refuses_wrong_password(scanhub: Served) -> None:
    form = {"username": scanhub.seed["username"], "password": "wrong"}
    answer = scanhub.client.post("/api/v1/userlogin/login", data=form)
    assert answer.status_code == 401
    assert answer.json() == {"detail": "Invalid authentication credentials"}


def test_log_in_gives_service_account_its_own_token(scanhub: Served) -> None:
    form = {
        "username": scanhub.seed["service_username"],
        "password": scanhub.seed["service_password"],
    }
    user = scanhub.client.post("/api/v1/userlogin/login", data=form).json()
    assert user["username"] == "workflow-manager"
    assert user["access_token"] != scanhub.token


def test_get_current_user_hides_token(scanhub: Served) -> None:
    user = scanhub.client.get("/api/v1/userlogin/getcurrentuser").json()
    assert user["username"] == "operator"
    assert (user["access_token"], user["token_type"]) == ("", "")
    assert isinstance(user["last_activity_unixtime"], int)


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/userlogin/getcurrentuser",
        f"/api/v1/exam/task/{UNKNOWN_ID}",
        f"/api/v1/patient/{UNKNOWN_ID}",
        "/api/v1/mri/sequences/x",
        "/api/v1/device/x/ip_address",
    ],
)
@pytest.mark.parametrize(
    ("authorization", "detail"),
    [
        ("", "Not authenticated"),
        ("Basic YTpi", "Not authenticated"),
        ("Bearer wrong", "Invalid token."),
    ],
)
def test_service_refuses_bad_token(
    scanhub: Served, path: str, authorization: str, detail: str
) -> None:
    answer = scanhub.client.get(path, headers={"Authorization": authorization})
    assert answer.status_code == 401
    assert answer.json() == {"detail": detail}
    assert answer.headers["www-authenticate"] == "Bearer"


def test_expire_tokens_ends_sessions(scanhub: Served) -> None:
    scanhub.client.delete("/_control/tokens")
    answer = scanhub.client.get("/api/v1/userlogin/getcurrentuser")
    assert answer.json() == {"detail": "Invalid token."}


def test_seed_refers_to_what_exists(scanhub: Served) -> None:
    seed, client = scanhub.seed, scanhub.client
    exam = client.get(f"/api/v1/exam/{seed['exam_id']}").json()
    workflow = client.get(f"/api/v1/exam/workflow/{seed['workflow_id']}").json()
    device_task, reconstruction = workflow["tasks"]
    assert (exam["patient_height_cm"], exam["patient_weight_kg"]) == (172, 68)
    assert exam["patient_id"] == seed["patient_id"]
    assert [task["id"] for task in workflow["tasks"]] == seed["task_ids"]
    assert device_task["args"]["device_id"] == seed["device_id"]
    assert device_task["args"]["sequence_id"] == seed["sequence_id"]
    assert reconstruction["destinations"] == {"dag_id": "cartesian_reconstruction"}
    assert device_task["datetime_created"] < reconstruction["datetime_created"]
    assert datetime.fromisoformat(device_task["datetime_created"]).tzinfo is None


def test_neighbours_answer_seeded_items(scanhub: Served) -> None:
    seed, client = scanhub.seed, scanhub.client
    patient = client.get(f"/api/v1/patient/{seed['patient_id']}").json()
    sequence = client.get(f"/api/v1/mri/sequences/{seed['sequence_id']}").json()
    address = client.get(f"/api/v1/device/{seed['device_id']}/ip_address").json()
    assert patient["id"] == seed["patient_id"]
    assert sequence["_id"] == seed["sequence_id"]
    assert address == {"ip_address": f"{client.base_url.host}:{client.base_url.port}"}


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        (f"exam/task/{UNKNOWN_ID}", 404, "Task not found"),
        ("exam/task/x", 400, "Badly formed task_id."),
        (f"exam/workflow/{UNKNOWN_ID}", 404, "Workflow not found"),
        ("exam/workflow/x", 400, "Badly formed workflow_id."),
        (f"exam/{UNKNOWN_ID}", 404, "Exam not found"),
        ("exam/x", 400, "Badly formed exam_id"),
        (f"patient/{UNKNOWN_ID}", 404, "Patient not found"),
        ("mri/sequences/0123456789abcdef01234567", 404, "MRI sequence not found"),
        ("device/x", 404, "Device not found"),
    ],
)
def test_get_answers_documented_error(scanhub: Served, path: str, status: int, detail: str) -> None:
    answer = scanhub.client.get(f"/api/v1/{path}")
    assert (answer.status_code, answer.json()) == (status, {"detail": detail})


def test_simulated_scanner_is_where_the_caller_reached_the_stand_in(scanhub: Served) -> None:
    path = f"/api/v1/device/{scanhub.seed['device_id']}/ip_address"

    answer = scanhub.client.get(path, headers={"Host": "172.17.0.1:18090"})

    assert answer.json() == {"ip_address": "172.17.0.1:18090"}


def test_device_that_registered_keeps_its_address(scanhub: Served) -> None:
    device = {"id": "elsewhere", "ip_address": "192.168.1.7:8080"}
    scanhub.client.post("/_control/devices", json=device).raise_for_status()

    answer = scanhub.client.get("/api/v1/device/elsewhere/ip_address")

    assert answer.json() == {"ip_address": "192.168.1.7:8080"}


def test_get_patient_answers_422_for_malformed_id(scanhub: Served) -> None:
    answer = scanhub.client.get("/api/v1/patient/x")
    error = {"msg": "value is not a valid uuid", "type": "type_error.uuid"}
    assert answer.status_code == 422
    assert answer.json() == {"detail": [{"loc": ["path", "patient_id"], **error}]}


def test_get_sequence_answers_500_for_malformed_id(scanhub: Served) -> None:
    answer = scanhub.client.get("/api/v1/mri/sequences/x")
    assert answer.status_code == 500
    assert "not a valid ObjectId" in answer.json()["detail"]


def test_update_task_overwrites_without_content_type(scanhub: Served) -> None:
    task = make_task(scanhub, status="STARTED", progress=7, comment="why", creator="ignored")
    content = scanhub.client.build_request("PUT", "/", json=task).content
    request = scanhub.client.build_request(
        "PUT", f"/api/v1/exam/task/{task['id']}", content=content
    )
    assert "content-type" not in request.headers
    answer = scanhub.client.send(request)
    assert answer.status_code == 200
    stored = scanhub.get_task(task["id"])
    assert (stored["status"], stored["progress"], stored["comment"]) == ("STARTED", 7, "why")
    assert stored["creator"] == "operator"
    assert stored["datetime_updated"] is not None


def test_update_task_answers_422_for_incomplete_model(scanhub: Served) -> None:
    task = make_task(scanhub)
    del task["args"]
    answer = scanhub.client.put(f"/api/v1/exam/task/{task['id']}", json=task)
    assert answer.status_code == 422
    assert answer.json() == {"detail": [{"loc": ["body", "args"], **MISSING}]}


def test_update_task_answers_422_for_unknown_status(scanhub: Served) -> None:
    task = make_task(scanhub, status="PENDING")
    answer = scanhub.client.put(f"/api/v1/exam/task/{task['id']}", json=task)
    (error,) = answer.json()["detail"]
    assert answer.status_code == 422
    assert error["loc"] == ["body", "status"]
    assert error["type"] == "type_error.enum"
    assert "permitted: 'NEW', 'UPDATED', 'STARTED'" in error["msg"]


def test_update_task_answers_bare_500_for_malformed_id(scanhub: Served) -> None:
    answer = scanhub.client.put("/api/v1/exam/task/x", json=make_task(scanhub))
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert answer.headers["content-type"].startswith("text/plain")


def test_update_task_answers_404_for_unknown_id(scanhub: Served) -> None:
    answer = scanhub.client.put(f"/api/v1/exam/task/{uuid4()}", json=make_task(scanhub))
    assert answer.status_code == 404
    assert answer.json()["detail"].startswith("Could not update workflow, either because")


@pytest.mark.parametrize("change", [{"workflow_id": UNKNOWN_ID}, {"is_template": True}])
def test_update_task_answers_400_for_wrong_parent(scanhub: Served, change: dict[str, Any]) -> None:
    task = make_task(scanhub, **change)
    answer = scanhub.client.put(f"/api/v1/exam/task/{task['id']}", json=task)
    assert answer.status_code == 400


def test_create_result_appends_to_task(scanhub: Served) -> None:
    task = make_task(scanhub)
    body = {"task_id": task["id"], "type": "DICOM", "filename": "image.dcm"}
    answer = scanhub.client.post("/api/v1/exam/result", json=body)
    assert answer.status_code == 201
    assert scanhub.get_task(task["id"])["results"] == [answer.json()]
    assert answer.json()["progress"] == 0.0


def test_create_result_answers_400_for_unknown_task(scanhub: Served) -> None:
    body = {"task_id": str(uuid4()), "type": "DICOM"}
    answer = scanhub.client.post("/api/v1/exam/result", json=body)
    assert answer.status_code == 400
    assert answer.json() == {"detail": "Parent (task_id) does not exist."}


def test_create_result_answers_400_unless_new(scanhub: Served) -> None:
    body = {"task_id": scanhub.seed["task_ids"][0], "type": "DICOM", "status": "FINISHED"}
    assert scanhub.client.post("/api/v1/exam/result", json=body).status_code == 400


def test_create_exam_workflow_and_task_by_their_endpoints(scanhub: Served) -> None:
    item = {"name": "n", "description": "d", "status": "NEW", "is_template": False}
    client = scanhub.client
    exam = client.post("/api/v1/exam/new", json={**item, "patient_id": scanhub.seed["patient_id"]})
    workflow = client.post("/api/v1/exam/workflow/new", json={**item, "exam_id": exam.json()["id"]})
    task = make_task(scanhub, workflow_id=workflow.json()["id"])
    created = client.post("/api/v1/exam/task/new", json=task)
    assert (exam.status_code, workflow.status_code, created.status_code) == (201, 201, 201)
    nested = client.get(f"/api/v1/exam/{exam.json()['id']}").json()
    assert nested["workflows"][0]["tasks"] == [created.json()]
    assert created.json()["id"] != task["id"]


@pytest.mark.parametrize("path", ["new", "workflow/new", "task/new"])
def test_create_item_answers_400_unless_new(scanhub: Served, path: str) -> None:
    item = make_task(scanhub, status="STARTED", exam_id=scanhub.seed["exam_id"])
    assert scanhub.client.post(f"/api/v1/exam/{path}", json=item).status_code == 400


def test_create_workflow_takes_task_list(scanhub: Served) -> None:
    first_id = str(uuid4())
    made = scanhub.make_workflow(
        tasks=[
            {"id": first_id, "type": "DEVICE_TASK_SDK"},
            {"type": "PROCESSING_TASK", "args": {"input": first_id}, "destinations": {}},
        ]
    )
    second = scanhub.get_task(made["task_ids"][1])
    assert made["task_ids"][0] == first_id
    assert (second["args"], second["destinations"]) == ({"input": first_id}, {})
    assert second["workflow_id"] == made["workflow_id"] != scanhub.seed["workflow_id"]


def test_list_exams_answers_those_of_the_patient_with_workflows_and_tasks(scanhub: Served) -> None:
    made = scanhub.make_workflow()
    exams = scanhub.client.get(f"/api/v1/exam/all/{made['patient_id']}").json()
    [exam] = [exam for exam in exams if exam["id"] == made["exam_id"]]
    [workflow] = [each for each in exam["workflows"] if each["id"] == made["workflow_id"]]
    assert [task["id"] for task in workflow["tasks"]] == made["task_ids"]


def test_list_exams_answers_an_empty_list_of_an_unknown_patient(scanhub: Served) -> None:
    answer = scanhub.client.get(f"/api/v1/exam/all/{UNKNOWN_ID}")
    assert (answer.status_code, answer.json()) == (200, [])
