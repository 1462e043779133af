"""What AWS answers to calls that lack a permission, service by service.

Forms and words are those of AWS's documentation and of error messages that people have quoted.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.fakes.aws_wire import WireAnswer, in_json, in_rest_json, in_xml
from workflow_manager.aws import AwsService

Call = Callable[[Any], object]


@dataclass(frozen=True)
class Denial:
    """A call, what AWS answers to it, and what an operator must be told."""

    service: AwsService
    call: Call
    answer: WireAnswer
    action: str
    resource_type: str

    def __str__(self) -> str:
        return f"{self.service} {self.action} {self.resource_type}"

    @property
    def told(self) -> dict[str, str]:
        """The fields of the line in the log."""
        service = self.action.partition(":")[0]
        return {"service": service, "action": self.action, "resource_type": self.resource_type}


def ask(operation: str, **request: Any) -> Call:
    return lambda client: getattr(client, operation)(**request)


OF_ACCOUNT = "eu-central-1:123456789012"
TABLE = f"arn:aws:dynamodb:{OF_ACCOUNT}:table/state"
BUCKET = "arn:aws:s3:::data-lake"
# A bucket may hold what somebody has dropped there by hand, under any name.
KEY = "upload/Jane Doe have dynamodb:GetItem/index/scan.h5"
KMS_KEY = f"arn:aws:kms:{OF_ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
QUEUE = f"arn:aws:sqs:{OF_ACCOUNT}:events"
SECRET = f"arn:aws:secretsmanager:{OF_ACCOUNT}:secret:airflow-AbCdEf"
BUS = f"arn:aws:events:{OF_ACCOUNT}:event-bus/scanhub"
AIRFLOW_ROLE = f"arn:aws:airflow:{OF_ACCOUNT}:role/scanhub/Op"

ITEM = {"PK": {"S": "WORKFLOW#1"}, "SK": {"S": "WORKFLOW"}}
PUT = {"Put": {"TableName": "state", "Item": ITEM}}
OF_INDEX = {"TableName": "state", "IndexName": "due-index"}
OF_OBJECT = {"Bucket": "data-lake", "Key": KEY}
OF_UPLOAD = {**OF_OBJECT, "UploadId": "u"}
ENTRY = {"Source": "scanhub", "DetailType": "task.claim", "Detail": "{}"}
GET_ITEM = ask("get_item", TableName="state", Key=ITEM)
QUERY = ask("query", **OF_INDEX, KeyConditionExpression="due = :due")
READ = ask("batch_get_item", RequestItems={"state": {"Keys": [ITEM]}})
WRITE = ask("transact_write_items", TransactItems=[PUT, PUT])
GET_OBJECT = ask("get_object", **OF_OBJECT, VersionId="v1")
HEAD_OBJECT = ask("head_object", **OF_OBJECT)
LIST_OBJECTS = ask("list_objects_v2", Bucket="data-lake", Prefix="result/")
LIST_PARTS = ask("list_parts", **OF_UPLOAD)
BEGIN = ask("create_multipart_upload", **OF_OBJECT)
COMPLETE = ask("complete_multipart_upload", **OF_UPLOAD, MultipartUpload={"Parts": []})
DELETE = ask("delete_objects", Bucket="data-lake", Delete={"Objects": [{"Key": KEY}]})
SEND = ask("send_message", QueueUrl="https://sqs.test/123456789012/events", MessageBody="{}")
GET_SECRET = ask("get_secret_value", SecretId="airflow")
PUT_EVENTS = ask("put_events", Entries=[ENTRY, ENTRY])
INVOKE = ask("invoke_rest_api", Name="scanhub", Path="/dags", Method="GET")

NO_ACCESS = "AccessDeniedException"
CIPHERTEXT = (
    "The ciphertext refers to a customer master key that does not exist, does not exist in this "
    "region, or you are not allowed to access. (Service: AWSKMS; Status Code: 400; Error Code: "
    "AccessDeniedException)"
)
KMS = "KMS key access denied error: "


def no_policy(action: str, resource: str, reason: str = "") -> str:
    """Return AWS's words where no policy allows something."""
    user = "arn:aws:sts::123456789012:assumed-role/scanhub-GetWorkflowFunctionRole-1/scanhub-Get-2"
    reason = reason or f"because no identity-based policy allows the {action} action"
    return f"User: {user} is not authorized to perform: {action} on resource: {resource} {reason}"


