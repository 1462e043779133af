from datetime import date

import pytest

from benchmarks.cold_start import Start
from benchmarks.report import describe_machine, make_table, percentile, replace_block, take_medians

PAGE = "# Page\n\n<!-- cold -->\nold\n<!-- /cold -->\n\n<!-- warm -->\nkept\n<!-- /warm -->\n"


def test_only_what_stands_between_the_marks_is_replaced() -> None:
    # When a block is replaced twice
    page = replace_block(PAGE, "cold", "between")
    page = replace_block(page, "cold", "new\n")
    # Then it holds what came last, and everything else is as it was
    assert page == PAGE.replace("\nold\n", "\nnew\n")


@pytest.mark.parametrize("page", ["no marks", "<!-- cold -->\nopen", "<!-- /cold -->", PAGE + PAGE])
def test_a_page_without_just_one_such_block_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="cold"):
        replace_block(page, "cold", "new")


def test_a_table_is_markdown() -> None:
    assert make_table(["a", "b"], [["c", "1"]]) == "| a | b |\n| --- | --: |\n| c | 1 |"


def test_the_machine_is_described_with_the_day() -> None:
    assert describe_machine(date(2026, 3, 1)).endswith(", 1 March 2026")


def test_each_number_has_its_own_median() -> None:
    # Given measurements of which none is the middle one in everything
    measured = [Start(1, 30, 1, 1), Start(2, 10, 1, 1), Start(9, 20, 1, 1)]
    # When their medians are taken, then each number is its own
    assert take_medians(measured) == Start(2, 20, 1, 1)


def test_percentile_is_one_of_the_values() -> None:
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0
    assert percentile([1.0, 2.0], 50) == 1.0
    assert percentile([*[1.0] * 199, 9.0], 99) == 1.0
    assert percentile([*[1.0] * 98, 9.0, 9.0], 99) == 9.0
