"""Checks of the two quotas that this stack can hit; docs/deploy.md says why there are no others."""

from __future__ import annotations

from collections.abc import Iterator

from scanhub_workflow.doctor.checks import Check, failed, ok, warning
from tools.aws import Aws

CONCURRENCY, ROLES = "Lambda's concurrency", "IAM roles"
# A page asks five functions at once, each behind the authorizer: enough for some users.
MIN_CONCURRENCY = 50


def check_concurrency(aws: Aws) -> Iterator[Check]:
    """Tell how many calls may run at once: in a new account, ten."""
    limit = aws.connect("lambda").get_account_settings()["AccountLimit"]
    n_free = int(limit["UnreservedConcurrentExecutions"])
    if n_free < MIN_CONCURRENCY:
        advice = (
            "Ask for 1,000: aws service-quotas request-service-quota-increase "
            "--service-code lambda --quota-code L-B99A9384 --desired-value 1000"
        )
        yield warning(CONCURRENCY, f"{n_free} calls at once; more get 429 or wait.", advice)
    else:
        yield ok(CONCURRENCY, f"{n_free} calls at once")


def check_roles(aws: Aws, n_roles: int) -> Iterator[Check]:
    """Tell whether the account may have `n_roles` more roles, one for each function."""
    summary = aws.connect("iam").get_account_summary()["SummaryMap"]
    n_free = int(summary["RolesQuota"]) - int(summary["Roles"])
    if n_free < n_roles:
        advice = "Delete roles that nobody uses, or ask for more: Service Quotas, IAM, L-FE177D64."
        yield failed(ROLES, f"The account may have {n_free} more; {n_roles} are needed.", advice)
    else:
        yield ok(ROLES, f"{n_free} more may be made; {n_roles} are needed.")