def of_table(call: Call, message: str, action: str, resource_type: str = "table") -> Denial:
    return Denial("dynamodb", call, in_json(NO_ACCESS, message), action, resource_type)


def of_lake(call: Call, message: str, action: str, resource_type: str, status: int = 403) -> Denial:
    return Denial("s3", call, in_xml("AccessDenied", message, status), action, resource_type)


_GET, _PUT = "dynamodb:GetItem", "dynamodb:PutItem"
_BOUNDARY = f"because no permissions boundary allows the {_GET} action"
_ORGANIZATION = "with an explicit deny in a service control policy"
_SEND, _GET_SECRET, _PUT_EVENTS = (
    "sqs:sendmessage",
    "secretsmanager:GetSecretValue",
    "events:PutEvents",
)
_INVOKE = {"Message": no_policy("airflow:InvokeRestApi", AIRFLOW_ROLE)}
_DATA_KEY = no_policy("kms:GenerateDataKey", KMS_KEY)
_ON_CIPHERTEXT = "the resource associated with this ciphertext"
DENIALS = [
    of_table(GET_ITEM, no_policy(_GET, TABLE), _GET),
    of_table(GET_ITEM, no_policy(_GET, TABLE, _BOUNDARY), _GET),
    of_table(GET_ITEM, no_policy(_GET, TABLE, _ORGANIZATION), _GET),
    of_table(READ, no_policy("dynamodb:BatchGetItem", TABLE), "dynamodb:BatchGetItem"),
    of_table(QUERY, no_policy("dynamodb:Query", f"{TABLE}/index/x"), "dynamodb:Query", "index"),
    # A transaction is asked for item by item, and is then not "cancelled".
    of_table(WRITE, no_policy(_PUT, TABLE), _PUT),
    of_table(WRITE, "", _PUT),
    # What the table's key refuses.
    of_table(GET_ITEM, f"{KMS}com.amazonaws.AWSKMSException: {CIPHERTEXT}", "kms:Decrypt", "key"),
    of_table(GET_ITEM, KMS + no_policy("kms:Decrypt", KMS_KEY), "kms:Decrypt", "key"),
    of_lake(
        GET_OBJECT,
        no_policy("s3:GetObjectVersion", f'"{BUCKET}/{KEY}"'),
        "s3:GetObjectVersion",
        "object",
    ),
    # Who may not list is not told that an object is gone.
    of_lake(GET_OBJECT, no_policy("s3:ListBucket", f'"{BUCKET}"'), "s3:ListBucket", "bucket"),
    of_lake(GET_OBJECT, no_policy("kms:Decrypt", _ON_CIPHERTEXT), "kms:Decrypt", "key"),
    of_lake(BEGIN, _DATA_KEY, "kms:GenerateDataKey", "key"),
    of_lake(BEGIN, "Access Denied", "s3:PutObject", "object"),
    of_lake(LIST_OBJECTS, "Access Denied", "s3:ListBucket", "bucket"),
    of_lake(LIST_PARTS, "Access Denied", "s3:ListMultipartUploadParts", "object"),
    # After the first byte of its answer, S3 can say so in the body only.
    of_lake(COMPLETE, "Access Denied", "s3:PutObject", "object", 200),
    # An answer to HEAD has no body.
    Denial("s3", HEAD_OBJECT, WireAnswer(403), "s3:GetObject", "object"),
    # SQS names its actions in small letters.
    Denial(
        "sqs",
        SEND,
        in_json(NO_ACCESS, no_policy(_SEND, QUEUE), 403, "AccessDenied"),
        "sqs:SendMessage",
        "queue",
    ),
    Denial("sqs", SEND, in_json(NO_ACCESS, no_policy(_SEND, QUEUE)), "sqs:SendMessage", "queue"),
    Denial(
        "sqs",
        SEND,
        in_json("KmsAccessDenied", CIPHERTEXT, 400, "KMS.AccessDeniedException"),
        "kms:Decrypt",
        "key",
    ),
    Denial(
        "secretsmanager",
        GET_SECRET,
        in_json(NO_ACCESS, no_policy(_GET_SECRET, SECRET)),
        _GET_SECRET,
        "secret",
    ),
    Denial(
        "secretsmanager",
        GET_SECRET,
        in_json(NO_ACCESS, "Access to KMS is not allowed"),
        "kms:Decrypt",
        "key",
    ),
    Denial(
        "events",
        PUT_EVENTS,
        in_json(NO_ACCESS, no_policy(_PUT_EVENTS, BUS)),
        _PUT_EVENTS,
        "event bus",
    ),
    Denial(
        "mwaa",
        INVOKE,
        in_rest_json(NO_ACCESS, _INVOKE, 403),
        "airflow:InvokeRestApi",
        "environment",
    ),
]


