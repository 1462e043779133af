"""The way from raw data in S3 to an image there, top to bottom."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from scanhub_reconstruction.callback import CallbackError, CallbackLostError, ResultsCallback
from scanhub_reconstruction.dicom import write_dicom
from scanhub_reconstruction.model import RawData
from scanhub_reconstruction.object_store import ObjectStore
from scanhub_reconstruction.preview import draw_preview
from scanhub_reconstruction.raw_data import read_raw_data
from scanhub_reconstruction.reconstruction import reconstruct_image
from scanhub_reconstruction.run_conf import RunConf, is_text

_logger = logging.getLogger(__name__)


def run_reconstruction(
    conf: Mapping[str, Any], dag_id: str, *, transport: httpx.BaseTransport | None = None
) -> None:
    """Reconstruct the run's raw data, store DICOM and preview, and report the results.

    A second try of the same run writes the same objects and reports the same results.

    Parameters
    ----------
    conf
        `dag_run.conf`.
    dag_id
        The DAG that runs.
    transport
        Stands in for the network of the callback in tests.

    Raises
    ------
    RawDataError
        If the configuration or the raw data is at fault: trying again does not help.
    CallbackError
        If the workflow manager refused the results.
    """
    run = RunConf.from_mapping(conf)
    store = ObjectStore(run.bucket)
    with ResultsCallback(
        run.workflow_manager_endpoint, run.user_token, dag_id, transport=transport
    ) as callback:
        raw = _fetch_raw_data(store, run)
        callback.report_progress(25)
        image = reconstruct_image(raw)
        prefix = run.output_prefix.rstrip("/")
        dicom_key, preview_key = f"{prefix}/image.dcm", f"{prefix}/preview.png"
        store.upload(preview_key, draw_preview(image), "image/png")
        dicom = write_dicom(image, raw, run.dag_run_id, run.study_instance_uid)
        store.upload(dicom_key, dicom, "application/dicom")
        callback.report_progress(75)
        result = {
            "type": "DICOM",
            "key": dicom_key,
            "preview_key": preview_key,
            "metadata": describe_image(raw),
        }
        try:
            callback.report_results(f"s3://{run.bucket}/{dicom_key}", [result])
        except CallbackLostError as error:
            # The files are there, and the reconciler sees in Airflow that the run has ended.
            _logger.warning("%s", error)
    _logger.info("Reconstructed %d coils to %d by %d pixels.", raw.n_coils, *raw.image_shape)


def report_failure(
    conf: Mapping[str, Any],
    dag_id: str,
    sentence: str,
    *,
    transport: httpx.BaseTransport | None = None,
) -> None:
    """Report that the run failed; an undelivered report is left to the reconciler.

    Parameters
    ----------
    conf
        `dag_run.conf`, complete or not.
    dag_id
        The DAG that failed.
    sentence
        What is wrong, for the operator.
    transport
        Stands in for the network in tests.
    """
    endpoint, token = conf.get("workflow_manager_endpoint"), conf.get("user_token")
    if not isinstance(endpoint, str) or not isinstance(token, str) or not is_text(endpoint):
        _logger.warning("The run's configuration names nobody to report the failure to.")
        return
    try:
        with ResultsCallback(endpoint, token, dag_id, transport=transport) as callback:
            callback.report_failure(sentence)
    except CallbackError as error:
        _logger.error("%s", error)


def describe_image(raw: RawData) -> dict[str, Any]:
    """Return the technical facts of the image, free of times: they are the same for every try.

    Parameters
    ----------
    raw
        The raw data of the image.

    Returns
    -------
    dict
        JSON-ready; matrix and spacing are (rows, columns).
    """
    facts: dict[str, Any] = {
        "source_format": raw.source_format,
        "matrix": list(raw.image_shape),
        "kspace_matrix": list(raw.kspace.shape[1:]),
        "n_coils": raw.n_coils,
        "n_averages": raw.n_averages,
    }
    if raw.pixel_spacing_mm is not None:
        facts["pixel_spacing_mm"] = list(raw.pixel_spacing_mm)
    if raw.scan is not None and raw.scan.slice_thickness_mm is not None:
        facts["slice_thickness_mm"] = raw.scan.slice_thickness_mm
    return facts


def _fetch_raw_data(store: ObjectStore, run: RunConf) -> RawData:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "raw"
        store.download(run.key, run.version_id, path)
        _logger.info("Downloaded %d bytes of raw data.", path.stat().st_size)
        return read_raw_data(path)
