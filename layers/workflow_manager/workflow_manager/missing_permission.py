"""A permission that the deployment lacks: one line in the log, one metric and one error."""

import re
from typing import Any

from workflow_manager.domain.errors import MissingPermissionError
from workflow_manager.observability import MetricUnit, logger, metrics

# "… is not authorized to perform: dynamodb:GetItem on resource: …": we take only the action. The
# resource stays out of the log, for an object's key may be a patient's name.
_NAMED = re.compile(r"\b(?:perform:?|have) ([a-z0-9-]{1,32}):(\w{1,64})")
# DynamoDB, SQS and Secrets Manager pass on KMS's refusal, without its action.
_OF_A_KEY = re.compile(r"\b(?:AWS)?KMS|\bciphertext refers\b", re.IGNORECASE)
_PARTS = {"PutEvents": "Entries", "DeleteObjects": "Errors"}
# Actions that IAM names otherwise than the API.
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
_ACTIONS = {
    "CompleteMultipartUpload": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteObjects": "DeleteObject",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjectsV2": "ListBucket",
    "ListParts": "ListMultipartUploadParts",
    "TransactWriteItems": "PutItem",
    "UploadPart": "PutObject",
}
_RESOURCE_TYPES = {
    "airflow": "environment",
    "dynamodb": "table",
    "events": "event bus",
    "kms": "key",
    "s3": "object",
    "secretsmanager": "secret",
    "sqs": "queue",
}


def note_missing_permission(service: str, action: str, resource_type: str) -> None:
    """Tell the operator, whom an alarm wakes at the first one.

    Parameters
    ----------
    action
        The refused action, by its name in IAM or in the service that refused.
    resource_type
        The kind of resource, never its name.
    """
    extra = {"service": service, "action": action, "resource_type": resource_type}
    logger.error("missing permission", extra=extra)
    metrics.add_metric("MissingPermission", MetricUnit.Count, 1)


def check_permission(http_response: Any, parsed: dict[str, Any], model: Any, **_: Any) -> None:
    """Look at AWS's answer to a call after all tries; a handler of botocore's ``after-call``.

    Raises
    ------
    MissingPermissionError
        AWS refused the whole call for lack of a permission; the caller itself looks for parts of a
        batch that were refused.
    """
    is_refused = http_response.status_code >= 300
    errors = [parsed.get("Error", {})] if is_refused else parsed.get(_PARTS.get(model.name, ""), [])
    for error in errors:
        code = error.get("Code") or error.get("ErrorCode") or ""
        if _is_denied(code):
            message = error.get("Message") or error.get("ErrorMessage") or ""
            note_missing_permission(*_describe(code, message, model))
            break
    else:
        return
    if is_refused:
        raise MissingPermissionError


def _is_denied(code: str) -> bool:
    # An answer to HEAD has no body, only a status. Expired credentials and wrong signatures have
    # codes of their own, and are no missing permission.
    return "AccessDenied" in code or code.startswith("NotAuthorizedFor") or code == "403"


def _describe(code: str, message: str, model: Any) -> tuple[str, str, str]:
    service, name = model.service_model.signing_name, _ACTIONS.get(model.name, model.name)
    if named := _NAMED.search(message):
        service, said = named.groups()
        # SQS writes sqs:sendmessage.
        name = name if said.lower() == name.lower() else said
    elif _OF_A_KEY.search(f"{code} {message}"):
        service, name = "kms", "Decrypt"
    resource_type = _RESOURCE_TYPES.get(service, "resource")
    if service == "dynamodb" and "/index/" in message:
        resource_type = "index"
    if service == "s3" and "Bucket" in name:
        resource_type = "bucket"
    return service, f"{service}:{name}", resource_type
