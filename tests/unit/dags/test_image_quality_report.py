"""The report of a series, also of hostile and foreign files."""

from __future__ import annotations

import io
import json
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from local.phantom import draw_phantom
from scanhub_dag import RunError
from scanhub_image_quality import mr_image
from scanhub_image_quality.regions import find_regions
from scanhub_image_quality.report import DEFINITIONS, measure_series
from tests.unit.dags.dicom_series import write_series
from tests.unit.dags.measurement import write_measurement
from tests.unit.dags.mr_objects import SIGNAL, add_noise, draw_disk, make_dataset, write_image

Acquire = Callable[..., Path]
IMAGE = add_noise(draw_disk((96, 96)), 2.0)


def measure(*paths: Path) -> dict[str, Any]:
    report = measure_series(paths)
    # It is JSON, without NaN.
    return dict(json.loads(json.dumps(report, allow_nan=False)))


def read_values(report: dict[str, Any], name: str = "snr") -> list[float | None]:
    return [image[name]["value"] for image in report["images"]]


def test_report_has_values_units_and_definitions_for_image_and_series(tmp_path: Path) -> None:
    report = measure(write_image(tmp_path / "a.dcm", IMAGE, InstanceNumber=7, EchoTime="15"))

    assert report["n_images"] == 1
    (image,) = report["images"]
    assert (image["instance_number"], image["rows"], image["columns"]) == (7, 96, 96)
    assert image["phase_encoding_direction"] == "COL"
    for name, definition in DEFINITIONS.items():
        assert report["definitions"][name] == definition
        assert definition["unit"] in ("1", "%")
        assert image[name]["reason"] is None
        summary = {"median": image[name]["value"], "n_images": 1, "reason": None}
        assert report["series"][name] == summary
        assert report["echoes"] == [{"echo_time_ms": 15.0, **report["series"]}]
    assert image["snr"]["value"] == pytest.approx(50, rel=0.06)


def test_report_holds_nothing_of_the_patient(tmp_path: Path) -> None:
    path = write_image(
        tmp_path / "Doe_Jane.dcm", IMAGE, PatientID="4711", SeriesDescription="Jane Doe, knee"
    )

    text = json.dumps(measure(path))

    assert not any(word in text for word in ("Doe", "Jane", "4711", "knee", "1.2."))


def test_slope_and_intercept_are_applied(tmp_path: Path) -> None:
    plain = write_image(tmp_path / "plain.dcm", IMAGE)
    scaled = write_image(tmp_path / "scaled.dcm", IMAGE, RescaleSlope="123.5")
    absent = write_image(tmp_path / "absent.dcm", IMAGE, RescaleSlope=None, RescaleIntercept=None)
    lifted = write_image(tmp_path / "lifted.dcm", IMAGE, RescaleIntercept="1000")

    first, second, third, fourth = measure(plain, scaled, absent, lifted)["images"]

    for name in DEFINITIONS:
        assert first[name] == second[name] == third[name]
    # A thousand more is a background that is no noise, and hides all differences.
    assert fourth["percent_integral_uniformity"]["value"] != pytest.approx(
        first["percent_integral_uniformity"]["value"], abs=1
    )


def test_series_has_the_median_of_the_images_that_have_a_value(tmp_path: Path) -> None:
    images = [add_noise(draw_disk((96, 96)), noise, seed=1) for noise in (1.0, 2.0, 4.0)]
    images.append(np.zeros((96, 96)))
    paths = [write_image(tmp_path / f"{i}.dcm", image) for i, image in enumerate(images)]

    report = measure(*paths)

    values = read_values(report)
    assert values[3] is None
    assert report["images"][3]["snr"]["reason"].startswith("The image is empty")
    assert report["series"]["snr"] == {"median": values[1], "n_images": 3, "reason": None}


def test_series_without_any_value_says_why(tmp_path: Path) -> None:
    report = measure(write_image(tmp_path / "a.dcm", np.zeros((64, 64))))

    assert report["series"]["snr"]["median"] is None
    assert report["series"]["snr"]["reason"].startswith("The image is empty")


def test_repetitions_are_measured_by_their_difference_in_whatever_order(tmp_path: Path) -> None:
    def write(index: int, position: str, time: int) -> Path:
        image = add_noise(draw_disk((96, 96)), 2.0, seed=index)
        place = ["0", "0", position]
        return write_image(
            tmp_path / f"{index}.dcm",
            image,
            ImagePositionPatient=place,
            TemporalPositionIdentifier=time,
        )

    report = measure(write(0, "5", 2), write(1, "9", 1), write(2, "5", 3), write(3, "5", 1))

    methods = [image["snr"]["method"] for image in report["images"]]
    assert methods == ["difference", "single_image", "difference", "difference"]
    assert read_values(report) == pytest.approx([50] * 4, rel=0.06)


