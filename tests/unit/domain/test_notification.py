from tests.contracts.samples import NOW
from workflow_manager.domain.entity import Cause, record_event
from workflow_manager.domain.notification import make_notification

CAUSE = Cause(actor="ada", request_id="request-1", at=NOW)


def test_make_notification_is_a_cloud_event() -> None:
    states = ("IN_PROGRESS", "FAILED")
    event = record_event("workflow:w", "task:t", "fail", states, CAUSE, "Jane Doe moved.")

    notification = make_notification(event)

    assert notification.name == "task.fail"
    assert notification.to_cloud_event() == {
        "specversion": "1.0",
        "id": event.event_id,
        "source": "/scanhub/workflow-manager",
        "type": "org.scanhub.workflowmanager.task.fail",
        "subject": "task/t",
        "time": "2026-11-23T12:00:00.123456Z",
        "datacontenttype": "application/json",
        "data": {
            "workflow_id": "w",
            "task_id": "t",
            "entity": "task",
            "event": "fail",
            "from_state": "IN_PROGRESS",
            "to_state": "FAILED",
        },
    }


def test_make_notification_names_a_run_of_a_workflow_by_both_ids() -> None:
    event = record_event("workflow:w", "dag_run:r", "create", (None, "PENDING"), CAUSE)
    data = make_notification(event).data
    assert (data["workflow_id"], data["dag_run_id"], data["from_state"]) == ("w", "r", None)


def test_make_notification_names_a_run_of_its_own_and_a_workflow_once() -> None:
    run = record_event("dag_run:r", "dag_run:r", "start", ("PENDING", "RUNNING"), CAUSE)
    workflow = record_event("workflow:w", "workflow:w", "define", (None, "running"), CAUSE)
    ids = [{k for k in make_notification(e).data if k.endswith("_id")} for e in (run, workflow)]
    assert ids == [{"dag_run_id"}, {"workflow_id"}]
