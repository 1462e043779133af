"""`make demo FILE=…`: the demo as a user runs it, from a folder of the test."""

import os
import subprocess
import sys
from pathlib import Path

from local.config import PORT_VARIABLES, ROOT
from tests.e2e.laptop import Laptop

TIMEOUT_S = 90


def test_demo_puts_its_files_beside_what_is_there_already(
    laptop: Laptop, small_kspace: bytes, tmp_path: Path
) -> None:
    # Given raw data of one's own, and out/ with a file that the demo did not write
    (tmp_path / "kspace.npy").write_bytes(small_kspace)
    out = tmp_path / "out"
    out.mkdir()
    mine = out / "image.dcm"
    mine.write_bytes(b"mine")
    # When the demo is run with it
    ports = {PORT_VARIABLES[name][0]: str(port) for name, port in laptop.config.ports.items()}
    environ = {
        **os.environ,
        **ports,
        "SCANHUB_LOCAL_DIR": str(laptop.config.folder),
        "PYTHONPATH": str(ROOT),
    }
    demo = subprocess.run(
        [sys.executable, "-m", "local.demo", "kspace.npy"],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    # Then it succeeds, and names its files, which lie in a folder of the run
    assert demo.returncode == 0, demo.stdout + demo.stderr
    paths = sorted(out.glob("*/[!.]*"))
    assert [path.name for path in paths] == ["image.dcm", "preview.png"]
    assert all(str(path.relative_to(tmp_path)) in demo.stdout for path in paths)
    # And mine is as it was
    assert mine.read_bytes() == b"mine"
