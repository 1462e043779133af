import io
from typing import Any

import pytest

from tests.fakes.ports import MemoryPorts
from tests.fakes.world import RECONSTRUCTION_ID
from tests.unit.functions.conftest import Invoke, load_event, read_body
from workflow_manager.domain.exam import ResultType

KEY = "result/run-1/image.dcm"


def ask(result_id: str) -> dict[str, Any]:
    path = f"/v1/workflowmanager/dicom/{result_id}"
    return load_event("get_dicom", "success") | {"path": path}


@pytest.fixture
def result_id(world: MemoryPorts) -> str:
    world.lake.put(KEY, b"image", "application/dicom")
    folder = "s3://data-lake/result/run-1"
    world.exam.create_result(RECONSTRUCTION_ID, ResultType.DICOM, folder, "image.dcm")
    return world.exam.tasks[RECONSTRUCTION_ID].results[0].id


@pytest.mark.parametrize("form", [str, str.upper, lambda text: f"{text}/"])
def test_get_dicom_leads_a_viewer_to_the_image(
    invoke: Invoke, world: MemoryPorts, log: io.StringIO, result_id: str, form: Any
) -> None:
    answer = invoke("get_dicom", ask(form(result_id)))

    headers = answer["headers"]
    assert (answer["statusCode"], answer["body"]) == (302, "")
    assert world.lake.download(headers["location"])[0] == b"image"
    # Whoever has the URL needs no token: no cache, page or log may keep it.
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["location"] not in log.getvalue()


def test_get_dicom_asks_for_a_user(invoke: Invoke, result_id: str) -> None:
    event = ask(result_id)
    event["requestContext"].pop("authorizer")

    answer = invoke("get_dicom", event)

    assert answer["statusCode"] == 401
    assert "location" not in answer["headers"]


def test_get_dicom_answers_404_in_scanhubs_words(invoke: Invoke) -> None:
    unknown = "2f6d0c1e-5a77-4a43-9b0f-6a1d3f4c8e05"
    for each in (unknown, "image-1"):
        answer = invoke("get_dicom", ask(each))
        assert answer["statusCode"] == 404
        assert read_body(answer)["detail"] == f"Could not find result with ID {each}."


@pytest.mark.parametrize("malformed", ["x" * 65, "%ff", "a%00b", "é"])
def test_get_dicom_finds_nothing_by_what_is_no_id(invoke: Invoke, malformed: str) -> None:
    assert invoke("get_dicom", ask(malformed))["statusCode"] == 404
