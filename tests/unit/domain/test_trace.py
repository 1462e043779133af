import pytest

from workflow_manager.domain.trace import (
    TraceContext,
    new_trace,
    parse_traceparent,
    parse_xray_header,
)

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT_ID = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE_ID}-{PARENT_ID}-01"
XRAY_ROOT = "Root=1-5759e988-bd862e3fe1be46a994272793"
XRAY_TRACE_ID = "5759e988bd862e3fe1be46a994272793"


def test_traceparent_comes_back_as_it_was() -> None:
    trace = parse_traceparent(TRACEPARENT)
    assert trace == TraceContext(TRACE_ID, PARENT_ID, is_sampled=True)
    assert trace.traceparent == TRACEPARENT


@pytest.mark.parametrize(
    ("flags", "kept"), [("00", "00"), ("01", "01"), ("02", "00"), ("03", "01"), ("ff", "01")]
)
def test_traceparent_hands_on_the_one_flag_that_version_00_knows(flags: str, kept: str) -> None:
    trace = parse_traceparent(f"00-{TRACE_ID}-{PARENT_ID}-{flags}")
    assert trace is not None
    assert trace.traceparent.endswith(f"-{kept}")


HOSTILE = [
    "",
    "Jane Doe",
    TRACEPARENT.upper(),
    TRACEPARENT + "-extra",
    TRACEPARENT + "0" * 100_000,
    TRACEPARENT + "\n",
    TRACEPARENT + "\r\nSet-Cookie: a=b",
    f" {TRACEPARENT}",
    f"{TRACEPARENT},{TRACEPARENT}",
    TRACEPARENT.replace("0", "٠"),  # noqa: RUF001 - digits, but not those of hexadecimal
    f"01-{TRACE_ID}-{PARENT_ID}-01",
    f"ff-{TRACE_ID}-{PARENT_ID}-01",
    f"00-{'0' * 32}-{PARENT_ID}-01",
    f"00-{TRACE_ID}-{'0' * 16}-01",
    f"00-{TRACE_ID[:-1]}-{PARENT_ID}-01",
    f"00-{TRACE_ID}-{PARENT_ID}-0g",
    f"00-{TRACE_ID}-{PARENT_ID}",
]


@pytest.mark.parametrize("text", [None, *HOSTILE])
def test_malformed_traceparent_is_ignored(text: str | None) -> None:
    assert parse_traceparent(text) is None


@pytest.mark.parametrize(
    ("text", "is_sampled"),
    [
        (f"{XRAY_ROOT};Parent=53995c3f42cd8ad8;Sampled=1", True),
        (f"{XRAY_ROOT};Parent=53995c3f42cd8ad8;Sampled=0", False),
        (f"Sampled=1; Parent=53995c3f42cd8ad8; {XRAY_ROOT};Lineage=1:a87bd80c:0", True),
    ],
)
def test_xray_header_names_the_same_trace(text: str, *, is_sampled: bool) -> None:
    assert parse_xray_header(text) == TraceContext(XRAY_TRACE_ID, "53995c3f42cd8ad8", is_sampled)


@pytest.mark.parametrize("parent", ["", ";Parent=", ";Parent=0000000000000000", ";Parent=x"])
def test_xray_header_without_a_segment_still_names_its_trace(parent: str) -> None:
    trace = parse_xray_header(f"{XRAY_ROOT}{parent};Sampled=0")
    assert trace is not None
    assert trace.trace_id == XRAY_TRACE_ID
    assert parse_traceparent(trace.traceparent) == trace


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "Sampled=1",
        "Root=1-5759e988-BD862E3FE1BE46A994272793;Sampled=1",
        "Root=2-5759e988-bd862e3fe1be46a994272793",
        "Root=1-00000000-000000000000000000000000",
        f"{XRAY_ROOT};" + "Self=1;" * 1_000,
    ],
)
def test_malformed_xray_header_is_ignored(text: str | None) -> None:
    assert parse_xray_header(text) is None


def test_new_traces_are_well_formed_and_differ() -> None:
    traces = [new_trace() for _ in range(50)]
    assert [parse_traceparent(trace.traceparent) for trace in traces] == traces
    assert len({trace.trace_id for trace in traces}) == 50
