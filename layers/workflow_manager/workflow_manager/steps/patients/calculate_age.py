"""A patient's age."""

from datetime import date


def calculate_age(birth_date: date, today: date) -> int:
    """Return the age on a day in full years."""
    has_birthday_ahead = (today.month, today.day) < (birth_date.month, birth_date.day)
    return today.year - birth_date.year - has_birthday_ahead
