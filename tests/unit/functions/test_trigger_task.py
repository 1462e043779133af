from tests.unit.functions.conftest import Invoke, load_event, read_body


def test_trigger_task_keeps_scanhubs_answer_and_tells_the_task(invoke: Invoke) -> None:
    answer = invoke("trigger_task", load_event("trigger_task", "device_task"))

    body = read_body(answer)
    assert answer["statusCode"] == 200
    assert (body["status"], body["data"]) == ("success", "ok")
    assert body["task"]["status"] == "IN_PROGRESS"
