"""What the stack tells its clients, and how it comes down."""

import json
from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest

from local import stack
from local.aws import make_parameters
from local.config import StackConfig, StackError
from local.scanhub import DEFAULT_CONTRACT
from local.state import AirflowSecrets, Stack, read_stack, write_stack
from tools.build import digest_inputs

KEYS = [
    "api_url",
    "aws_endpoint_url",
    "region",
    "bucket",
    "table",
    "queue_url",
    "dlq_url",
    "airflow_url",
    "airflow_username",
    "airflow_password",
    "scanhub_url",
    "scanhub_contract",
    "username",
    "password",
    "token",
    "workflow_id",
    "log_dir",
    "dags_folders",
]


@pytest.fixture
def config(tmp_path: Path) -> StackConfig:
    # Ports nobody listens on: these tests must not see a stack that the developer has up
    return StackConfig(folder=tmp_path, scanhub_port=1, aws_port=2, airflow_port=3)


@pytest.fixture
def description() -> Stack:
    return Stack(**{field.name: f"the-{field.name}" for field in fields(Stack)})


def test_stack_file_has_exactly_the_agreed_keys(config: StackConfig, description: Stack) -> None:
    write_stack(description, config)

    assert list(json.loads(config.stack_file.read_text())) == KEYS
    assert read_stack(config) == description


def test_stack_file_is_for_its_owner_only(config: StackConfig, description: Stack) -> None:
    config.stack_file.touch(mode=0o644)

    write_stack(description, config)

    assert config.stack_file.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in config.folder.iterdir()] == ["stack.json"]


def test_stack_does_not_show_its_secrets(description: Stack) -> None:
    assert not {"the-password", "the-token", "the-airflow_password"} & set(
        repr(description).split("'")
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [(None, "not up"), ("{", "damaged"), ("{}", "this version"), ('["a"]', "this version")],
)
def test_read_stack_says_what_to_do_when_there_is_none(
    config: StackConfig, text: str | None, reason: str
) -> None:
    if text is not None:
        config.stack_file.write_text(text)

    with pytest.raises(StackError, match=f"{reason}.*make up"):
        read_stack(config)


def test_down_is_idempotent_and_removes_secrets(
    config: StackConfig, description: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    write_stack(description, config)
    AirflowSecrets.generate().write(config.folder)

    stack.down(config)
    stack.down(config)

    assert list(config.folder.iterdir()) == []
    assert capsys.readouterr().out == "Nothing was running.\n" * 2


def test_down_keeps_data_and_reset_deletes_them(config: StackConfig, description: Stack) -> None:
    write_stack(description, config)
    kept = config.data_folder / "aws" / "state" / "dynamodb.json"
    kept.parent.mkdir(parents=True)
    kept.touch()

    stack.down(config)
    assert kept.exists()

    stack.reset(config)
    stack.reset(config)
    assert list(config.folder.iterdir()) == []


def test_up_says_that_the_stack_does_not_read_a_folder_of_dags(
    config: StackConfig, description: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a stack that is up and reads two folders
    monkeypatch.setattr(stack, "is_up", lambda _: True)
    read, other = tmp_path / "read", tmp_path / "other"
    description = replace(description, dags_folders=f"/project/dags:{read}")
    write_stack(description, config)
    # When it is asked for one of them, or for none; then it is the same stack
    assert stack.up(replace(config, own_dags_folder=read)) == description
    assert stack.up(config) == description
    # When it is asked for another; then the user learns what to do
    with pytest.raises(StackError, match=r"other.*make down"):
        stack.up(replace(config, own_dags_folder=other))


def test_up_says_that_the_stack_speaks_another_contract(
    config: StackConfig, description: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack, "is_up", lambda _: True)
    description = replace(description, scanhub_contract="2026-02")
    write_stack(description, config)
    for asked in (None, "2026-02"):
        assert stack.up(replace(config, scanhub_contract=asked)) == description
    with pytest.raises(StackError, match="speaks 2026-02: make down"):
        stack.up(replace(config, scanhub_contract="2025-03"))


def test_up_names_the_way_out_when_kept_data_may_be_the_cause(
    config: StackConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a stack that does not start
    def fail(*_: object) -> None:
        raise StackError("It does not start.")

    monkeypatch.setattr("local.lifecycle._start_all", fail)
    # When nothing was kept; then the user is told nothing about it
    with pytest.raises(StackError, match=r"^It does not start\.$"):
        stack.up(config)
    # When something was; then that it may be the cause, and it is kept all the same
    config.data_folder.mkdir()
    with pytest.raises(StackError, match="make reset"):
        stack.up(config)
    assert config.data_folder.exists()


def test_up_starts_nothing_when_a_port_is_taken(
    config: StackConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: StackConfig) -> None:
        raise StackError("port 1 is taken")

    monkeypatch.setattr("local.lifecycle.check_ports", refuse)

    with pytest.raises(StackError, match="port 1"):
        stack.up(config)

    assert list((config.folder / "run").iterdir()) == []


def test_status_fails_when_the_stack_is_down(
    config: StackConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not stack.print_status(config)
    assert "not up" in capsys.readouterr().out


def test_start_service_refuses_what_cannot_come_back_alone(config: StackConfig) -> None:
    with pytest.raises(StackError, match="make up"):
        stack.start_service("aws", config)
    with pytest.raises(StackError, match="make up"):
        stack.start_service("airflow", config)


def test_airflow_secrets_are_kept_for_a_restart(config: StackConfig) -> None:
    secrets = AirflowSecrets.generate()
    secrets.write(config.folder)

    assert asdict(AirflowSecrets.read(config.folder)) == asdict(secrets)
    assert AirflowSecrets.generate().password != secrets.password


def test_make_parameters_passes_arns_but_no_secret() -> None:
    arns = {"AirflowSecretArn": "arn:a", "ServiceAccountSecretArn": "arn:b"}

    parameters = make_parameters(StackConfig(), arns)

    assert "AirflowSecretArn=arn:a" in parameters
    assert "DeviceManagerUri=http://127.0.0.1:18090" in parameters
    assert not any("password" in parameter.lower() for parameter in parameters)


@pytest.mark.parametrize("contract", [None, "2026-02"])
def test_make_parameters_names_the_contract_that_is_asked_for(contract: str | None) -> None:
    parameters = make_parameters(StackConfig(scanhub_contract=contract), {})
    named = [text for text in parameters if text.startswith("ScanHubContract=")]
    # What is left out keeps its value of the deployment before.
    assert named == [f"ScanHubContract={contract or DEFAULT_CONTRACT}"]


def test_digest_inputs_follows_the_sources(tmp_path: Path) -> None:
    template, handler = tmp_path / "template.yaml", tmp_path / "functions" / "hello" / "app.py"
    handler.parent.mkdir(parents=True)
    template.write_text("Resources: {}")
    handler.write_text("1")
    before = digest_inputs(template)

    cache = handler.parent / "__pycache__" / "app.pyc"
    cache.parent.mkdir()
    cache.write_text("bytecode")
    assert digest_inputs(template) == before

    handler.write_text("2")
    assert digest_inputs(template) != before
