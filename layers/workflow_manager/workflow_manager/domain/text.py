"""Text from outside."""


def replace_surrogates(text: str) -> str:
    r"""Return text that UTF-8 can hold: U+FFFD for each half of a pair, as JSON's ``"\\ud800"``."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
