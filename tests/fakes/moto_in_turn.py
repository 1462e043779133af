"""Lets moto answer one call after the other, as any server keeps its calls apart.

moto is no server: two threads in it at once break each other's calls (a transaction copies all
tables, which another thread changes meanwhile). Importing this mends it for the process.
"""

from threading import RLock
from typing import Any

from moto.core.botocore_stubber import BotocoreStubber

_lock = RLock()
_answer = BotocoreStubber.process_request


def _answer_in_turn(self: BotocoreStubber, request: Any) -> Any:
    with _lock:
        return _answer(self, request)


BotocoreStubber.process_request = _answer_in_turn  # type: ignore[method-assign]
