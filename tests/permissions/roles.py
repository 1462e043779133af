"""What each function is allowed: the policies of its role and its boundary, without intrinsics."""

import re
from dataclasses import dataclass
from typing import Any

from tests.infra.conftest import PARAMETERS, translate
from tests.permissions.needs import ACCOUNT, CODE, REGION, SECRETS, Need, arn_of, key_needs

Statement = dict[str, Any]

MWAA = {"MwaaEnvironmentName": "scanhub", "AirflowUrl": "", "AirflowSecretArn": ""}
PARAMETER_SETS: dict[str, dict[str, str]] = {
    "URL": {},
    "MWAA": MWAA,
    "none": {"AirflowUrl": "", "AirflowSecretArn": "", "SimulateRuns": "true"},
    "VPC, canary, own key": {
        "SubnetIds": "subnet-a,subnet-b",
        "SecurityGroupIds": "sg-a",
        "DeploymentPreference": "Canary10Percent5Minutes",
        "KmsKeyArn": arn_of("kms", "key/DataKey"),
    },
}

ARNS = {
    "AWS::DynamoDB::Table": ("dynamodb", "table/{}"),
    "AWS::S3::Bucket": ("s3", "{}"),
    "AWS::SQS::Queue": ("sqs", "{}"),
    "AWS::KMS::Key": ("kms", "key/{}"),
    "AWS::Events::EventBus": ("events", "event-bus/{}"),
    "AWS::Logs::LogGroup": ("logs", "log-group:{}:*"),
}

# What SAM adds by name, as AWS had it in November 2026:
# https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
LOGS = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
NETWORK = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
]
POLL = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
TRACE = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
MANAGED = {
    "AWSLambdaBasicExecutionRole": LOGS,
    "AWSLambdaVPCAccessExecutionRole": LOGS + NETWORK,
    "AWSLambdaSQSQueueExecutionRole": LOGS + POLL,
    "AWSXrayWriteOnlyAccess": TRACE,
    "AWSXRayDaemonWriteAccess": TRACE,
}


@dataclass
class Role:
    """A function's role.

    Parameters
    ----------
    own
        Statements of the template, by the name of the policy that holds them.
    managed
        Statements of AWS's own policies.
    boundary
        Statements of which one must allow a call as well.
    implied
        What Lambda itself does in the function's name.
    """

    own: dict[str, list[Statement]]
    managed: list[Statement]
    boundary: list[Statement]
    implied: list[Need]


class Resolver:
    """Replaces the intrinsic functions of a translated template by values.

    Parameters
    ----------
    template
        As CloudFormation gets it.
    parameters
        Over the defaults.
    """

    def __init__(self, template: dict[str, Any], parameters: dict[str, str]) -> None:
        self._resources = template["Resources"]
        self._conditions = template["Conditions"]
        self._mappings = template.get("Mappings", {})
        defaults = {
            name: each["Default"]
            for name, each in template["Parameters"].items()
            if "Default" in each
        }
        self._parameters = defaults | parameters

    def resolve(self, value: Any) -> Any:
        """Return a value in which no intrinsic is left, and nothing that a condition leaves out."""
        if isinstance(value, list):
            found = [self.resolve(each) for each in value]
            return [each for each in found if each is not None]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(name, argument)] = value.items()
            if method := self._methods().get(name):
                return method(argument)
        return {name: self.resolve(each) for name, each in value.items()}

    def holds(self, name: str) -> bool:
        """Return whether a condition is met."""
        return bool(self.resolve(self._conditions[name]))

    def exists(self, name: str) -> bool:
        """Return whether a resource is created."""
        condition = self._resources[name].get("Condition")
        return condition is None or self.holds(condition)

    def _methods(self) -> dict[str, Any]:
        return {
            "Ref": self._ref,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::If": lambda given: self.resolve(given[1 if self.holds(given[0]) else 2]),
            "Fn::Join": lambda given: given[0].join(self._as_list(self.resolve(given[1]))),
            "Fn::Equals": lambda given: self.resolve(given[0]) == self.resolve(given[1]),
            "Fn::Not": lambda given: not self.resolve(given[0]),
            "Fn::And": lambda given: all(self.resolve(each) for each in given),
            "Fn::Or": lambda given: any(self.resolve(each) for each in given),
            "Condition": lambda given: self.holds(given) if isinstance(given, str) else given,
        }

    def _as_list(self, value: Any) -> list[str]:
        return value.split(",") if isinstance(value, str) else list(value)

    def _ref(self, name: str) -> Any:
        pseudo = {
            "AWS::Partition": "aws",
            "AWS::Region": REGION,
            "AWS::AccountId": ACCOUNT,
            "AWS::StackName": "stack",
            "AWS::NoValue": None,
        }
        if name in pseudo:
            return pseudo[name]
        return self._parameters.get(name, name)

    def _get_att(self, given: Any) -> str:
        name, attribute = given if isinstance(given, list) else given.split(".", 1)
        kind = self._resources[name]["Type"]
        if attribute == "Arn" and kind in ARNS:
            service, place = ARNS[kind]
            return arn_of(service, place.format(name))
        if (attribute, kind) == ("Id", "AWS::SecretsManager::Secret"):
            return arn_of("secretsmanager", f"secret:{name}")
        return f"{name}.{attribute}"

    def _sub(self, given: Any) -> str:
        text, values = (given, {}) if isinstance(given, str) else given

        def replace(match: re.Match[str]) -> str:
            name = match[1]
            if name in values:
                return str(self.resolve(values[name]))
            return str(self._get_att(name) if "." in name else self._ref(name))

        return re.sub(r"\$\{([^!}][^}]*)\}", replace, text)


