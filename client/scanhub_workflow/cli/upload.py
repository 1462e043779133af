"""``upload``: a file of any size into the data lake."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import (
    DownloadColumn,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from scanhub_workflow.cli.completion import complete_dag, complete_upload
from scanhub_workflow.cli.exit_codes import ExitCode
from scanhub_workflow.cli.following import (
    NARROW,
    Timeout,
    Watch,
    follow_run,
    follow_workflow,
    make_progress,
)
from scanhub_workflow.cli.output import Output
from scanhub_workflow.cli.resuming import OpenUpload
from scanhub_workflow.cli.session import AsJson, begin
from scanhub_workflow.client import Client
from scanhub_workflow.errors import OtherFileError, UploadClosedError, UploadInterruptedError
from scanhub_workflow.files import check_file
from scanhub_workflow.models import CompletedUpload
from scanhub_workflow.retry import Clock
from scanhub_workflow.uploads import OnProgress, UploadProgress

# S3's event has come by then, or something is wrong.
APPEARS_WITHIN_S = 120
# Beside what the library tries by itself, for half a minute or so.
WAIT_S = 30
N_ROUNDS = 20


def upload(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Raw data: ISMRMRD or NumPy, say.")],
    dag_id: Annotated[
        str | None,
        typer.Option("--dag", help="The DAG to run with it.", autocompletion=complete_dag),
    ] = None,
    task_id: Annotated[
        str | None, typer.Option("--task", help="The device task that it is the data of.")
    ] = None,
    upload_id: Annotated[
        str | None,
        typer.Option(
            "--resume",
            help="Go on with this upload, begun on another machine, say.",
            autocompletion=complete_upload,
        ),
    ] = None,
    is_fresh: Annotated[
        bool, typer.Option("--fresh", help="Begin anew, even if an upload of the file is open.")
    ] = False,
    is_watching: Watch = False,
    timeout_s: Timeout = None,
    as_json: AsJson = False,
) -> None:
    """Upload a file of any size. After an interruption the same command goes on where it was."""
    session = begin(context, as_json)
    if [dag_id, task_id, upload_id].count(None) != 2:
        raise typer.BadParameter("Say what the file is for: --dag, --task or --resume.")
    check_file(path)
    with session.connect() as client:
        target = f"{dag_id} {task_id} {upload_id}"
        known = OpenUpload.of(session.folder / "uploads", repr(client), path, target)
        if is_fresh:
            known.forget()
        sending = _Sending(session.output, client, path, known, session.retry.clock)
        if upload_id is not None:
            completed = sending.resume(upload_id)
        else:
            completed = sending.send(dag_id, task_id)
        known.forget()
        _show(session.output, completed)
        if is_watching:
            _follow(session.output, client, completed, timeout_s)


@dataclass(frozen=True)
class _Sending:
    output: Output
    client: Client
    path: Path
    known: OpenUpload
    clock: Clock

    def send(self, dag_id: str | None, task_id: str | None) -> CompletedUpload:
        """Go on with the upload that was left, or begin one."""
        if upload_id := self.known.find():
            try:
                return self.resume(upload_id)
            except (UploadClosedError, OtherFileError):
                self.output.note("What was left of an earlier upload is gone: it begins anew.")
                self.known.forget()
        try:
            with self._showing() as on_progress:
                return self.client.upload(
                    self.path, dag_id=dag_id, task_id=task_id, on_progress=on_progress
                )
        except UploadInterruptedError as error:
            return self._insist(error)

    def resume(self, upload_id: str) -> CompletedUpload:
        """Go on with an upload."""
        try:
            return self._resume(upload_id)
        except UploadInterruptedError as error:
            return self._insist(error)

    def _insist(self, error: UploadInterruptedError) -> CompletedUpload:
        """Go on when the network is back: nobody watches a night's upload."""
        upload_id = str(error.upload_id)
        for _ in range(N_ROUNDS):
            self.output.note(
                f"S3 or the API is not there, or fails: trying again in {WAIT_S} s; Ctrl-C stops."
            )
            try:
                self.clock.sleep(WAIT_S)
            except KeyboardInterrupt:
                self.output.note(_describe_interruption([upload_id]))
                raise typer.Exit(ExitCode.INTERRUPTED) from None
            try:
                return self._resume(upload_id)
            except UploadInterruptedError as again:
                error = again
        raise error

    def _resume(self, upload_id: str) -> CompletedUpload:
        self.output.note(f"Going on with upload {upload_id}: what has arrived is compared first.")
        with self._showing() as on_progress:
            return self.client.upload(self.path, resume=upload_id, on_progress=on_progress)

    def _remember(self, upload_id: str) -> None:
        try:
            self.known.remember(upload_id)
        except OSError:
            self.output.note(
                "Nothing can be kept here for the next time: after an interruption, go on with "
                f"--resume {upload_id} in place of --dag or --task."
            )

    @contextmanager
    def _showing(self) -> Iterator[OnProgress]:
        with make_progress(self.output, *_choose_columns(self.output)) as progress:
            bar = progress.add_task("upload", total=None)
            upload_ids: list[str] = []
            tenths = 0

            def show(state: UploadProgress) -> None:
                nonlocal tenths
                if not upload_ids:
                    upload_ids.append(state.upload_id)
                    self._remember(state.upload_id)
                progress.update(bar, completed=state.sent_bytes, total=state.size_bytes)
                if self.output.has_log and 10 * state.sent_bytes // state.size_bytes > tenths:
                    tenths = 10 * state.sent_bytes // state.size_bytes
                    self.output.say(f"upload {10 * tenths} %")

            try:
                yield show
            except KeyboardInterrupt:
                progress.stop()
                self.output.note(_describe_interruption(upload_ids))
                raise typer.Exit(ExitCode.INTERRUPTED) from None


def _describe_interruption(upload_ids: list[str]) -> str:
    if not upload_ids:
        return "Interrupted before anything was sent."
    return (
        "Interrupted. What has arrived is kept for two weeks: the same command goes on with it "
        f"(on another machine: --resume {upload_ids[0]} in place of --dag or --task)."
    )


def _choose_columns(output: Output) -> list[ProgressColumn]:
    first: list[ProgressColumn] = [TextColumn("{task.percentage:>3.0f} %")]
    if output.errors.width < NARROW:
        return [*first, TransferSpeedColumn(), TimeRemainingColumn(compact=True)]
    return [*first, DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()]


def _show(output: Output, completed: CompletedUpload) -> None:
    if output.is_json:
        output.document(completed)
        return
    output.say(f"Uploaded ({completed.upload_id}).")
    if completed.dag_run_id:
        output.say(f"Its run: scanhub-workflow run {completed.dag_run_id}")
    elif completed.workflow_id:
        output.say(f"Its workflow: scanhub-workflow workflow {completed.workflow_id}")


def _follow(
    output: Output, client: Client, completed: CompletedUpload, timeout_s: float | None
) -> None:
    if completed.dag_run_id:
        changes = client.watch_dag_run(
            completed.dag_run_id, timeout_s=timeout_s, appears_within_s=APPEARS_WITHIN_S
        )
        follow_run(output, changes)
    elif completed.workflow_id:
        follow_workflow(output, client.watch(completed.workflow_id, timeout_s=timeout_s))
