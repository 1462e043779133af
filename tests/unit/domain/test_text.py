import pytest

from workflow_manager.domain.text import replace_surrogates


@pytest.mark.parametrize(
    ("text", "replaced"),
    [
        ("plain", "plain"),
        ("Größe \U0001f9e0", "Größe \U0001f9e0"),
        ("\ud83e\udde0", "\U0001f9e0"),
        ("a\ud800b", "a\ufffdb"),
        ("\udc00\ud800", "\ufffd\ufffd"),
        ("\ud800\ud83e\udde0", "\ufffd\U0001f9e0"),
    ],
)
def test_half_of_a_pair_is_replaced_and_nothing_else(text: str, replaced: str) -> None:
    assert replace_surrogates(text) == replaced
