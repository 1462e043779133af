"""``bridge``: between ScanHub's volume and the data lake, beside ScanHub."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from scanhub_workflow.bridge import Bridge, BridgeSettings, ServiceAccount
from scanhub_workflow.bridge.connection import Addresses
from scanhub_workflow.bridge.reasons import CannotError
from scanhub_workflow.bridge.status import alone, read_status
from scanhub_workflow.cli.exit_codes import ExitCode
from scanhub_workflow.cli.output import Columns
from scanhub_workflow.cli.session import AsJson, Session, begin
from scanhub_workflow.client import URL_VARIABLE
from scanhub_workflow.errors import ConfigurationError, UnwritableFolderError

STATE_VARIABLE = "STATE_DIRECTORY"
COLUMNS: Columns[dict[str, Any]] = {
    "TASK": lambda item: item["task_id"],
    "DIRECTION": lambda item: item["direction"],
    "STATE": lambda item: item["state"],
    "BYTES": lambda item: f"{item['done_bytes']:,} of {item['size_bytes']:,}",
    "NEXT TRY": lambda item: item["next_try"],
    "REASON": lambda item: item["reason"],
}


def bridge(
    context: typer.Context,
    data: Annotated[
        Path | None,
        # A folder that waits for its mount may be closed to all: the bridge waits with it.
        typer.Option(
            help="ScanHub's volume on this machine, /data in its containers.", readable=False
        ),
    ] = None,
    url: Annotated[
        str, typer.Option(help="Of the API, up to /workflowmanager.", envvar=URL_VARIABLE)
    ] = "",
    scanhub_url: Annotated[
        str,
        typer.Option(help="Of ScanHub's gateway, or of exam-manager.", envvar="SCANHUB_URL"),
    ] = "",
    login_url: Annotated[
        str,
        typer.Option(
            help="Of user-login-manager, if not ScanHub's URL.", envvar="SCANHUB_LOGIN_URL"
        ),
    ] = "",
    username: Annotated[
        str, typer.Option(help="Of the service account.", envvar="SCANHUB_USERNAME")
    ] = "",
    password_file: Annotated[
        Path | None,
        typer.Option(
            help="Readable by its owner alone; else systemd's credential scanhub-password.",
            envvar="SCANHUB_PASSWORD_FILE",
        ),
    ] = None,
    state: Annotated[
        Path | None, typer.Option(help="Where it tells how it stands; safe to delete.")
    ] = None,
    n_transfers: Annotated[
        int, typer.Option("--transfers", min=1, max=8, help="How many at once, in each direction.")
    ] = 2,
    reserve_gib: Annotated[
        float, typer.Option("--reserve", min=0, help="GiB of the volume that stay free.")
    ] = 10,
    interval_s: Annotated[
        float, typer.Option("--interval", min=1, help="Seconds between two looks.")
    ] = 10,
    is_once: Annotated[
        bool, typer.Option("--once", help="Carry what there is, and end: for cron.")
    ] = False,
    is_status: Annotated[
        bool, typer.Option("--status", help="Show how the bridge that runs stands, and end.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Carry raw data of finished scans up, and images of finished runs down into ScanHub's volume.

    Runs beside ScanHub as a service account, until SIGTERM or Ctrl-C.
    """
    session = begin(context, as_json)
    state = state or _find_state(session)
    if is_status:
        _show(session, read_status(state))
        return
    if data is None:
        raise typer.BadParameter("Name ScanHub's volume: --data.")
    if not url or not scanhub_url:
        raise ConfigurationError("The URLs are needed: --url of the API, --scanhub-url of ScanHub.")
    account = ServiceAccount.find(
        login_url or scanhub_url, username, password_file, session.environ
    )
    settings = BridgeSettings(data, state, n_transfers, int(reserve_gib * 2**30), interval_s)
    addresses = Addresses(url, scanhub_url, session.transport, session.storage_transport)
    with alone(state):
        worker = Bridge(settings, addresses, account, _make_log(session), session.retry)
        _work(worker, is_once=is_once)


def _work(worker: Bridge, *, is_once: bool) -> None:
    try:
        if not is_once:
            worker.run()
        elif not worker.run_once():
            raise typer.Exit(ExitCode.FAILED)
    except CannotError as error:
        raise UnwritableFolderError(str(error)) from None
    finally:
        worker.close()


def _find_state(session: Session) -> Path:
    # systemd's own word; of several, the first.
    given = session.environ.get(STATE_VARIABLE, "").split(os.pathsep)[0]
    return Path(given) if given else session.folder / "bridge"


def _make_log(session: Session) -> Any:
    def tell(line: str) -> None:
        if session.output.is_json:
            session.output.document({"message": line})
        session.output.say(line)

    return tell


def _show(session: Session, status: dict[str, Any]) -> None:
    if session.output.is_json:
        session.output.document(status)
        return
    items = status.get("items", [])
    session.output.record(
        {
            "as of": status.get("at"),
            "contract of ScanHub": status.get("contract"),
            "problem": status.get("problem"),
            "free in the volume [bytes]": status.get("free_bytes"),
        }
    )
    session.output.table(items, COLUMNS)
