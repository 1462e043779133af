"""Faults stop and time passes: what heals by itself, and what operators answer."""

from tests.fakes.engine import Engine
from workflow_manager.domain.dag_run import DagRunState
from workflow_manager.domain.exam import ItemStatus
from workflow_manager.domain.task import TaskStatus
from workflow_manager.domain.workflow import WorkflowStatus

DAY_S = 86_400


def heal(engine: Engine) -> None:
    """Let faults stop and time pass: everything comes to an end."""
    engine.faults.weather.clear()
    engine.faults.arm(None)
    engine.skew_s = 0
    for _ in range(10):
        pass_a_minute(engine)
    check_stopped(engine)
    for seconds in [60] * 8 + [600] * 4 + [7200] * 3 + [DAY_S] * 2:
        end_in_airflow(engine)
        pass_a_minute(engine)
        answer(engine)
        engine.wait(seconds)
    for index, workflow in enumerate(engine.read().workflows):
        if workflow.status is WorkflowStatus.RUNNING:
            # Only an operator can end what waits for a task that was deleted in exam-manager.
            assert is_stuck(engine, workflow.workflow_id), workflow
            engine.cancel_all(engine.workflow_ids.index(workflow.workflow_id))
        assert engine.read().workflows[index].status is not WorkflowStatus.RUNNING
    for _ in range(40):
        pass_a_minute(engine)
        engine.wait(3600)
    check_ended(engine)


def end_in_airflow(engine: Engine) -> None:
    """Let all runs succeed; of some, nobody hears."""
    while engine.airflow.live:
        engine.airflow_ends(0, is_told=len(engine.airflow.dag_runs) % 2 == 0)


def pass_a_minute(engine: Engine) -> None:
    engine.wait(61)
    engine.reconcile()
    for messages, deliver in [
        (engine.inbox, engine.deliver_object),
        (engine.real.queue.changes, engine.deliver_change),
        (engine.real.queue.dag_run_ids, engine.deliver_start),
        (engine.callouts, engine.call_back),
        (engine.real.queue.simulation_steps, engine.deliver_step),
    ]:
        for _ in list(messages):
            deliver(0)


def answer(engine: Engine) -> None:
    """Do what operators do: mend devices, start what is next, and bring the data of scans."""
    for device_id in engine.scanner.device_statuses.keys() - engine.scanner.running.keys():
        engine.scanner.device_statuses[device_id] = "ready"
    for index, _ in enumerate(engine.workflow_ids):
        engine.process(index)
    while engine.scanner.running:
        engine.scan_goes_on(0)
    for index, task in enumerate(engine.scans):
        ours = engine.task(task.id)
        if ours is not None and ours.status is TaskStatus.IN_PROGRESS:
            engine.put_raw(len(engine.scans) * 100 + index)


def is_stuck(engine: Engine, workflow_id: str) -> bool:
    execution = engine.real.store.get_execution(workflow_id)
    assert execution is not None
    deleted = [task for task in execution.graph.tasks.values() if task.is_deleted]
    return bool(deleted) and all(
        task.status is not TaskStatus.IN_PROGRESS for task in execution.graph.tasks.values()
    )


def check_stopped(engine: Engine) -> None:
    """What was cancelled does not live on in Airflow."""
    live = {dag_run_id for _, dag_run_id in engine.airflow.live}
    for run in engine.read().runs:
        if run.dag_run_id in live:
            assert run.state is not DagRunState.CANCELLED, run


def check_ended(engine: Engine) -> None:
    state = engine.read()
    due = [each for each in [*state.runs, *state.tasks] if each.due_at is not None]
    assert not due, due
    assert all(run.state.is_final for run in state.runs), state.runs
    for task in state.tasks:
        told = engine.real.exam.tasks[task.task_id]
        # Device-manager writes to scans, and a scanner may go on after its data has come.
        if task.status is TaskStatus.COMPLETED and not task.task_type.is_device_task:
            assert (told.status, told.progress) == (ItemStatus.FINISHED, 100), task
    assert not engine.inbox


def heal_quickly(engine: Engine) -> None:
    """The same with as few turns as it takes, for a store that takes its time."""
    for seconds in (61, 61, 301, 301, 7201, DAY_S, DAY_S):
        end_in_airflow(engine)
        pass_a_minute(engine)
        if is_settled(engine):
            return
        answer(engine)
        engine.wait(seconds)
    raise AssertionError(f"not settled: {engine.read()}")


def is_settled(engine: Engine) -> bool:
    """Tell whether nothing is left to do but for operators."""
    state = engine.read()
    is_due = any(each.due_at is not None for each in [*state.runs, *state.tasks])
    is_running = any(each.status is WorkflowStatus.RUNNING for each in state.workflows)
    return bool(state.workflows) and not is_due and not is_running and not engine.inbox
