"""Ask for a workflow's exam and patient before exam-manager has told its definition."""

from functools import partial
from typing import Self

from workflow_manager.beside import Beside
from workflow_manager.domain.exam import Exam, Patient
from workflow_manager.ports import ExamClient, ScanClient
from workflow_manager.steps.patients.load_limits import load_patient


class PatientAhead:
    """Exam and patient of a workflow; the block of the instance ends with the answers."""

    def __init__(self, exam: ExamClient, scan: ScanClient) -> None:
        self._exam = exam
        self._scan = scan
        self._asked: dict[str | None, Beside[tuple[Exam, Patient]]] = {}

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Wait for what was asked."""
        for each in self._asked.values():
            each.__exit__(*error)

    def ask(self, exam_id: str | None) -> None:
        """Ask for an exam and its patient, whose answer most likely counts."""
        # A port is built when its first attribute is read: here, not in two threads at once.
        _ = self._exam.get_exam, self._scan.get_patient
        self._asked[exam_id] = Beside(partial(load_patient, self._exam, self._scan, exam_id))

    def load(self, exam_id: str | None) -> tuple[Exam, Patient]:
        """Return an exam and its patient, or raise what `load_patient` does."""
        if asked := self._asked.get(exam_id):
            return asked.wait()
        # Never processed, or moved to another exam.
        return load_patient(self._exam, self._scan, exam_id)
