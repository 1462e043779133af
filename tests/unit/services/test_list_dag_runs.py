from datetime import timedelta

from tests.fakes.world import NOW, deliver, make_dag_data, make_world
from workflow_manager.domain.dag_run import DagRunState, object_dag_run_id
from workflow_manager.domain.listing import ListQuery
from workflow_manager.services.list_dag_runs import list_dag_runs


def test_list_dag_runs_shows_the_run_of_an_upload() -> None:
    world = make_world()
    deliver(world, make_dag_data())

    page = list_dag_runs(
        world, ListQuery(NOW, NOW + timedelta(hours=1), limit=10, state=DagRunState.RUNNING)
    )

    assert [run.dag_run_id for run in page.items] == [object_dag_run_id(make_dag_data())]
