"""docs/scanhub.md against the API and the template."""

import json
import re
from typing import Any

from tests.infra.conftest import ROOT

PAGE = (ROOT / "docs/scanhub.md").read_text()
DOCUMENT = json.loads((ROOT / "functions/get_openapi/openapi.json").read_text())


def test_paths_of_the_page_are_the_apis() -> None:
    named = set(re.findall(r"/api/v1/workflowmanager(/[\w/{}]+)", PAGE))
    known = {f"{path.rstrip('/')}/" for path in DOCUMENT["paths"]}

    assert {"/dicom/", "/trigger_task/{task_id}/", "/health/readiness"} <= named
    assert [each for each in named if not any(k.startswith(each) for k in known)] == []


def test_parameters_of_the_page_are_the_templates(template: dict[str, Any]) -> None:
    named = set(re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)+)(?:=\w+)?`", PAGE))

    assert {"WebOrigin", "DeviceNetworks", "ServiceAccountSecretArn", "ApiUrl"} <= named
    assert named <= template["Parameters"].keys() | template["Outputs"].keys()


def test_host_of_the_proxy_is_that_of_the_api(template: dict[str, Any]) -> None:
    [host] = re.findall(r"set \$api (\S+);", PAGE)
    url = template["Outputs"]["ApiUrl"]["Value"]["Fn::If"][2]["Fn::Sub"]
    values = {"Api": "abc123", "AWS::Region": "eu-central-1", "AWS::URLSuffix": "amazonaws.com"}
    for name, value in values.items():
        url = url.replace(f"${{{name}}}", value)

    # What the proxy sends on is the path that it was asked for.
    assert url == f"https://{host}/api/v1/workflowmanager"
