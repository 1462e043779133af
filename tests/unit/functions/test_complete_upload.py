import json

from tests.fakes.ports import MemoryPorts
from tests.unit.functions.conftest import Invoke, load_event, read_body


def test_complete_upload_tells_the_run_and_where_to_see_it(
    invoke: Invoke, world: MemoryPorts
) -> None:
    plan = read_body(invoke("create_upload", load_event("create_upload", "for_dag")))
    parts = [
        {
            "part_number": part["part_number"],
            "etag": world.lake.put_part(part["url"], b"x" * part["size_bytes"]),
        }
        for part in plan["parts"]
    ]
    event = load_event("complete_upload", "success") | {
        "path": f"/v1/workflowmanager/uploads/{plan['upload_id']}/complete/",
        "body": json.dumps({"parts": parts}),
    }

    answer = invoke("complete_upload", event)

    body = read_body(answer)
    assert answer["statusCode"] == 200
    assert body["state"] == "COMPLETED"
    assert body["status_url"] == (
        "https://abc123def4.execute-api.eu-central-1.amazonaws.com/api/v1/workflowmanager"
        f"/dag_runs/{body['dag_run_id']}/"
    )
