from datetime import date

import pytest

from workflow_manager.steps.patients.calculate_age import calculate_age


@pytest.mark.parametrize(
    ("birth_date", "today", "age"),
    [
        (date(1985, 11, 23), date(2026, 11, 23), 41),
        (date(1985, 11, 24), date(2026, 11, 23), 40),
        (date(2000, 2, 29), date(2026, 2, 28), 25),
        (date(2000, 2, 29), date(2026, 3, 1), 26),
        (date(2026, 11, 23), date(2026, 11, 23), 0),
    ],
)
def test_calculate_age_counts_full_years(birth_date: date, today: date, age: int) -> None:
    assert calculate_age(birth_date, today) == age
