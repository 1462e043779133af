"""Write docs/invoke.md, a command for every function and event: ``-m tools.invoke_commands``."""

from __future__ import annotations

from local.config import ROOT, StackConfig
from local.samples import Sample, list_samples

TARGET = ROOT / "docs" / "invoke.md"
INTRODUCTION = """# One function, one event

Written by `python -m tools.invoke_commands` from the files in `events/`; a test compares the two.

All of this works on the laptop stack: `make up` first. Without a container, a function and an event
by their names:

```
make invoke FUNCTION=process_workflow EVENT=success
```

It runs the code as it is now, in AWS's Runtime Interface Emulator, with the environment of the
deployed function, and puts the stack's token, bucket and ids into the event: those of a new
workflow, of the newest run, of an upload that was just begun. The answer goes to standard output,
the log to standard error.

In AWS's image of the runtime, which needs a container engine: `make sam-local`, then the commands
below. It writes such events, and what samconfig.toml gives to `sam local`, below
`.local/sam-local/`; `make down` deletes them. Containers reach the stack, which listens on loopback
only, by a relay at this machine's address in their network. That needs an engine that runs as root
on this machine; Podman does with `DOCKER_HOST=unix:///run/podman/podman.sock`.

In the deployed stack: `sam remote invoke FUNCTION --stack-name scanhub-workflow-manager
--event-file events/...`.
"""


def make_command(sample: Sample) -> str:
    """Return the command that invokes a function with a sample event."""
    event = (StackConfig().sam_local_folder / sample.path).relative_to(ROOT).as_posix()
    return f"sam local invoke {sample.logical_id} --event {event}"


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
