from tests.unit.functions.conftest import Invoke, load_event, read_body


def test_abort_upload_answers_its_owner(invoke: Invoke) -> None:
    # Given an upload in three parts
    plan = read_body(invoke("create_upload", load_event("create_upload", "for_dag")))
    path = f"/v1/workflowmanager/uploads/{plan['upload_id']}/"
    event = load_event("abort_upload", "success") | {"path": path}

    answer = invoke("abort_upload", event)

    body = read_body(answer)
    assert answer["statusCode"] == 200
    assert body["state"] == "ABORTED"
