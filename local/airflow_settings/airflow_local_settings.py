"""Airflow imports this file at its start (its folder is on the path of the laptop's Airflow only).

The scheduler forks the processes that run tasks: what it has imported, they need not import again.
"""

import importlib
import os

HEAVY_PACKAGES = ("boto3", "h5py", "httpx", "ismrmrd", "numpy", "PIL.Image", "pydicom", "scipy.fft")

if os.environ.get("SCANHUB_PRELOAD"):
    for package in HEAVY_PACKAGES:
        importlib.import_module(package)
