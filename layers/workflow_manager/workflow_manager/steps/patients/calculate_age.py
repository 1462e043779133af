"""A patient's age."""

from datetime import date


def calculate_age(birth_date: date, today: date) -> int:
    """Return the age in full years.

    Parameters
    ----------
    birth_date
        Date of birth.
    today
        The day to count to.

    Returns
    -------
    int
        [years]
    """
    has_birthday_ahead = (today.month, today.day) < (birth_date.month, birth_date.day)
    return today.year - birth_date.year - has_birthday_ahead
