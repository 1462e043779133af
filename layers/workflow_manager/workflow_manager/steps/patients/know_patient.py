"""Bring the pseudonym of a patient to the runs whose images are filed under it."""

from workflow_manager.deadline import limit
from workflow_manager.domain.dag_run import DagRun, derive_study_instance_uid
from workflow_manager.domain.errors import NeighbourRefusedError, UpstreamError
from workflow_manager.domain.exam import Exam
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.workflow import Workflow
from workflow_manager.observability import logger
from workflow_manager.ports import ExamClient, WorkflowStore
from workflow_manager.steps.retry_on_conflict import retry_on_conflict

# An operator waits for his scan.
TOTAL_S = 2.0


def note_patient(exam: ExamClient, execution: Execution, record: Exam) -> None:
    """Note whose pseudonym a workflow's runs take, if it can be had: no scan waits for it.

    Parameters
    ----------
    record
        The workflow's exam, as exam-manager has it now.
    """
    workflow = execution.graph.workflow
    if record.patient_id is None or record.id != workflow.exam_id:
        return
    try:
        with limit(TOTAL_S):
            pseudonym = exam.pseudonymize(record.patient_id)
    except UpstreamError as error:
        # Another patient's must not stay; the start of a run asks again.
        logger.warning("no pseudonym yet", extra={"reason": error.detail})
        pseudonym = None
    if pseudonym != workflow.patient_pseudonym:
        execution.put_workflow(patient_pseudonym=pseudonym)


def know_patient(store: WorkflowStore, exam: ExamClient, run: DagRun) -> DagRun:
    """Return a run with its patient's pseudonym; without one, where there is no patient.

    Raises
    ------
    UpstreamError
        Exam-manager or the key cannot be asked now: the run must wait.
    """
    if run.workflow_id is None or run.patient_pseudonym is not None:
        return run
    return run.evolve(patient_pseudonym=_find_pseudonym(store, exam, run))


@retry_on_conflict
def _find_pseudonym(store: WorkflowStore, exam: ExamClient, run: DagRun) -> str | None:
    execution = store.get_execution(run.workflow_id or "")
    workflow = execution.graph.workflow if execution else None
    if workflow is None or not _is_of_its_exam(run, workflow):
        return None
    if workflow.patient_pseudonym is None:
        if (patient_id := _find_patient_id(exam, workflow.exam_id or "")) is None:
            return None
        workflow = workflow.evolve(patient_pseudonym=exam.pseudonymize(patient_id))
        # For the next run, and for who erases the patient's data.
        store.commit([workflow])
    return workflow.patient_pseudonym


def _is_of_its_exam(run: DagRun, workflow: Workflow) -> bool:
    # Since the run was made, the workflow may have been moved to an exam of another patient.
    exam_id = workflow.exam_id
    return bool(exam_id) and derive_study_instance_uid(exam_id or "") == run.study_instance_uid


def _find_patient_id(exam: ExamClient, exam_id: str) -> str | None:
    try:
        return exam.get_exam(exam_id).patient_id
    except NeighbourRefusedError as error:
        # It was deleted. A proxy, or a login that is refused, is no word of exam-manager.
        if not error.is_own:
            raise
        return None
