"""The fresh process of `tools.precompile`: import every function, keep what Python compiles then.

    python -S -s -P precompile_recorder.py file functions

Nothing is imported here before `_record` that would compile something of its own.
"""

import collections
import marshal
import re
import sys
import typing
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any


def _record_patterns(patterns: dict[tuple[str | bytes, int], tuple[Any, ...]]) -> None:
    compiler: Any = vars(re)["_compiler"]
    engine = compiler._sre
    compile_anew, asked = compiler.compile, []

    def make(*arguments: Any) -> Any:
        asked.append(arguments)
        return engine.compile(*arguments)

    def record(pattern: Any, flags: int = 0) -> Any:
        made = compile_anew(pattern, flags)
        if type(pattern) in (str, bytes):
            _, all_flags, code, n_groups, by_name, by_index = asked[-1]
            packed = b"".join(int(each).to_bytes(4, sys.byteorder) for each in code)
            patterns[pattern, int(flags)] = (
                *(int(all_flags), packed, n_groups),
                *(dict(by_name), tuple(by_index)),
            )
        return made

    compiler.compile = record
    compiler._sre = SimpleNamespace(**(vars(engine) | {"compile": make}))


def _record_code(codes: dict[str, bytes], mode: str, run: Callable[..., Any]) -> Callable[..., Any]:
    def record(source: Any, *names: Any) -> Any:
        if isinstance(source, str) and source not in codes:
            codes[source] = marshal.dumps(compile(source, "<string>", mode))
        return run(source, *names)

    return record


def _import_all(functions: str) -> None:
    import importlib.util
    import pkgutil
    from pathlib import Path

    import workflow_manager

    for each in pkgutil.walk_packages(workflow_manager.__path__, "workflow_manager."):
        importlib.import_module(each.name)
    for path in sorted(Path(functions).glob("*/app.py")):
        spec = importlib.util.spec_from_file_location("app", path)
        assert spec is not None and spec.loader is not None  # noqa: S101 - it ends in .py
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


def main(file: str, functions: str) -> None:
    """Write the file that `workflow_manager.precompiled` reads."""
    patterns: dict[tuple[str | bytes, int], tuple[Any, ...]] = {}
    statements: dict[str, bytes] = {}
    expressions: dict[str, bytes] = {}
    _record_patterns(patterns)
    vars(collections)["eval"] = _record_code(expressions, "eval", eval)
    # Python 3.14 compiles annotations only when they are asked for.
    record = _record_code(
        expressions, "eval", lambda source, file, mode: compile(source, file, mode)
    )
    vars(typing)["compile"] = record
    import dataclasses

    vars(dataclasses)["exec"] = _record_code(statements, "exec", exec)
    _import_all(functions)

    from workflow_manager.precompiled import mark_python

    with open(file, "wb") as opened:  # noqa: PTH123 - as the module that reads it
        opened.write(mark_python() + marshal.dumps((patterns, statements, expressions)))


if __name__ == "__main__":
    main(*sys.argv[1:])
