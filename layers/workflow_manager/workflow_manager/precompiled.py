"""Patterns and generated code that the build has compiled: a sixth of a start would compile them.

Python keeps the byte code of modules, but compiles again in every process: patterns of `re`, the
methods that `dataclasses` and named tuples write, and annotations that are texts. Here they are
looked up by their whole text. What is not found, or was made by another Python, is compiled as
ever. docs/adr/0038-compiled-by-the-build.md
"""

import collections
import marshal
import os
import typing
from collections.abc import Callable
from importlib import import_module
from importlib.util import MAGIC_NUMBER
from typing import Any, NamedTuple

# Beside our package in the layer; tools/precompile.py makes it.
FILE = os.path.join(os.path.dirname(os.path.dirname(__file__)), "precompiled.bin")  # noqa: PTH118, PTH120 - pathlib is large


class CompiledPattern(NamedTuple):
    """What `_sre.compile` takes besides the text; `code` is an array of 32-bit numbers."""

    flags: int
    code: bytes
    n_groups: int
    index_by_group: dict[str, int]
    group_by_index: tuple[str | None, ...]


class Compiled(NamedTuple):
    """What the build compiled: patterns by text and flags, statements and expressions by text."""

    patterns: dict[tuple[str | bytes, int], tuple[Any, ...]]
    statements: dict[str, bytes]
    expressions: dict[str, bytes]


def mark_python() -> bytes:
    """Return what tells this Python's compiled code from another's."""
    engine = _engine()
    return MAGIC_NUMBER + int(engine.MAGIC).to_bytes(4, "little") + bytes([engine.CODESIZE])


def _engine() -> Any:
    # Python's stubs do not have it.
    return import_module("_sre")


def use_precompiled(file: str = FILE) -> None:
    """Look patterns and generated code up in a file from now on, if this Python made it."""
    try:
        with open(file, "rb") as opened:  # noqa: PTH123 - pathlib is large
            content = opened.read()
    except OSError:
        return
    mark = mark_python()
    if not content.startswith(mark):
        return
    # A part of the layer, as the byte code of its modules is.
    compiled = Compiled(*marshal.loads(memoryview(content)[len(mark) :]))  # noqa: S302 - ours
    _look_up_patterns(compiled.patterns)
    vars(collections)["eval"] = _look_up(compiled.expressions, eval)
    vars(typing)["compile"] = _look_up_annotation(compiled.expressions)
    vars(import_module("dataclasses"))["exec"] = _look_up(compiled.statements, exec)


def _look_up_patterns(patterns: dict[tuple[str | bytes, int], tuple[Any, ...]]) -> None:
    compiler: Any = import_module("re._compiler")
    engine = _engine()
    compile_anew = compiler.compile

    def compile_pattern(pattern: Any, flags: int = 0) -> Any:
        if not (found := patterns.get((pattern, flags))):
            return compile_anew(pattern, flags)
        known = CompiledPattern(*found)
        code = memoryview(known.code).cast("I").tolist()
        return engine.compile(pattern, known.flags, code, *known[2:])

    compiler.compile = compile_pattern


def _look_up(codes: dict[str, bytes], run: Callable[..., Any]) -> Callable[..., Any]:
    def run_known(source: Any, *names: Any) -> Any:
        found = codes.get(source) if isinstance(source, str) else None
        return run(marshal.loads(found) if found else source, *names)  # noqa: S302 - ours

    return run_known


def _look_up_annotation(codes: dict[str, bytes]) -> Callable[..., Any]:
    def compile_known(source: Any, file: str, mode: str) -> Any:
        found = codes.get(source) if mode == "eval" and isinstance(source, str) else None
        return marshal.loads(found) if found else compile(source, file, mode)  # noqa: S302 - ours

    return compile_known
