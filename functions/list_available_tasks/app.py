"""GET /tasks/."""

from workflow_manager.http.app import create_handler
from workflow_manager.http.dependencies import OrchestratorDep, get_caller
from workflow_manager.http.jobs import available_tasks_model, view_available_tasks
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.services.list_available_tasks import list_available_tasks as use_case

from fastapi import Depends

router = ScanHubRouter(401, 403, 502, 503, 504, dependencies=[Depends(get_caller)])


@router.get("/tasks/", operation_id="list_available_tasks", response_model=available_tasks_model())
def list_available_tasks(orchestrator: OrchestratorDep) -> object:
    """List the DAGs that a task can name, and the files that Airflow cannot read."""
    return view_available_tasks(*use_case(orchestrator))


lambda_handler = create_handler(router)
