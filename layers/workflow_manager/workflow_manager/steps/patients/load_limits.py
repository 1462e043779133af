"""The acquisition limits, which protect the patient during a scan."""

from datetime import date

from pydantic import ValidationError

from workflow_manager.domain.errors import InvalidInputError, NotFoundError
from workflow_manager.domain.exam import AcquisitionLimits, Exam, Patient
from workflow_manager.ports import ExamClient, ScanClient
from workflow_manager.steps.patients.calculate_age import calculate_age


def load_patient(exam: ExamClient, scan: ScanClient, exam_id: str | None) -> tuple[Exam, Patient]:
    """Return the exam of a workflow and its patient.

    Raises
    ------
    NotFoundError
        The workflow belongs to no exam of a patient.
    """
    found = exam.get_exam(exam_id) if exam_id else None
    if found is None or found.patient_id is None:
        raise NotFoundError("The workflow belongs to no exam of a patient.")
    return found, scan.get_patient(found.patient_id)


def make_limits(exam_record: Exam, patient: Patient, today: date) -> AcquisitionLimits:
    """Return the acquisition limits of a patient, whose age is that of `today`.

    Raises
    ------
    InvalidInputError
        A value is missing or impossible, so no scan starts; the message names the field, not its
        value.
    """
    try:
        return AcquisitionLimits.model_validate(
            {
                "patient_height": _choose(patient.height_cm, exam_record.patient_height_cm),
                "patient_weight": _choose(patient.weight_kg, exam_record.patient_weight_kg),
                "patient_gender": patient.sex,
                "patient_age": calculate_age(patient.birth_date, today),
            }
        )
    except ValidationError as error:
        names = ", ".join(str(item["loc"][0]).replace("_", " ") for item in error.errors())
        raise InvalidInputError(
            f"No scan without acquisition limits: the {names} is missing or cannot be."
        ) from None


def _choose(of_patient: float | None, of_exam: int | None) -> int | None:
    # Whole, without rounding, as ScanHub has it.
    return of_exam if of_patient is None else int(of_patient)
