"""Values as DynamoDB's attributes, and back: the types of JSON are all that the table holds.

boto3 has this for sets and bytes too, but importing it imports S3's file transfers with their
processes: a twentieth of a start.
"""

from collections.abc import Mapping
from decimal import (
    Clamped,
    Context,
    Decimal,
    DecimalException,
    Inexact,
    Overflow,
    Rounded,
    Underflow,
)
from typing import Any

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
_NUMBERS = Context(
    prec=38, Emin=-128, Emax=126, traps=[Clamped, Overflow, Inexact, Rounded, Underflow]
)


def to_attribute(value: Any) -> dict[str, Any]:
    """Return an attribute's value; a number that DynamoDB cannot hold becomes a text.

    Raises
    ------
    TypeError
        The value is none of JSON's.
    """
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int() | float():
            return _number_or_text(value)
        case list():
            return {"L": [to_attribute(each) for each in value]}
        case dict():
            return {"M": {name: to_attribute(each) for name, each in value.items()}}
    raise TypeError(f"The table holds no {type(value).__name__}.")


def from_attribute(attribute: Mapping[str, Any]) -> Any:
    """Return what an attribute holds; a set or bytes, which we never write, as they come."""
    [(kind, value)] = attribute.items()
    match kind:
        case "NULL":
            return None
        case "N":
            number = Decimal(value)
            return int(number) if number == number.to_integral_value() else float(number)
        case "L":
            return [from_attribute(each) for each in value]
        case "M":
            return {name: from_attribute(each) for name, each in value.items()}
    return value


def _number_or_text(value: int | float) -> dict[str, str]:
    # A DAG's metadata may hold NaN or 1e300, which DynamoDB has no number for.
    try:
        number = _NUMBERS.create_decimal(str(value))
    except DecimalException:
        return {"S": str(value)}
    return {"N": str(number)} if number.is_finite() else {"S": str(value)}
