"""Start a pending run in Airflow: the only place that does."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any

from workflow_manager.domain.dag_run import (
    SIMULATION_STEP_S,
    DagRun,
    DagRunState,
    new_callback_token,
)
from workflow_manager.domain.dag_run_conf import dag_run_conf
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    UpstreamError,
    VersionConflictError,
)
from workflow_manager.domain.task import Task
from workflow_manager.domain.timestamps import milliseconds_between
from workflow_manager.domain.trace import new_trace
from workflow_manager.domain.transitions import DagRunMove, move_run
from workflow_manager.observability import MetricUnit, logger, metrics, switch_trace, traced
from workflow_manager.ports import (
    Clock,
    DataLake,
    ExamClient,
    MessageQueue,
    Orchestrator,
    WorkflowStore,
)
from workflow_manager.settings import Settings
from workflow_manager.steps.patients.know_patient import know_patient
from workflow_manager.steps.retry_on_conflict import retry_on_conflict
from workflow_manager.steps.runs.check_content import InputStart, check_content
from workflow_manager.steps.runs.check_dag import require_data
from workflow_manager.steps.runs.finish_dag_run import finish_dag_run
from workflow_manager.steps.runs.gather_inputs import gather_inputs
from workflow_manager.steps.runs.look_ahead import RunLook, look_ahead
from workflow_manager.steps.runs.touch_workflow import touch_workflow
from workflow_manager.steps.workflows.send_messages import send_changes

CALLBACK_PATH = "/results_ready/"
UNKNOWN_DAG_GRACE = timedelta(minutes=2)
_ENDED = (DagRunState.SUCCEEDED, DagRunState.FAILED, DagRunState.CANCELLED)


def start_dag_run(
    store: WorkflowStore,
    lake: DataLake,
    queue: MessageQueue,
    orchestrator: Orchestrator,
    exam: ExamClient,
    clock: Clock,
    settings: Settings,
    dag_run_id: str,
    cause: Cause,
    since: datetime | None = None,
    known: DagRun | None = None,
    ahead: RunLook | None = None,
) -> None:
    """Start a run if it is pending and nobody else is starting it, and mark it as started.

    The run's id is derived from its cause, so Airflow itself refuses a second run of it. The token
    of every attempt is accepted, so an attempt whose answer was lost still reports.

    Parameters
    ----------
    since
        The time when the run's object came; None counts from the run's creation.
    known
        The run, as it was committed just now; None reads it.
    ahead
        What was asked for its start; None asks for it.
    """
    run = known or store.get_dag_run(dag_run_id)
    if run is None or run.state is not DagRunState.PENDING or run.is_being_started(cause.at):
        return
    with traced(run.trace):
        _start(
            store,
            lake,
            queue,
            orchestrator,
            exam,
            clock,
            settings,
            run,
            cause,
            since or run.created_at,
            ahead,
        )


def _start(
    store: WorkflowStore,
    lake: DataLake,
    queue: MessageQueue,
    orchestrator: Orchestrator,
    exam: ExamClient,
    clock: Clock,
    settings: Settings,
    run: DagRun,
    cause: Cause,
    since: datetime,
    ahead: RunLook | None,
) -> None:
    dag_run_id, dag_version, noted = run.dag_run_id, None, None
    try:
        if run.is_simulated:
            queue.send_simulation_step(dag_run_id, 1, SIMULATION_STEP_S)
        else:
            known = nullcontext(ahead) if ahead else None
            with known or look_ahead(lake, orchestrator, run.dag_id, run.inputs) as look:
                dag = look.dag.wait()
                require_data(dag, len(run.inputs))
                starts = look.starts.wait()
            run = _join_trace(run, starts)
            check_content(dag, starts)
            run = know_patient(store, exam, run).evolve(needs_results=dag.needs_results)
            inputs = gather_inputs(store, run)
            noted, token = _note_attempt(store, run, cause)
            dag_version = _trigger(orchestrator, settings, noted, inputs, token)
            latency_ms = milliseconds_between(since, clock())
            metrics.add_metric("TriggerLatency", MetricUnit.Milliseconds, latency_ms)
    except InvalidInputError as error:
        outcome = {"reason": error.detail, "traceparent": run.traceparent}
        finish_dag_run(store, queue, settings, dag_run_id, DagRunMove.FAIL, cause, **outcome)
    except NotFoundError as error:
        # Airflow has not parsed a DAG that was just deployed, or a proxy answers in its place.
        if cause.at - run.created_at > UNKNOWN_DAG_GRACE:
            finish_dag_run(
                store,
                queue,
                settings,
                dag_run_id,
                DagRunMove.FAIL,
                cause,
                reason=error.detail,
            )
        else:
            _note_reason(store, queue, dag_run_id, error.detail, cause)
    except VersionConflictError:
        # Another delivery is starting the run too, or somebody has cancelled it meanwhile.
        return
    except (UpstreamError, ConflictError) as error:
        # It stays pending; the reconciler queues it again, later each time.
        _note_reason(store, queue, dag_run_id, error.detail, cause)
    else:
        mark_started(store, queue, dag_run_id, cause, dag_version, noted)


def _join_trace(run: DagRun, starts: Sequence[InputStart]) -> DagRun:
    """Return a run with the trace that it has, else that of its data, else a new one."""
    if run.trace is not None:
        return run
    traces = [each.start.trace for each in starts if each.start]
    trace = next((each for each in traces if each), None) or new_trace()
    switch_trace(trace)
    return run.evolve(traceparent=trace.traceparent)


def _note_attempt(store: WorkflowStore, run: DagRun, cause: Cause) -> tuple[DagRun, str]:
    # The hash is stored before the token is sent: a quick DAG reports before we hear of its start.
    token = new_callback_token(run)
    noted = run.with_start_attempt(token, cause.at)
    store.commit([noted])
    return noted.evolve(version=noted.version + 1), token


def _trigger(
    orchestrator: Orchestrator,
    settings: Settings,
    run: DagRun,
    inputs: Sequence[Mapping[str, Any]],
    token: str,
) -> str | None:
    conf = dag_run_conf(run, inputs, settings.workflow_manager_url + CALLBACK_PATH, token)
    try:
        return orchestrator.trigger_dag_run(run.dag_id, run.dag_run_id, conf)
    except ConflictError:
        if not orchestrator.has_dag_run(run.dag_id, run.dag_run_id):
            raise
        return None


@retry_on_conflict
def _note_reason(
    store: WorkflowStore, queue: MessageQueue, dag_run_id: str, reason: str, cause: Cause
) -> None:
    logger.warning("run not started yet", extra={"dag_run_id": dag_run_id, "reason": reason})
    run = store.get_dag_run(dag_run_id)
    if run is not None and run.state is DagRunState.PENDING:
        is_new = run.waits_because != reason
        tasks = _list_to_tell(store, run, cause) if is_new else []
        shown = [*tasks, *touch_workflow(store, run)] if is_new else []
        store.commit([run.with_failed_start(reason, cause.at), *shown])
        send_changes(queue, tasks)


def _list_to_tell(store: WorkflowStore, run: DagRun, cause: Cause) -> list[Task]:
    """Return the task whose operator is to be told of why its run waits, or that it does not."""
    if run.workflow_id is None or run.task_id is None:
        return []
    task = store.get_task(run.workflow_id, run.task_id)
    if task is None or task.dag_run_id != run.dag_run_id or not task.status.is_open:
        return []
    return [task.evolve(is_mirror_due=True, updated_at=cause.at)]


def mark_started(
    store: WorkflowStore,
    queue: MessageQueue,
    dag_run_id: str,
    cause: Cause,
    dag_version: str | None = None,
    known: DagRun | None = None,
) -> None:
    """Note that Airflow has a run; if it was cancelled meanwhile, ask for its stop there.

    Parameters
    ----------
    known
        The run, as the caller has committed it; None reads it.
    """
    _mark_started(store, queue, [known] if known else [], dag_run_id, cause, dag_version)


@retry_on_conflict
def _mark_started(
    store: WorkflowStore,
    queue: MessageQueue,
    known: list[DagRun],
    dag_run_id: str,
    cause: Cause,
    dag_version: str | None,
) -> None:
    # The caller's copy is good for one try: if anybody wrote since, the commit fails.
    run = known.pop() if known else store.get_dag_run(dag_run_id)
    if run is None or run.state is not DagRunState.PENDING:
        if run and dag_version and run.state in _ENDED and run.dag_version is None:
            # A quick DAG has reported its end before.
            store.commit([run.evolve(dag_version=dag_version), *touch_workflow(store, run)])
        # `follow_changes` may have tried to stop it before Airflow had it.
        send_changes(queue, [], [run] if run and run.stop_due_at else [])
        return
    deadline = cause.at + timedelta(seconds=run.timeout_s)
    changes = {
        "started_at": cause.at,
        "deadline": deadline,
        "start_lease_until": None,
        "reason": None,
        "dag_version": dag_version,
    }
    heads = touch_workflow(store, run)
    # Whoever has read the trail up to its last line finds this one behind it.
    trail = [run.last_event_id, *(each.last_event_id for each in heads)]
    behind = run.evolve(last_event_id=max((each for each in trail if each), default=None))
    started, event = move_run(behind, DagRunMove.START, cause, **changes)
    heads = [each.evolve(last_event_id=event.event_id) for each in heads]
    tasks = _list_to_tell(store, run, cause) if run.waits_because is not None else []
    store.commit([started, *tasks, *heads], [event])
    send_changes(queue, tasks)
    metrics.add_metric("DagRunsStarted", MetricUnit.Count, 1)
    logger.info("DAG run started", extra={"dag_run_id": dag_run_id, "dag_id": run.dag_id})
