"""Python runs this at its start: the laptop's emulator passes its folder on to every function."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

spec = spec_from_file_location("recorder", Path(__file__).parents[1] / "recorder.py")
if spec and spec.loader:
    recorder = module_from_spec(spec)
    spec.loader.exec_module(recorder)
    sys.meta_path.insert(0, recorder.WatchOnImport())
