"""What this process has taken so far."""

import resource
import sys

_RSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


def cpu_s() -> float:
    """Return the time on processors [s]."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_mb() -> float:
    """Return the largest resident set [MB], the interpreter and its packages included."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT_BYTES / 1e6
