"""The commands, and what becomes of an error in one of them."""

from __future__ import annotations

import errno
import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from scanhub_workflow.cli import control, doctor, download, login, runs, upload, workflows
from scanhub_workflow.cli.exit_codes import ExitCode, choose_exit_code
from scanhub_workflow.cli.output import to_json
from scanhub_workflow.cli.session import NAME, Session
from scanhub_workflow.errors import ApiError, AuthenticationError, ScanHubError
from scanhub_workflow.version import __version__

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
            code = choose_exit_code(error)
            _tell(context.obj or Session(), error, code)
            raise typer.Exit(code) from None
        except OSError as error:
            if error.errno == errno.EPIPE:
                # Whoever read has enough, and is told no more.
                raise
            (context.obj or Session()).output.note(f"Not written: {os.strerror(error.errno or 0)}.")
            raise typer.Exit(ExitCode.LOCAL_FILE) from None
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
    workflows.process,
    workflows.trigger,
    workflows.workflows,
    workflows.workflow,
    runs.runs,
    runs.run,
    upload.upload,
    download.download,
    control.cancel,
    control.retry,
    runs.rejected,
    doctor.doctor,
):
    app.command()(command)


def main() -> None:
    """Run the command line; its exit status is an `ExitCode`."""
    try:
        app(prog_name=NAME)
    except SystemExit as ended:
        if ended.code == ExitCode.INTERRUPTED:
            # Without waiting for threads that stand in a read or a wait.
            sys.stdout.flush()
            os._exit(ExitCode.INTERRUPTED)
        raise


def _tell(session: Session, error: Exception, code: ExitCode) -> None:
    output = session.output
    if output.is_json:
        refusal = (
            {"status": error.status, "request_id": error.request_id}
            if (isinstance(error, ApiError))
            else {}
        )
        content = {"error": type(error).__name__, "message": str(error), "exit_code": code}
        sys.stderr.write(to_json(content | refusal))
        return
    advice = " Log in: scanhub-workflow login" if isinstance(error, AuthenticationError) else ""
    output.note(f"{error}{advice}")
