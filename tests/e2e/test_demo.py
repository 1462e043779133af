"""`make demo FILE=…`: the demo as a user runs it, from a folder of the test."""

import os
import subprocess
import sys
from pathlib import Path

from local.config import PORT_VARIABLES, ROOT
from tests.e2e.laptop import Laptop

TIMEOUT_S = 90


def test_demo_leaves_exactly_this_runs_files_when_given_raw_data(
    laptop: Laptop, small_kspace: bytes, tmp_path: Path
) -> None:
    # Given raw data of one's own, and out/ with a file of an earlier run
    (tmp_path / "kspace.npy").write_bytes(small_kspace)
    out = tmp_path / "out"
    out.mkdir()
    (out / "of_an_earlier_run.dcm").write_bytes(b"old")
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
    # Then it succeeds, names its files, and out/ holds nothing else
    assert demo.returncode == 0, demo.stdout + demo.stderr
    paths = sorted(out.glob("[!.]*"))
    assert [path.name for path in paths] == ["image.dcm", "preview.png"]
    assert all(f"out/{path.name}" in demo.stdout for path in paths)
