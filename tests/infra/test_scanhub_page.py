"""docs/scanhub.md against the API and the template, and who may read the data lake in a browser."""

import json
import re
from fnmatch import fnmatchcase
from typing import Any

from tests.infra.conftest import ROOT, select

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


def substitute(text: str) -> str:
    values = {"Api": "abc123", "AWS::Region": "eu-central-1", "AWS::URLSuffix": "amazonaws.com"}
    for name, value in values.items():
        text = text.replace(f"${{{name}}}", value)
    return text


def test_host_of_the_proxy_is_that_of_the_api(template: dict[str, Any]) -> None:
    [host] = re.findall(r"set \$api (\S+);", PAGE)
    url = substitute(template["Outputs"]["ApiUrl"]["Value"]["Fn::If"][2]["Fn::Sub"])

    # What the proxy sends on is the path that it was asked for.
    assert url == f"https://{host}/api/v1/workflowmanager"


def test_console_reads_the_data_lake_from_both_of_its_addresses(
    template: dict[str, Any], resources: dict[str, Any]
) -> None:
    [bucket] = select(resources, "AWS::S3::Bucket").values()
    [rule] = bucket["CorsConfiguration"]["CorsRules"]
    [behind_the_gateway, own] = rule["AllowedOrigins"]
    url = substitute(template["Outputs"]["ApiUrl"]["Value"]["Fn::If"][2]["Fn::Sub"])

    assert behind_the_gateway == {"Ref": "WebOrigin"}
    pattern = substitute(own["Fn::Sub"])
    assert fnmatchcase(url.removesuffix("/api/v1/workflowmanager"), pattern)
    # S3 takes one star. To name the API would be a circle: it names the bucket.
    assert pattern.count("*") == 1
    assert not re.search(r"\bApi\b", json.dumps(bucket))
    assert not fnmatchcase("https://abc123.execute-api.eu-central-1.amazonaws.com.evil", pattern)
    # The page puts parts, whose tags it reads, and gets results; it deletes nothing there.
    assert (rule["AllowedMethods"], rule["ExposedHeaders"]) == (["GET", "PUT"], ["ETag"])
