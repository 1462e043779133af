"""Which orchestrator a deployment's settings choose."""

from collections.abc import Iterator

import pytest

from workflow_manager import settings, wiring
from workflow_manager.orchestrators import pace
from workflow_manager.orchestrators.absent import NoOrchestrator
from workflow_manager.orchestrators.airflow_rest import AirflowRestOrchestrator
from workflow_manager.orchestrators.mwaa import MwaaOrchestrator
from workflow_manager.settings import Settings

REST = {"AIRFLOW_URL": "http://airflow.invalid", "AIRFLOW_SECRET_ARN": "arn:secret"}
MWAA = {"MWAA_ENVIRONMENT_NAME": "scanhub", "AWS_DEFAULT_REGION": "eu-central-1"}
EMPTY = {"AIRFLOW_URL": "", "AIRFLOW_SECRET_ARN": "", "MWAA_ENVIRONMENT_NAME": ""}


@pytest.fixture(autouse=True)
def _clear_caches() -> Iterator[None]:
    cached = (settings.get_settings, wiring._orchestrator, wiring._http_client)
    for function in cached:
        function.cache_clear()
    yield
    for function in cached:
        function.cache_clear()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (EMPTY, NoOrchestrator),
        (REST, AirflowRestOrchestrator),
        (REST | {"AIRFLOW_API_VERSION": "v1"}, AirflowRestOrchestrator),
        (MWAA | {"AIRFLOW_URL": ""}, MwaaOrchestrator),
    ],
)
def test_orchestrator_is_what_the_environment_names(
    variables: dict[str, str], expected: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    orchestrator = wiring.build_orchestrator()
    assert type(orchestrator) is expected
    assert settings.get_settings().has_orchestrator is (expected is not NoOrchestrator)


@pytest.mark.parametrize("where", [REST, MWAA])
def test_orchestrator_keeps_the_pace_of_the_settings(
    where: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (where | {"AIRFLOW_REQUEST_INTERVAL_S": "0.1"}).items():
        monkeypatch.setenv(name, value)
    built: list[float] = []
    monkeypatch.setattr(pace, "Pace", built.append)
    assert wiring.build_orchestrator()
    assert built == [0.1]


def test_settings_refuse_an_unknown_api_version() -> None:
    with pytest.raises(ValueError, match="airflow_api_version"):
        Settings.model_validate({"airflow_api_version": "v3"})
