"""Write docs/invoke.md, a command for every function and event: ``-m local.invoke_commands``."""

from __future__ import annotations

from local.config import ROOT
from local.samples import Sample, list_samples

TARGET = ROOT / "docs" / "invoke.md"
INTRODUCTION = """# One function, one event

Written by `python -m local.invoke_commands` from the files in `events/`; a test compares the two.

`sam local invoke` runs a function in AWS's image of the runtime and needs a container engine. Build
for this machine first (`make build`); on an x86_64 machine add
`--parameter-overrides Architecture=x86_64`. Functions that read state or call a neighbour need the
deployed resources. Without a container, `make test` invokes all functions with all these events, by
the same runtime client and with the laptop stack's resources (`tests/e2e/test_runtime.py`).

In the deployed stack: `sam remote invoke FUNCTION --stack-name scanhub-workflow-manager
--event-file events/...`.
"""


def make_command(sample: Sample) -> str:
    """Return the command that invokes a function with an event.

    Parameters
    ----------
    sample
        The event.
    """
    return f"sam local invoke {sample.logical_id} --event {sample.path.as_posix()}"


def make_page() -> str:
    """Return the page, one section for each function."""
    commands: dict[str, list[str]] = {}
    for sample in list_samples():
        commands.setdefault(sample.function, []).append(make_command(sample))
    sections = [
        "\n".join([f"## {function}\n", "```", *lines, "```\n"])
        for function, lines in commands.items()
    ]
    return "\n".join([INTRODUCTION, *sections])


if __name__ == "__main__":
    TARGET.write_text(make_page(), encoding="utf-8")
