"""What may have happened before a call is made."""

from dataclasses import replace
from typing import Any

from tests.integration.contract.cells import Ids, Prepare, Scenario
from tests.integration.contract.data_cells import UPLOAD, end_upload, send_data, start_run
from tests.integration.contract.runner import clear_failures, deliver, fail
from tests.integration.contract.task_cells import PROCESS_SCAN, drop_arg, trigger_before
from tests.integration.deployment import BUCKET, Deployment


def scan(deployment: Deployment, ids: Ids) -> None:
    """Start the scan, and wait until the device reports no more."""
    trigger_before(deployment, ids)
    for thread in list(deployment.stand_in.scanner._running.values()):
        thread.join()


def scan_all(deployment: Deployment, ids: Ids) -> None:
    end_upload(deployment, ids)
    deliver(deployment)


def reconstruct(deployment: Deployment, ids: Ids) -> None:
    """Scan, and let Airflow work on the data."""
    scan_all(deployment, ids)
    remember_run(deployment, ids)


def fail_start(point: str) -> Prepare:
    """Return a preparation in which a device refuses the task."""

    def refuse(deployment: Deployment, ids: Ids) -> None:
        fail(deployment, ids, point, "404")
        trigger_before(deployment, ids)
        clear_failures(deployment)

    return refuse


def fail_run(deployment: Deployment, ids: Ids) -> None:
    start_run(deployment, ids)
    end_in_failure(deployment, ids)


def end_in_failure(deployment: Deployment, ids: Ids) -> None:
    conf = {"user_token": ids["callback_token"]}
    assert deployment.call_back(conf, {"success": False, "error": "Out of memory."}) == 200


def upload_run(deployment: Deployment, ids: Ids) -> None:
    """Let a DAG work on a file of its own."""
    answer = deployment.call("upload_and_trigger", "POST", UPLOAD.path, UPLOAD.body, UPLOAD.headers)
    assert answer["statusCode"] == 200
    deliver(deployment)
    remember_run(deployment, ids)


def fail_upload_run(deployment: Deployment, ids: Ids) -> None:
    upload_run(deployment, ids)
    end_in_failure(deployment, ids)


def end_upload_run(deployment: Deployment, ids: Ids) -> None:
    upload_run(deployment, ids)
    callback = {"result_file": f"s3://{BUCKET}/result/{ids['dag_run_id']}/image.dcm"}
    assert deployment.call_back({"user_token": ids["callback_token"]}, callback) == 200


def remember_run(deployment: Deployment, ids: Ids) -> None:
    [run] = deployment.airflow.runs.values()
    ids["callback_token"] = run["conf"]["user_token"]
    ids["dag_run_id"] = run["conf"]["dag_run_id"]


def step_by_step(deployment: Deployment, ids: Ids) -> None:
    """Process the scan by itself, and send its data."""
    path = f"{PROCESS_SCAN.path.format(**ids)}?auto_advance=false"
    assert deployment.call("process_workflow", "POST", path)["statusCode"] == 200
    send_data(deployment, ids, {"task_id": ids["task_id"]})
    body = {"parts": [{"part_number": 1, "etag": ids["etag"]}]}
    deployment.call("complete_upload", "POST", f"/uploads/{ids['upload_id']}/complete/", body)
    deliver(deployment)


def cancel_run(deployment: Deployment, ids: Ids) -> None:
    start_run(deployment, ids)
    path = f"/dag_runs/{ids['dag_run_id']}/cancel/"
    assert deployment.call("cancel_dag_run", "POST", path)["statusCode"] == 200


def twice(scenario: Scenario) -> Scenario:
    """Return a scenario in which the same call came before."""

    def call(deployment: Deployment, ids: Ids) -> None:
        path = scenario.path.format(**ids)
        assert deployment.call(scenario.function, "POST", path)["statusCode"] == 200

    return and_then(scenario, call)


def after(scenario: Scenario, prepare: Prepare | None, **fields: Any) -> Scenario:
    """Return the same call after something else."""
    return replace(scenario, prepare=prepare, **fields)


def and_then(scenario: Scenario, then: Prepare) -> Scenario:
    """Return a scenario in which something more happened."""
    prepare = scenario.prepare

    def prepare_both(deployment: Deployment, ids: Ids) -> None:
        if prepare:
            prepare(deployment, ids)
        then(deployment, ids)

    return replace(scenario, prepare=prepare_both)


def without(scenario: Scenario, arg: str) -> Scenario:
    """Return a scenario whose task has lost one of its args meanwhile."""

    def forget(deployment: Deployment, ids: Ids) -> None:
        drop_arg(deployment, arg)

    return and_then(scenario, forget)
