"""What README and docs show, for tests that try it."""

import re
from pathlib import Path
from typing import Any

from cfnlint.decode import decode_str

README = Path(__file__).parents[1] / "README.md"
NOTIFICATIONS = README.parent / "docs/notifications.md"


def read_failure_template() -> str:
    """Return the template that e-mails failures, as docs/notifications.md shows it."""
    [text] = re.findall(r"```yaml\n(Parameters:\n.*?)```", NOTIFICATIONS.read_text(), re.DOTALL)
    return str(text)


def read_failure_rule() -> dict[str, Any]:
    """Return the properties of its rule."""
    decoded, problems = decode_str(read_failure_template())
    assert not problems
    return dict(decoded["Resources"]["FailureRule"]["Properties"])