def refuse_entry(code: str) -> Denial:
    entries = [{"EventId": "1"}, {"ErrorCode": code, "ErrorMessage": "No."}]
    body = json.dumps({"FailedEntryCount": 1, "Entries": entries})
    return Denial("events", PUT_EVENTS, WireAnswer(200, body.encode()), _PUT_EVENTS, "event bus")


def refuse_key() -> Denial:
    message = no_policy("s3:DeleteObjectVersion", f"{BUCKET}/{KEY}")
    error = f"<Key>{KEY}</Key><Code>AccessDenied</Code><Message>{message}</Message>"
    body = f"<DeleteResult><Error>{error}</Error></DeleteResult>"
    return Denial("s3", DELETE, WireAnswer(200, body.encode()), "s3:DeleteObjectVersion", "object")


# Calls that succeed, and of which a part is refused.
IN_PART = [
    refuse_entry(NO_ACCESS),
    refuse_entry("NotAuthorizedForSourceException"),
    refuse_entry("NotAuthorizedForDetailTypeException"),
    refuse_key(),
]

_OF_AIRFLOW = {"RestApiStatusCode": 403, "RestApiResponse": {}}
# Refusals that no policy mends.
OTHER_REFUSALS: list[tuple[AwsService, Call, WireAnswer]] = [
    ("dynamodb", GET_ITEM, in_json("ExpiredTokenException", "The security token is expired.")),
    ("dynamodb", GET_ITEM, in_json("UnrecognizedClientException", "The token is invalid.")),
    ("dynamodb", GET_ITEM, in_json("InvalidSignatureException", "The signature is not ours.")),
    ("dynamodb", GET_ITEM, in_json("ResourceNotFoundException", "Requested resource not found")),
    ("s3", GET_OBJECT, in_xml("InvalidAccessKeyId", "The key does not exist in our records.")),
    ("s3", GET_OBJECT, in_xml("SignatureDoesNotMatch", "The signature does not match.")),
    ("s3", GET_OBJECT, in_xml("RequestTimeTooSkewed", "The difference is too large.")),
    ("s3", GET_OBJECT, in_xml("InvalidObjectState", "The object is archived.")),
    ("s3", GET_OBJECT, in_xml("NoSuchKey", "The specified key does not exist.", 404)),
    ("s3", HEAD_OBJECT, WireAnswer(404)),
    ("sqs", SEND, in_json("KmsDisabled", f"{KMS_KEY} is disabled.")),
    ("secretsmanager", GET_SECRET, in_json("DecryptionFailure", "KMS cannot decrypt it.")),
    # Airflow's own word, which its adapter looks at.
    ("mwaa", INVOKE, in_rest_json("RestApiClientException", _OF_AIRFLOW, 400)),
]
