"""Make ISMRMRD files in every way that HDF5 has, good ones and those that point outside.

A recipe says how; `is_honest` says whether what it makes is a measurement like any other. The
measurement is always the same one, and never that of the decoy which the others point at.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5p, h5s, h5t, h5z
from ismrmrd import hdf5

from local.phantom import simulate_acquisition

MATRIX_SIZE = 8
HONEST = "honest"
_LONG_NAME = "n" * 65_000
_PLUGIN_FILTER = 307  # bzip2, as registered with The HDF Group


@dataclass(frozen=True, slots=True)
class Decoys:
    """Files that a hostile one points at and nobody may open."""

    folder: Path
    open_elsewhere: str  # /proc/<pid>/fd/<n> of the other patient's file

    @property
    def measurement(self) -> Path:
        return self.folder / "other_patient.h5"

    @property
    def fifo(self) -> Path:  # opening it waits for ever
        return self.folder / "fifo"


@dataclass(frozen=True, slots=True)
class Recipe:
    libver: str = "earliest"
    links: dict[str, str] = field(default_factory=dict)  # by element of the path
    storages: dict[str, str] = field(default_factory=dict)  # by dataset
    head: str = HONEST
    decorations: tuple[str, ...] = ()

    @property
    def is_honest(self) -> bool:
        return (
            not self.links
            and self.head in HONEST_HEADS
            and all(storage in HONEST_STORAGES for storage in self.storages.values())
        )

    def __str__(self) -> str:
        parts = [self.libver, self.head, *self.decorations]
        parts += [f"{key}={value}" for key, value in (self.links | self.storages).items()]
        return ", ".join(part for part in parts if part != HONEST)


def _link_out(file: h5py.File, name: str, target: str, path: str) -> None:
    file[name] = h5py.ExternalLink(target, path)


# Each is given the file, the path of the link, the path of the real object, and the decoys.
Link = Callable[[h5py.File, str, str, Decoys], None]
LINKS: dict[str, Link] = {
    "soft": lambda file, name, real, _: file.__setitem__(name, h5py.SoftLink(real)),
    "soft to nothing": lambda file, name, *_: file.__setitem__(name, h5py.SoftLink("/nothing")),
    "soft to itself": lambda file, name, *_: file.__setitem__(name, h5py.SoftLink(f"/{name}")),
    "soft through external": lambda file, name, _, decoys: (
        _link_out(file, f"out {name}".replace("/", " "), str(decoys.measurement), "/"),
        file.__setitem__(name, h5py.SoftLink(f"/out {name.replace('/', ' ')}/{name}")),
    )[1],
    "external": lambda file, name, _, decoys: _link_out(
        file, name, str(decoys.measurement), f"/{name}"
    ),
    "external by descriptor": lambda file, name, _, decoys: _link_out(
        file, name, decoys.open_elsewhere, f"/{name}"
    ),
    "external to a fifo": lambda file, name, _, decoys: _link_out(
        file, name, str(decoys.fifo), f"/{name}"
    ),
    "external to itself": lambda file, name, real, _: _link_out(file, name, file.filename, real),
    "external by a long name": lambda file, name, _, decoys: _link_out(
        file, name, f"{decoys.folder}/{'./' * 20_000}other_patient.h5", f"/{name}"
    ),
}
ELEMENTS = ("dataset", "dataset/xml", "dataset/data")


def _plan(layout: int, chunk: int = 0, filters: tuple[str, ...] = ()) -> Any:
    plan = h5p.create(h5p.DATASET_CREATE)
    plan.set_layout(layout)
    if chunk:
        plan.set_chunk((chunk,))
    for name in filters:
        {
            "shuffle": plan.set_shuffle,
            "deflate": lambda: plan.set_deflate(9),
            "lzf": lambda: plan.set_filter(h5z.FILTER_LZF, h5z.FLAG_OPTIONAL),
            "plugin": lambda: plan.set_filter(_PLUGIN_FILTER, h5z.FLAG_OPTIONAL),
        }[name]()
    return plan


def _plan_external(decoys: Decoys) -> Any:
    plan = _plan(h5d.CONTIGUOUS)
    plan.set_external(str(decoys.measurement).encode(), 0, h5s.UNLIMITED)
    return plan


def _plan_virtual(decoys: Decoys, name: str) -> Any:
    plan = h5p.create(h5p.DATASET_CREATE)
    space = h5s.create_simple((1,), (h5s.UNLIMITED,))
    space.select_hyperslab((0,), (h5s.UNLIMITED,), (1,), (1,))
    # By a pattern, each block is in a file of its own, and how many there are is not said.
    part = h5s.create_simple((1,)) if "%b" in name else space
    plan.set_virtual(space, str(decoys.folder / name).encode(), b"/dataset/data", part)
    return plan


STORAGES: dict[str, Callable[[Decoys], Any]] = {
    "compact": lambda _: _plan(h5d.COMPACT),
    "contiguous": lambda _: _plan(h5d.CONTIGUOUS),
    **{
        f"chunks of {chunk}{''.join(f', {name}' for name in filters)}": (
            lambda _, chunk=chunk, filters=filters: _plan(h5d.CHUNKED, chunk, filters)
        )
        for chunk, filters in itertools.product(
            (1, 3, 64),
            (
                (),
                ("deflate",),
                ("shuffle", "deflate"),
                ("lzf",),
                ("plugin",),
                ("deflate", "deflate"),
            ),
        )
    },
    "external": _plan_external,
    "virtual": lambda decoys: _plan_virtual(decoys, "other_patient.h5"),
    "virtual by a pattern": lambda decoys: _plan_virtual(decoys, "other_%b.h5"),
}
_DISHONEST_WORDS = ("lzf", "plugin", "deflate, deflate", "external", "virtual")
HONEST_STORAGES = [name for name in STORAGES if not any(word in name for word in _DISHONEST_WORDS)]

_HEAD = hdf5.acquisition_header_dtype
_HEAD_FIELDS = [(name, _HEAD[name]) for name in _HEAD.names or ()]
HEADS: dict[str, Any] = {
    HONEST: _HEAD,
    "a number more": np.dtype([*_HEAD_FIELDS, ("more", "<i8")]),
    "a number too wide": np.dtype(
        [(name, "<i8" if name == "center_sample" else kind) for name, kind in _HEAD_FIELDS]
    ),
    "enumeration": np.dtype([*_HEAD_FIELDS, ("more", h5py.enum_dtype({"a": 1, "b": 2}))]),
    "opaque": np.dtype([*_HEAD_FIELDS, ("more", "V16")]),
    "text": np.dtype([*_HEAD_FIELDS, ("more", "S16")]),
    "text of any length": np.dtype([*_HEAD_FIELDS, ("more", h5py.string_dtype())]),
    "reference": np.dtype([*_HEAD_FIELDS, ("more", h5py.ref_dtype)]),
    "region": np.dtype([*_HEAD_FIELDS, ("more", h5py.regionref_dtype)]),
    "vector": np.dtype([*_HEAD_FIELDS, ("more", h5py.vlen_dtype(np.float32))]),
    "large": np.dtype([*_HEAD_FIELDS, ("more", "V60000")]),
    "a field less": np.dtype(_HEAD_FIELDS[:-1]),
}
# What NumPy cannot make of a zero.
_NOTHING: dict[str, Any] = {
    "text of any length": "text",
    "reference": h5py.Reference(),
    "region": h5py.RegionReference(),
    "vector": np.zeros(0, np.float32),
}
HONEST_HEADS = (HONEST, "a number more", "a field less")


def _list_hard_links(file: h5py.File) -> list[str]:
    return [name for name in file if isinstance(file.get(name, getlink=True), h5py.HardLink)]


def _add_attributes(file: h5py.File) -> None:
    vectors = np.empty(1, object)
    vectors[0] = np.arange(3, dtype=np.int32)
    for place in (file, *(file[name] for name in _list_hard_links(file))):
        place.attrs["reference"] = file.ref
        place.attrs["text"] = ["a", "b" * 1000]
        place.attrs.create("vector", vectors, (1,), h5py.vlen_dtype(np.int32))
        place.attrs["nothing"] = h5py.Empty("f4")
        for index in range(12):  # more than the header of an object takes
            place.attrs[f"{index}"] = index


def _add_long_names(file: h5py.File) -> None:
    file[_LONG_NAME] = h5py.SoftLink("/nothing")
    file.create_group("long").create_group(_LONG_NAME)


def _add_cycles(file: h5py.File) -> None:
    cycle = file.create_group("cycle")
    cycle["root"], cycle["cycle"] = file["/"], cycle


def _add_depth(file: h5py.File) -> None:
    place = file
    for _ in range(200):
        place = place.create_group("d")


def _add_references(file: h5py.File) -> None:
    target = file.create_dataset("target", data=np.arange(9).reshape(3, 3))
    file.create_dataset("regions", data=[target.regionref[1:]], dtype=h5py.regionref_dtype)
    file["a type"] = np.dtype([("a", "<f4"), ("b", h5py.enum_dtype({"x": 1}))])


def _add_many(file: h5py.File) -> None:
    for index in range(300):
        file[f"sibling {index}"] = h5py.SoftLink("/dataset")


DECORATIONS: dict[str, Callable[[h5py.File], None]] = {
    "attributes": _add_attributes,
    "long names": _add_long_names,
    "cycles": _add_cycles,
    "depth": _add_depth,
    "references": _add_references,
    "many siblings": _add_many,
}


def list_recipes(n_random: int, seed: int) -> Iterator[Recipe]:
    """Yield each way by itself, in both of HDF5's formats, then random mixtures of all."""
    for libver in ("earliest", "latest"):
        for element, link in itertools.product(ELEMENTS, LINKS):
            yield Recipe(libver, links={element: link})
        for name, storage in itertools.product(("xml", "data"), STORAGES):
            yield Recipe(libver, storages={name: storage})
        yield from (Recipe(libver, head=head) for head in HEADS)
        yield from (Recipe(libver, decorations=(name,)) for name in DECORATIONS)
    chance = random.Random(seed)  # noqa: S311 - the same in every run
    for _ in range(n_random):
        is_hostile = chance.random() < 0.5
        storages = list(STORAGES) if is_hostile else HONEST_STORAGES
        elements = chance.sample(ELEMENTS, chance.randint(0, 3)) if is_hostile else []
        yield Recipe(
            chance.choice(("earliest", "latest")),
            {element: chance.choice(list(LINKS)) for element in elements},
            {name: chance.choice(storages) for name in ("xml", "data")},
            chance.choice(list(HEADS if is_hostile else HONEST_HEADS)),
            tuple(chance.sample(list(DECORATIONS), chance.randint(0, len(DECORATIONS)))),
        )


