"""The way from raw data in S3 to images there, top to bottom."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from scanhub_reconstruction.callback import CallbackError, CallbackLostError, ResultsCallback
from scanhub_reconstruction.limits import limit_memory
from scanhub_reconstruction.model import MAX_MEMORY_BYTES, RawData
from scanhub_reconstruction.object_store import ObjectStore
from scanhub_reconstruction.orientation import override_orientation
from scanhub_reconstruction.progress import CoilProgress
from scanhub_reconstruction.raw_data import read_raw_data
from scanhub_reconstruction.run_conf import RunConf, is_text
from scanhub_reconstruction.series import describe_results, store_images

_logger = logging.getLogger(__name__)


def run_reconstruction(
    conf: Mapping[str, Any], dag_id: str, *, transport: httpx.BaseTransport | None = None
) -> None:
    """Reconstruct the run's raw data, store DICOM and a preview, and report the results.

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
    with (
        ResultsCallback(
            run.workflow_manager_endpoint,
            run.user_token,
            dag_id,
            traceparent=run.traceparent,
            transport=transport,
        ) as callback,
        limit_memory(MAX_MEMORY_BYTES),
    ):
        raw = _fetch_raw_data(store, run)
        callback.report_progress(25)
        progress = CoilProgress(callback, n_coils=len(raw.volumes) * raw.n_coils)
        store_images(raw, run, store, progress.count_coil)
        callback.report_progress(75)
        results = describe_results(raw, run.output_prefix)
        try:
            callback.report_results(f"s3://{run.bucket}/{results[0]['key']}", results)
        except CallbackLostError as error:
            # The files are there, and the reconciler sees in Airflow that the run has ended.
            _logger.warning("%s", error)
    _logger.info("Reconstructed %d coils to %d by %d pixels.", raw.n_coils, *raw.image_shape[1:])


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
        traceparent = conf.get("traceparent")
        with ResultsCallback(
            endpoint, token, dag_id, traceparent=traceparent, transport=transport
        ) as callback:
            callback.report_failure(sentence)
    except CallbackError as error:
        _logger.error("%s", error)


def _fetch_raw_data(store: ObjectStore, run: RunConf) -> RawData:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "raw"
        store.download(run.key, run.version_id, path)
        _logger.info("Downloaded %d bytes of raw data.", path.stat().st_size)
        raw = read_raw_data(path)
    if run.orientation_convention is not None:
        raw = override_orientation(raw, run.orientation_convention, run.orientation_decided_by)
    return replace(raw, coil_combination=run.coil_combination or raw.coil_combination)
