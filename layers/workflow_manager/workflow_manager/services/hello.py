"""Say hello."""


def hello() -> str:
    """Return ScanHub's greeting."""
    return "Hello, World!"
