from datetime import timedelta

from tests.fakes.world import NOW, TOKEN, WORKFLOW_ID, at, make_world
from workflow_manager.domain.listing import ListQuery
from workflow_manager.services.list_workflows import list_workflows
from workflow_manager.services.process_workflow import process_workflow


def test_list_workflows_shows_a_workflow_once_it_is_processed() -> None:
    world = make_world()
    query = ListQuery(NOW, NOW + timedelta(hours=1), limit=10)

    assert list_workflows(world, query).items == []
    process_workflow(world, WORKFLOW_ID, TOKEN, at(0))

    assert [each.workflow_id for each in list_workflows(world, query).items] == [WORKFLOW_ID]
