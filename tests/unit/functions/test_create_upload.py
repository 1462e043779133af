import json

import pytest

from tests.unit.functions.conftest import Invoke, load_event, read_body


def test_create_upload_answers_a_plan(invoke: Invoke) -> None:
    answer = invoke("create_upload", load_event("create_upload", "for_dag"))

    plan = read_body(answer)
    assert answer["statusCode"] == 201
    assert plan["n_parts"] == len(plan["parts"]) == 3
    assert sum(part["size_bytes"] for part in plan["parts"]) == 35_000_000


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"dag_id": "dag_reco", "size_bytes": 1}, "file_name"),
        ({"dag_id": "dag_reco", "file_name": "a", "size_bytes": "many"}, "size_bytes"),
        ({"dag_id": "dag_reco", "file_name": "a", "size_bytes": 0}, "empty"),
        ({"file_name": "a", "size_bytes": 1}, "either"),
        ({"dag_id": "no dag", "file_name": "a", "size_bytes": 1}, "dag_id"),
    ],
)
def test_create_upload_says_what_is_wrong(
    invoke: Invoke, body: dict[str, object], words: str
) -> None:
    event = load_event("create_upload", "for_dag") | {"body": json.dumps(body)}

    answer = invoke("create_upload", event)

    assert answer["statusCode"] == 422
    assert words in json.dumps(read_body(answer)["detail"])


def test_create_upload_does_not_send_the_input_back(invoke: Invoke) -> None:
    body = {"dag_id": "dag_reco", "file_name": 1985, "size_bytes": 1}
    event = load_event("create_upload", "for_dag") | {"body": json.dumps(body)}

    answer = invoke("create_upload", event)

    assert answer["statusCode"] == 422
    assert "1985" not in answer["body"]
