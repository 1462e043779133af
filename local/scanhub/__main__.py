"""Start the stand-in: ``python -m local.scanhub --port P --workflow-manager-url URL``."""

import argparse
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from local.scanhub import CONTRACT_VARIABLE, CONTRACTS, DEFAULT_CONTRACT
from local.scanhub.app import Settings, make_app, make_stand_in
from local.scanhub.server import HOST, make_server, open_socket


def main() -> int:
    """Serve until SIGINT or SIGTERM; return the exit code."""
    options = _parse_options()
    try:
        listener = open_socket(options.port)
    except OSError as exc:
        print(f"Cannot listen on {HOST}:{options.port}: {exc.strerror}", file=sys.stderr)
        return 1
    address = f"{HOST}:{listener.getsockname()[1]}"
    settings = Settings(
        address=address,
        workflow_manager_url=options.workflow_manager_url,
        scan_duration_s=options.scan_duration_s,
        contract=options.contract,
        file=options.file,
        volume=options.volume,
    )
    # The server raises the signal again once it is down: that is an orderly end.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _exit_orderly)
    print(f"ScanHub stand-in on http://{address}", flush=True)
    make_server(make_app(make_stand_in(settings))).run(sockets=[listener])
    return 0


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local.scanhub", description="ScanHub's neighbour services"
    )
    parser.add_argument("--port", type=int, default=8090, help="0 takes a free port")
    parser.add_argument("--workflow-manager-url", default="", help="where the scanner uploads")
    parser.add_argument("--file", type=Path, help="where it keeps its data; default: nowhere")
    parser.add_argument(
        "--volume", type=Path, help="ScanHub's data volume; default: a temporary one"
    )
    parser.add_argument(
        "--contract",
        choices=CONTRACTS,
        default=os.environ.get(CONTRACT_VARIABLE) or DEFAULT_CONTRACT,
        help=f"of ScanHub; default: the variable {CONTRACT_VARIABLE}, or {DEFAULT_CONTRACT}",
    )
    parser.add_argument("--scan-duration-s", type=float, default=3.0)
    options = parser.parse_args()
    if options.contract not in CONTRACTS:
        parser.error(f"{CONTRACT_VARIABLE} must be {' or '.join(CONTRACTS)}.")
    return options


def _exit_orderly(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())
