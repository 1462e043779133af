"""What an engine sends back is compared with the measurement before it is believed."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ismrmrd.serialization import ProtocolSerializer
from numpy.typing import NDArray

from local.config import ROOT
from scanhub_pipe.errors import EngineError
from scanhub_pipe.images import ImageReceiver
from scanhub_reconstruction.model import RawData
from scanhub_reconstruction.raw_data import read_raw_data
from tests.unit.dags.engines import build_answer, build_image
from tests.unit.dags.measurement import CENTER_MM, draw_truth, write_measurement

Change = Callable[[Any], None]


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> RawData:
    """Return three slices of 12 rows and 10 columns."""
    path = tmp_path_factory.mktemp("slices") / "raw.h5"
    write_measurement(path, draw_truth((3, 12, 10)), is_3d=False)
    return read_raw_data(path)


def receive(raw: RawData, stream: bytes) -> NDArray[np.float32]:
    """Return the images, shape (images, rows, columns)."""
    file = io.BytesIO()
    ImageReceiver(raw, io.BytesIO(stream).read, file).receive()
    return np.frombuffer(file.getvalue(), np.float32).reshape(-1, *raw.image_shape[1:])


@pytest.mark.parametrize("dtype", ["uint16", "int16", "uint32", "float32", "float64"])
def test_images_of_any_order_and_type_come_to_their_place(raw: RawData, dtype: str) -> None:
    stream = io.BytesIO()
    with ProtocolSerializer(stream) as output:
        for number in (2, 0, 1):
            pixels = np.full(raw.image_shape, number + 1, dtype)
            output.serialize(build_image(raw, raw.volumes[number], pixels))
    images = receive(raw, stream.getvalue())
    assert images.mean(axis=(1, 2)).tolist() == [1, 2, 3] and images.dtype == np.float32


def test_stream_may_end_without_its_closing_message(raw: RawData) -> None:
    assert len(receive(raw, build_answer(raw)[:-2])) == 3


def change_head(**values: Any) -> Change:
    def change(image: Any) -> None:
        head = image.getHead()
        for name, value in values.items():
            setattr(head, name, value)
        image._head = head

    return change


def change_data(build: Callable[[Any], Any]) -> Change:
    def change(image: Any) -> None:
        pixels = np.asarray(build(np.array(image.data)))
        image.__init__(image.getHead(), data=pixels)

    return change


def poke(name: str, index: int, value: float) -> Change:
    def change(image: Any) -> None:
        head = image.getHead()
        getattr(head, name)[index] = value
        image._head = head

    return change


def set_first(value: float) -> Callable[[Any], Any]:
    def build(pixels: Any) -> Any:
        pixels[0, 0, 0, 0] = value
        return pixels

    return build


def become_second(image: Any) -> None:
    change_head(slice=1)(image)
    image._head.position[:] = CENTER_MM  # of the slice in the middle


ELSEWHERE = "The reconstruction engine sent an image that lies elsewhere than the measurement ({})."
NOT_FINITE = (
    "The reconstruction engine's images hold values that are not finite numbers (NaN or Inf)."
)
WRONG: dict[str, tuple[Change, str]] = {
    "The image has another matrix": (
        change_data(lambda pixels: np.ones((1, 1, 10, 12), np.float32)),
        "The reconstruction engine sent an image of 12 by 10 by 1 pixels; the header asks for "
        "10 by 12 by 1.",
    ),
    "It has another field of view": (
        poke("field_of_view", 0, 30.0),
        ELSEWHERE.format("field_of_view"),
    ),
    "It lies at another place": (poke("position", 2, 31.5), ELSEWHERE.format("position")),
    "It has another orientation": (poke("read_dir", 0, -0.8), ELSEWHERE.format("read_dir")),
    "It is complex": (
        change_data(lambda pixels: pixels.astype(np.complex64)),
        "The reconstruction engine sent complex images; they are to be magnitudes.",
    ),
    "It is of an unknown data type": (
        change_head(data_type=77),
        "The reconstruction engine sent an image of an unknown data type (77).",
    ),
    "It is a phase image, or of another kind": (
        change_head(image_type=2),
        "The reconstruction engine sent images of another kind than magnitudes (image_type 2).",
    ),
    "Its coils are not combined": (
        change_data(lambda pixels: np.ones((3, 1, 12, 10), np.float32)),
        "The reconstruction engine sent an image of 3 channels; the coils are to be combined.",
    ),
    "It holds values that are no numbers": (change_data(set_first(np.nan)), NOT_FINITE),
    "It holds negative values": (
        change_data(set_first(-1.0)),
        "The reconstruction engine's images hold negative values; they are to be magnitudes.",
    ),
    "It is of a slice or time that was not measured": (
        change_head(repetition=4),
        "The reconstruction engine sent an image of a slice, contrast, phase, set or repetition "
        "that the measurement does not have.",
    ),
    "It comes twice": (become_second, "The reconstruction engine sent an image twice."),
}


@pytest.mark.parametrize("what", WRONG)
def test_image_that_is_not_of_the_measurement_is_refused(raw: RawData, what: str) -> None:
    change, sentence = WRONG[what]
    with pytest.raises(EngineError) as refusal:
        receive(raw, build_answer(raw, change))
    assert str(refusal.value) == sentence
    assert f"| {what} | {sentence} |" in (ROOT / "docs" / "engines.md").read_text()


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_place_that_is_no_number_is_refused(raw: RawData, axis: int, value: float) -> None:
    with pytest.raises(EngineError, match="position"):
        receive(raw, build_answer(raw, poke("position", axis, value)))


def test_values_beyond_single_precision_are_refused(raw: RawData) -> None:
    change = change_data(lambda pixels: pixels.astype(np.float64) * 1e300)
    with pytest.raises(EngineError, match="not finite"):
        receive(raw, build_answer(raw, change))


def test_no_more_is_read_at_once_than_a_message_can_have(raw: RawData) -> None:
    # Given lengths that somebody made up
    for stream in (
        struct.pack("<HI", 5, 2**32 - 1),
        struct.pack("<HI", 3, 2**31),
        struct.pack("<HHHH", 1030, 6, 0, 60000),
    ):
        asked: list[int] = []

        def read(n_bytes: int, source: io.BytesIO = io.BytesIO(stream)) -> bytes:  # noqa: B008
            asked.append(n_bytes)  # noqa: B023
            return source.read(n_bytes)

        # Then
        with pytest.raises(EngineError, match="no ISMRMRD stream"):
            ImageReceiver(raw, read, io.BytesIO()).receive()
        assert max(asked) < 2**20


@pytest.mark.parametrize("seed", range(60))
def test_damaged_stream_ends_with_a_sentence_or_the_right_images(raw: RawData, seed: int) -> None:
    # Given an answer with some bytes changed, or its end cut off
    random = np.random.default_rng(seed)
    stream = bytearray(build_answer(raw))
    for place in random.integers(0, len(stream), 4):
        stream[place] = random.integers(256)
    if seed % 3 == 0:
        del stream[random.integers(len(stream)) :]
    # Then
    try:
        images = receive(raw, bytes(stream))
    except EngineError:
        return
    assert images.shape == (3, 12, 10) and np.isfinite(images).all()


def test_volume_is_one_image_of_all_partitions(tmp_path: Path) -> None:
    path = tmp_path / "raw.h5"
    write_measurement(path, draw_truth((5, 12, 10)), is_3d=True)
    raw = read_raw_data(path)
    assert len(receive(raw, build_answer(raw))) == 5
    with pytest.raises(EngineError, match="by 1 pixels; the header asks for 10 by 12 by 5"):
        receive(raw, build_answer(raw, change_data(lambda pixels: pixels[:, :1])))
