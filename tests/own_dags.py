"""The project's own DAGs: those that git has."""

import shutil
import subprocess
from pathlib import Path

from local.config import ROOT

DAGS = ROOT / "dags"


def find_foreign() -> set[Path]:
    """Return the files below dags/ that are not the project's; none where there is no git."""
    found = subprocess.run(  # noqa: S603 - our own words, no shell
        ["git", "ls-files", "-z", "--others", "--", str(DAGS)],  # noqa: S607 - whichever is used
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return {ROOT / name for name in found.stdout.split("\0") if name}


def copy_own_dags(folder: Path) -> None:
    """Make a folder with the project's own DAGs."""
    foreign = find_foreign()

    def is_left_out(parent: str, names: list[str]) -> set[str]:
        return {name for name in names if Path(parent, name) in foreign}

    shutil.copytree(DAGS, folder, ignore=is_left_out)
