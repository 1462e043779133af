"""W3C Trace Context: the one id that a request, its object, its run and its callback share.

Nothing here makes a span: the caller's span stays the parent. A malformed trace is ignored.
"""

import re
import secrets
from dataclasses import dataclass

# https://www.w3.org/TR/trace-context/#traceparent-header-field-values, version 00 only.
_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
# https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
_XRAY_ROOT = re.compile(r"1-([0-9a-f]{8})-([0-9a-f]{24})")
_PARENT_ID = re.compile(r"[0-9a-f]{16}")
_MAX_XRAY_HEADER_LENGTH = 1_000
_SAMPLED = 0x01
_NO_TRACE_ID = "0" * 32
_NO_PARENT_ID = "0" * 16


@dataclass(frozen=True)
class TraceContext:
    """The trace that something belongs to; only the functions of this module make one.

    Parameters
    ----------
    trace_id
        32 lower-case hexadecimal digits, not all zero.
    parent_id
        The caller's span: 16 lower-case hexadecimal digits, not all zero.
    is_sampled
        Whether the caller may have recorded the trace.
    """

    trace_id: str
    parent_id: str
    is_sampled: bool = False

    @property
    def traceparent(self) -> str:
        """The value of the header ``traceparent``."""
        return f"00-{self.trace_id}-{self.parent_id}-{_SAMPLED if self.is_sampled else 0:02x}"


def parse_traceparent(text: str | None) -> TraceContext | None:
    """Return what a stranger's ``traceparent`` says; None if it is malformed or missing."""
    match = _TRACEPARENT.fullmatch(text or "")
    if match is None:
        return None
    trace_id, parent_id, flags = match.groups()
    if trace_id == _NO_TRACE_ID or parent_id == _NO_PARENT_ID:
        return None
    return TraceContext(trace_id, parent_id, bool(int(flags, 16) & _SAMPLED))


def parse_xray_header(text: str | None) -> TraceContext | None:
    """Return the trace of X-Ray as a W3C one, or None if X-Ray names none.

    Parameters
    ----------
    text
        Lambda's ``_X_AMZN_TRACE_ID``: ``Root=1-…-…;Parent=…;Sampled=1``, in any order.
    """
    if not text or len(text) > _MAX_XRAY_HEADER_LENGTH:
        return None
    pairs = [part.strip().partition("=") for part in text.split(";")]
    fields = {name: value for name, _, value in pairs}
    root = _XRAY_ROOT.fullmatch(fields.get("Root", ""))
    if root is None or (trace_id := "".join(root.groups())) == _NO_TRACE_ID:
        return None
    parent_id = fields.get("Parent", "")
    if not _PARENT_ID.fullmatch(parent_id) or parent_id == _NO_PARENT_ID:
        # X-Ray names no segment if it does not record the trace.
        parent_id = _new_id(8)
    return TraceContext(trace_id, parent_id, fields.get("Sampled") == "1")


def new_trace() -> TraceContext:
    """Return a trace that nobody has recorded anything of."""
    return TraceContext(_new_id(16), _new_id(8))


def _new_id(n_bytes: int) -> str:
    # An id of zeros is invalid; it comes once in 2 to the power of 64, and is cheap to rule out.
    return f"{1 + secrets.randbelow(2 ** (8 * n_bytes) - 1):0{2 * n_bytes}x}"
