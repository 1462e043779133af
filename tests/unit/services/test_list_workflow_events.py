import pytest

from tests.fakes.ports import call
from tests.fakes.world import TOKEN, WORKFLOW_ID, at, make_world
from workflow_manager.domain.errors import NotFoundError
from workflow_manager.services.list_workflow_events import list_workflow_events
from workflow_manager.services.process_workflow import process_workflow


def test_list_workflow_events_ends_without_a_cursor() -> None:
    world = make_world()
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    first = call(list_workflow_events, world, WORKFLOW_ID, None, 1)
    second = call(list_workflow_events, world, WORKFLOW_ID, first.next_cursor, 2)

    names = [event.name for event in (*first.items, *second.items)]
    assert names == ["define", "claim", "confirm_scan"]
    assert first.next_cursor == first.items[0].event_id
    assert second.next_cursor is None


def test_list_workflow_events_knows_only_what_was_processed() -> None:
    with pytest.raises(NotFoundError):
        call(list_workflow_events, make_world(), WORKFLOW_ID, None, 1)
