"""Open datasets of a stranger's HDF5 file so that nothing outside of the file is read.

HDF5 follows links, external storage, virtual datasets and plugins into other files by itself
(https://support.hdfgroup.org/documentation/hdf5/latest/). Here each element of a path has to be a
hard link, and a dataset has to lie in the file, as large as it says.
"""

from __future__ import annotations

import math
from pathlib import Path

import h5py
from h5py import h5d, h5g, h5l, h5o, h5pl, h5s, h5z

# HDF5's own, which need no plugin and cannot be stacked.
_FILTERS = (h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32)
_LAYOUTS = (h5d.COMPACT, h5d.CONTIGUOUS, h5d.CHUNKED)
# Headers of acquisitions compress well, samples are not compressed at all.
_MAX_INFLATION = 16
_SMALL_BYTES = 2**20  # h5py's largest chunk of its own choice


class RefusedError(Exception):
    """The dataset is not read; the message is the reason, as half a sentence."""


def open_file(path: Path) -> h5py.File:
    """Open a file for reading, by the plain file driver and without plugins.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    h5py.File
        To be read by `open_dataset` only: `file[name]` follows links.
    """
    for index in reversed(range(h5pl.size())):
        h5pl.remove(index)
    return h5py.File(path, "r", driver="sec2", locking=False)


def open_dataset(file: h5py.File, group: str, name: str) -> h5py.Dataset | None:
    """Open a dataset whose bytes are in this file.

    Parameters
    ----------
    file
        A file of `open_file`.
    group, name
        The dataset `/group/name`.

    Returns
    -------
    h5py.Dataset
        None if it is not there, or has no dataspace.

    Raises
    ------
    RefusedError
        If something other than the dataset itself would have to be read, or much more than the
        file holds.
    """
    parent = _open_hard_link(file.id, group)
    child = _open_hard_link(parent, name) if isinstance(parent, h5g.GroupID) else None
    if not isinstance(child, h5d.DatasetID):
        return None
    _check_lies_inside(child)
    if child.get_space().get_simple_extent_type() == h5s.NULL:
        return None
    _check_is_stored(child, file.id.get_filesize())
    return h5py.Dataset(child)


def list_root(file: h5py.File, most: int) -> tuple[list[str], list[str]]:
    """List the names of what is a group, and of what is not, at the root of the file.

    Parameters
    ----------
    file
        A file of `open_file`.
    most
        How many links are looked at.

    Returns
    -------
    tuple[list[str], list[str]]
        Only hard links; a group of several names is listed once.
    """
    links: list[bytes] = []
    # What is not None ends the iteration.
    file.id.links.iterate(lambda name: links.append(name) if len(links) < most else True)
    groups: dict[int, str] = {}
    others: list[str] = []
    for link in links:
        if file.id.links.get_info(link).type != h5l.TYPE_HARD:
            continue
        name = link.decode("utf-8", "surrogateescape")
        place = h5o.get_info(file.id, link)
        if place.type == h5o.TYPE_GROUP:
            groups.setdefault(place.addr, name)
        else:
            others.append(name)
    return list(groups.values()), others


def _open_hard_link(location: h5g.GroupID, name: str) -> h5py.h5i.ObjectID | None:
    link = name.encode("utf-8", "surrogateescape")
    if not location.links.exists(link):
        return None
    if location.links.get_info(link).type != h5l.TYPE_HARD:
        raise RefusedError("links are not followed")
    return h5o.open(location, link)


def _check_lies_inside(dataset: h5d.DatasetID) -> None:
    """Check how the dataset is stored, before its dataspace: that of a virtual one opens files."""
    plan = dataset.get_create_plist()
    if plan.get_layout() not in _LAYOUTS or plan.get_external_count():
        raise RefusedError("what lies in other files is not read")
    filters = [plan.get_filter(index)[0] for index in range(plan.get_nfilters())]
    if not set(filters) <= set(_FILTERS) or len(set(filters)) < len(filters):
        raise RefusedError("filters other than deflate, shuffle and Fletcher32 are not applied")


def _check_is_stored(dataset: h5d.DatasetID, n_file_bytes: int) -> None:
    """Check that every element was written, and that they are not many for so small a file."""
    plan, item_bytes = dataset.get_create_plist(), dataset.get_type().get_size()
    n_bytes = math.prod(dataset.shape) * item_bytes
    n_stored_bytes = dataset.get_storage_size()
    is_written = n_stored_bytes >= n_bytes
    if plan.get_layout() == h5d.CHUNKED:
        chunk = plan.get_chunk()
        n_chunks = math.prod(-(-n // size) for n, size in zip(dataset.shape, chunk, strict=True))
        is_written = dataset.get_num_chunks() >= n_chunks
        n_bytes = max(n_bytes, math.prod(chunk) * item_bytes)
    if not is_written:
        raise RefusedError("the file announces more than was written to it")
    is_inflated = n_bytes > _SMALL_BYTES + _MAX_INFLATION * n_file_bytes
    if n_stored_bytes > n_file_bytes or is_inflated:
        raise RefusedError("the file announces more than a file of its size can hold")
