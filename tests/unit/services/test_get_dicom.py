import pytest

from tests.fakes.ports import call
from tests.fakes.world import RECONSTRUCTION_ID, make_world
from workflow_manager.domain.errors import NeighbourRefusedError, NotFoundError
from workflow_manager.domain.exam import ResultType
from workflow_manager.services.get_dicom import get_dicom

FOLDER = "s3://data-lake/result/run-1"
KEY = "result/run-1/image.dcm"
UNKNOWN = "2f6d0c1e-5a77-4a43-9b0f-6a1d3f4c8e05"


@pytest.fixture
def world() -> "World":
    return World()


class World:
    """A hospital with an image in the data lake."""

    def __init__(self) -> None:
        self.ports = make_world()
        self.ports.lake.put(KEY, b"image", "application/dicom")

    def add(self, directory: str, filename: str, result_type: ResultType = ResultType.DICOM) -> str:
        """Tell exam-manager of a result, and return its id."""
        self.ports.exam.create_result(RECONSTRUCTION_ID, result_type, directory, filename)
        return self.ports.exam.tasks[RECONSTRUCTION_ID].results[-1].id

    def get(self, result_id: str) -> tuple[bytes, str, str]:
        return self.ports.lake.download(call(get_dicom, self.ports, result_id))


def test_get_dicom_leads_to_the_file_of_the_result(world: World) -> None:
    result_id = world.add(FOLDER, "image.dcm")
    assert world.get(result_id) == (
        b"image",
        'inline; filename="run-1-image.dcm"',
        "application/dicom",
    )


def test_get_dicom_leads_to_a_file_of_a_series_in_a_folder_of_its_own(world: World) -> None:
    world.ports.lake.put("result/run-1/series/b c.dcm", b"slice", "application/dicom")
    assert world.get(world.add(f"{FOLDER}/series", "b c.dcm"))[0] == b"slice"


@pytest.mark.parametrize("result_id", [UNKNOWN, "", "image-1", "..", "0" * 33, "a" * 64])
def test_get_dicom_knows_no_result_that_exam_manager_does_not(world: World, result_id: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        world.get(result_id)
    assert caught.value.detail == f"Could not find result with ID {result_id}."


@pytest.mark.parametrize(
    ("directory", "filename"),
    [
        ("", "pd"),
        ("/opt/airflow/data_lake", "image.dcm"),
        ("s3://another/result/run-1", "image.dcm"),
        ("s3://data-lake/result/run-1/../run-2", "image.dcm"),
        ("s3://data-lake/result/run-1", ".."),
        ("s3://data-lake/result", "image.dcm"),
        ("s3://data-lake/acquisition/workflow-1/task-1", "raw.h5"),
        ("s3://data-lake", "Jane Doe.dcm"),
        (FOLDER, ""),
        (FOLDER, "gone.dcm"),
        (FOLDER, "image"),
    ],
)
def test_get_dicom_signs_no_url_of_anything_but_a_result_in_the_data_lake(
    world: World, directory: str, filename: str
) -> None:
    for key in (
        f"{directory}/{filename}".removeprefix("s3://data-lake/"),
        "result/run-2/image.dcm",
    ):
        if filename not in {"gone.dcm", "image"}:
            world.ports.lake.put(key, b"another's", "application/dicom")
    result_id = world.add(directory, filename)

    with pytest.raises(NotFoundError) as caught:
        world.get(result_id)

    assert caught.value.detail == f"Could not find DICOM file of result with ID: {result_id}."


def test_get_dicom_shows_nothing_that_is_no_dicom_file(world: World) -> None:
    result_id = world.add(FOLDER, "image.dcm", ResultType.MRD)
    with pytest.raises(NotFoundError, match="Could not find DICOM file"):
        world.get(result_id)


def test_get_dicom_shows_no_image_that_was_erased(world: World) -> None:
    result_id = world.add(FOLDER, "image.dcm")
    world.ports.lake.delete_prefix("result/run-1/")
    with pytest.raises(NotFoundError, match="Could not find DICOM file"):
        world.get(result_id)


def test_get_dicom_takes_no_other_refusal_for_an_unknown_result(world: World) -> None:
    world.ports.exam.fail_with["get_result"] = NeighbourRefusedError("Failed", 401)
    with pytest.raises(NeighbourRefusedError):
        world.get(UNKNOWN)


@pytest.mark.parametrize(
    ("file_name", "body"),
    [("1.dcm", b"first"), ("series_2.dcm", b"second"), (None, b"first")],
)
def test_of_a_result_of_several_files_the_named_one_is_shown(
    world: World, file_name: str | None, body: bytes
) -> None:
    result_id = add_series(world)
    url = call(get_dicom, world.ports, result_id, file_name)
    assert world.ports.lake.download(url)[0] == body


@pytest.mark.parametrize(
    "file_name", ["series/2.dcm", "quality.json", "../run-2/x.dcm", "3.dcm", ""]
)
def test_a_file_that_is_none_of_the_results_images_is_not_shown(
    world: World, file_name: str
) -> None:
    with pytest.raises(NotFoundError):
        call(get_dicom, world.ports, add_series(world), file_name)


def add_series(world: World) -> str:
    files = {"1.dcm": b"first", "series/2.dcm": b"second", "quality.json": b"{}"}
    for name, body in files.items():
        world.ports.lake.put(f"result/run-1/{name}", body, "application/dicom")
    result_id = world.add(FOLDER, "1.dcm")
    task = world.ports.exam.tasks[RECONSTRUCTION_ID]
    listed = task.results[-1].model_copy(update={"files": tuple(files)})
    changes = {"results": [*task.results[:-1], listed]}
    world.ports.exam.tasks[RECONSTRUCTION_ID] = task.model_copy(update=changes)
    return result_id
