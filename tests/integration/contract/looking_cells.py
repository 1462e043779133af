"""The table of the dry run, of going step by step, and of what Airflow shows of a run."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.integration.contract.cells import (
    AIRFLOW_KINDS,
    KINDS,
    LOGIN_EXPIRED,
    PASSED_THROUGH,
    Cell,
    Scenario,
    case,
    failures,
)
from tests.integration.contract.control_cells import everywhere
from tests.integration.contract.data_cells import RUN, SHOW
from tests.integration.contract.steps import (
    after,
    fail_start,
    reconstruct,
    scan,
    step_by_step,
    without,
)
from tests.integration.contract.task_cells import (
    DAG_TASK,
    FAILED,
    NO_ARG,
    NOTHING,
    PROCESS_DAG,
    PROCESS_SCAN,
    RUNNING,
    SCANNING,
    SDK_TASK,
    SEQUENCE,
    SIMULATED_TASK,
    delete_by_hand,
    forget_limits,
    pause_dag,
)
from tests.integration.deployment import DAG_ID

VALIDATE = Scenario(
    "validate",
    "validate_workflow",
    "POST",
    "/workflows/{workflow_id}/validate/",
    tasks=(SDK_TASK, DAG_TASK),
    is_looking=True,
)
STEPWISE = replace(
    PROCESS_SCAN, name="step by step", path=f"{PROCESS_SCAN.path}?auto_advance=false"
)
READY = {
    "is_valid": True,
    "would_start": ["{task_id}"],
    "problems": [],
    "tasks.0.start": "process",
    "tasks.1.start": "by_itself",
}
UNSEEN = {"state": "RUNNING", "task_instances": None, "airflow_url": None}
OF_WORKFLOW, OF_SCAN, OF_DAG = "problems.0", "tasks.0.problems.0", "tasks.1.problems.0"


def unclear(point: str, where: str, detail: str, **known: str) -> list[Cell]:
    """Return the line of a neighbour that a dry run asks: all it cannot say was not checked.

    `known` holds the problem where a kind of failure is an answer: `http_404`.
    """
    kinds = AIRFLOW_KINDS if point in {"DAG", "Airflow login"} else KINDS
    texts = (known.get(f"http_{kind}", f"Not checked: {detail}") for kind in kinds)
    shows: list[Mapping[str, Any]] = [{where: text, "is_valid": False} for text in texts]
    return failures(VALIDATE, point, "200", **NOTHING, shows=shows)


def shown(scenario: Scenario, label: str, where: str, problem: str, **expected: str) -> Cell:
    """Return a cell of a dry run that finds something."""
    return case(scenario, label, 200, **expected, shows={where: problem, "is_valid": False})


def prepared(prepare: Any) -> Scenario:
    return after(VALIDATE, prepare)


NO_EXAM, NO_PATIENT, NO_DEVICE = (
    f"Failed to fetch {name}" for name in ("exam", "patient", "device")
)
CELLS = [
    case(VALIDATE, "", 200, **NOTHING, shows=READY),
    *everywhere(VALIDATE, 400, "Failed to fetch workflow data"),
    *failures(VALIDATE, "workflow", PASSED_THROUGH, "Failed to fetch workflow data", **NOTHING),
    # A refusal that is not in the service's own words may be a proxy's.
    *unclear("exam", OF_WORKFLOW, NO_EXAM, http_401=LOGIN_EXPIRED),
    *unclear("patient", OF_WORKFLOW, NO_PATIENT, http_401=LOGIN_EXPIRED),
    *unclear("device", OF_SCAN, NO_DEVICE, http_401=LOGIN_EXPIRED),
    *unclear("sequence", OF_SCAN, SEQUENCE, http_401=LOGIN_EXPIRED),
    *unclear("DAG", OF_DAG, "Airflow failed.", http_404=f"Airflow does not know the DAG {DAG_ID}"),
    *unclear("Airflow login", OF_DAG, "Airflow "),
    shown(prepared(pause_dag), "paused DAG", OF_DAG, f"The DAG {DAG_ID} is paused", **NOTHING),
    shown(prepared(forget_limits), "no limits", OF_WORKFLOW, "No scan without", **NOTHING),
    shown(without(VALIDATE, "sequence_id"), "no sequence", OF_SCAN, NO_ARG, **NOTHING),
    shown(prepared(fail_start("start")), "failed", OF_SCAN, "Not started: the device", **FAILED),
    case(
        prepared(scan),
        "scanning",
        200,
        **SCANNING,
        shows={**READY, "would_start": [], "tasks.0.start": None},
    ),
    case(prepared(reconstruct), "in Airflow", 200, shows={"would_start": [], "is_valid": True}),
    case(replace(VALIDATE, tasks=(SIMULATED_TASK,)), "simulated", 200, shows={"is_valid": True}),
    case(replace(VALIDATE, is_template=True), "template", 409, "The workflow is a", **NOTHING),
    case(prepared(delete_by_hand), "deleted", 409, "The workflow was deleted", **NOTHING),
    case(STEPWISE, "", 200, **SCANNING, shows={"is_started": True}),
    case(
        after(SHOW, step_by_step, name="get workflow step by step", tasks=(SDK_TASK, DAG_TASK)),
        "",
        200,
        ours="COMPLETED",
        exams="FINISHED",
        shows={"auto_advance": False, "tasks.1.status": "PENDING"},
    ),
    case(replace(STEPWISE, path=STEPWISE.path.replace("false", "maybe")), "bad", 422, **NOTHING),
    case(replace(PROCESS_DAG, path=f"{PROCESS_DAG.path}?auto_advance=true"), "on", 200, **RUNNING),
    case(
        RUN, "in Airflow", 200, shows={"task_instances.0.task_id": "task_0", "airflow_url": "http"}
    ),
    *failures(RUN, "task instances", "200", shows=UNSEEN),
    *failures(RUN, "Airflow login", "200", shows=UNSEEN),
]
