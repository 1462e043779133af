"""What a file costs is bounded by its size, whatever it announces, and by the kernel in the end."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import pytest
from ismrmrd import hdf5

from local.phantom import simulate_acquisition
from tests.unit.dags.bombs import BOMBS

MIB = 2**20
ROOT = Path(__file__).resolve().parents[3]
SENTENCE = re.compile(r"The [^/]+\.")
# What ends the reader's process; the task makes a sentence of each.
ENDS = (0, -signal.SIGSEGV, -signal.SIGBUS, -signal.SIGABRT, -signal.SIGFPE, -signal.SIGXCPU)


def read_in_forks(folder: Path, names: list[str]) -> dict[str, dict[str, Any]]:
    environment = {"PYTHONPATH": f"{ROOT}:{ROOT / 'dags'}", "OPENBLAS_NUM_THREADS": "1"}
    output = subprocess.run(  # noqa: S603 - our own words, no shell
        [sys.executable, "-m", "tests.unit.dags.read_in_forks", *names],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    ).stdout
    return dict(zip(names, map(json.loads, output.splitlines()), strict=True))


def check_end(end: dict[str, Any], n_bytes: int) -> None:
    assert end["status"] in ENDS
    assert end["peak_bytes"] < 400 * MIB + 4 * n_bytes
    if end["status"] == 0 and "sentence" in end["answer"]:
        assert SENTENCE.fullmatch(end["answer"]["sentence"])
        assert "not understood" not in end["answer"]["sentence"]


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[dict[str, Any], int]]:
    folder = tmp_path_factory.mktemp("bombs")
    for name, write in BOMBS.items():
        write(folder / name)
    ends = read_in_forks(folder, list(BOMBS))
    return {name: (end, (folder / name).stat().st_size) for name, end in ends.items()}


@pytest.mark.parametrize("name", BOMBS)
def test_bomb_ends_with_a_sentence_for_little_memory(
    ends: dict[str, tuple[dict[str, Any], int]], name: str
) -> None:
    end, n_bytes = ends[name]

    check_end(end, n_bytes)
    assert end["status"] == 0
    # Many elements of the header are many numbers, and no more than that.
    assert ("sentence" in end["answer"]) == (name != "text_of_many_elements")


def mutate(content: bytes, chance: random.Random) -> bytes:
    """Spoil some bytes, most of them where there is something."""
    changed = bytearray(content)
    places = [index for index, byte in enumerate(content) if byte]
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        start = chance.choice(places)
        source = chance.randrange(len(content))
        n_bytes = chance.choice((1, 4, 8, 16, 40))
        filling = chance.choice((b"\xff" * 8, bytes(8), chance.randbytes(8), b"\xff\xff\xff\x7f"))
        piece = chance.choice((filling[:n_bytes], content[source : source + n_bytes]))
        changed[start : start + len(piece)] = piece
    return bytes(changed[: len(content)])


def test_damaged_file_is_refused_or_ends_the_readers_process_alone(tmp_path: Path) -> None:
    chance = random.Random(15)  # noqa: S311 - the same in every run
    path = tmp_path / "raw"
    simulate_acquisition(path, n_coils=1, matrix_size=8)
    contents = [path.read_bytes()]
    with h5py.File(path) as file:
        document, records = file["dataset/xml"][0], file["dataset/data"][:]
    for libver, chunk in (("earliest", 3), ("latest", 1), ("latest", 8)):
        with h5py.File(path, "w", libver=libver) as file:
            group = file.create_group("dataset")
            group.create_dataset("xml", data=[document], dtype=h5py.string_dtype())
            group.create_dataset(
                "data", data=records, dtype=hdf5.acquisition_dtype, chunks=(chunk,), shuffle=True
            )
        contents.append(path.read_bytes())
    names = [f"{number:03d}" for number in range(120)]
    for name in names:
        (tmp_path / name).write_bytes(mutate(chance.choice(contents), chance))

    for name, end in read_in_forks(tmp_path, names).items():
        check_end(end, (tmp_path / name).stat().st_size)
