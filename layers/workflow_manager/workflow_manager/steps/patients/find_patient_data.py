"""Find all data of a patient: by the workflows of exam-manager, and by our pseudonym."""

from dataclasses import dataclass

from workflow_manager.domain.dag_run import task_dag_run_id
from workflow_manager.domain.data_lake import (
    AcquisitionData,
    acquisition_prefixes,
    parse_key,
    result_prefix,
)
from workflow_manager.domain.errors import NeighbourRefusedError
from workflow_manager.domain.exam import ExamWorkflow, ItemStatus
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.task import TaskStatus
from workflow_manager.ports import DataLake, ExamClient, WorkflowStore

# Results outlive the table's items by years; by then no item says how often a task was started.
N_FORGOTTEN_ATTEMPTS = 20


@dataclass(frozen=True)
class WorkflowData:
    """The items and objects of one workflow.

    Parameters
    ----------
    prefixes
        The prefixes under which its objects lie.
    n_items
        Items of the table: the workflow, its tasks and its audit trail.
    dag_run_ids, upload_ids
        Ids of further items of the table.
    n_objects
        Versions, delete markers and unfinished uploads.
    in_progress
        ``task:{id}`` and ``dag_run:{id}`` that may still write.
    """

    workflow_id: str
    prefixes: tuple[str, ...]
    n_items: int
    dag_run_ids: tuple[str, ...]
    upload_ids: tuple[str, ...]
    n_objects: int
    in_progress: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left."""
        return not (self.n_items or self.dag_run_ids or self.upload_ids or self.n_objects)


@dataclass(frozen=True)
class PatientData:
    """The items and objects of one patient, workflow by workflow."""

    n_exams: int
    workflows: tuple[WorkflowData, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left."""
        return all(workflow.is_empty for workflow in self.workflows)


def find_patient_data(
    store: WorkflowStore, lake: DataLake, exam: ExamClient, patient_id: str
) -> PatientData:
    """Find all items and objects that came of the exams of a patient, by patient-manager's id."""
    exams = exam.list_exams(patient_id)
    workflows = {workflow.id: workflow for each in exams for workflow in each.workflows}
    pseudonym = exam.pseudonymize(patient_id)
    for workflow_id in store.list_patient_workflows(pseudonym):
        if workflow_id not in workflows and not _is_of_another(exam, workflow_id, pseudonym):
            workflows[workflow_id] = ExamWorkflow(id=workflow_id)
    found = tuple(_find_workflow(store, lake, each) for each in workflows.values())
    return PatientData(len(exams), found)


def _is_of_another(exam: ExamClient, workflow_id: str, pseudonym: str) -> bool:
    # Since we have read it, the workflow may have been moved to an exam of another patient.
    try:
        exam_id = exam.get_workflow(workflow_id).exam_id
        patient_id = exam.get_exam(exam_id).patient_id if exam_id else None
    except NeighbourRefusedError as error:
        # What was deleted is nobody else's. A proxy's refusal is no word of exam-manager.
        if not error.is_own:
            raise
        return False
    return patient_id is not None and exam.pseudonymize(patient_id) != pseudonym


def _find_workflow(store: WorkflowStore, lake: DataLake, definition: ExamWorkflow) -> WorkflowData:
    execution = store.get_execution(definition.id)
    trail = store.list_events(f"workflow:{definition.id}")
    # The runs of every attempt, including attempts that a rescan has replaced.
    candidates = _derive_run_ids(definition, execution)
    runs = [run for run_id in candidates if (run := store.get_dag_run(run_id))]
    folders = [*acquisition_prefixes(definition.id), *map(result_prefix, candidates)]
    prefixes = tuple(f"{folder}/" for folder in folders)
    running = [f"dag_run:{run.dag_run_id}" for run in runs if run.due_at is not None]
    return WorkflowData(
        workflow_id=definition.id,
        prefixes=prefixes,
        n_items=len(trail) + (1 + len(execution.graph.tasks) if execution else 0),
        dag_run_ids=tuple(run.dag_run_id for run in runs),
        upload_ids=_find_uploads(store, lake, prefixes[0]),
        n_objects=sum(_count_objects(lake, prefix) for prefix in prefixes),
        in_progress=(*_list_busy_tasks(definition, execution), *running),
    )


def _derive_run_ids(definition: ExamWorkflow, execution: Execution | None) -> list[str]:
    if execution is None:
        dag_tasks = (task.id for task in definition.tasks if not task.type.is_device_task)
        n_attempts = dict.fromkeys(dag_tasks, N_FORGOTTEN_ATTEMPTS)
    else:
        n_attempts = {task.task_id: task.attempt for task in execution.graph.tasks.values()}
    return [
        task_dag_run_id(task_id, attempt)
        for task_id, n in n_attempts.items()
        for attempt in range(1, n + 1)
    ]


def _find_uploads(store: WorkflowStore, lake: DataLake, prefix: str) -> tuple[str, ...]:
    keys = [version.key for version in lake.list_versions(prefix)]
    targets = [parse_key(key) for key in keys + lake.list_open_uploads(prefix)]
    upload_ids = {
        target.upload_id
        for target in targets
        if isinstance(target, AcquisitionData) and target.upload_id
    }
    return tuple(each for each in sorted(upload_ids) if store.get_upload(each))


def _count_objects(lake: DataLake, prefix: str) -> int:
    return len(lake.list_versions(prefix)) + len(lake.list_open_uploads(prefix))


def _list_busy_tasks(definition: ExamWorkflow, execution: Execution | None) -> list[str]:
    if execution is None:
        # Somebody started it at exam-manager, so its data would still come.
        busy = {ItemStatus.STARTED, ItemStatus.INPROGRESS}
        return [f"task:{task.id}" for task in definition.tasks if task.status in busy]
    tasks = execution.graph.tasks.values()
    return [f"task:{task.task_id}" for task in tasks if task.status is TaskStatus.IN_PROGRESS]
