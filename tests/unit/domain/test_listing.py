from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta, timezone

import pytest

from workflow_manager.domain.errors import InvalidInputError
from workflow_manager.domain.listing import (
    ListQuery,
    choose_period,
    decode_cursor,
    decode_text,
    encode_cursor,
    format_place,
    month_below,
    start_of_month,
)

NOW = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)


def as_cursor(text: bytes) -> str:
    return urlsafe_b64encode(text).decode().rstrip("=")


def test_format_place_is_of_fixed_width_and_in_utc() -> None:
    at = datetime(2026, 12, 1, 0, 30, tzinfo=timezone(timedelta(hours=1)))
    assert format_place(at, "run-1") == "2026-11-30T23:30:00.000000+00:00#run-1"


@pytest.mark.parametrize(
    ("place", "month"),
    [
        (format_place(NOW, "run-1"), "2026-11"),
        (start_of_month("2026-11"), "2026-10"),
        (start_of_month("2026-01"), "2025-12"),
        ("2026-11-01T00:00:00.000000+00:00#run-1", "2026-11"),
    ],
)
def test_month_below_is_where_the_next_items_are(place: str, month: str) -> None:
    assert month_below(place) == month


@pytest.mark.parametrize("item_id", ["", "run-1", "a#b", "ünïcode"])
def test_cursor_leads_back_to_its_place(item_id: str) -> None:
    place = format_place(NOW, item_id)
    assert decode_cursor(encode_cursor(place)) == place


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "none of ours",
        "übrig",
        as_cursor(b"\xff"),
        as_cursor(b"2026-11-23T22:00:00.000000+00:00"),
        as_cursor(b"2026-13-23T22:00:00.000000+00:00#run-1"),
        as_cursor(b"2026-11-23T22:00:00.000000+01:00#run-1"),
        as_cursor("٢٠٢٦-11-23T22:00:00.000000+00:00#run-1".encode()),
        encode_cursor(format_place(NOW, "run-1")) + "=",
        encode_cursor(format_place(NOW, "run-1")) + "!",
        encode_cursor(format_place(NOW, "x" * 1000)),
    ],
)
def test_cursor_that_is_none_of_ours_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInputError, match="cursor"):
        ListQuery(since=NOW, until=NOW, limit=1, cursor=cursor)


def test_choose_period_takes_the_last_30_days() -> None:
    month = timedelta(days=30)
    assert choose_period(None, None, NOW) == (NOW - month, NOW)
    assert choose_period(None, NOW - month, NOW) == (NOW - 2 * month, NOW - month)
    assert choose_period(NOW - timedelta(days=1), None, NOW) == (NOW - timedelta(days=1), NOW)


@pytest.mark.parametrize(
    ("since", "until", "words"),
    [
        (NOW, NOW - timedelta(seconds=1), "before it begins"),
        (NOW + timedelta(days=1), None, "before it begins"),
        (NOW - timedelta(days=366, seconds=1), NOW, "longer than 366 days"),
        (None, datetime.min.replace(tzinfo=UTC), "no such time"),
        (datetime.max.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), "no such time"),
    ],
)
def test_choose_period_refuses_what_is_none(
    since: datetime | None, until: datetime | None, words: str
) -> None:
    with pytest.raises(InvalidInputError, match=words):
        choose_period(since, until, NOW)


@pytest.mark.parametrize("text", ["result/run\0", "result/\nrun"])
def test_decode_text_refuses_what_no_key_of_ours_holds(text: str) -> None:
    with pytest.raises(InvalidInputError, match="none of ours"):
        decode_text(encode_cursor(text))
