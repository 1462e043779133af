"""Attributes of the table, as boto3 would write and read them."""

from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from workflow_manager.stores.attributes import from_attribute, to_attribute

VALUE: dict[str, Any] = {
    "text": "ä",
    "empty": "",
    "flags": [True, False, None],
    "numbers": [0, -1, 10**37, 2, 1234567],
    "nested": {"list": [[], {}], "map": {"n": 3}},
}


def test_attributes_are_those_of_boto3_and_come_back() -> None:
    attribute = to_attribute(VALUE)

    assert attribute == TypeSerializer().serialize(VALUE)
    assert from_attribute(attribute) == VALUE == TypeDeserializer().deserialize(attribute)


@pytest.mark.parametrize("number", [0.1, -2.5e-5, 1.25e-100])
def test_fractions_keep_their_digits(number: float) -> None:
    attribute = to_attribute(number)

    assert attribute == TypeSerializer().serialize(Decimal(str(number)))
    assert from_attribute(attribute) == number


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e300, 10**40 + 1])
def test_number_that_dynamodb_cannot_hold_is_kept_as_text(number: float) -> None:
    assert to_attribute(number) == {"S": str(number)}


def test_what_json_does_not_have_is_refused_without_its_value() -> None:
    with pytest.raises(TypeError, match=r"^The table holds no bytes\.$"):
        to_attribute({"a": [b"secret"]})


def test_set_of_another_hand_is_read() -> None:
    assert from_attribute({"SS": ["a", "b"]}) == ["a", "b"]
