"""The laptop stack from the command line: ``python -m local.stack {up,down,status,logs}``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import fields, replace

from local import airflow, neighbours
from local.config import DAGS_VARIABLE, HOST, PORT_VARIABLES, StackConfig, StackError
from local.function_logs import save_function_logs
from local.lifecycle import bring_up, forget, take_down
from local.probes import is_airflow_ready, is_api_ready, is_aws_ready, is_scanhub_ready
from local.processes import Processes
from local.scanhub import CONTRACT_VARIABLE, CONTRACTS
from local.state import Stack, read_stack, write_stack

__all__ = ["Stack", "down", "is_up", "read_stack", "reset", "start_service", "stop_service", "up"]

SERVICES = {"aws": ("aws",), "airflow": airflow.SERVICES, "scanhub": ("scanhub",)}
"""Name for ``stop_service`` → names of its processes."""


def up(config: StackConfig | None = None) -> Stack:
    """Bring the stack up, unless it is up and well already.

    Raises
    ------
    StackError
        Something did not start; nothing is left running. Or the stack is up without the DAGs
        that were asked for.
    """
    config = config or StackConfig.from_environ()
    if is_up(config):
        print("The stack is up already; make down first to deploy changes.")
        stack = read_stack(config)
        if str(config.own_dags_folder or "") not in ["", *stack.dags_folders.split(os.pathsep)]:
            raise StackError(f"It does not read {config.own_dags_folder}: make down, then again.")
        if config.scanhub_contract not in (None, stack.scanhub_contract):
            raise StackError(f"It speaks {stack.scanhub_contract}: make down, then again.")
        return stack
    started = time.monotonic()
    stack = bring_up(config, lambda text: print(f"{time.monotonic() - started:5.1f} s  {text}"))
    print(f"The stack is up; {config.stack_file} says how to reach it.")
    return stack


def down(config: StackConfig | None = None) -> None:
    """Stop everything and keep its data; it is no error if nothing runs."""
    n_stopped = take_down(config or StackConfig.from_environ())
    print(f"Stopped {n_stopped} processes." if n_stopped else "Nothing was running.")


def reset(config: StackConfig | None = None) -> None:
    """Stop everything and delete its data: workflows, runs, uploads, logins."""
    config = config or StackConfig.from_environ()
    n_stopped = forget(config)
    print(f"Stopped {n_stopped} processes; the next start is a fresh one.")


def is_up(config: StackConfig) -> bool:
    """Return whether every service answers; renew the operator's login if it has expired."""
    try:
        stack = read_stack(config)
        if not all(check_health(config).values()):
            return False
        token = neighbours.log_in(config, stack.username, stack.password)
    except StackError:
        return False
    if token != stack.token:
        write_stack(replace(stack, token=token), config)
    return is_api_ready(stack.api_url, token)


def check_health(config: StackConfig) -> dict[str, bool]:
    """Return service → whether its processes run and it answers."""
    processes = Processes(config.folder)
    answers = {"aws": is_aws_ready, "airflow": is_airflow_ready, "scanhub": is_scanhub_ready}
    return {
        service: all(processes.is_running(name) for name in SERVICES[service]) and answer(config)
        for service, answer in answers.items()
    }


def stop_service(service: str, config: StackConfig | None = None) -> None:
    """Stop one service of a running stack: ``airflow``, ``scanhub`` or ``aws``."""
    processes = Processes((config or StackConfig.from_environ()).folder)
    for name in SERVICES[service]:
        processes.stop(name)


def start_service(service: str, config: StackConfig | None = None) -> None:
    """Start a stopped service again and wait for it.

    Airflow and the stand-in of ScanHub find their data as they were. The laptop's AWS would come
    back without what the deployment changes in its memory, so only ``up`` starts it: this raises.
    """
    config = config or StackConfig.from_environ()
    processes = Processes(config.folder)
    if service == "airflow":
        airflow.start_airflow(config, processes)
        airflow.wait_for_airflow(config, processes)
    elif service == "scanhub":
        stack = read_stack(config)
        neighbours.start_scanhub(config, processes, stack.api_url, stack.scanhub_contract)
    else:
        raise StackError(f"{service} cannot come back alone: run make down, then make up.")


def print_status(config: StackConfig) -> bool:
    """Print what runs; return whether all of it is well."""
    processes, health = Processes(config.folder), check_health(config)
    print(f"{'service':<10}{'port':>6}  {'health':<8}pid")
    for service, port in config.ports.items():
        pids = [processes.pid_of(name) for name in SERVICES[service]]
        shown = " ".join(str(pid) for pid in pids if pid) or "-"
        state = "ok" if health[service] else "failing" if any(pids) else "down"
        print(f"{service:<10}{port:>6}  {state:<8}{shown}")
    is_well = is_up(config)
    print(f"API {read_stack(config).api_url}" if is_well else "The stack is not up.")
    return is_well


def print_logs(config: StackConfig, n_lines: int, is_following: bool) -> None:
    """Become ``tail`` of all logs."""
    save_function_logs(config)
    logs = [str(log) for log in sorted(config.log_folder.glob("*.log"))]
    if not logs:
        raise StackError(f"There are no logs in {config.log_folder}.")
    follow = ["-F"] if is_following else []
    sys.stdout.flush()
    os.execvp("tail", ["tail", "-n", str(n_lines), *follow, *logs])  # noqa: S606, S607


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command of the command line and return the exit status."""
    options = make_parser().parse_args(arguments)
    try:
        config = StackConfig.from_environ()
        if options.command == "up":
            up(config)
        elif options.command == "down":
            down(config)
        elif options.command == "reset":
            reset(config)
        elif options.command == "status":
            return 0 if print_status(config) else 1
        else:
            print_logs(config, options.lines, options.follow)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; nothing is left running.", file=sys.stderr)
        return 130
    return 0


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; its help describes every parameter."""
    defaults = StackConfig()
    lines = [f"environment (everything listens on {HOST} only):"]
    lines += [
        f"  {variable:<22}port of {service} (default {port})"
        for service, (variable, port) in PORT_VARIABLES.items()
    ]
    lines += [
        f"  {'SCANHUB_LOCAL_DIR':<22}data, logs and stack.json (default {defaults.folder.name}/)",
        f"  {DAGS_VARIABLE:<22}a folder of DAGs that Airflow reads too",
        f"  {CONTRACT_VARIABLE:<22}ScanHub's contract: {' or '.join(CONTRACTS)}",
        "",
        "up writes stack.json, owner-only, with: "
        + ", ".join(field.name for field in fields(Stack)),
    ]
    parser = argparse.ArgumentParser(
        prog="python -m local.stack",
        description="AWS, Airflow and ScanHub's neighbour services on this machine.",
        epilog="\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="start everything and wait until it is ready")
    commands.add_parser("down", help="stop everything, also an up that is under way; keep data")
    commands.add_parser("reset", help="stop everything and delete all data")
    commands.add_parser("status", help="show what runs; exit status 1 unless all is well")
    logs = commands.add_parser("logs", help="print the end of every log")
    logs.add_argument("-f", "--follow", action="store_true", help="go on printing")
    logs.add_argument("-n", "--lines", type=int, default=40, help="lines of each log (default 40)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