def read_roles(parameters: dict[str, str]) -> dict[str, Role]:
    """Return every function's role, by the function's logical id."""
    secrets = {
        "AirflowSecretArn": SECRETS["AIRFLOW_SECRET_ARN"],
        "ServiceAccountSecretArn": SECRETS["SERVICE_ACCOUNT_SECRET_ARN"],
    }
    given = secrets | parameters
    template = translate(**given)
    resolver = Resolver(template, PARAMETERS | given)
    functions = {
        name: each["Properties"]
        for name, each in template["Resources"].items()
        if each["Type"] == "AWS::Lambda::Function"
    }
    return {
        name: read_role(name, properties, template["Resources"], resolver)
        for name, properties in functions.items()
    }


def read_role(
    name: str, function: dict[str, Any], resources: dict[str, Any], resolver: Resolver
) -> Role:
    [role_name, _] = function["Role"]["Fn::GetAtt"]
    role = resources[role_name]["Properties"]
    own = {
        each["PolicyName"]: statements_of(resolver.resolve(each["PolicyDocument"]))
        for each in role.get("Policies", [])
    }
    managed: list[Statement] = []
    for each in role.get("ManagedPolicyArns", []):
        arn = resolver.resolve(each)
        if arn is None:
            continue
        if arn in resources:
            document = resources[arn]["Properties"]["PolicyDocument"]
            own[arn] = statements_of(resolver.resolve(document))
        else:
            actions = MANAGED[arn.rpartition("/")[2]]
            managed.append({"Effect": "Allow", "Action": actions, "Resource": "*"})
    boundary_name = role["PermissionsBoundary"]["Ref"]
    document = resources[boundary_name]["Properties"]["PolicyDocument"]
    boundary = statements_of(resolver.resolve(document))
    return Role(own, managed, boundary, implied_needs(name, function, resources, resolver))


def statements_of(document: dict[str, Any]) -> list[Statement]:
    """Return statements whose actions and resources are lists."""
    return [
        each | {name: as_list(each[name]) for name in ("Action", "Resource")}
        for each in document["Statement"]
    ]


def as_list(value: Any) -> list[str]:
    return list(value) if isinstance(value, list) else [value]


def implied_needs(
    name: str, function: dict[str, Any], resources: dict[str, Any], resolver: Resolver
) -> list[Need]:
    """Return what Lambda needs to log, trace, poll and reach the network for a function.

    https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html
    """
    logs = resolver.resolve(resources["FunctionLogs"]["Properties"]) is not None
    actions = ["logs:CreateLogStream", "logs:PutLogEvents"] if logs else []
    needs = [
        Need(action, resolver.resolve({"Fn::GetAtt": ["FunctionLogs", "Arn"]}))
        for action in actions
    ]
    if function["TracingConfig"]["Mode"] == "Active":
        needs += [Need(action, "*") for action in TRACE]
    if resolver.resolve(function["VpcConfig"]) is not None:
        needs += [Need(action, "*") for action in NETWORK]
    for mapping in resources.values():
        if mapping["Type"] == "AWS::Lambda::EventSourceMapping" and names(mapping, name):
            needs += source_needs(resolver.resolve(mapping["Properties"]))
    return needs


def names(mapping: dict[str, Any], function: str) -> bool:
    target = mapping["Properties"]["FunctionName"]["Ref"]
    return bool(target == function or target.startswith(f"{function}Alias"))


STREAM = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]


def source_needs(mapping: dict[str, Any]) -> list[Need]:
    """Return what Lambda needs to poll a queue or a stream.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-permissions
    https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html
    """
    source = mapping["EventSourceArn"]
    if not source.endswith("StreamArn"):
        return [Need(action, source) for action in POLL]
    stream = arn_of("dynamodb", "table/StateTable/stream/2026-11-28T00:00:00.000")
    needs = [Need(action, stream) for action in STREAM] + [Need("dynamodb:ListStreams", "*")]
    needs += [
        Need(each.action, each.resource, each.context - frozenset(CODE.items()))
        for each in key_needs("dynamodb", "Decrypt")
    ]
    destination = mapping["DestinationConfig"]["OnFailure"]["Destination"]
    return [*needs, Need("sqs:SendMessage", destination)]
