"""Bring the whole stack up and down, whatever happens on the way."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from types import FrameType

from local import airflow, aws, neighbours
from local.config import REGION, StackConfig, StackError
from local.function_logs import save_function_logs
from local.identity import ProcessRecord
from local.probes import check_ports, is_api_ready
from local.processes import POLL_S, Processes
from local.state import AirflowSecrets, Stack, write_stack

API_TIMEOUT_S = 90
INTERRUPTED_UP_WAIT_S = 45
MAY_BE_THE_DATA = "If what the stack has kept may be the cause: make reset deletes it."
Report = Callable[[str], None]


def bring_up(config: StackConfig, report: Report) -> Stack:
    """Start all that does not run yet, and return when all of it is ready.

    Raises
    ------
    StackError
        Something did not start; nothing is left running.
    KeyboardInterrupt
        The user interrupted; nothing is left running.
    """
    processes = Processes(config.folder)
    with _only_one_up(config), _signals_as_interrupt():
        processes.stop()
        check_ports(config)
        had_data = config.data_folder.exists()
        try:
            return _start_all(config, processes, report)
        except BaseException as error:
            # BaseException, as Ctrl-C is no Exception: leave no process, whatever the reason.
            with _signals_ignored():
                processes.cancel()
                clean_up(config, processes)
            if had_data and isinstance(error, StackError):
                raise StackError(f"{error}\n{MAY_BE_THE_DATA}") from None
            raise


def take_down(config: StackConfig, *, is_kept: bool = True) -> int:
    """Stop everything, also an ``up`` that is still at work; return the number of processes.

    Parameters
    ----------
    is_kept
        Whether there is anything to write down in an orderly end.
    """
    record = ProcessRecord.read(config.folder / "run" / "up.json")
    if record and record.pid != os.getpid() and record.is_running():
        os.kill(record.pid, signal.SIGTERM)
        deadline = time.monotonic() + INTERRUPTED_UP_WAIT_S
        while record.is_running() and time.monotonic() < deadline:
            time.sleep(POLL_S)
    return clean_up(config, Processes(config.folder), is_kept=is_kept)


def forget(config: StackConfig) -> int:
    """Stop everything and delete all that the stack has kept; return the number of processes."""
    n_stopped = take_down(config, is_kept=False)
    shutil.rmtree(config.data_folder, ignore_errors=True)
    return n_stopped


def clean_up(config: StackConfig, processes: Processes, *, is_kept: bool = True) -> int:
    """Stop all processes and delete what a stopped stack must not leave; its data stay."""
    save_function_logs(config)
    n_stopped = processes.stop(is_asked=is_kept)
    config.stack_file.unlink(missing_ok=True)
    (config.folder / "airflow-secrets.json").unlink(missing_ok=True)
    shutil.rmtree(config.sam_local_folder, ignore_errors=True)
    aws.remove_aws_files(config)
    return n_stopped


def _start_all(config: StackConfig, processes: Processes, report: Report) -> Stack:
    shutil.rmtree(config.log_folder, ignore_errors=True)
    config.log_folder.mkdir(mode=0o700)
    AirflowSecrets.generate().write(config.folder)
    stacks: list[Stack] = []

    def bring_up_airflow() -> None:
        airflow.prepare_airflow(config, processes)
        airflow.start_airflow(config, processes)
        airflow.wait_for_airflow(config, processes)
        report(f"Airflow    {config.airflow_url}")

    def bring_up_aws() -> None:
        aws.start_aws(config, processes)
        outputs = aws.deploy(config, processes)
        report(f"AWS        {config.aws_url}")
        neighbours.start_scanhub(config, processes, outputs["ApiUrl"], config.new_contract)
        report(f"ScanHub    {config.scanhub_url} (contract {config.new_contract})")
        stack = _describe(config, outputs)
        _wait_for_api(stack, processes)
        report(f"API        {stack.api_url}")
        stacks.append(stack)

    _run_together(config, processes, bring_up_airflow, bring_up_aws)
    aws.save(processes)
    write_stack(stacks[0], config)
    return stacks[0]


def _wait_for_api(stack: Stack, processes: Processes) -> None:
    def is_ready() -> bool:
        return is_api_ready(stack.api_url, stack.token)

    processes.wait_until("aws", is_ready, "the API's answer", API_TIMEOUT_S)


def _run_together(config: StackConfig, processes: Processes, *branches: Callable[[], None]) -> None:
    """Run the branches in parallel; the first failure or an interrupt ends all of them."""
    with ThreadPoolExecutor(len(branches)) as pool:
        futures: list[Future[None]] = [pool.submit(branch) for branch in branches]
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
        except BaseException:
            # The pool waits for its threads, so first end what they wait for.
            with _signals_ignored():
                processes.cancel()
                save_function_logs(config)
                processes.stop()
            raise


def _describe(config: StackConfig, outputs: dict[str, str]) -> Stack:
    seed = neighbours.read_seed(config)
    return Stack(
        api_url=outputs["ApiUrl"],
        aws_endpoint_url=config.aws_url,
        region=REGION,
        bucket=outputs["BucketName"],
        table=outputs["TableName"],
        queue_url=outputs["QueueUrl"],
        dlq_url=outputs["DlqUrl"],
        airflow_url=config.airflow_url,
        airflow_username=airflow.USERNAME,
        airflow_password=AirflowSecrets.read(config.folder).password,
        scanhub_url=config.scanhub_url,
        scanhub_contract=config.new_contract,
        username=seed["username"],
        password=seed["password"],
        token=neighbours.log_in(config, seed["username"], seed["password"]),
        workflow_id=seed["workflow_id"],
        log_dir=str(config.log_folder),
        dags_folders=os.pathsep.join(map(str, config.dags_folders)),
    )


@contextmanager
def _only_one_up(config: StackConfig) -> Iterator[None]:
    """Hold the stack's lock, and note the process that ``make down`` has to interrupt."""
    record_file = config.folder / "run" / "up.json"
    for folder in (config.folder, record_file.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (config.folder / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError("Another make up is under way.") from None
        own = ProcessRecord.of(os.getpid())
        try:
            if own:
                own.write(record_file)
            yield
        finally:
            record_file.unlink(missing_ok=True)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def _signals_as_interrupt() -> Iterator[None]:
    """Treat a closed terminal and ``make down`` like Ctrl-C."""
    with _handling(_interrupt, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        yield


@contextmanager
def _signals_ignored() -> Iterator[None]:
    """Finish cleaning up, however often the user presses Ctrl-C."""
    with _handling(signal.SIG_IGN, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        yield


@contextmanager
def _handling(
    handler: Callable[[int, FrameType | None], None] | signal.Handlers, *numbers: signal.Signals
) -> Iterator[None]:
    # Python sets handlers in the main thread only; a test may bring the stack up in another.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler_before in previous.items():
            signal.signal(number, handler_before)
