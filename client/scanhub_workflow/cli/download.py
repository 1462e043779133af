"""``download``: the files of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import DownloadColumn, TextColumn, TransferSpeedColumn
from rich.text import Text

from scanhub_workflow.cli.following import make_progress
from scanhub_workflow.cli.options import RunId
from scanhub_workflow.cli.output import clean
from scanhub_workflow.cli.session import AsJson, begin
from scanhub_workflow.progress import DownloadProgress


def download(
    context: typer.Context,
    run_id: RunId,
    folder: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="DIR", help="Where to; made if it is not there."),
    ],
    is_overwriting: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that are there and differ in size.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Download the files of a run that has succeeded. What is there already is not sent again."""
    session = begin(context, as_json)
    columns = [
        TextColumn("{task.fields[files]}"),
        DownloadColumn(),
        TransferSpeedColumn(),
    ]
    with session.connect() as client, make_progress(session.output, *columns) as progress:
        bar = progress.add_task("download", total=None, files="")

        def show(state: DownloadProgress) -> None:
            progress.update(
                bar,
                completed=state.done_bytes,
                total=state.size_bytes,
                files=f"{state.n_done} of {state.n_files}",
            )

        paths = client.download(run_id, folder, on_progress=show, is_overwriting=is_overwriting)
    if as_json:
        session.output.document({"dag_run_id": run_id, "paths": [str(path) for path in paths]})
        return
    for path in paths:
        session.output.line(Text(clean(str(path))))
