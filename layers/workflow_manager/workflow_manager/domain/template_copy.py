"""Which task of a workflow is the copy of a task of the template that it was made of.

Exam-manager copies type, name and args verbatim and keeps no link. Since then, the copy and the
template may have been edited: whatever leaves two answers possible has none.
"""

from collections import Counter
from collections.abc import Sequence

from workflow_manager.domain.exam import ExamTask


def find_copy(
    original: ExamTask, template: Sequence[ExamTask], tasks: Sequence[ExamTask]
) -> ExamTask | None:
    """Return the copy of a task of a template, or None if it cannot be told.

    Parameters
    ----------
    original
        The task of the template.
    template
        All tasks of the template.
    tasks
        All tasks of the workflow.
    """
    originals = [task for task in template if task.type is original.type]
    candidates = [task for task in tasks if task.type is original.type]
    named = [task for task in candidates if task.name == original.name]
    is_only_name = sum(task.name == original.name for task in originals) == 1
    if is_only_name and len(named) == 1:
        return None if _is_renamed(named[0], original, originals, candidates) else named[0]
    if not named and len(originals) == len(candidates) == 1:
        # Renamed; if its args were changed too, nothing says that it is a copy of this one.
        return candidates[0] if candidates[0].args == original.args else None
    return _find_untouched(original, originals, candidates)


def _is_renamed(
    named: ExamTask,
    original: ExamTask,
    originals: Sequence[ExamTask],
    candidates: Sequence[ExamTask],
) -> bool:
    """Tell whether args say that a task has the name, but is the copy of another one."""
    if named.args == original.args:
        return False
    if len(candidates) != len(originals):
        # The copy may be gone, and another one have its name.
        return True
    is_of_other = any(task.args == named.args for task in originals)
    return is_of_other or any(task.args == original.args for task in candidates)


def _find_untouched(
    original: ExamTask, originals: Sequence[ExamTask], candidates: Sequence[ExamTask]
) -> ExamTask | None:
    """Return the copy by name and args, if all tasks of its type are as they were copied."""
    if Counter(map(_content, candidates)) != Counter(map(_content, originals)):
        return None
    alike = [task for task in candidates if _content(task) == _content(original)]
    return alike[0] if len(alike) == 1 else None


def _content(task: ExamTask) -> tuple[str, tuple[tuple[str, str], ...]]:
    return task.name, tuple(sorted(task.args.items()))
