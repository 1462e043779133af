"""A patient whose every field can be found again wherever it should not be."""

from datetime import date
from typing import Any
from uuid import UUID

from local.scanhub.dependencies import StandIn
from local.scanhub.models import BaseExam, Gender, ItemStatus, PatientOut
from local.scanhub.seed import PATIENT_ID
from local.scanhub.store import server_now

# Nobody is like this, so that no id and no time can be taken for one of these values.
HEIGHT_CM, WEIGHT_KG = 135_792_468, 246_813_579
BIRTH_DATE = date(1931, 2, 28)
EXAM_COMMENT, TASK_COMMENT = "Platzangst", "Mitarbeiterkind"
PATIENT = PatientOut(
    id=PATIENT_ID,
    first_name="Wilhelmine",
    last_name="Zwetschgenbaum",
    birth_date=BIRTH_DATE,
    sex=Gender.FEMALE,
    issuer="Klinikum Nirgendwo",
    status="NEW",
    comment="Herzschrittmacher",
    datetime_created=server_now(),
)
EXAM = BaseExam(
    patient_id=PATIENT_ID,
    name="Knie links",
    description="Verlaufskontrolle",
    indication="Knieschmerz",
    patient_height_cm=HEIGHT_CM,
    patient_weight_kg=WEIGHT_KG,
    comment=EXAM_COMMENT,
    status=ItemStatus.NEW,
    is_template=False,
)
PATIENT_WORDS = (
    *(PATIENT.first_name, PATIENT.last_name, str(BIRTH_DATE), str(PATIENT.sex)),
    *(str(PATIENT.comment), PATIENT.issuer, str(PATIENT_ID), str(HEIGHT_CM), str(WEIGHT_KG)),
    *(EXAM.name, EXAM.description, str(EXAM.indication), EXAM_COMMENT, TASK_COMMENT),
)


def seed_exam(stand_in: StandIn) -> UUID:
    """Put the patient in the place of the seeded one and return a new exam's id."""
    store = stand_in.store
    tables: dict[str, Any] = {each.__name__: each for each in stand_in.contract.schema.tables}
    # Since 2026-02 height and weight are the patient's, and no more the exam's.
    measured = PATIENT.model_dump() | {"height": HEIGHT_CM, "weight": WEIGHT_KG}
    store.put(tables["PatientOut"].model_validate(measured))
    exam_id: UUID = store.add(tables["ExamOut"], EXAM, creator="operator").id
    return exam_id