def write_recipe(path: Path, recipe: Recipe, decoys: Decoys) -> None:
    """Write the file; what a link stands for is beside it, under another name."""
    document, records = _acquire(path)
    dtype = np.dtype([("head", HEADS[recipe.head]), *_vectors()])
    changed = np.zeros(records.shape, dtype)
    for name in set(dtype["head"].names or ()) & set(_HEAD.names or ()):
        changed["head"][name] = records["head"][name]
    for index, record in enumerate(records):  # one by one: NumPy would copy vectors as a matrix
        if recipe.head in _NOTHING:
            changed["head"]["more"][index] = _NOTHING[recipe.head]
        changed[index]["traj"], changed[index]["data"] = record["traj"], record["data"]
    with h5py.File(path, "w", libver=recipe.libver) as file:
        for name, value in (("xml", document), ("data", changed)):
            place = _place(recipe, f"dataset/{name}")
            _write_dataset(file, place, value, recipe.storages.get(name), decoys)
        for element, link in sorted(recipe.links.items()):
            LINKS[link](
                file, _place(recipe, element, is_link=True), _place(recipe, element), decoys
            )
        for name in recipe.decorations:
            DECORATIONS[name](file)


def _acquire(path: Path) -> tuple[Any, Any]:
    simulate_acquisition(path, n_coils=2, matrix_size=MATRIX_SIZE)
    with h5py.File(path) as file:
        document = np.array([file["dataset/xml"][0]], h5py.string_dtype())
        return document, np.array(file["dataset/data"][:], hdf5.acquisition_dtype)


