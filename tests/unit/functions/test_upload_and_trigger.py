import pytest

from tests.fakes.ports import MemoryPorts
from tests.unit.functions.conftest import Invoke, load_event, read_body


def test_upload_and_trigger_keeps_scanhubs_message_and_tells_the_run(
    invoke: Invoke, world: MemoryPorts
) -> None:
    answer = invoke("upload_and_trigger", load_event("upload_and_trigger", "success"))

    body = read_body(answer)
    assert answer["statusCode"] == 200
    assert body["message"] == "File uploaded and DAG triggered successfully"
    assert set(body["data"]) == {"dag_id", "dag_run_id", "upload_id", "status_url"}
    [key] = world.lake.keys
    assert world.lake.get(key) == b"\x93NUMPY\x01\x00 sample"


@pytest.mark.parametrize("case", ["empty_file_name", "path_as_file_name", "bad_dag_id", "no_file"])
def test_upload_and_trigger_refuses_what_cannot_be_used(
    invoke: Invoke, world: MemoryPorts, case: str
) -> None:
    answer = invoke("upload_and_trigger", load_event("upload_and_trigger", case))

    assert answer["statusCode"] == 422
    assert read_body(answer)["detail"]
    assert list(world.lake.keys) == []
