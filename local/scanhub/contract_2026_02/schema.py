"""The tables of contract 2026-02."""

from local.scanhub.contract_2026_02 import models
from local.scanhub.store import Schema

SCHEMA = Schema(
    tables=(
        *(models.PatientOut, models.MRISequence, models.ExamOut, models.WorkflowOut),
        *(models.TaskOut, models.ResultOut, models.Device),
    ),
    children={
        models.ExamOut: ("workflows", models.WorkflowOut, "exam_id"),
        models.WorkflowOut: ("tasks", models.TaskOut, "workflow_id"),
        models.TaskOut: ("results", models.ResultOut, "task_id"),
    },
    variants=(models.AcquisitionTaskOut, models.DAGTaskOut, models.BrokenTask),
    unreadable=(models.BrokenTask,),
    order={models.TaskOut: "position"},
)