def _vectors() -> list[tuple[str, Any]]:
    return [(name, h5py.vlen_dtype(np.float32)) for name in ("traj", "data")]


def _place(recipe: Recipe, element: str, *, is_link: bool = False) -> str:
    """Return where an element is: where ISMRMRD has it, unless a link stands there."""
    group, _, name = element.partition("/")
    if "dataset" in recipe.links and (name or not is_link):
        group = "real dataset"
    if name and element in recipe.links and not is_link:
        name = f"real {name}"
    return f"{group}/{name}" if name else group


def _write_dataset(
    file: h5py.File, place: str, value: Any, storage: str | None, decoys: Decoys
) -> None:
    group, _, name = place.partition("/")
    plan = STORAGES[storage](decoys) if storage else _plan(h5d.CHUNKED, 1)
    dtype = h5t.py_create(value.dtype, logical=True)
    is_chunked = plan.get_layout() == h5d.CHUNKED
    space = h5s.create_simple(value.shape, (h5s.UNLIMITED,) if is_chunked else value.shape)
    parent = file.require_group(group).id
    dataset = h5d.create(parent, name.encode(), dtype, space, plan)
    if plan.get_layout() != h5d.VIRTUAL and not plan.get_external_count():
        h5py.Dataset(dataset)[:] = value
