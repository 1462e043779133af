"""What `sam local` makes of the template, by sam's own words."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from samcli.commands._utils.template import move_template
from samcli.commands.local.invoke.cli import cli as invoke
from samcli.commands.local.start_api.cli import cli as start_api
from samcli.lib.build.app_builder import ApplicationBuilder
from samcli.lib.providers.api_provider import ApiProvider
from samcli.lib.providers.sam_function_provider import SamFunctionProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider

from local.config import ROOT, StackConfig
from local.sam_local import make_options
from tests.infra.conftest import select, translate

# Of calls that sam itself makes.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
TEMPLATE = ROOT / "template.yaml"
BUILT_TYPES = ("AWS::Serverless::Function", "AWS::Serverless::LayerVersion")
PUBLIC = {
    "CheckReadinessFunction",
    "GetConsoleFunction",
    "GetOpenapiFunction",
    "LogInFunction",
    "ReceiveResultsFunction",
}
AUTHORIZER = "AuthorizeRequestFunction"
ALIAS = {"Ref": f"{AUTHORIZER}Aliaslive"}
COMMANDS = {"local_invoke": invoke, "local_start_api": start_api}
CONFIG = tomllib.loads((ROOT / "samconfig.toml").read_text())["default"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the template as `sam build` writes it, beside empty folders in place of the code."""
    folder = tmp_path_factory.mktemp("build")
    [stack], _ = SamLocalStackProvider.get_stacks(str(TEMPLATE))
    artefacts = {
        name: str(folder / name)
        for name, resource in stack.resources.items()
        if resource["Type"] in BUILT_TYPES
    }
    for artefact in artefacts.values():
        Path(artefact).mkdir()
    target = folder / "template.yaml"
    updated = ApplicationBuilder.update_template(stack, artefacts, {})
    move_template(str(TEMPLATE), str(target), updated)
    return target


@pytest.fixture(
    scope="module",
    params=[{}, {"AwsEndpointUrl": "http://172.17.0.1:18091", "Architecture": "x86_64"}],
    ids=["plain", "of-make-sam-local"],
)
def stacks(built: Path, request: pytest.FixtureRequest) -> list[Any]:
    found, _ = SamLocalStackProvider.get_stacks(str(built), parameter_overrides=request.param)
    return list(found)


def test_every_route_but_the_public_ones_has_the_authorizer(stacks: list[Any]) -> None:
    routes = ApiProvider(stacks).api.routes

    with_none = {route.function_name for route in routes if route.authorizer_object is None}
    authorizers = {route.authorizer_object.lambda_name for route in routes if route.authorizer_name}
    assert with_none == PUBLIC
    assert authorizers == {AUTHORIZER}


def test_every_function_and_its_authorizer_is_found(
    stacks: list[Any], functions: dict[str, Any]
) -> None:
    provider = SamFunctionProvider(stacks, ignore_code_extraction_warnings=True)

    assert {function.name for function in provider.get_all()} == set(functions)
    called = {route.function_name for route in ApiProvider(stacks).api.routes}
    assert all(provider.get(name) for name in {AUTHORIZER, *called})


def test_sam_can_give_a_function_its_endpoint(stacks: list[Any]) -> None:
    """Sam overrides those variables only that the template has."""
    hello = SamFunctionProvider(stacks, ignore_code_extraction_warnings=True).get("HelloFunction")

    assert hello
    assert "AWS_ENDPOINT_URL" in hello.environment["Variables"]


@pytest.mark.parametrize("endpoint_url", ["", "http://127.0.0.1:18091"])
@pytest.mark.parametrize("stack_name", ["scanhub-workflow-manager", "scanhub-prod"])
def test_deployed_authorizer_is_called_and_permitted_by_its_alias(
    endpoint_url: str, stack_name: str
) -> None:
    template = translate(AwsEndpointUrl=endpoint_url)
    [permission] = [
        each
        for name, each in select(template["Resources"], "AWS::Lambda::Permission").items()
        if "Authorizer" in name
    ]
    [api] = select(template["Resources"], "AWS::ApiGateway::RestApi").values()
    security = api["Body"]["securityDefinitions"]["UserAuthorizer"]
    uri = security["x-amazon-apigateway-authorizer"]["authorizerUri"]["Fn::Sub"][1]

    condition = template["Conditions"]["IsSamLocal"]
    assert choose(permission["FunctionName"], condition, stack_name) == ALIAS
    assert choose(uri["__FunctionArn__"], condition, stack_name) == ALIAS


def choose(value: dict[str, Any], condition: dict[str, Any], stack_name: str) -> Any:
    """Return what CloudFormation takes of an `Fn::If` on the name of the stack."""
    name, if_true, if_false = value["Fn::If"]
    assert name == "IsSamLocal"
    [reference, expected] = condition["Fn::Equals"]
    assert reference == {"Ref": "AWS::StackName"}
    return if_true if stack_name == expected else if_false


@pytest.mark.parametrize("command", COMMANDS)
def test_samconfig_says_what_make_sam_local_prints(command: str) -> None:
    config = StackConfig()
    settings = dict(CONFIG[command]["parameters"])
    known = {option.name for option in COMMANDS[command].params}

    assert set(settings) <= known
    shown = {
        name: " ".join(value) if isinstance(value, list) else value
        for name, value in settings.items()
    }
    shown.pop("warm_containers", None)
    options = dict(
        each.removeprefix("--").split(" ", 1)
        for each in make_options(config.sam_local_folder, config.build_folder / "template.yaml")
    )
    # Where none is named, sam takes the built one.
    assert options.pop("template-file") == ".aws-sam/build/template.yaml"
    assert {name.replace("-", "_"): value for name, value in options.items()} == shown
