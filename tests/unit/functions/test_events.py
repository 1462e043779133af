"""Every file in `events/` is answered, and never by an error of our own."""

from pathlib import Path

import pytest

from tests.unit.functions.conftest import ROOT, Invoke, load_event

EVENT_FUNCTIONS = {
    "authorize_request",
    "publish_events",
    "reconcile_runs",
    "follow_changes",
    "simulate_reconstruction",
    "trigger_airflow",
}
# In a hospital in which nothing has happened yet.
STATUS = {
    "cancel_dag_run/success": 404,
    "cancel_dag_run/unknown_run": 404,
    "cancel_task/success": 404,
    "cancel_task/unknown_task": 404,
    "cancel_workflow/success": 404,
    "cancel_workflow/unknown_workflow": 404,
    "retry_dag_run/success": 404,
    "retry_dag_run/unknown_run": 404,
    "retry_task/success": 404,
    "retry_task/unknown_task": 404,
    "retry_workflow/success": 404,
    "retry_workflow/unknown_workflow": 404,
    "validate_workflow/success": 200,
    "validate_workflow/unknown_workflow": 404,
    "abort_upload/success": 404,
    "abort_upload/unknown_upload": 404,
    "get_upload/success": 404,
    "get_upload/unknown_upload": 404,
    "check_readiness/success": 200,
    "complete_upload/success": 404,
    "complete_upload/unknown_upload": 404,
    "create_upload/bad_file_name": 422,
    "create_upload/for_dag": 201,
    "create_upload/for_task": 201,
    "get_dicom/malformed_id": 404,
    "get_dicom/success": 404,
    "get_dag_run/success": 404,
    "get_dag_run/unknown_run": 404,
    "get_workflow/success": 200,
    "get_workflow/unknown_workflow": 404,
    "get_console/file": 200,
    "get_console/page": 200,
    "get_console/unknown_file": 404,
    "get_console/without_slash": 302,
    "log_in/no_password": 422,
    "log_in/success": 200,
    "log_in/wrong_password": 401,
    "get_openapi/docs": 200,
    "get_openapi/docs_file": 200,
    "get_openapi/openapi": 200,
    "get_me/success": 200,
    "list_uploads/success": 200,
    "hello/no_token": 401,
    "hello/success": 200,
    "hello/trailing_slash": 200,
    "list_available_tasks/success": 200,
    "list_dag_runs/bad_cursor": 422,
    "list_dag_runs/unknown_parameter": 422,
    "list_dag_runs/defaults": 200,
    "list_dag_runs/success": 200,
    "list_rejected_objects/bad_cursor": 422,
    "list_rejected_objects/defaults": 200,
    "list_rejected_objects/success": 200,
    "list_results/bad_limit": 422,
    "list_results/success": 404,
    "list_results/unknown_run": 404,
    "list_workflow_events/success": 404,
    "list_workflow_events/unknown_workflow": 404,
    "list_workflows/bad_period": 422,
    "list_workflows/defaults": 200,
    "list_workflows/success": 200,
    "process_workflow/step_by_step": 200,
    "process_workflow/success": 200,
    "process_workflow/unknown_workflow": 404,
    "receive_results/failure": 401,
    "receive_results/for_task": 401,
    "receive_results/progress": 401,
    "receive_results/scanhub_body": 401,
    "receive_results/success": 401,
    "receive_results/user_token": 401,
    "trigger_task/device_task": 200,
    "trigger_task/malformed_id": 404,
    "trigger_task/reconstruction_task": 409,
    "trigger_task/unknown_task": 404,
    "upload_and_trigger/bad_dag_id": 422,
    "upload_and_trigger/empty_file_name": 422,
    "upload_and_trigger/no_file": 422,
    "upload_and_trigger/path_as_file_name": 422,
    "upload_and_trigger/success": 200,
}
CASES = sorted(path.relative_to(ROOT / "events") for path in ROOT.glob("events/*/*.json"))


@pytest.mark.parametrize("path", CASES, ids=str)
def test_event_is_answered(path: Path, invoke: Invoke) -> None:
    answer = invoke(path.parent.name, load_event(path.parent.name, path.stem))

    if path.parent.name in EVENT_FUNCTIONS:
        assert "statusCode" not in answer
        return
    assert answer["statusCode"] == STATUS[str(path.with_suffix(""))]
    assert answer["isBase64Encoded"] is False
