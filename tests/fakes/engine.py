"""A hospital with two workflows and one scanner, an Airflow that lives, and a clock.

Actions are those of operators, S3, SQS, Airflow, the scanner and the reconciler. Each returns
quietly when there is nothing to do, and when the use case refuses or dies.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from tests.fakes.faults import Crash, Faults, make_faulty
from tests.fakes.invariants import State, read_memory
from tests.fakes.living import (
    Callout,
    LivingAirflow,
    LivingScan,
    drop,
    make_tasks,
    pick,
)
from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import DAG_ID, NOW, TOKEN, make_world
from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import ScanHubError, VersionConflictError
from workflow_manager.domain.exam import (
    ExamTask,
    ExamWorkflow,
    ItemStatus,
    ResultType,
)
from workflow_manager.domain.orchestrator_run import OrchestratorRunState
from workflow_manager.domain.result import Result
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.services.cancel_dag_run import cancel_dag_run
from workflow_manager.services.cancel_task import cancel_task
from workflow_manager.services.cancel_workflow import cancel_workflow
from workflow_manager.services.create_upload import UploadRequest, create_upload
from workflow_manager.services.follow_changes import ReportTasks, follow_changes
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.receive_results import Callback, receive_results
from workflow_manager.services.reconcile_runs import reconcile_runs
from workflow_manager.services.retry_dag_run import retry_dag_run
from workflow_manager.services.retry_task import retry_task
from workflow_manager.services.retry_workflow import retry_workflow
from workflow_manager.services.simulate_reconstruction import simulate_reconstruction
from workflow_manager.services.trigger_airflow import ObjectCreated, StartDagRun, trigger_airflow
from workflow_manager.services.trigger_task import trigger_task


@dataclass
class Engine:
    """The world and what may happen in it; indices choose among what there is."""

    real: MemoryPorts
    airflow: LivingAirflow
    scanner: LivingScan
    faults: Faults = field(default_factory=Faults)
    now: datetime = NOW
    skew_s: float = 0
    inbox: list[ObjectVersion] = field(default_factory=list)
    delivered: list[ObjectVersion] = field(default_factory=list)
    callouts: list[Callout] = field(default_factory=list)
    planned_keys: list[str] = field(default_factory=list)
    typed: dict[str, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    n_operator_starts: int = 0
    read: Callable[[], State] = field(init=False)

    def __post_init__(self) -> None:
        self.real.clock = lambda: self.now
        self.ports = make_faulty(self.real, self.faults)
        self.read = lambda: read_memory(self.real.store)
        self.faults.overtake = lambda action: getattr(self, action)(0)
        self.scanner.started = self._check_device

    def use_store(self, store: Any, read: Callable[[], State]) -> None:
        """Keep state elsewhere."""
        self.real.store, self.read = store, read
        self.ports = make_faulty(self.real, self.faults)

    @property
    def workflow_ids(self) -> list[str]:
        return list(self.real.exam.workflows)

    @property
    def exam_tasks(self) -> list[ExamTask]:
        # Not in the order of exam-manager, where a write moves a task: an index stays one's own.
        defined = [task for each in self.real.exam.workflows.values() for task in each.tasks]
        return [self.real.exam.tasks[task.id] for task in defined]

    @property
    def scans(self) -> list[ExamTask]:
        return [task for task in self.exam_tasks if task.type.is_device_task]

    def task(self, task_id: str) -> Task | None:
        """Return our task, if it was ever processed."""
        return next((task for task in self.read().tasks if task.task_id == task_id), None)

    def call(self, use_case: Callable[..., Any], *args: object, actor: str) -> bool:
        """Call a use case with what may go wrong, and tell whether it answered."""
        n_by_others = len(self.scanner.starts) - self.n_operator_starts
        cause = Cause(actor, "request-1", self.now + timedelta(seconds=self.skew_s))
        try:
            call(use_case, self.ports, *args, cause)
        except VersionConflictError as error:
            # One who overtakes is no reason to give up: callers decide again.
            raise AssertionError(f"{use_case} by {actor} gave up") from error
        except Crash:
            return False
        except ScanHubError as error:
            self.refused.add(error.detail)
            return False
        finally:
            self.faults.mishap = None
            # A call that overtook this one has accounted for its own start already.
            n_started = len(self.scanner.starts) - self.n_operator_starts - n_by_others
            assert n_started <= (1 if actor == "operator" else 0), f"{use_case} by {actor}"
            self.n_operator_starts += n_started
        return True

    def process(self, index: int, auto_advance: bool | None = None) -> bool:
        def use_case(workflow_id: str, cause: Cause) -> None:
            call(process_workflow, self.ports, workflow_id, TOKEN, cause, auto_advance)

        return self.call(use_case, pick(self.workflow_ids, index), actor="operator")

    def trigger(self, index: int) -> bool:
        task = pick(self.exam_tasks, index)
        return self.call(trigger_task, task.id, TOKEN, actor="operator")

    def retry(self, index: int) -> bool:
        task = pick(self.exam_tasks, index)
        return self.call(retry_task, task.workflow_id, task.id, TOKEN, actor="operator")

    def cancel(self, index: int) -> bool:
        task = pick(self.exam_tasks, index)
        return self.call(cancel_task, task.workflow_id, task.id, actor="canceller")

    def cancel_all(self, index: int) -> bool:
        return self.call(cancel_workflow, pick(self.workflow_ids, index), actor="canceller")

    def retry_all(self, index: int) -> bool:
        # Who is no operator starts no scan.
        return self.call(retry_workflow, pick(self.workflow_ids, index), TOKEN, actor="retrier")

    def cancel_run(self, index: int) -> None:
        if run := pick(self.read().runs, index):
            self.call(cancel_dag_run, run.dag_run_id, actor="canceller")

    def retry_run(self, index: int) -> None:
        if run := pick(self.read().runs, index):
            self.call(retry_dag_run, run.dag_run_id, actor="canceller")

    def plan_upload(self, index: int) -> None:
        def use_case(request: UploadRequest, cause: Cause) -> None:
            self.planned_keys.append(call(create_upload, self.ports, request, cause).key)

        if task := pick(self.scans, index):
            request = UploadRequest("raw.h5", 4, task_id=task.id)
            self.call(use_case, request, actor="uploader")

    # --- S3 and SQS ---

    def put_planned(self, index: int) -> None:
        if key := pick(self.planned_keys, index):
            self.inbox.append(self.real.lake.put(key, b"1234", ""))

    def put_raw(self, index: int) -> None:
        if task := pick(self.scans, index):
            key = f"acquisition/{task.workflow_id}/{task.id}/by-hand-{index}/raw.h5"
            self.inbox.append(self.real.lake.put(key, b"1234", ""))

    def put_dag_data(self, index: int) -> None:
        key = f"upload/{DAG_ID}/by-hand-{index}/raw.h5"
        self.inbox.append(self.real.lake.put(key, b"1234", ""))

    def deliver_object(self, index: int) -> None:
        if data := pick(self.inbox, index):
            if self.call(trigger_airflow, ObjectCreated(data), actor="trigger_airflow"):
                # An overtaker may have delivered it too.
                self.inbox = [each for each in self.inbox if each != data]
                self.delivered.append(data)

    def deliver_object_again(self, index: int) -> None:
        if data := pick(self.delivered, index):
            self.call(trigger_airflow, ObjectCreated(data), actor="trigger_airflow")

    def deliver_start(self, index: int) -> None:
        if dag_run_id := pick(self.real.queue.dag_run_ids, index):
            if self.call(trigger_airflow, StartDagRun(dag_run_id), actor="trigger_airflow"):
                drop(self.real.queue.dag_run_ids, dag_run_id)

    def deliver_stale_start(self, index: int) -> None:
        if run := pick(self.read().runs, index):
            self.call(trigger_airflow, StartDagRun(run.dag_run_id), actor="trigger_airflow")

    def deliver_step(self, index: int) -> None:
        if message := pick(self.real.queue.simulation_steps, index):
            dag_run_id, step, _ = message
            if self.call(simulate_reconstruction, dag_run_id, step, actor="simulation"):
                drop(self.real.queue.simulation_steps, message)

    def deliver_change(self, _: int = 0) -> None:
        """Follow the change that waits first; SQS delivers those of a workflow in order."""
        if self.real.queue.changes:
            command = self.real.queue.changes[0]
            if self.call(follow_changes, command, actor="follow_changes"):
                drop(self.real.queue.changes, command)
            elif isinstance(command, ReportTasks):
                self.real.queue.changes[0] = replace(command, is_repeated=True)

    # --- Airflow ---

    def call_back(self, index: int) -> None:
        if callout := pick(self.callouts, index):
            self._call_back(callout)
            drop(self.callouts, callout)

    def call_back_oddly(self, index: int) -> None:
        """Say anything, in the name of any run that ever was."""
        if token := pick(self.airflow.tokens, index):
            key = f"result/{token.partition('.')[0]}/odd.npy"
            result = Result(type=ResultType.NUMPY, key=key)
            words = [
                Callback(success=True, results=(result,)),
                Callback(success=False, error="odd"),
                Callback(progress=index % 101),
                Callback(success=True),
            ]
            self._call_back(Callout(token, words[index % len(words)]))

    def _call_back(self, callout: Callout) -> bool:
        def use_case(token: str, callback: Callback, cause: Cause) -> None:
            call(receive_results, self.ports, token, callback, cause)

        return self.call(use_case, callout.token, callout.callback, actor="receive_results")

    def airflow_runs(self, index: int) -> None:
        if ids := pick(self.airflow.live, index):
            self.airflow.finish(*ids, OrchestratorRunState.RUNNING)

    def airflow_ends(self, index: int, is_success: bool = True, is_told: bool = True) -> None:
        if not (ids := pick(self.airflow.live, index)):
            return
        state = OrchestratorRunState.SUCCESS if is_success else OrchestratorRunState.FAILED
        key = f"result/{ids[1]}/image.dcm"
        if is_success:
            self.real.lake.put(key, b"1", "")
        self.airflow.finish(*ids, state, self.now)
        if is_told:
            results = (Result(type=ResultType.DICOM, key=key),)
            success = Callback(success=True, results=results)
            failure = Callback(success=False, error="told")
            token = self.airflow.dag_runs[ids]["user_token"]
            self.callouts.append(Callout(token, success if is_success else failure))

    def airflow_loses(self, index: int) -> None:
        if ids := pick(list(self.airflow.dag_runs), index):
            self.airflow.lose(*ids)

    # --- the scanner and exam-manager ---

    def scan_goes_on(self, index: int, progress: int = 100) -> None:
        """Write what device-manager writes while a device scans."""
        if device := pick(list(self.scanner.running.items()), index):
            device_id, task_id = device
            is_over = progress == 100
            self._write(task_id, ItemStatus.FINISHED if is_over else ItemStatus.STARTED, progress)
            if is_over:
                del self.scanner.running[device_id]
                self.scanner.device_statuses[device_id] = "ready"

    def device_says(self, index: int, word: str) -> None:
        """Let a device tell device-manager something; who is ready or in error does not scan."""
        if device := pick(list(self.scanner.running.items()), index):
            device_id, _ = device
            self.scanner.device_statuses[device_id] = word
            self.scanner.device_times[device_id] = self.now.replace(tzinfo=None)
            if word in ("ready", "error"):
                del self.scanner.running[device_id]

    def console(self, index: int, status: ItemStatus) -> None:
        """Change a task at the console that nobody has started here."""
        task = pick(self.scans, index)
        if task and task.status is ItemStatus.NEW and task.id not in self.scanner.running.values():
            self._write(task.id, status, 100 if status is ItemStatus.FINISHED else 0)

    def comment(self, index: int, place: float) -> None:
        """Type a character into a task's comment, into our line of it perhaps."""
        task_id = pick(self.exam_tasks, index).id
        before = self.real.exam.comments.get(task_id) or ""
        n, letter = round(place * len(before)), chr(0x4E00 + sum(map(len, self.typed.values())))
        self.real.exam.comments[task_id] = before[:n] + letter + before[n:]
        self.typed[task_id] = self.typed.get(task_id, "") + letter

    def _write(self, task_id: str, status: ItemStatus, progress: int) -> None:
        changes = {"status": status, "progress": progress}
        self.real.exam.tasks[task_id] = self.real.exam.tasks[task_id].model_copy(update=changes)

    def _check_device(self, device_id: str, task_id: str) -> None:
        # The scanner's own truth, which exam-manager may have missed.
        scanning = self.scanner.running.get(device_id)
        if scanning is not None and scanning != task_id:
            task = self.task(scanning)
            assert task is None or not self._holds_device(task), "two scans at once"

    def _holds_device(self, task: Task) -> bool:
        # The caller's clock may be a little ahead.
        until = task.may_scan_until
        may_scan = until is not None and self.now + timedelta(seconds=self.skew_s) < until
        return task.status is TaskStatus.IN_PROGRESS or may_scan

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def reconcile(self, _: int = 0) -> None:
        self.call(reconcile_runs, actor="reconcile_runs")


def make_engine(*shapes: str, is_simulated: bool = False) -> Engine:
    """Return a hospital with one workflow of each shape, all on one scanner.

    Parameters
    ----------
    shapes
        Names of `SHAPES`.
    is_simulated
        Whether the last DAG task of the first workflow is only simulated.
    """
    world = make_world()
    world.exam.workflows.clear()
    world.exam.tasks.clear()
    for n, shape in enumerate(shapes):
        tasks = make_tasks(f"w{n}", shape)
        if is_simulated and n == 0 and not tasks[-1].type.is_device_task:
            args = {**tasks[-1].args, "simulate": "true", "contrast": "image.dcm"}
            tasks[-1] = tasks[-1].model_copy(update={"args": args})
        world.exam.add_workflow(ExamWorkflow(id=f"w{n}", exam_id="exam-1", tasks=tasks))
    airflow, scanner = LivingAirflow(), LivingScan()
    airflow.dags = world.orchestrator.dags
    scanner.patients, scanner.sequences = world.scan.patients, world.scan.sequences
    scanner.device_statuses = world.scan.device_statuses
    world.orchestrator, world.scan = airflow, scanner
    return Engine(world, airflow, scanner)
