from typing import Any

from tests.unit.functions.conftest import Invoke, load_event, read_body


def ask(**query: str) -> dict[str, Any]:
    parameters = {name: [value] for name, value in query.items()}
    event = load_event("list_workflow_events", "success")
    return event | {"multiValueQueryStringParameters": parameters}


def test_list_workflow_events_goes_page_by_page(invoke: Invoke) -> None:
    invoke("process_workflow", load_event("process_workflow", "success"))
    whole = read_body(invoke("get_workflow", load_event("get_workflow", "success")))["events"]

    first = read_body(invoke("list_workflow_events", ask(limit="1")))
    second = read_body(invoke("list_workflow_events", ask(limit="2", cursor=first["next_cursor"])))

    assert first["events"] + second["events"] == whole
    assert len(first["events"]) == 1
    assert second["next_cursor"] is None
