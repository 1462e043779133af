"""Create the one run that an object for a DAG causes."""

from datetime import timedelta

from workflow_manager.domain.dag_run import FIRST_RETRY_S, DagRun, object_dag_run_id
from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.entity import Cause, record_event
from workflow_manager.domain.errors import VersionConflictError
from workflow_manager.ports import WorkflowStore
from workflow_manager.settings import Settings
from workflow_manager.steps.uploads.count_upload import count_upload


def receive_dag_data(
    store: WorkflowStore,
    settings: Settings,
    dag_id: str,
    data: ObjectVersion,
    cause: Cause,
    attempt: int = 1,
) -> tuple[str, DagRun | None]:
    """Create the pending run of an object version, unless it exists; return its id.

    With it comes the run as it was committed; None if it was there before.

    Parameters
    ----------
    attempt
        Counts retries of the run that the object itself caused; each has an id of its own.
    """
    run = DagRun(
        dag_run_id=object_dag_run_id(data, attempt),
        dag_id=dag_id,
        bucket=data.bucket,
        data=data,
        inputs=(data,),
        attempt=attempt,
        timeout_s=settings.dag_run_timeout_s,
        next_attempt_at=cause.at + timedelta(seconds=FIRST_RETRY_S),
        deadline=cause.at + timedelta(seconds=settings.dag_start_timeout_s),
        created_at=cause.at,
        traceparent=cause.traceparent,
    )
    entity = f"dag_run:{run.dag_run_id}"
    event = record_event(run.subject, entity, "create", (None, run.state), cause)
    try:
        created = run.evolve(last_event_id=event.event_id)
        store.commit([created], [event])
    except VersionConflictError:
        # S3 sent the event before: the run exists.
        return run.dag_run_id, None
    if attempt == 1:
        count_upload(data)
    return run.dag_run_id, created.evolve(version=created.version + 1)
