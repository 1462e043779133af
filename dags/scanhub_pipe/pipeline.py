"""Prepare, reconstruct, publish: the way from raw data to images by an engine."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import IO

import numpy as np
from numpy.typing import NDArray

from scanhub_dag import Run
from scanhub_pipe.command import find_command
from scanhub_pipe.errors import EngineError
from scanhub_pipe.reconstruct import run_engine
from scanhub_pipe.turned import check_is_not_turned
from scanhub_reconstruction.coverage import ZERO_FILLED
from scanhub_reconstruction.limits import limit_memory
from scanhub_reconstruction.model import MAX_MEMORY_BYTES, RawData
from scanhub_reconstruction.pipeline import fetch_raw_data
from scanhub_reconstruction.run_conf import RunConf
from scanhub_reconstruction.series import RunImages, add_images, open_images

_logger = logging.getLogger(__name__)


def run_pipe(run: Run) -> None:
    """Have the deployment's engine reconstruct the run's raw data, and add DICOM images of it.

    Parameters
    ----------
    run
        What `open_run` opened.

    Raises
    ------
    RunError
        If there is no engine, or it or the raw data is at fault: trying again does not help.
    """
    command = find_command()
    conf = RunConf.from_mapping(run.conf)
    raw = _prepare(run, conf)
    run.report_progress(25)
    with open_images(raw) as file:
        engine = run_engine(raw, command, file)
        run.report_progress(75)
        run.engine = _split_version(engine)
        _logger.info("%s made %d images.", engine, raw.n_images)
        with limit_memory(MAX_MEMORY_BYTES):
            _check_brightest(raw, file)
            raw = replace(raw, engine=engine)
            add_images(raw, conf, RunImages(raw, run), file)


def _prepare(run: Run, conf: RunConf) -> RawData:
    # The engine inherits no limit of ours, so it is lifted again before that starts.
    with limit_memory(MAX_MEMORY_BYTES):
        raw = fetch_raw_data(run, conf, is_acceleration_taken=True)
    if raw.scan is None:
        raise EngineError("A reconstruction engine takes ISMRMRD files only.")
    # What is filled up, and how, is the engine's.
    options = tuple(option for option in raw.scan_options if option != ZERO_FILLED)
    return replace(raw, scan_options=options)


def _check_brightest(raw: RawData, file: IO[bytes]) -> None:
    """Check the volume with the most signal, as engines turn all or none."""

    def read(index: int) -> NDArray[np.float32]:
        n_bytes = 4 * raw.image_shape[0] * raw.n_pixels
        file.seek(index * n_bytes)
        return np.frombuffer(file.read(n_bytes), np.float32).reshape(raw.image_shape)

    signals = [float(np.sum(read(index), dtype=np.float64)) for index in range(len(raw.volumes))]
    if max(signals) == 0:
        raise EngineError("The reconstruction engine sent images of zeros only.")
    brightest = int(np.argmax(signals))
    check_is_not_turned(raw, brightest, read(brightest))


def _split_version(engine: str) -> tuple[str, str]:
    name, _, version = engine.rpartition(" ")
    return (name, version) if name and version[:1].isdigit() else (engine, "unknown")
