"""The way from raw data to images, top to bottom."""

from __future__ import annotations

import logging
from dataclasses import replace

from scanhub_dag import Run
from scanhub_reconstruction import __version__
from scanhub_reconstruction.limits import limit_memory
from scanhub_reconstruction.model import MAX_MEMORY_BYTES, RawData, RawDataError
from scanhub_reconstruction.orientation import override_orientation
from scanhub_reconstruction.progress import CoilProgress
from scanhub_reconstruction.raw_data import read_raw_data
from scanhub_reconstruction.run_conf import RunConf
from scanhub_reconstruction.series import RunImages, store_images

_logger = logging.getLogger(__name__)


def run_reconstruction(run: Run) -> None:
    """Reconstruct the run's raw data, and add DICOM images with a preview to its results.

    A second try of the same run writes the same objects and reports the same results.

    Parameters
    ----------
    run
        What `open_run` opened.

    Raises
    ------
    RunError
        If the configuration or the raw data is at fault: trying again does not help.
    """
    conf = RunConf.from_mapping(run.conf)
    run.engine = ("scanhub_reconstruction", __version__)
    with limit_memory(MAX_MEMORY_BYTES):
        raw = fetch_raw_data(run, conf)
        run.report_progress(25)
        progress = CoilProgress(run.report_progress, n_coils=len(raw.volumes) * raw.n_coils)
        store_images(raw, conf, RunImages(raw, run), progress.count_coil)
    _logger.info("Reconstructed %d coils to %d by %d pixels.", raw.n_coils, *raw.image_shape[1:])


def fetch_raw_data(run: Run, conf: RunConf, *, is_acceleration_taken: bool = False) -> RawData:
    """Download and read the run's raw data.

    Parameters
    ----------
    run, conf
        The run, and what it and the deployment choose.
    is_acceleration_taken
        Whether an engine unfolds what is undersampled.

    Raises
    ------
    RunError
        If there are none, or they cannot be reconstructed.
    """
    source = next((each for each in run.inputs if each.results), None)
    if source is None:
        raise RawDataError("The run was given no raw data.")
    path, *_ = source.download()
    _logger.info("Downloaded %d bytes of raw data.", path.stat().st_size)
    raw = read_raw_data(path, is_acceleration_taken=is_acceleration_taken)
    path.unlink()
    if conf.orientation_convention is not None:
        raw = override_orientation(raw, conf.orientation_convention, conf.orientation_decided_by)
    return replace(raw, coil_combination=conf.coil_combination or raw.coil_combination)
