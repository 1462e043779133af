"""The DAG's work from raw data in S3 to DICOM there, by engines that are prepared for it."""

from __future__ import annotations

import io
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from local.config import ROOT
from local.phantom import draw_phantom, simulate_kspace
from scanhub_dag import RunError, open_run
from scanhub_pipe.command import Command, find_command
from scanhub_pipe.pipeline import run_pipe
from scanhub_reconstruction import engine_command
from scanhub_reconstruction.raw_data import read_raw_data
from tests.unit.dags.accelerated import write_accelerated
from tests.unit.dags.conftest import Acquire
from tests.unit.dags.engines import answer_with, build_answer, compile_engine
from tests.unit.dags.measurement import draw_truth, write_measurement
from tests.unit.dags.open_runs import BUCKET, KEY, StartedRun, WorkflowManager

VARIABLE = "SCANHUB_PIPE_COMMAND"
DOCUMENT = ROOT / "docs" / "engines.md"


@pytest.fixture
def manager() -> WorkflowManager:
    return WorkflowManager()


def reconstruct(manager: WorkflowManager, **conf: Any) -> None:
    """Do as the DAG does."""
    with open_run(StartedRun(**conf), transport=manager.transport) as run:
        run_pipe(run)


def install(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    monkeypatch.setenv(VARIABLE, json.dumps(["sh", "-c", script]))


def test_images_of_an_engine_become_dicom_with_the_place_of_the_measurement(
    s3: Any, manager: WorkflowManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given three slices, and an engine that makes each as bright as its number
    path, answer = tmp_path / "raw.h5", tmp_path / "answer"
    write_measurement(path, draw_truth((3, 12, 10)), is_3d=False)
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=path.read_bytes())
    raw = read_raw_data(path)

    def brighten(image: Any) -> None:
        image.data[:] = 1 + image.slice

    answer.write_bytes(build_answer(raw, brighten))
    install(monkeypatch, answer_with(answer))
    # When
    reconstruct(manager, conf_version=1)
    # Then all are told with the engine that made them
    *progress, told = manager.bodies
    assert progress[0] == {"dag_id": "some_dag", "progress": 25}
    assert told["success"] and told["engine"] == {"name": "Test", "version": "1.2"}
    keys = [result["key"] for result in told["results"]]
    assert keys == [f"result/run-1/image-000{number}.dcm" for number in (1, 2, 3)]
    facts = told["results"][0]["metadata"]
    assert facts["engine"] == "Test 1.2" and "coil_combination" not in facts
    # and lie where they were measured, in one scale
    series = [
        pydicom.dcmread(io.BytesIO(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()))
        for key in keys
    ]
    assert [image.pixel_array.mean() for image in series] == [21845, 43690, 65535]
    for image, volume in zip(series, raw.volumes, strict=True):
        geometry = volume.geometry
        assert geometry is not None
        center_mm = (
            np.array(image.ImagePositionPatient, float)
            + 5 * float(image.PixelSpacing[1]) * np.array(geometry.read_dir)
            + 6 * float(image.PixelSpacing[0]) * np.array(geometry.phase_dir)
        )
        np.testing.assert_allclose(center_mm, geometry.center_mm, atol=1e-3)
        (equipment,) = image.ContributingEquipmentSequence
        assert "Test 1.2, by scanhub_reconstruction" in equipment.ContributionDescription
        (mapping,) = image.RealWorldValueMappingSequence
        assert mapping.LUTExplanation == "Magnitude in units of the engine"


def test_accelerated_measurement_reaches_an_engine_and_tells_its_factors(
    s3: Any, manager: WorkflowManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, answer = tmp_path / "raw.h5", tmp_path / "answer"
    write_accelerated(path, 32, n_reference=12)
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=path.read_bytes())
    answer.write_bytes(build_answer(read_raw_data(path, is_acceleration_taken=True), text=None))
    install(monkeypatch, answer_with(answer))
    reconstruct(manager)
    facts = manager.bodies[-1]["results"][0]["metadata"]
    assert facts["acceleration_factors"] == [2, 1] and facts["engine"] == "engine"


def test_run_that_is_repeated_writes_and_tells_the_same(
    s3: Any,
    manager: WorkflowManager,
    acquire: Acquire,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    command = compile_engine(tmp_path)
    if command is None:
        pytest.skip("There is no C compiler (cc), so no engine in C.")
    monkeypatch.setenv(VARIABLE, shlex.join(command.arguments))
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=acquire().read_bytes())
    written = []
    for _ in range(2):
        reconstruct(manager)
        image = s3.get_object(Bucket=BUCKET, Key="result/run-1/image.dcm")
        written.append(image["Body"].read())
    assert written[0] == written[1]
    told = [body for body in manager.bodies if "success" in body]
    assert told[0] == told[1]


def expect_failure(manager: WorkflowManager, sentence: str, **conf: Any) -> None:
    with pytest.raises(RunError) as refusal:
        reconstruct(manager, **conf)
    assert str(refusal.value) == sentence
    assert manager.bodies[-1] == {"dag_id": "some_dag", "success": False, "error": sentence}
    assert f"| {sentence} |" in DOCUMENT.read_text()


def test_without_an_engine_the_run_says_what_to_set(manager: WorkflowManager, s3: Any) -> None:
    # Even before it asks for the raw data, which are not there
    expect_failure(
        manager,
        "No reconstruction engine is installed: the Airflow Variable scanhub_pipe_command, or "
        "SCANHUB_PIPE_COMMAND in the worker's environment, is to hold its command.",
    )


def test_runs_configuration_cannot_bring_a_command(
    manager: WorkflowManager, s3: Any, tmp_path: Path
) -> None:
    command = f"touch {tmp_path / 'made'}"
    with pytest.raises(RunError, match="No reconstruction engine is installed"):
        reconstruct(
            manager,
            scanhub_pipe_command=command,
            SCANHUB_PIPE_COMMAND=command,
            parameters={"scanhub_pipe_command": command, "command": command},
        )
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("text", ["[]", "[1]", '["a"', '"a', "'", '["a\\u0000"]'])
def test_command_that_cannot_be_read_is_refused(
    manager: WorkflowManager, s3: Any, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(VARIABLE, text)
    expect_failure(
        manager,
        "The command of the reconstruction engine is not understood: it is a JSON list of words, "
        "or words with blanks between.",
    )


def test_numpy_file_is_refused(
    s3: Any, manager: WorkflowManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "some-engine")
    file = io.BytesIO()
    np.save(file, simulate_kspace(n_coils=2, matrix_size=16))
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=file.getvalue())
    expect_failure(manager, "A reconstruction engine takes ISMRMRD files only.")


def test_images_of_zeros_are_refused(
    s3: Any,
    manager: WorkflowManager,
    acquire: Acquire,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path, answer = acquire(), tmp_path / "answer"
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=path.read_bytes())

    def blank(image: Any) -> None:
        image.data[:] = 0

    answer.write_bytes(build_answer(read_raw_data(path), blank))
    install(monkeypatch, answer_with(answer))
    expect_failure(manager, "The reconstruction engine sent images of zeros only.")


TURNS: dict[str, Callable[[Any], Any]] = {
    "upright": lambda image: image,
    "by 180 degrees": lambda image: image[:, ::-1, ::-1],
    "left for right": lambda image: image[:, :, ::-1],
    "up for down": lambda image: image[:, ::-1],
    "rows for columns": lambda image: image.swapaxes(1, 2),
}


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("mode", ["embedded", "separate"])
def test_images_that_an_engine_turns_are_refused_whatever_their_headers_say(
    s3: Any,
    manager: WorkflowManager,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    turn: str,
) -> None:
    # Given an engine that has unfolded the object, and perhaps turned it
    path, answer = tmp_path / "raw.h5", tmp_path / "answer"
    write_accelerated(path, 64, mode=mode, noise_std=0.02)
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=path.read_bytes())

    def draw(image: Any) -> None:
        image.data[0] = TURNS[turn](draw_phantom(64)[np.newaxis])

    answer.write_bytes(build_answer(read_raw_data(path, is_acceleration_taken=True), draw))
    install(monkeypatch, answer_with(answer))
    # Then
    if turn == "upright":
        reconstruct(manager)
        return
    expect_failure(
        manager,
        "The reconstruction engine sent images that are turned or mirrored against the "
        "measurement.",
    )


