"""The images of a run on their way into the volume, each whole or not at all."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from scanhub_workflow import errors
from scanhub_workflow.at_once import run_at_once
from scanhub_workflow.bridge.api import BridgeApi
from scanhub_workflow.bridge.reasons import CannotError
from scanhub_workflow.bridge.volume import Volume
from scanhub_workflow.downloads import Listing
from scanhub_workflow.fetch import GoneError
from scanhub_workflow.progress import DownloadProgress, Meter
from scanhub_workflow.targets import MARKER, RunFolder, Target, refuse_links

N_AT_ONCE = 4
# Each has a URL in exam-manager's result, which ScanHub's page reads every second.
MAX_N_IMAGES = 5_000
MAX_NAME_LENGTH = 120
# What ScanHub's viewer opens.
SUFFIX = ".dcm"
OnBytes = Callable[[int, int], None]


def list_images(api: BridgeApi, dag_run_id: str) -> Listing | None:
    """Return what a run offers, its images alone; None if it has none.

    Raises
    ------
    CannotError
        Not all of them can be had, or there are more than exam-manager takes.
    """
    try:
        listing = Listing(api, dag_run_id)
    except errors.ResultUnavailableError:
        return None
    missing = [key for key in listing.unavailable if _is_image(key)]
    if missing:
        raise CannotError(f"{len(missing)} images of the run cannot be had: run its DAG again.")
    n_images = sum(map(_is_image, listing.offers))
    if n_images > MAX_N_IMAGES:
        raise CannotError(f"The run has {n_images:,} images, and ScanHub takes {MAX_N_IMAGES:,}.")
    return listing if n_images else None


def bring(
    api: BridgeApi,
    listing: Listing,
    volume: Volume,
    folder: Path,
    stop: threading.Event,
    on_bytes: OnBytes,
) -> list[str]:
    """Bring the images of a run into a folder of the volume and return their names, in order.

    Raises
    ------
    CannotError
        There is too little space, or an image is gone.
    NoSpaceError
        The disk has filled meanwhile.
    DownloadError
        S3 could not be reached or refused.
    """
    names = choose_names(listing.prefix, filter(_is_image, listing.offers))
    targets = [
        # Below the volume itself no folder may be a link; what lies there is replaced.
        Target(volume.root, key, folder / name, listing.offers[key].size_bytes, True)
        for key, name in names.items()
    ]
    _clear(volume, folder)
    # Names and sizes are the same in each run of a DAG.
    marker = RunFolder(folder, listing.dag_run_id)
    marker.claim([each.path for each in targets], is_overwriting=True)
    missing = [each for each in targets if not each.is_there()]
    size_bytes = _add_up(targets)
    missing_bytes = _add_up(missing)
    done = DownloadProgress(size_bytes - missing_bytes, size_bytes, 0, len(targets))
    meter = Meter(done, lambda told: on_bytes(told.done_bytes, told.size_bytes))
    fetcher = api.make_fetcher(listing, meter, stop)

    def fetch(target: Target) -> None:
        # Hours may have passed since the first.
        volume.check()
        volume.check_space(target.size_bytes or 0)
        fetcher.fetch(target, listing.get_url(target.key))

    with volume.reserve(missing_bytes):
        try:
            run_at_once((partial(fetch, each) for each in missing), N_AT_ONCE, stop, "images")
        except GoneError:
            raise CannotError("An image of the run is gone: run its DAG again.") from None
    for path in (folder / MARKER, *(each.path for each in targets)):
        volume.hand_over(path)
    return sorted(each.path.name for each in targets)


def choose_names(prefix: str, keys: Iterable[str]) -> dict[str, str]:
    """Return a name in one folder for each image, by S3 key: the viewer finds none in sub-folders.

    Parameters
    ----------
    prefix
        What all keys of the run begin with.
    keys
        Chosen by a DAG: anything.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for key in sorted(keys):
        plain = re.sub(r"[^A-Za-z0-9._-]", "_", key.removeprefix(prefix).replace("/", "_"))
        stem = plain[: -len(SUFFIX)].lstrip(".")[:MAX_NAME_LENGTH] or "image"
        n_before, name = 0, stem
        # Disks that take upper and lower case for the same have one file of the two.
        while name.lower() in taken:
            n_before += 1
            name = f"{stem}-{n_before}"
        taken.add(name.lower())
        names[key] = f"{name}{SUFFIX}"
    return names


def _is_image(key: str) -> bool:
    return key.lower().endswith(SUFFIX)


def _add_up(targets: list[Target]) -> int:
    return sum(target.size_bytes or 0 for target in targets)


def _clear(volume: Volume, folder: Path) -> None:
    # What a kill has left: nobody else writes here, unless a link leads elsewhere.
    refuse_links(volume.root, folder / "any")
    for part in folder.glob(".*.part"):
        part.unlink(missing_ok=True)
