"""The commands, and what becomes of an error in one of them."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from typer.core import TyperGroup

from scanhub_workflow.cli import (
    bridge,
    control,
    doctor,
    download,
    events,
    login,
    runs,
    upload,
    validating,
    workflows,
)
from scanhub_workflow.cli.advice import choose_advice
from scanhub_workflow.cli.exit_codes import ExitCode, choose_exit_code
from scanhub_workflow.cli.output import to_json
from scanhub_workflow.cli.session import Session
from scanhub_workflow.cli.words import NAME, reword
from scanhub_workflow.errors import ApiError, ScanHubError, UploadError
from scanhub_workflow.version import __version__

_NOWHERE = Path(os.devnull)
EXPECTED = (ScanHubError, TimeoutError)


class Commands(TyperGroup):
    """All commands; an error ends one with a sentence and an exit status, not with a traceback."""

    def invoke(self, context: Any) -> Any:
        """Carry a command out.

        Parameters
        ----------
        context
            Of the command line.
        """
        try:
            return super().invoke(context)
        except EXPECTED as error:
            message = " ".join(filter(None, [reword(str(error)), choose_advice(error)]))
            raise _end(context, error, message, choose_exit_code(error)) from None
        except OSError as error:
            if error.errno == errno.EPIPE:
                # Whoever read has enough, and is told no more.
                raise
            message = f"Not written: {os.strerror(error.errno or 0)}."
            raise _end(context, error, message, ExitCode.LOCAL_FILE) from None
        except UnicodeEncodeError as error:
            # Without its text, which may be a file's name.
            message = "An argument holds bytes that are no text."
            raise _end(context, error, message, ExitCode.USAGE) from None
        except KeyboardInterrupt:
            (context.obj or Session()).output.note("Interrupted.")
            raise typer.Exit(ExitCode.INTERRUPTED) from None


app = typer.Typer(
    name=NAME,
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"{NAME} {__version__}")
        raise typer.Exit


@app.callback()
def start(
    context: typer.Context,
    is_version_asked: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Start and follow scans, reconstructions and uploads of ScanHub's workflow manager.

    SCANHUB_WORKFLOW_URL and SCANHUB_WORKFLOW_TOKEN replace what `login` keeps.
    """
    context.obj = context.obj or Session()


for command in (
    login.login,
    login.logout,
    workflows.tasks,
    validating.validate,
    workflows.process,
    workflows.trigger,
    workflows.workflows,
    workflows.workflow,
    events.events,
    runs.runs,
    runs.run,
    runs.results,
    upload.upload,
    download.download,
    control.cancel,
    control.retry,
    runs.rejected,
    doctor.doctor,
    bridge.bridge,
):
    app.command()(command)


def main() -> None:
    """Run the command line; its exit status is an `ExitCode`."""
    _prepare_streams()
    # What ends Ctrl-C ends well: a supervisor or a time limit sends SIGTERM.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app(prog_name=NAME)
    except SystemExit as ended:
        if ended.code == ExitCode.INTERRUPTED:
            # Without waiting for threads that stand in a read or a wait.
            sys.stdout.flush()
            os._exit(ExitCode.INTERRUPTED)
        raise


def _prepare_streams() -> None:
    """Take any character, and streams that the caller has closed."""
    sys.stdin = sys.stdin or _NOWHERE.open(encoding="utf-8")
    sys.stdout = _prepare(sys.stdout)
    sys.stderr = _prepare(sys.stderr)


def _prepare(stream: TextIO | None) -> TextIO:
    if stream is None:
        return _NOWHERE.open("w", encoding="utf-8")
    if isinstance(stream, io.TextIOWrapper):
        # A terminal that is not UTF-8 gets a question mark, not the user an error.
        stream.reconfigure(errors="replace")
    return stream


def _end(context: Any, error: Exception, message: str, code: ExitCode) -> typer.Exit:
    output = (context.obj or Session()).output
    if output.is_json:
        content = {"error": type(error).__name__, "message": message, "exit_code": code}
        sys.stderr.write(to_json(content | _read_details(error)))
    else:
        output.note(message)
    return typer.Exit(code)


def _read_details(error: Exception) -> dict[str, Any]:
    if isinstance(error, ApiError):
        return {"status": error.status, "request_id": error.request_id}
    if isinstance(error, UploadError):
        return {"upload_id": error.upload_id}
    return {}
