"""Read many files as the reader's process does, each in a fork, which needs no imports of its own.

`python -m tests.unit.dags.read_in_forks FILE...` writes a line of JSON for each file: the answer
(None if there was none), how the process ended, and its largest resident set in bytes.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from scanhub_reconstruction.ismrmrd_reader import answer
from scanhub_reconstruction.scratch import Scratch

ROOM_BYTES = 2**28


def read(path: Path) -> dict[str, Any]:
    with tempfile.TemporaryFile() as scratch, tempfile.TemporaryFile() as answer_file:
        process = os.fork()
        if process == 0:
            _answer(path, scratch.fileno(), answer_file.fileno())
        _, status, usage = os.wait4(process, 0)
        answer_file.seek(0)
        text = answer_file.read()
    return {
        "answer": json.loads(text) if text else None,
        "status": os.waitstatus_to_exitcode(status),
        "peak_bytes": usage.ru_maxrss * 1024,
        "cpu_s": usage.ru_utime + usage.ru_stime,
    }


def _answer(path: Path, scratch: int, answer_file: int) -> None:
    try:
        text = json.dumps(answer(path, Scratch(scratch, ROOM_BYTES)))
        os.write(answer_file, text.encode())
        os._exit(0)
    finally:
        os._exit(1)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        sys.stdout.write(json.dumps(read(Path(name))) + "\n")
        sys.stdout.flush()
