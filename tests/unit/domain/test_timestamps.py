from datetime import UTC, datetime, timedelta

import pytest

from workflow_manager.domain.timestamps import milliseconds_between, parse_time

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["2026-11-23T12:00:00.000Z", "2026-11-23T13:00:00+01:00", "2026-11-23T12:00:00.000000+00:00"],
)
def test_time_is_read_as_s3_and_dags_write_it(text: str) -> None:
    assert parse_time(text) == NOON


@pytest.mark.parametrize(
    "text", [None, 1795428721, "", "yesterday", "2026-11-23T12:00:00", "2026-13-01T00:00:00Z" * 9]
)
def test_what_is_no_time_with_a_zone_is_ignored(text: object) -> None:
    assert parse_time(text) is None


def test_clocks_that_disagree_make_no_negative_time() -> None:
    assert milliseconds_between(NOON, NOON + timedelta(seconds=1.5)) == 1500
    assert milliseconds_between(NOON + timedelta(seconds=1), NOON) == 0
