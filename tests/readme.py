"""What the README shows, for tests that try it."""

import re
from pathlib import Path
from typing import Any

from cfnlint.decode import decode_str

README = Path(__file__).parents[1] / "README.md"


def read_failure_template() -> str:
    """Return the template of the section "Told of failures", as it stands there."""
    [text] = re.findall(r"```yaml\n(Parameters:\n.*?)```", README.read_text(), re.DOTALL)
    return str(text)


def read_failure_rule() -> dict[str, Any]:
    """Return the properties of its rule."""
    decoded, problems = decode_str(read_failure_template())
    assert not problems
    return dict(decoded["Resources"]["FailureRule"]["Properties"])