def test_phases_of_a_moving_object_are_measured_one_by_one(tmp_path: Path) -> None:
    paths = [
        write_image(
            tmp_path / f"{time}.dcm",
            add_noise(draw_disk((96, 96), radius), 2.0, seed=time),
            ImagePositionPatient=["0", "0", "0"],
            TemporalPositionIdentifier=time,
        )
        for time, radius in enumerate((0.6, 0.5), 1)
    ]

    report = measure(*paths)

    assert report["images"][0]["snr"]["method"] == "single_image"


def test_echoes_are_summarized_apart(tmp_path: Path) -> None:
    paths = [
        write_image(
            tmp_path / f"{time}.dcm", add_noise(draw_disk((96, 96)), noise), EchoTime=str(time)
        )
        for time, noise in ((40, 4.0), (10, 1.0))
    ]

    report = measure(*paths)

    late, early = read_values(report)
    assert [(echo["echo_time_ms"], echo["snr"]["median"]) for echo in report["echoes"]] == [
        (10.0, early),
        (40.0, late),
    ]


def test_images_of_different_sizes_are_measured(tmp_path: Path) -> None:
    small = write_image(tmp_path / "a.dcm", IMAGE)
    large = write_image(tmp_path / "b.dcm", add_noise(draw_disk((128, 160)), 2.0))

    assert read_values(measure(small, large)) == pytest.approx([50, 50], rel=0.06)


@pytest.mark.parametrize("n_images", [0, 10_001])
def test_series_of_no_or_too_many_images_is_refused(n_images: int) -> None:
    with pytest.raises(RunError, match=f"has {n_images} images"):
        measure_series([Path("a.dcm")] * n_images)


