"""Files as scanners and converters write them, and what the reconstruction does with each.

`python -m tests.unit.dags.situations` prints the tables of docs/reconstruction.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import h5py
import ismrmrd
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from tests.unit.dags.blobs import (
    AXIAL,
    BRIGHT_MM,
    Measurement,
    Slice,
    Vector,
    draw_blobs,
    measure,
    write_limits,
)

Truth = list[NDArray[np.float64]]
VOLUME = (12, 24, 32)
SLAB = Slice(center_mm=(5, -7, 11), blobs=draw_blobs(BRIGHT_MM[2]))


@dataclass(frozen=True, slots=True)
class Situation:
    """A kind of file.

    Parameters
    ----------
    name
        What it is.
    write
        Writes one, and returns where the bright blob is in the patient: by slice, or once for 3D.
    sentence
        What the operator is told: of a refusal, or in the result's metadata; "" if nothing.
    """

    name: str
    write: Callable[[Path], Truth]
    sentence: str = ""


def turn(*angles_deg: float) -> tuple[Vector, Vector, Vector]:
    """Return oblique directions."""
    matrix = Rotation.from_euler("zyx", angles_deg, degrees=True).as_matrix()
    return tuple(tuple(column) for column in matrix.T.tolist())  # type: ignore[return-value]


SAGITTAL: tuple[Vector, Vector, Vector] = ((0, 1, 0), (0, 0, -1), (-1, 0, 0))
CORONAL: tuple[Vector, Vector, Vector] = ((1, 0, 0), (0, 0, -1), (0, 1, 0))
OBLIQUE = turn(20, -15, 35)


def stack(n_slices: int, directions: tuple[Vector, Vector, Vector], gap_mm: float) -> list[Slice]:
    """Return parallel slices, the blob somewhere else in each."""
    center, normal = np.array((12.0, -33.0, 21.0)), np.array(directions[2])
    return [
        Slice(
            {"slice": i},
            tuple((center + i * gap_mm * normal).tolist()),  # type: ignore[arg-type]
            directions,
            [(-8, 4, 0, 16, 1.5), (12 + 4 * i, 20 - 8 * i, 0, 5, 3)],
        )
        for i in range(n_slices)
    ]


def save(path: Path, measurement: Measurement, slices: list[Slice]) -> Truth:
    measurement.write(path)
    return [part.bright_mm for part in slices]


def slices_of(
    slices: list[Slice], change: Callable[[Measurement], Measurement] = lambda same: same, **options
) -> Callable[[Path], Truth]:
    return lambda path: save(path, change(measure(slices, **options)), slices)


def slab_of(
    change: Callable[[Measurement], Measurement] = lambda same: same, slab: Slice = SLAB, **options
) -> Callable[[Path], Truth]:
    return lambda path: save(path, change(measure([slab], VOLUME, **options)), [slab])


def say(old: str, new: str) -> Callable[[Measurement], Measurement]:
    """Return what replaces a piece of the header."""

    def change(measurement: Measurement) -> Measurement:
        assert old in measurement.document
        return replace(measurement, document=measurement.document.replace(old, new))

    return change


def keep(choose: Callable[[NDArray[np.void]], NDArray[np.bool_]]) -> Callable[..., Measurement]:
    """Return what drops all acquisitions but these."""

    def change(measurement: Measurement) -> Measurement:
        kept = choose(measurement.heads)
        return replace(
            measurement, heads=measurement.heads[kept], samples=measurement.samples[kept]
        )

    return change


def flag(number: int) -> Callable[[Measurement], Measurement]:
    def change(measurement: Measurement) -> Measurement:
        measurement.heads["flags"] |= np.uint64(1 << (number - 1))
        return measurement

    return change


def shuffle(measurement: Measurement) -> Measurement:
    order = np.random.default_rng(3).permutation(len(measurement.heads))
    return replace(measurement, heads=measurement.heads[order], samples=measurement.samples[order])


def blank(choose: Callable[[NDArray[np.void]], NDArray[np.bool_]]) -> Callable[..., Measurement]:
    """Return what makes these acquisitions zeros."""

    def change(measurement: Measurement) -> Measurement:
        measurement.samples[choose(measurement.heads)] = 0
        return measurement

    return change


def is_in_ellipse(heads: NDArray[np.void]) -> NDArray[np.bool_]:
    index = heads["idx"]
    rows = index["kspace_encode_step_1"] / (VOLUME[1] / 2) - 1
    partitions = index["kspace_encode_step_2"] / (VOLUME[0] / 2) - 1
    return rows**2 + partitions**2 < 1


def is_late(heads: NDArray[np.void]) -> NDArray[np.bool_]:
    return heads["idx"]["kspace_encode_step_1"] >= 6


def is_early(heads: NDArray[np.void]) -> NDArray[np.bool_]:
    return heads["idx"]["kspace_encode_step_1"] < 12


def is_odd(heads: NDArray[np.void]) -> NDArray[np.bool_]:
    return heads["idx"]["kspace_encode_step_1"] % 2 == 1


def add_noise_scan(measurement: Measurement) -> Measurement:
    n_coils, n_samples = measurement.samples.shape[1:]
    random = np.random.default_rng(0)
    noise = random.normal(size=(8, n_coils, n_samples, 2)) @ (1, 1j)
    heads = measurement.heads[:8].copy()
    heads["flags"] = 1 << (ismrmrd.ACQ_IS_NOISE_MEASUREMENT - 1)
    return replace(
        measurement,
        heads=np.concatenate([heads, measurement.heads]),
        samples=np.concatenate([noise.astype(np.complex64), measurement.samples]),
    )


def count_all(**counters: int) -> list[Slice]:
    """Return a slice for each value of the counters, the blob of another size in each."""
    values = list(product(*(range(n) for n in counters.values())))
    return [
        Slice(dict(zip(counters, value, strict=True)), blobs=draw_blobs(0.0, 3.0 - number / 8))
        for number, value in enumerate(values)
    ]


def write_big_endian(path: Path) -> Truth:
    measure([Slice()]).write(path, dtype=">f4")
    return [Slice().bright_mm]


def write_group(*names: str) -> Callable[[Path], Truth]:
    def write(path: Path) -> Truth:
        for name in names:
            measure([Slice()]).write(path, group=name)
        return [Slice().bright_mm]

    return write


def write_fastmri(path: Path) -> Truth:
    with h5py.File(path, "w") as file:
        file["kspace"], file["ismrmrd_header"] = np.zeros((2, 8, 8), np.complex64), "<a/>"
    return []


def write_masked_numpy(*mask: slice) -> Callable[[Path], Truth]:
    def write(path: Path) -> Truth:
        kspace = measure([Slice()]).samples.transpose(1, 0, 2).copy()
        kspace[mask] = 0
        with path.open("wb") as file:
            np.save(file, kspace)
        return []

    return write


def drop_points(measurement: Measurement) -> Measurement:
    is_lost = np.random.default_rng(0).random(measurement.samples[:, 0].shape) < 0.4
    measurement.samples[np.broadcast_to(is_lost[:, np.newaxis], measurement.samples.shape)] = 0
    return measurement


def blank_other_coil(measurement: Measurement) -> Measurement:
    measurement.samples[::2, 0] = measurement.samples[1::2, 1] = 0
    return measurement


def repeat(flags: int = 0) -> Callable[[Measurement], Measurement]:
    """Return what acquires each line again, with another signal where it has flags."""

    def change(measurement: Measurement) -> Measurement:
        heads, samples = measurement.heads.copy(), measurement.samples
        heads["flags"] = np.uint64(flags)
        return replace(
            measurement,
            heads=np.concatenate([heads, measurement.heads]),
            samples=np.concatenate([samples[:, :, ::-1] if flags else samples, samples]),
        )

    return change


MULTIBAND = (
    "<parallelImaging><accelerationFactor><kspace_encoding_step_1>{}</kspace_encoding_step_1>"
    "<kspace_encoding_step_2>1</kspace_encoding_step_2></accelerationFactor>{}</parallelImaging>"
)
SLICE_ACCELERATION = (
    "<userParameters><userParameterLong><name>SliceAccelerationFactor</name><value>3</value>"
    "</userParameterLong></userParameters>"
)
TRAJECTORY = "<trajectory>cartesian</trajectory>"
LEVELS = stack(3, AXIAL, 6)

TAKEN = [
    Situation("One slice", slices_of([Slice()])),
    Situation("A 3D volume", slab_of()),
    Situation(
        "An oblique stack of slices in random order", slices_of(stack(5, OBLIQUE, 6.5), shuffle)
    ),
    Situation(
        "A left-handed stack of slices",
        slices_of(stack(4, (OBLIQUE[0], OBLIQUE[1], tuple(-x for x in OBLIQUE[2])), 6.5)),  # type: ignore[arg-type]
    ),
    Situation(
        "A localizer: three planes through one centre",
        slices_of(
            [
                Slice({"slice": 0}, (3, 4, 5)),
                Slice({"slice": 1}, (3, 4, 5), SAGITTAL),
                Slice({"slice": 2}, (3, 4, 5), CORONAL),
            ]
        ),
    ),
    Situation(
        "Repetitions, sets, phases and contrasts",
        slices_of(count_all(repetition=2, set=2, phase=2, contrast=2)),
    ),
    Situation(
        "Siemens, 2D: directions for a forward transform",
        slices_of([Slice()], sign=1, vendor=" SIEMENS "),
    ),
    Situation(
        "Siemens, a sagittal slice",
        slices_of([Slice(directions=SAGITTAL)], sign=1, vendor="Siemens Healthineers"),
    ),
    Situation(
        "Siemens, an oblique stack", slices_of(stack(4, OBLIQUE, 6.5), sign=1, vendor="siemens")
    ),
    Situation("Siemens, 3D", slab_of(sign=1, vendor="SIEMENS")),
    Situation(
        "Siemens, the vendor's name removed: told by the model, or by what its converter adds",
        slices_of(
            [Slice()],
            say("<systemVendor>osi2</systemVendor>", "<systemModel>MAGNETOM Vida</systemModel>"),
            sign=1,
        ),
    ),
    Situation(
        "Siemens, an oblique 3D volume",
        slab_of(slab=replace(SLAB, directions=OBLIQUE), sign=1, vendor="SIEMENS"),
    ),
    Situation(
        "Partial Fourier, told by the limits (filled with zeros; ScanOptions PFP)",
        slices_of([Slice()], keep(is_late), limits=write_limits(1, 6, 23, 12)),
    ),
    Situation(
        "Lines flagged as a scan for surface coil correction", slices_of([Slice()], flag(29))
    ),
    Situation("Big-endian samples", write_big_endian),
    Situation(
        "A noise scan in the file (the coils are prewhitened)", slices_of([Slice()], add_noise_scan)
    ),
    Situation(
        "An elliptical 3D scan (filled with zeros; ScanOptions ZERO_FILLED)",
        slab_of(keep(is_in_ellipse)),
        "The corners of k-space were not acquired (elliptical) and are zeros.",
    ),
]
MENDED = [
    Situation(
        "A position of the patient that does not exist",
        slices_of([Slice()], say(">HFS<", ">HFX<")),
        "The header has a patientPosition that the schema does not know.",
    ),
    Situation(
        "Times in seconds, and whatever else cannot be in its unit",
        slices_of([Slice()], say("<TR>500</TR>", "<TR>0.5</TR>")),
        "The header's repetition time is not plausible in milliseconds and is left out.",
    ),
    Situation(
        "Places of slices in metres (images without orientation)",
        slices_of([replace(part, center_mm=(0, 0, i * 0.02)) for i, part in enumerate(LEVELS)]),
        "The slices are hardly apart for their thickness, as if their places were not in "
        "millimetres, so no image has a place.",
    ),
    Situation(
        "Lines that were acquired again, and no counter says why",
        slices_of([Slice()], repeat()),
        "Lines were acquired several times, uncounted as averages, and were averaged.",
    ),
    Situation(
        "A scan for surface coil correction beside the image",
        slices_of([Slice()], repeat(1 << (ismrmrd.ACQ_IS_SURFACECOILCORRECTIONSCAN_DATA - 1))),
        "Lines of a scan for surface coil correction beside the image are left out.",
    ),
    Situation(
        "No patientPosition, as of ScanHub's console",
        slices_of([Slice()], say("<patientPosition>HFS</patientPosition>", "")),
        "The header lacks patientPosition, which the schema requires.",
    ),
    Situation(
        "No trajectory, and acquisitions without one",
        slices_of([Slice()], say(TRAJECTORY, "")),
        "The header lacks trajectory, which the schema requires.",
    ),
    Situation(
        "Elements of another version, or of a vendor",
        slices_of([Slice()], say(TRAJECTORY, f"<console><gain>3</gain></console>{TRAJECTORY}<x/>")),
        "The header holds 2 elements that the schema does not know.",
    ),
    Situation(
        "No namespace",
        slices_of([Slice()], say(' xmlns="http://www.ismrm.org/ISMRMRD"', "")),
        "The header is not in ISMRMRD's namespace.",
    ),
    Situation(
        "Whole numbers with a decimal point",
        slices_of([Slice()], say("<y>24</y>", "<y>24.0</y>")),
        "The header does not write y as the schema has it.",
    ),
    Situation(
        "Latin-1 text that is declared as UTF-8",
        slices_of([Slice()], say("osi2", "osi2 \u00fc")),
        "The header is Latin-1 text and does not say so.",
    ),
    Situation(
        "Limits 0 to 0, and complete counters",
        slab_of(limits=write_limits(1, 0, 0, 0) + write_limits(2, 0, 0, 0)),
        "The header's limits of kspace_encoding_step_1 name a single step.",
    ),
    Situation(
        "Slices, with their number as the matrix size along z",
        slices_of(
            stack(3, OBLIQUE, 10), header_z=3, thickness_mm=10, limits=write_limits(2, 0, 0, 0)
        ),
        "The header's matrix has partitions (3D), and the acquisitions are slices.",
    ),
    Situation(
        "Slices, with a matrix size of 2 along z (Pulseq)",
        slices_of(stack(3, OBLIQUE, 10), header_z=2, limits=write_limits(2, 0, 0, 0)),
        "The header does not tell how thick one slice is.",
    ),
    Situation(
        "A slice thickness that is the stack's",
        slices_of(stack(3, OBLIQUE, 10), thickness_mm=30),
        "The header's slice thickness is that of all slices together.",
    ),
    Situation(
        "A field strength that no magnet has",
        slices_of([Slice()], say(">1.5<", ">48511.9775<")),
        "The header's field strength is not plausible in tesla and is left out.",
    ),
    Situation(
        "A single group with imaging lines, of another name",
        write_group("dataset_1"),
        "The acquisitions are in a group that is not called dataset.",
    ),
    Situation(
        "Slices that claim the same place (images without orientation)",
        slices_of([replace(part, center_mm=(0, 0, 0)) for part in stack(2, OBLIQUE, 6)]),
        "The acquisitions do not tell where all images lie, so no image has a place.",
    ),
]
REFUSED = [
    Situation(
        "Simultaneous slices (multiband)",
        slices_of(
            [Slice()],
            more=MULTIBAND.format(
                1, "<multiband><multiband_factor>2</multiband_factor></multiband>"
            ),
        ),
        "The slices were acquired several at a time (multiband); they need to be separated, which "
        "this reconstruction does not do.",
    ),
    Situation(
        "The same by a vendor's own parameter",
        slices_of([Slice()], say("</ismrmrdHeader>", f"{SLICE_ACCELERATION}</ismrmrdHeader>")),
        "The slices were acquired several at a time (multiband); they need to be separated, which "
        "this reconstruction does not do.",
    ),
    Situation(
        "Parallel imaging",
        slices_of([Slice()], keep(is_odd), more=MULTIBAND.format(2, "")),
        "The measurement is undersampled for parallel imaging; it needs GRAPPA or SENSE, which "
        "this reconstruction does not do.",
    ),
    Situation(
        "EPI, by the header",
        slices_of([Slice()], say(TRAJECTORY, "<trajectory>epi</trajectory>")),
        "The trajectory is not Cartesian but echo-planar (EPI); it needs a phase correction of its "
        "readouts, which this reconstruction does not do.",
    ),
    Situation(
        "EPI, by reversed readouts",
        slices_of([Slice()], flag(ismrmrd.ACQ_IS_REVERSE)),
        "The measurement has reversed readouts (EPI); it needs a phase correction, which this "
        "reconstruction does not do.",
    ),
    Situation(
        "Radial",
        slices_of([Slice()], say(TRAJECTORY, "<trajectory>radial</trajectory>")),
        "The trajectory is not Cartesian but radial; it needs a gridding of its spokes, which this "
        "reconstruction does not do.",
    ),
    Situation(
        "Spiral",
        slices_of([Slice()], say(TRAJECTORY, "<trajectory>spiral</trajectory>")),
        "The trajectory is not Cartesian but spiral; it needs a gridding of its interleaves, which "
        "this reconstruction does not do.",
    ),
    Situation(
        "Another trajectory",
        slices_of([Slice()], say(TRAJECTORY, "<trajectory>other</trajectory>")),
        "The trajectory is not Cartesian, or the header does not say what it is (trajectory); this "
        "reconstruction takes Cartesian data only.",
    ),
    Situation(
        "Lines that are missing",
        slices_of([Slice()], keep(is_early)),
        "The measurement is incomplete: 12 of 24 phase-encoding lines are missing.",
    ),
    Situation(
        "Half of the matrix or less",
        slices_of([Slice()], keep(is_early), limits=write_limits(1, 0, 11, 6)),
        "The measurement is incomplete: it covers no more than half of the encoded matrix.",
    ),
    Situation(
        "Lines of zeros: masked, or undersampled and filled up",
        slices_of([Slice()], blank(is_odd)),
        "The measurement holds lines of zeros, which nobody measured: it is undersampled and needs "
        "an unfolding, which this reconstruction does not do.",
    ),
    Situation(
        "The same in one coil, and other lines in another",
        slices_of([Slice()], blank_other_coil),
        "The measurement holds lines of zeros, which nobody measured: it is undersampled and needs "
        "an unfolding, which this reconstruction does not do.",
    ),
    Situation(
        "A mask of points",
        slices_of([Slice()], drop_points),
        "The measurement holds samples of zeros between others, which nobody measured: it is "
        "undersampled and needs an unfolding, which this reconstruction does not do.",
    ),
    Situation(
        "Columns of zeros in NumPy k-space, as fastMRI's masks make them",
        write_masked_numpy(slice(None), slice(None), slice(1, None, 2)),
        "The measurement holds lines of zeros, which nobody measured: it is undersampled and needs "
        "an unfolding, which this reconstruction does not do.",
    ),
    Situation(
        "Lines of zeros in NumPy k-space",
        write_masked_numpy(slice(None), slice(1, 8, 2)),
        "The measurement holds lines of zeros, which nobody measured: it is undersampled and needs "
        "an unfolding, which this reconstruction does not do.",
    ),
    Situation(
        "A field of view in metres",
        slices_of([Slice()], say("<y>96.0</y>", "<y>0.096</y>")),
        "The ISMRMRD header is invalid: a field of view is implausible in millimetres "
        "(fieldOfView_mm.y).",
    ),
    Situation(
        "A matrix size that is no number",
        slices_of([Slice()], say("<y>24</y>", "<y>many</y>")),
        "The ISMRMRD header is invalid: a matrix size is out of range or missing "
        "(encodedSpace.matrixSize.y).",
    ),
    Situation(
        "An element that stands there twice",
        slices_of([Slice()], say(TRAJECTORY, f"{TRAJECTORY}<trajectory>radial</trajectory>")),
        "The ISMRMRD header is invalid: it holds trajectory more than once.",
    ),
    Situation(
        "A header that is no XML",
        slices_of([Slice()], say("osi2", "T1 & T2")),
        "The ISMRMRD header is invalid: it is not well-formed XML (line 1).",
    ),
    Situation(
        "Partitions that the header does not have",
        slab_of(say("<z>12</z>", "<z>1</z>")),
        "The measurement holds 12 partitions (3D), but its header describes 2D.",
    ),
    Situation(
        "Limits 0 to 0, and counters that are not complete",
        slices_of([Slice()], keep(is_late), limits=write_limits(1, 0, 0, 0)),
        "The ISMRMRD header is inconsistent: the limits of kspace_encoding_step_1 name a single "
        "step, and the acquisitions count 18 of 24.",
    ),
    Situation(
        "Slices that their counter does not tell apart",
        slices_of([replace(part, counters={}) for part in stack(2, OBLIQUE, 6)]),
        "The acquisitions are inconsistent: their position differs within one slice.",
    ),
    Situation(
        "Several groups with imaging lines, none of them `dataset`",
        write_group("dataset_1", "dataset_2", "Jane_Doe"),
        "The ISMRMRD file holds images in several groups (dataset_1, dataset_2, 1 of other names), "
        "and none of them is called dataset.",
    ),
    Situation(
        "fastMRI's layout",
        write_fastmri,
        "The ISMRMRD header is missing from the HDF5 file: it is in fastMRI's layout (kspace, "
        "ismrmrd_header), which this reconstruction does not read.",
    ),
]


def render_tables() -> str:
    """Return the tables of the documentation."""
    parts = []
    for title, situations in (("Takes", TAKEN), ("Mends", MENDED), ("Refuses", REFUSED)):
        parts += [f"### {title}", "", "| File | What it says |", "|---|---|"]
        parts += [
            f"| {each.name} | {each.sentence} |".replace("|  |", "| |") for each in situations
        ]
        parts.append("")
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(render_tables())
