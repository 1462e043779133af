"""The way from a reconstruction's DICOM series to its quality, in a run."""

from __future__ import annotations

import json
from pathlib import Path

from scanhub_dag import Run, RunError
from scanhub_image_quality import __version__
from scanhub_image_quality.report import DEFINITIONS, measure_series

FILE_NAME = "image_quality.json"


def run_image_quality(run: Run) -> None:
    """Measure the series of the run's only input and add the report as its result.

    Parameters
    ----------
    run
        The run, open.

    Raises
    ------
    RunError
        If there is not one series, or an image that cannot be read.
    """
    if len(run.inputs) != 1:
        raise RunError(
            f"The task has {len(run.inputs)} inputs, and the quality of one series is measured."
        )
    (series,) = run.inputs
    paths = series.download()
    # What else a reconstruction leaves has a type of its own.
    dicom_paths = [
        path
        for path, result in zip(paths, series.results, strict=True)
        if result.type in (None, "DICOM")
    ]
    report = measure_series(dicom_paths, run.report_progress)
    file = Path(run.folder) / FILE_NAME
    file.write_text(json.dumps(report, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    run.engine = ("scanhub_image_quality", __version__)
    facts = {name: report["series"][name]["median"] for name in DEFINITIONS}
    # ScanHub has no type of its own for numbers; its device-manager calls every JSON file so.
    run.add_result(file, type="CALIBRATION", metadata={**facts, "n_images": report["n_images"]})
