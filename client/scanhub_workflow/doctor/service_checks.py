"""The doctor's checks of the API's own services: readiness, token, Airflow."""

from __future__ import annotations

from scanhub_workflow.doctor.answers import ask, explain_error
from scanhub_workflow.doctor.checks import (
    Check,
    enumerate_names,
    failed,
    ok,
    skipped,
    warn_of,
    warning,
)
from scanhub_workflow.doctor.reachability import TELL_OPERATOR, Readiness
from scanhub_workflow.errors import (
    AuthenticationError,
    PermissionDeniedError,
    ScanHubError,
    ServerError,
    UnreachableError,
)
from scanhub_workflow.http import Api
from scanhub_workflow.models import Dag, DagList
from scanhub_workflow.operations import WorkflowOperations

_LOG_IN = "Log in: scanhub-workflow login"
_AIRFLOW = (
    "Airflow does not answer, or its scheduler or database is not healthy: runs wait.",
    "Tell the operator that Airflow must be looked after; nothing that was started is lost.",
)
# As the server names them: what each means, and what to do.
_DEGRADED = {
    "airflow": _AIRFLOW,
    "reconciler": (
        "The reconciler was not heard of for 3 minutes, or not yet: states may be old.",
        "Tell the operator to look at the function reconcile_runs, its schedule and its log.",
    ),
}


# A sentence instead of a name: such as "exam-manager speaks 2026-02, deployed for 2025-03".
_FOREIGN_CONTRACT = " speaks "
_SET_CONTRACT = "Tell the operator to deploy with the parameter ScanHubContract of that ScanHub."


def check_readiness(readiness: Readiness) -> Check:
    """Tell in words what is degraded.

    Parameters
    ----------
    readiness
        The server's word.
    """
    if readiness.degraded is None:
        return skipped("readiness", "This server does not tell what is degraded.")
    if not readiness.degraded:
        return ok("readiness", "The server finds nothing degraded.")
    if foreign := [name for name in readiness.degraded if _FOREIGN_CONTRACT in name]:
        return failed("readiness", f"{'; '.join(foreign)}.", _SET_CONTRACT)
    findings = [texts for name, texts in _DEGRADED.items() if name in readiness.degraded]
    if unknown := enumerate_names(set(readiness.degraded) - _DEGRADED.keys()):
        findings.append((f"Does not work: {unknown}.", TELL_OPERATOR))
    return warn_of("readiness", findings)


def check_form(token: str, *, is_needed: bool = True) -> Check | None:
    """Return what is wrong with a token at first sight; None if it can be sent.

    Parameters
    ----------
    token
        The user's; empty if there is none.
    is_needed
        Whether it is a fault that there is none.
    """
    if not token and not is_needed:
        return skipped("token", f"No token is given. {_LOG_IN}")
    if not token:
        return failed("token", "No token is given.", _LOG_IN)
    if not (token.isascii() and token.isprintable()) or " " in token:
        advice = "Copy it again, without the word Bearer, or log in: scanhub-workflow login"
        return failed("token", "The token holds characters that no token has.", advice)
    return None


def check_token(api: Api) -> Check:
    """Tell whether the API accepts the token.

    Parameters
    ----------
    api
        On behalf of the user.
    """
    try:
        ask(WorkflowOperations(api).hello)
    except AuthenticationError:
        return failed("token", "The token is not valid, or not any more.", _LOG_IN)
    except PermissionDeniedError:
        advice = "Ask the operator of the server for the rights that your work needs."
        return warning("token", "The token is valid, but your role may not call hello.", advice)
    except ScanHubError as error:
        detail, advice = explain_error(error)
        return failed("token", f"The token could not be checked. {detail}", advice)
    return ok("token", "The token is valid.")


def check_airflow_unasked(readiness: Readiness, reason: str) -> Check:
    """Tell what the server says of Airflow.

    Parameters
    ----------
    readiness
        The server's word.
    reason
        Why Airflow's DAGs cannot be asked for.
    """
    if "airflow" in (readiness.degraded or ()):
        return failed("airflow", *_AIRFLOW)
    return skipped("airflow", reason)


def check_airflow(api: Api, readiness: Readiness) -> tuple[Check, list[Dag]]:
    """Tell whether Airflow would run DAGs, and return them.

    Parameters
    ----------
    api
        On behalf of the user.
    readiness
        The server's word: a list of DAGs comes from an Airflow without a scheduler too.
    """
    try:
        listed = ask(WorkflowOperations(api).list_available_tasks).tasks
    except PermissionDeniedError:
        return check_airflow_unasked(readiness, "Your role may not list DAGs."), []
    except UnreachableError:
        return failed("airflow", "No list of DAGs came within 10 s.", TELL_OPERATOR), []
    except ServerError as error:
        reason = f" {error.reason}" if error.reason else ""
        detail = f"The server gets no list of DAGs from Airflow (HTTP {error.status}).{reason}"
        advice = "Tell the operator to look after Airflow, its URL and its user."
        return failed("airflow", detail, advice), []
    except ScanHubError as error:
        return failed("airflow", *explain_error(error)), []
    return _judge_dags(listed, readiness), listed.dags


def _judge_dags(listed: DagList, readiness: Readiness) -> Check:
    dags = listed.dags
    count = f"Airflow has {len(dags)} DAG{'' if len(dags) == 1 else 's'}"
    if "airflow" in (readiness.degraded or ()):
        detail, advice = _AIRFLOW
        return failed("airflow", f"{count}, but: {detail}", advice)
    errors = [f"{broken.filename}: {broken.error}" for broken in listed.import_errors]
    if not dags and not errors:
        advice = "Ask the operator to give Airflow its DAGs; without Airflow, runs are simulated."
        return warning("airflow", "The server knows no DAG.", advice)
    findings = []
    if paused := enumerate_names(dag.dag_id for dag in dags if dag.is_paused):
        findings.append((f"Paused: {paused}.", "Unpause in Airflow the DAGs that you need."))
    broken = enumerate_names(dag.dag_id for dag in dags if dag.has_import_errors)
    if broken and not errors:
        advice = "Have the import errors mended: Airflow's first page shows them."
        findings.append((f"With import errors: {broken}.", advice))
    if errors:
        more = f" And {len(errors) - 1} more: scanhub-workflow tasks." if errors[1:] else ""
        advice = "Mend the file; Airflow reads it again by itself."
        findings.append((f"Airflow cannot read {errors[0]}{more}", advice))
    if findings:
        return warn_of("airflow", findings, f"{count}. ")
    return ok("airflow", f"{count}, none of them paused or broken.")
