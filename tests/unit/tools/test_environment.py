"""samconfig.toml in every form that sam takes."""

from pathlib import Path

import pytest

from local.config import StackError
from tools.environment import read_environment

WANTED = {"SimulateRuns": "true", "WebOrigin": "https://a.test/?b=c", "SubnetIds": "a,b"}


def write(folder: Path, overrides: str, section: str = "deploy") -> Path:
    path = folder / "samconfig.toml"
    text = f"""version = 0.1
[dev.global.parameters]
stack_name = "stack-dev"
region = "eu-central-1"
[dev.{section}.parameters]
parameter_overrides = {overrides}
profile = "clinic"
"""
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "overrides",
    [
        '["SimulateRuns=true", "WebOrigin=https://a.test/?b=c", "SubnetIds=a,b"]',
        # As `sam deploy --guided` writes it.
        r'"SimulateRuns=\"true\" WebOrigin=\"https://a.test/?b=c\" SubnetIds=\"a,b\""',
        '{SimulateRuns = "true", WebOrigin = "https://a.test/?b=c", SubnetIds = "a,b"}',
        '["ParameterKey=SimulateRuns,ParameterValue=true",'
        ' "ParameterKey=WebOrigin,ParameterValue=https://a.test/?b=c",'
        ' "ParameterKey=SubnetIds,ParameterValue=a,b"]',
    ],
)
def test_each_form_is_read(tmp_path: Path, overrides: str) -> None:
    environment = read_environment("dev", write(tmp_path, overrides))
    assert environment.overrides == WANTED
    assert (environment.stack_name, environment.region, environment.profile) == (
        "stack-dev",
        "eu-central-1",
        "clinic",
    )


@pytest.mark.parametrize("name", ["", "production", "version"])
def test_unknown_environment_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(StackError, match="TO=name, with one of default, dev, staging, prod"):
        read_environment(name)


@pytest.mark.parametrize("overrides", ['["SimulateRuns"]', '["=true"]', '"a b"'])
def test_what_is_no_parameter_is_refused(tmp_path: Path, overrides: str) -> None:
    with pytest.raises(StackError, match="Name=value"):
        read_environment("dev", write(tmp_path, overrides))


@pytest.mark.parametrize("text", ["[dev", "[dev.deploy.parameters]\nregion = 'x'\n", None])
def test_file_that_says_nothing_is_refused(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "samconfig.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(StackError, match=r"samconfig\.toml"):
        read_environment("dev", path)