def test_long_series_is_measured(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.dcm", add_noise(draw_disk((64, 64)), 2.0))
    told: list[float] = []

    report = measure_series([path] * 500, told.append)

    assert report["series"]["snr"]["n_images"] == 500
    assert told == sorted(told)
    assert told[-1] == 100


@pytest.mark.parametrize("word", ["P", "PHASE", "REAL"])
def test_phase_images_are_not_measured(tmp_path: Path, word: str) -> None:
    path = write_image(tmp_path / "a.dcm", IMAGE, ImageType=["ORIGINAL", "PRIMARY", word])
    signed = write_image(tmp_path / "b.dcm", IMAGE, RescaleIntercept="-4096")

    for image in measure(path, signed)["images"]:
        assert image["snr"] == {"value": None, "reason": "The image is no magnitude image."}


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]
)
def test_uncompressed_dicom_is_read(tmp_path: Path, syntax: str) -> None:
    little = syntax != ExplicitVRBigEndian
    dataset = make_dataset(IMAGE)
    if not little:
        dataset.PixelData = dataset.pixel_array.astype(">u2").tobytes()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    expected = measure(write_image(tmp_path / "b.dcm", IMAGE))

    assert measure(tmp_path / "a.dcm") == expected


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another modality": ({"Modality": "CT"}, "is no MR image"),
    "colour": ({"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}, "is no grey image"),
    "a palette": ({"PhotometricInterpretation": "PALETTE COLOR"}, "is no grey image"),
    "frames": ({"NumberOfFrames": 2}, "has several frames"),
    "more pixels than there may be": ({"Rows": 65535, "Columns": 65535}, "has more than"),
    "more pixels than there are": ({"Rows": 2000, "Columns": 2000}, mr_image.NOT_READABLE),
    "no size": ({"Rows": None}, mr_image.NOT_READABLE),
    "no pixels": ({"PixelData": None}, mr_image.NOT_READABLE),
    "one bit": ({"BitsAllocated": 1}, mr_image.NOT_READABLE),
    "a negative slope": ({"RescaleSlope": "-1"}, "invalid Rescale Slope"),
    "a slope of zero": ({"RescaleSlope": "0"}, "invalid Rescale Slope"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_foreign_dicom_is_refused_in_a_sentence(tmp_path: Path, case: str) -> None:
    attributes, sentence = REFUSED[case]
    good = write_image(tmp_path / "good.dcm", IMAGE)
    bad = write_image(tmp_path / "bad.dcm", IMAGE, **attributes)

    with pytest.raises(RunError, match=f"^Image 2 of 2 .*{sentence}") as error:
        measure(good, bad)

    assert str(error.value).endswith(".")
    assert "Doe" not in str(error.value)


def test_compressed_dicom_is_refused_before_it_is_inflated(tmp_path: Path) -> None:
    # Given a file of a few KiB that inflates to a gigabyte, and one that says it is a JPEG
    path = write_image(tmp_path / "a.dcm", IMAGE)
    content = path.read_bytes()
    for syntax in (DeflatedExplicitVRLittleEndian, JPEGBaseline8Bit):
        dataset = pydicom.dcmread(path)
        dataset.file_meta.TransferSyntaxUID = syntax
        buffer = io.BytesIO()
        pydicom.filewriter.write_file_meta_info(buffer, dataset.file_meta, False)
        body = zlib.compress(bytes(2**26), wbits=-15) if "99" in syntax else content
        (tmp_path / "b.dcm").write_bytes(bytes(128) + b"DICM" + buffer.getvalue() + body)

        with pytest.raises(RunError, match="is compressed"):
            measure(tmp_path / "b.dcm")


def test_large_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.dcm").open("wb") as file:
        file.truncate(2**33)

    with pytest.raises(RunError, match="larger than 64 MiB"):
        measure(tmp_path / "a.dcm")


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n", bytes(128) + b"DICM", bytes(500)])
def test_what_is_no_dicom_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.dcm").write_bytes(content)

    with pytest.raises(RunError, match=mr_image.NOT_READABLE):
        measure(tmp_path / "a.dcm")


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changes=st.lists(st.tuples(st.integers(0, 900), st.binary(min_size=1, max_size=8))))
def test_damaged_file_is_refused_or_measured_and_quoted_nowhere(
    tmp_path: Path, changes: list[tuple[int, bytes]], caplog: pytest.LogCaptureFixture
) -> None:
    content = bytearray(write_image(tmp_path / "a.dcm", IMAGE[:48, :48]).read_bytes())
    for place, new in changes:
        content[place : place + len(new)] = new
    (tmp_path / "a.dcm").write_bytes(content)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            measure(tmp_path / "a.dcm")
        except RunError as error:
            assert str(error).startswith("Image 1 of 1 ")
    assert not warned
    assert not caplog.records


@pytest.mark.parametrize("length", [0, 131, 200, 500, -1, -1000])
def test_file_that_breaks_off_is_refused(tmp_path: Path, length: int) -> None:
    path = write_image(tmp_path / "a.dcm", IMAGE)
    path.write_bytes(path.read_bytes()[:length])

    with pytest.raises(RunError, match="Image 1 of 1"):
        measure(path)


def test_image_of_our_reconstruction_has_the_noise_of_the_simulation(
    acquire: Acquire, tmp_path: Path
) -> None:
    raw = acquire(matrix_size=256, n_coils=4, noise_std=0.004)
    path = tmp_path / "image.dcm"
    (content,) = write_series(raw)
    path.write_bytes(content)

    report = measure(path)

    # The means of the inner three quarters of the phantom, which nothing but its noise is added to
    truth = draw_phantom(256)
    signal = truth[find_regions(truth).signal].mean()
    (image,) = report["images"]
    assert image["snr"]["value"] == pytest.approx(signal / 0.004, rel=0.05)
    assert image["percent_signal_ghosting"]["value"] < 1
    assert 0 <= image["percent_integral_uniformity"]["value"] < 100
    assert image["echo_time_ms"] == 15.0


def test_3d_series_with_repetitions_and_echoes_of_our_reconstruction_is_measured(
    tmp_path: Path,
) -> None:
    # Given a cylinder, cut in six partitions, of which the outer two are beside it
    disk = add_noise(draw_disk((80, 80)), 0.0) / SIGNAL
    volume = np.stack([disk * (0 < index < 5) for index in range(6)])
    truth = np.stack([np.stack([volume, 0.5 * volume])] * 2)
    random = np.random.default_rng(1)
    raw = tmp_path / "raw.h5"
    write_measurement(
        raw, truth + random.normal(scale=0.01, size=truth.shape), is_3d=True, echo_times_ms=(10, 20)
    )
    paths = []
    for index, content in enumerate(write_series(raw)):
        paths.append(tmp_path / f"{index}.dcm")
        paths[-1].write_bytes(content)

    report = measure(*paths)

    # Then each echo has its median, of two repetitions by their difference, without empty images
    assert report["n_images"] == 24
    assert [echo["echo_time_ms"] for echo in report["echoes"]] == [10.0, 20.0]
    first, second = (echo["snr"]["median"] for echo in report["echoes"])
    assert first == pytest.approx(100, rel=0.05)
    assert second == pytest.approx(50, rel=0.05)
    assert report["series"]["snr"]["n_images"] == 16
    methods = {image["snr"].get("method") for image in report["images"]}
    assert methods == {"difference", None}
