"""The fresh process of `benchmarks.cold_start`: import a handler, say what that took.

    python -S -s -P cold_start_runner.py [module]

Nothing is imported here that the handler might import: it would be free for it. Without a module,
the interpreter alone is measured, since it was started.
"""

import time

_STARTED_S, _STARTED_CPU_S = time.perf_counter(), time.process_time()


def main(module: str = "") -> None:
    """Measure and print one line of JSON, as `benchmarks.cold_start.Start` takes it."""
    import sys

    n_before = len(sys.modules)
    if module:
        __import__(module)
    wall_s, cpu_s = time.perf_counter() - _STARTED_S, time.process_time()
    if module:
        cpu_s -= _STARTED_CPU_S
    n_modules = len(sys.modules) - n_before

    import json

    with open("/proc/self/status") as file:  # noqa: PTH123 - pathlib is large
        [line] = (line for line in file if line.startswith("VmRSS:"))
    rss_mb = int(line.split()[1]) * 1024 / 1e6
    numbers = {"ms": wall_s * 1e3, "cpu_ms": cpu_s * 1e3, "rss_mb": rss_mb}
    print(json.dumps(numbers | {"n_modules": n_modules}))


if __name__ == "__main__":
    from sys import argv

    main(*argv[1:])
