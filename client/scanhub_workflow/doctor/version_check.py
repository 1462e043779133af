"""The doctor's check of what the server can do against what this client can."""

from __future__ import annotations

import inspect

import httpx
from pydantic import BaseModel, Field

from scanhub_workflow.dag_run_operations import DagRunOperations
from scanhub_workflow.doctor.answers import ask
from scanhub_workflow.doctor.checks import Check, enumerate_names, ok, warn_of, warning
from scanhub_workflow.errors import ScanHubError
from scanhub_workflow.http import parse
from scanhub_workflow.operations import WorkflowOperations
from scanhub_workflow.upload_operations import UploadOperations
from scanhub_workflow.version import __version__


class Operation(BaseModel):
    """An operation in an OpenAPI document."""

    operation_id: str = Field(alias="operationId")
    security: list[dict[str, list[str]]] = []


class SecurityScheme(BaseModel):
    """A way to say who calls."""

    type: str


class Components(BaseModel):
    """The shared part of an OpenAPI document."""

    security_schemes: dict[str, SecurityScheme] = Field(default={}, alias="securitySchemes")


class Document(BaseModel):
    """An OpenAPI document, as far as it is read here."""

    paths: dict[str, dict[str, Operation]]
    components: Components = Components()

    def list_operations(self) -> dict[str, bool]:
        """Return the ids of all operations, and of each whether users call it.

        DAGs, probes and browsers have no login of a user, so that no client needs their operations.
        """
        schemes = self.components.security_schemes
        logins = {name for name, scheme in schemes.items() if scheme.type == "oauth2"}
        return {
            operation.operation_id: any(logins.intersection(names) for names in operation.security)
            for path in self.paths.values()
            for operation in path.values()
        }


def list_own_operations() -> set[str]:
    """Return the ids of the operations that this client has."""
    # Each public method is named as its operation; a test of the client sees to it.
    classes = (WorkflowOperations, DagRunOperations, UploadOperations)
    methods = {name for kind in classes for name, _ in inspect.getmembers(kind, inspect.isfunction)}
    return {name for name in methods if not name.startswith("_")}


# An image viewer asks for a file itself.
FOR_VIEWERS = {"get_dicom"}


def check_version(http: httpx.Client) -> Check:
    """Tell whether server and client have the same operations.

    Parameters
    ----------
    http
        Knows the URL and no token.
    """
    try:
        document = ask(lambda: parse(http.get("openapi.json").raise_for_status(), Document))
    except ScanHubError:
        detail = "The server does not tell which operations it has."
        return warning("version", detail, "Ask the operator whether client and server fit.")
    ours, theirs = list_own_operations(), document.list_operations()
    findings = []
    if missing := ours - theirs.keys():
        detail = f"The server is older, without: {enumerate_names(missing)}."
        advice = "Do without these, or ask the operator to update the server."
        findings.append((detail, advice))
    if (
        unknown := {name for name, is_for_users in theirs.items() if is_for_users}
        - ours
        - FOR_VIEWERS
    ):
        detail = f"The server is newer, with: {enumerate_names(unknown)}."
        findings.append((detail, "Update this client if you need these."))
    if findings:
        return warn_of("version", findings)
    return ok("version", f"Server and client {__version__} have the same operations.")
