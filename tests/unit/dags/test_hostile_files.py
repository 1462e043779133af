"""A stranger's file is refused with a sentence, or read as what it is, and opens no other file."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from local.phantom import simulate_acquisition
from scanhub_reconstruction.ismrmrd_file import read_ismrmrd
from scanhub_reconstruction.ismrmrd_process import read_ismrmrd_apart
from scanhub_reconstruction.model import RawData, RawDataError
from scanhub_reconstruction.scratch import Scratch
from tests.unit.dags.hostile_files import (
    ELEMENTS,
    MATRIX_SIZE,
    Decoys,
    Recipe,
    list_recipes,
    write_recipe,
)
from tests.unit.dags.opened_files import OpenedFiles

SENTENCE = re.compile(r"The [^/]+\.")


@pytest.fixture(scope="module")
def decoys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Decoys]:
    folder = tmp_path_factory.mktemp("decoys")
    os.mkfifo(folder / "fifo")
    simulate_acquisition(folder / "other_patient.h5", n_coils=3, matrix_size=MATRIX_SIZE)
    with (folder / "other_patient.h5").open("rb") as file:
        yield Decoys(folder, f"/proc/{os.getpid()}/fd/{file.fileno()}")


@pytest.fixture
def opened(decoys: Decoys) -> Iterator[OpenedFiles]:
    with OpenedFiles(decoys.folder) as opened:
        yield opened


def read_here(path: Path) -> RawData:
    """Read without what the kernel forbids the reader's process, so that an attempt is seen."""
    with tempfile.TemporaryFile() as scratch:
        return read_ismrmrd(path, Scratch(scratch.fileno(), room_bytes=2**24))


@pytest.mark.parametrize("recipe", list(list_recipes(n_random=120, seed=15)), ids=str)
def test_read_ismrmrd_reads_the_file_itself_or_nothing(
    tmp_path: Path, decoys: Decoys, opened: OpenedFiles, recipe: Recipe
) -> None:
    path, same = tmp_path / "raw", tmp_path / "same.h5"
    write_recipe(path, recipe, decoys)
    simulate_acquisition(same, n_coils=2, matrix_size=MATRIX_SIZE)
    opened.list_names()

    if recipe.is_honest:
        np.testing.assert_array_equal(read_here(path).kspace, read_here(same).kspace)
    else:
        with pytest.raises(RawDataError) as caught:
            read_here(path)
        assert SENTENCE.fullmatch(str(caught.value))

    assert opened.list_names() == []


@pytest.mark.parametrize("element", ELEMENTS)
def test_reader_process_opens_no_other_file(
    tmp_path: Path, decoys: Decoys, opened: OpenedFiles, element: str
) -> None:
    path = tmp_path / "raw"
    write_recipe(path, Recipe(links={element: "external by descriptor"}), decoys)

    with pytest.raises(RawDataError, match="links are not followed"):
        read_ismrmrd_apart(path)

    assert opened.list_names() == []


@pytest.mark.parametrize("link", ["external", "external by descriptor", "soft through external"])
def test_opened_files_sees_what_hdf5_opens_by_itself(
    tmp_path: Path, decoys: Decoys, opened: OpenedFiles, link: str
) -> None:
    path = tmp_path / "raw"
    write_recipe(path, Recipe(links={"dataset": link}), decoys)

    with h5py.File(path) as file:
        assert file["dataset"]["data"].size

    assert opened.list_names() == ["other_patient.h5"]


@pytest.mark.parametrize("place", ["dataset_1", "dataset_1/data", "dataset_1/xml"])
@pytest.mark.parametrize("has_noise_group", [False, True])
def test_a_group_of_another_name_is_not_looked_for_in_other_files(
    tmp_path: Path, decoys: Decoys, opened: OpenedFiles, place: str, has_noise_group: bool
) -> None:
    path = tmp_path / "raw"
    simulate_acquisition(path, n_coils=2, matrix_size=MATRIX_SIZE)
    with h5py.File(path, "r+") as file:
        file.move("dataset", "dataset_1")
        if has_noise_group:
            records = file["dataset_1/data"][:]
            records["head"]["flags"] = 1 << 18
            noise = file.create_group("dataset")
            noise.create_dataset("data", data=records, dtype=file["dataset_1/data"].dtype)
            file.copy("dataset_1/xml", noise)
        del file[place]
        other = place.replace("dataset_1", "dataset")
        file[place] = h5py.ExternalLink(str(decoys.measurement), f"/{other}")
    opened.list_names()

    with pytest.raises(RawDataError) as caught:
        read_here(path)

    assert SENTENCE.fullmatch(str(caught.value))
    assert opened.list_names() == []
