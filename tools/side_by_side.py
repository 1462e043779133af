"""Run checks side by side: none waits for another, and all end in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from botocore.exceptions import BotoCoreError, ClientError

from scanhub_workflow.doctor.checks import Check, failed, skipped
from tools.aws import explain

Look = Callable[[], Iterable[Check]]
DEADLINE_S = 40.0


def run(looks: Mapping[str, Look], deadline_s: float = DEADLINE_S) -> Iterator[Check]:
    """Yield the results in the order of the checks, whose functions stand by name in `looks`.

    Parameters
    ----------
    deadline_s
        Time for all checks together, after which those that have not ended are given up [s].
    """
    ends_at = time.monotonic() + deadline_s
    found: dict[str, list[Check]] = {}
    threads = {}
    for name, look in looks.items():
        # A daemon, so that a check that hangs does not keep the program alive.
        threads[name] = threading.Thread(target=_look, args=(name, look, found), daemon=True)
        threads[name].start()
    for name, thread in threads.items():
        thread.join(max(0.0, ends_at - time.monotonic()))
        late = [skipped(name, f"Could not be checked: no answer within {deadline_s:g} s.")]
        yield from found.get(name, late)


def _look(name: str, look: Look, found: dict[str, list[Check]]) -> None:
    try:
        found[name] = list(look())
    except (BotoCoreError, ClientError) as error:
        # A thing that IAM does not let us see may be right all the same.
        found[name] = [skipped(name, f"Could not be checked: {explain(error)}.")]
    except Exception as error:  # noqa: BLE001 - a check that breaks still says so
        advice = "Report this line to those who develop this."
        found[name] = [failed(name, f"This check broke ({type(error).__name__}).", advice)]
