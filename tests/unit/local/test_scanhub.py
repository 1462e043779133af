"""The services answer as the contract says."""

from datetime import datetime
from http.client import HTTPConnection
from typing import Any
from uuid import uuid4

from tests.unit.local.conftest import Served


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


def test_log_in_gives_service_account_its_own_token(scanhub: Served) -> None:
    form = {
        "username": scanhub.seed["service_username"],
        "password": scanhub.seed["service_password"],
    }
    user = scanhub.client.post("/api/v1/userlogin/login", data=form).json()
    assert user["username"] == "workflow-manager"
    assert user["access_token"] != scanhub.token


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


def test_simulated_scanner_is_where_the_caller_reached_the_stand_in(scanhub: Served) -> None:
    path = f"/api/v1/device/{scanhub.seed['device_id']}/ip_address"

    answer = scanhub.client.get(path, headers={"Host": "172.17.0.1:18090"})

    assert answer.json() == {"ip_address": "172.17.0.1:18090"}


def test_device_that_registered_keeps_its_address(scanhub: Served) -> None:
    device = {"id": "elsewhere", "ip_address": "192.168.1.7:8080"}
    scanhub.client.post("/_control/devices", json=device).raise_for_status()

    answer = scanhub.client.get("/api/v1/device/elsewhere/ip_address")

    assert answer.json() == {"ip_address": "192.168.1.7:8080"}


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


def test_a_crash_closes_the_connection_without_a_word_of_it(scanhub: Served) -> None:
    connection = HTTPConnection(scanhub.client.base_url.netloc.decode(), timeout=5)
    connection.request("DELETE", "/api/v1/exam/task/x", headers=dict(scanhub.client.headers))
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (500, b"Internal Server Error")
    assert answer.headers["connection"] is None
    assert connection.sock.recv(1) == b""
    connection.close()


def test_log_in_refuses_a_wrong_password_and_a_header_of_another_scheme(scanhub: Served) -> None:
    form = {"username": scanhub.seed["username"], "password": "wrong"}
    answer = scanhub.client.post("/api/v1/userlogin/login", data=form)
    assert (answer.status_code, answer.json()["detail"]) == (
        401,
        "Invalid authentication credentials",
    )
    path, headers = "/api/v1/userlogin/getcurrentuser", {"Authorization": "Basic YTpi"}
    assert scanhub.client.get(path, headers=headers).json() == {"detail": "Not authenticated"}


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
