"""Bring what images are filed under to runs: the patient's pseudonym, the date of the exam."""

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
    """Note the pseudonym and the date that a workflow's runs take: no scan waits for them.

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
    noted = {"patient_pseudonym": pseudonym, "study_at": record.datetime_created}
    if noted != {name: getattr(workflow, name) for name in noted}:
        execution.put_workflow(**noted)


def know_patient(store: WorkflowStore, exam: ExamClient, run: DagRun) -> DagRun:
    """Return a run with its patient's pseudonym and its exam's date; without, if there is none.

    Raises
    ------
    UpstreamError
        Exam-manager or the key cannot be asked now: the run must wait.
    """
    if run.workflow_id is None or run.patient_pseudonym is not None:
        return run
    workflow = _find_workflow(store, exam, run)
    if workflow is None:
        return run
    found = {"patient_pseudonym": workflow.patient_pseudonym, "study_at": workflow.study_at}
    return run.evolve(**found)


@retry_on_conflict
def _find_workflow(store: WorkflowStore, exam: ExamClient, run: DagRun) -> Workflow | None:
    execution = store.get_execution(run.workflow_id or "")
    workflow = execution.graph.workflow if execution else None
    if workflow is None or not _is_of_its_exam(run, workflow):
        return None
    if workflow.patient_pseudonym is None:
        record = _read_exam(exam, workflow.exam_id or "")
        if record is None or record.patient_id is None:
            return None
        pseudonym = exam.pseudonymize(record.patient_id)
        noted = {"patient_pseudonym": pseudonym, "study_at": record.datetime_created}
        workflow = workflow.evolve(**noted)
        # For the next run, and for who erases the patient's data.
        store.commit([workflow])
    return workflow


def _is_of_its_exam(run: DagRun, workflow: Workflow) -> bool:
    # Since the run was made, the workflow may have been moved to an exam of another patient.
    exam_id = workflow.exam_id
    return bool(exam_id) and derive_study_instance_uid(exam_id or "") == run.study_instance_uid


def _read_exam(exam: ExamClient, exam_id: str) -> Exam | None:
    try:
        return exam.get_exam(exam_id)
    except NeighbourRefusedError as error:
        # It was deleted. A proxy, or a login that is refused, is no word of exam-manager.
        if not error.is_own:
            raise
        return None
