"""However a measurement is stored, and whatever its header lacks: its image, or a sentence."""

from __future__ import annotations

import re
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scanhub_reconstruction.ismrmrd_file import read_ismrmrd
from scanhub_reconstruction.model import RawDataError
from scanhub_reconstruction.reconstruction import reconstruct_volume
from scanhub_reconstruction.scratch import Scratch
from tests.unit.dags.blobs import Measurement, Slice, draw_blobs, measure, write_limits
from tests.unit.dags.situations import OBLIQUE, add_noise_scan, is_in_ellipse, keep, stack

SENTENCE = re.compile(r"The [^/]+\.")
SLAB = Slice(blobs=draw_blobs(8))


@cache
def list_measurements() -> dict[str, Measurement]:
    limits = write_limits(1, 3, 12, 6)
    partial = measure([Slice()], (1, 13, 16), limits=limits)
    late = partial.heads["idx"]["kspace_encode_step_1"] >= 3
    return {
        "slices": measure(stack(2, OBLIQUE, 6), (1, 12, 16)),
        "noise": add_noise_scan(measure([Slice()], (1, 12, 16))),
        "partial Fourier": replace(
            partial, heads=partial.heads[late], samples=partial.samples[late]
        ),
        "volume": measure(
            [SLAB], (6, 8, 12), limits=write_limits(1, 0, 7, 4) + write_limits(2, 0, 5, 3)
        ),
        "elliptical": keep(is_in_ellipse)(measure([SLAB], (12, 24, 32))),
    }


def reconstruct(measurement: Measurement, chunk: int = 1) -> NDArray[np.float32]:
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as scratch:
        path = Path(folder) / "raw"
        measurement.write(path, chunk=chunk)
        raw = read_ismrmrd(path, Scratch(scratch.fileno(), room_bytes=2**24))
        return np.stack([reconstruct_volume(raw, index) for index in range(len(raw.volumes))])


@cache
def reconstruct_whole(name: str) -> NDArray[np.float32]:
    return reconstruct(list_measurements()[name])


names = st.sampled_from(["slices", "noise", "partial Fourier", "volume", "elliptical"])


@settings(max_examples=25, deadline=None)
@given(names, st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_order_and_chunks_do_not_matter(name: str, seed: int, chunk: int) -> None:
    measurement = list_measurements()[name]
    order = np.random.default_rng(seed).permutation(len(measurement.heads))
    shuffled = replace(
        measurement, heads=measurement.heads[order], samples=measurement.samples[order]
    )

    image = reconstruct(shuffled, chunk)

    np.testing.assert_allclose(image, reconstruct_whole(name), rtol=1e-4, atol=1e-5)


@settings(max_examples=80, deadline=None)
@given(names, st.data())
def test_no_header_that_lacks_something_makes_another_image(name: str, data: st.DataObject) -> None:
    measurement = list_measurements()[name]
    root = ElementTree.fromstring(measurement.document.split("?>", 1)[1])  # noqa: S314 - ours
    places = [(parent, child) for parent in root.iter() for child in parent]
    for index in data.draw(st.sets(st.integers(0, len(places) - 1), max_size=4)):
        parent, child = places[index]
        parent.remove(child)
    document = ElementTree.tostring(root, encoding="unicode")

    try:
        image = reconstruct(replace(measurement, document=document))
    except RawDataError as error:
        assert SENTENCE.fullmatch(str(error))
    else:
        np.testing.assert_array_equal(image, reconstruct_whole(name))


@settings(max_examples=40, deadline=None)
@given(names, st.data())
def test_lines_that_are_missing_are_not_made_up(name: str, data: st.DataObject) -> None:
    measurement = list_measurements()[name]
    lines = np.flatnonzero(measurement.heads["flags"] == 0)
    lost = data.draw(st.sets(st.sampled_from(lines.tolist()), min_size=1, max_size=lines.size // 2))
    kept = np.setdiff1d(np.arange(len(measurement.heads)), list(lost))

    with pytest.raises(RawDataError, match="incomplete"):
        reconstruct(
            replace(measurement, heads=measurement.heads[kept], samples=measurement.samples[kept])
        )