@pytest.mark.parametrize(
    ("text", "arguments", "name"),
    [
        ("gadgetron --from_stream -c default.xml", 4, "gadgetron"),
        ('["/opt/my engine/run", "$HOME; rm -rf /"]', 2, "run"),
        (
            "env OMP_NUM_THREADS=2 /opt/venv/bin/python -u /opt/sigpy_engine.py",
            5,
            "sigpy_engine.py",
        ),
        ("python3.12", 1, "engine"),
    ],
)
def test_command_is_words_and_has_a_name(
    monkeypatch: pytest.MonkeyPatch, text: str, arguments: int, name: str
) -> None:
    monkeypatch.setenv(VARIABLE, text)
    command = find_command()
    assert (len(command.arguments), command.name) == (arguments, name)
    assert (command.timeout_s, command.memory_bytes) == (1500, None)


def test_limits_are_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "engine")
    monkeypatch.setenv("SCANHUB_PIPE_TIMEOUT_S", "60")
    monkeypatch.setenv("SCANHUB_PIPE_MEMORY_MIB", "2048")
    assert find_command() == Command(("engine",), 60, 2**31)


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "much"])
def test_limit_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(VARIABLE, "engine")
    monkeypatch.setenv("SCANHUB_PIPE_TIMEOUT_S", text)
    with pytest.raises(RunError, match="SCANHUB_PIPE_TIMEOUT_S of the worker"):
        find_command()


def test_environment_comes_before_airflows_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_command, "_get_variable", lambda: "of-the-variable")
    assert find_command().arguments == ("of-the-variable",)
    monkeypatch.setenv(VARIABLE, "of-the-worker")
    assert find_command().arguments == ("of-the-worker",)
