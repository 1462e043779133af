"""Raw data of one's own: large files in parts, small ones in the request itself."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest

from local.config import DAG_ID
from local.phantom import simulate_acquisition, simulate_kspace
from tests.e2e.laptop import Json, Laptop

MIB = 2**20


def write_ismrmrd(folder: Path) -> Path:
    path = folder / "measurement.h5"
    simulate_acquisition(path, n_coils=16)
    return path


def write_npy(folder: Path) -> Path:
    path = folder / "kspace.npy"
    np.save(path, simulate_kspace(n_coils=17, matrix_size=(256, 512), oversampling=1.0))
    return path


def read_image_shape(laptop: Laptop, run: Json) -> tuple[int, int]:
    (result,) = run["results"]
    image = pydicom.dcmread(io.BytesIO(laptop.read_object(result["key"])))
    n_rows, n_columns = image.pixel_array.shape
    return n_rows, n_columns


@pytest.mark.parametrize(
    ("write", "image_shape"),
    [(write_ismrmrd, (256, 256)), (write_npy, (256, 512))],
    ids=["ismrmrd", "npy"],
)
def test_complete_upload_starts_the_named_dag_when_parts_have_arrived(
    laptop: Laptop, tmp_path: Path, write: Callable[[Path], Path], image_shape: tuple[int, int]
) -> None:
    # Given raw data that is larger than one part
    path = write(tmp_path)
    assert path.stat().st_size > 16 * MIB
    # When it is uploaded for a DAG
    done = laptop.client.upload(path, dag_id=DAG_ID)
    # Then a run of that DAG makes an image of it
    assert laptop.client.get_upload(done.upload_id).n_parts >= 2
    run = laptop.wait_for_run(str(done.dag_run_id), "SUCCEEDED")
    assert (run["workflow_id"], run["progress"]) == (None, 100)
    assert read_image_shape(laptop, run) == image_shape


def test_upload_and_trigger_starts_a_run_when_the_file_is_small(
    laptop: Laptop, small_kspace: bytes
) -> None:
    # Given a small .npy file; when it is sent in the request itself
    answer = laptop.upload_and_trigger(small_kspace)
    # Then the answer says where to see its run, and the run makes an image of it
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    path = f"/v1/workflowmanager/dag_runs/{data['dag_run_id']}/"
    assert data["status_url"].endswith(path)
    run = laptop.wait_for_run(data["dag_run_id"], "SUCCEEDED")
    assert read_image_shape(laptop, run) == (64, 64)


def test_upload_and_trigger_points_to_uploads_when_the_file_is_too_large(laptop: Laptop) -> None:
    # Given a file of one byte more than 4 MiB; when it is sent in the request itself
    answer = laptop.upload_and_trigger(bytes(4 * MIB + 1))
    # Then it is refused with the way to go
    assert answer.status_code == 413
    assert "/uploads/" in answer.json()["detail"]


@pytest.mark.parametrize("name", ["../raw.npy", "raw\n.npy", " "])
def test_create_upload_refuses_a_file_name_that_is_no_plain_name(laptop: Laptop, name: str) -> None:
    # Given a name that is a path, holds a control character or is blank; when an upload is asked
    body = {"dag_id": "cartesian_reconstruction", "file_name": name, "size_bytes": 1}
    answer = laptop.api.post("/uploads/", json=body)
    # Then it is refused with what is wrong
    assert answer.status_code == 422
    assert "name" in answer.json()["detail"]
