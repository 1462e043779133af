"""Look up the tasks that a workflow names and lacks: those of the template that it is a copy of."""

from workflow_manager.domain.errors import NeighbourRefusedError
from workflow_manager.domain.exam import ExamTask, ExamWorkflow
from workflow_manager.domain.named_inputs import list_unknown_ids
from workflow_manager.ports import ExamClient

# A workflow is the copy of one template; what names tasks of more is not worth the wait.
MAX_N_TEMPLATES = 3


def find_templates(exam: ExamClient, workflow: ExamWorkflow) -> dict[str, list[ExamTask]]:
    """Return, by id, the tasks that a workflow lacks, each with all that are in its template.

    Raises
    ------
    UpstreamError
        Exam-manager does not answer: a task that takes unknown data must not be taken over as one
        that takes none.
    """
    found: dict[str, list[ExamTask]] = {}
    n_asked = 0
    for task_id in list_unknown_ids(workflow):
        if task_id in found:
            continue
        if n_asked == MAX_N_TEMPLATES:
            break
        n_asked += 1
        template = _find_template(exam, task_id)
        found |= {task.id: template for task in template}
    return found


def _find_template(exam: ExamClient, task_id: str) -> list[ExamTask]:
    try:
        task = exam.get_task(task_id)
    except NeighbourRefusedError as error:
        return _nothing_if_own(error)
    if not task.is_template or task.workflow_id is None:
        return [task]
    try:
        tasks = exam.get_workflow(task.workflow_id).tasks
    except NeighbourRefusedError as error:
        tasks = _nothing_if_own(error)
    return [task, *(each for each in tasks if each.id != task.id)]


def _nothing_if_own(error: NeighbourRefusedError) -> list[ExamTask]:
    # It was deleted. A proxy, or a login that is refused, is no word of exam-manager.
    if not error.is_own:
        raise error
    return []
