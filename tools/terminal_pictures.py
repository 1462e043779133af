"""Pictures of the command line for the README: ``python -m tools.terminal_pictures [name …]``.

The real commands run at a terminal, against the running laptop stack; a picture shows what the
terminal showed.
"""

from __future__ import annotations

import argparse
import io
import re
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from local.config import DAG_ID, ROOT, StackError, clean_environ
from local.demo import COMMAND
from local.phantom import simulate_acquisition
from local.state import Stack, read_stack
from scanhub_workflow import ScanHubError
from scanhub_workflow.login import log_in
from tools.terminal import ScreenError, Terminal

FOLDER = ROOT / "docs" / "images"
COLUMNS = 80
TIMEOUT_S = 300.0
FILE_NAME = "scan.h5"
# About 400 MB, so that the bar visibly moves on loopback.
N_COILS, MATRIX_SIZE = 96, 512
POLL_S = 2.0
# Rich loads its font from the network, which a picture in a README must not do.
SVG_FORMAT = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


@dataclass(frozen=True)
class Picture:
    """A command, and the moment at which its picture is taken.

    Parameters
    ----------
    name
        Name of the file, without its ending.
    arguments
        As they are typed; ``{workflow}`` stands for a new workflow.
    is_moment
        Finds in the lines of the screen whether the moment has come; None: at the end.
    """

    name: str
    arguments: Sequence[str]
    is_moment: Callable[[list[str]], bool] | None = None


def is_half_way(lines: list[str]) -> bool:
    """Return whether a bar on the screen shows at least 40 % and is not full."""
    found = re.search(r"(\d+) %", "\n".join(lines))
    return found is not None and 40 <= int(found[1]) < 100


def is_reconstructing(lines: list[str]) -> bool:
    """Return whether the screen shows that the scan is done and the reconstruction is not."""
    return any("completed" in line for line in lines) and any(
        "in progress" in line for line in lines
    )


PICTURES = [
    Picture("upload", ["upload", FILE_NAME, "--dag", DAG_ID], is_half_way),
    Picture("watch", ["process", "{workflow}", "--watch"], is_reconstructing),
    Picture("doctor", ["doctor"]),
]


def main() -> int:
    """Take the pictures and return the exit status: 0 only if all were taken."""
    parser = argparse.ArgumentParser(prog="python -m tools.terminal_pictures", description=__doc__)
    names = [picture.name for picture in PICTURES]
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(names)}")
    wanted = parser.parse_args().names or names
    if unknown := set(wanted) - set(names):
        parser.error(f"There is no picture {', '.join(sorted(unknown))}.")
    try:
        stack = read_stack()
        token = log_in(stack.scanhub_url, stack.username, stack.password)
        wait_for_health(stack)
    except (StackError, ScanHubError, httpx.HTTPError) as error:
        print(f"Failed: {error}", file=sys.stderr)
        return 1
    n_failed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        login = {"SCANHUB_WORKFLOW_URL": stack.api_url, "SCANHUB_WORKFLOW_TOKEN": token}
        environ = clean_environ(**login, HOME=name)
        for picture in PICTURES:
            if picture.name not in wanted:
                continue
            try:
                arguments = prepare(picture, stack, folder)
                svg = take(picture, arguments, environ, folder)
            except (ScreenError, httpx.HTTPError) as error:
                print(f"{picture.name}: none. {error}", file=sys.stderr)
                n_failed += 1
                continue
            path = FOLDER / f"{picture.name}.svg"
            path.write_text(svg, encoding="utf-8")
            print(path.relative_to(ROOT))
    return 1 if n_failed else 0


def wait_for_health(stack: Stack) -> None:
    """Return when nothing is degraded: the reconciler first looks a minute after the start.

    Raises
    ------
    StackError
        Something is still degraded after five minutes.
    """
    deadline_s = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline_s:
        answer = httpx.get(f"{stack.api_url}/health/readiness", timeout=10)
        if not answer.raise_for_status().json()["degraded"]:
            return
        time.sleep(POLL_S)
    raise StackError("The stack is degraded: make status.")


def prepare(picture: Picture, stack: Stack, folder: Path) -> list[str]:
    """Make what a command needs, and return its arguments."""
    arguments = list(picture.arguments)
    if FILE_NAME in arguments:
        simulate_acquisition(folder / FILE_NAME, n_coils=N_COILS, matrix_size=MATRIX_SIZE)
    if "{workflow}" in arguments:
        url = f"{stack.scanhub_url}/_control/workflows"
        made = httpx.post(url, timeout=10).raise_for_status().json()
        arguments[arguments.index("{workflow}")] = made["workflow_id"]
    return arguments


def take(
    picture: Picture, arguments: Sequence[str], environ: Mapping[str, str], folder: Path
) -> str:
    """Run a command at a terminal and return its picture, an SVG.

    Raises
    ------
    ScreenError
        The moment did not come, or the command failed.
    """
    # The command is installed in the environment that runs this.
    command = [str(Path(sys.executable).with_name(COMMAND)), *arguments]
    with Terminal(command, environ, folder=folder, columns=COLUMNS) as terminal:
        shown: list[Text] = []
        if picture.is_moment:
            terminal.wait_until(picture.is_moment, TIMEOUT_S)
            shown = terminal.styled_lines
        code = terminal.wait(TIMEOUT_S)
        if code:
            screen = "\n".join(terminal.lines)
            raise ScreenError(f"{COMMAND} {arguments[0]} ended with {code}. The screen:\n{screen}")
        return draw(shlex.join([COMMAND, *arguments]), shown or terminal.styled_lines, picture.name)


def draw(command: str, lines: Sequence[Text], name: str) -> str:
    """Return an SVG of a terminal that shows a command and its lines.

    Parameters
    ----------
    name
        Name of the picture, different for each on a page.
    """
    console = Console(
        record=True,
        width=COLUMNS,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        no_color=False,
        highlight=False,
    )
    console.print(Text.assemble(("$ ", "bold"), command))
    for line in lines:
        console.print(line, no_wrap=True, crop=False)
    return console.export_svg(title=command, code_format=SVG_FORMAT, unique_id=name)


if __name__ == "__main__":
    sys.exit(main())
