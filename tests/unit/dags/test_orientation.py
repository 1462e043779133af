from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ismrmrd import xsd

from scanhub_reconstruction.orientation import decide_orientation, override_orientation
from scanhub_reconstruction.provenance import describe_provenance
from scanhub_reconstruction.raw_data import read_raw_data
from scanhub_reconstruction.reconstruction import reconstruct_volume
from scanhub_reconstruction.run_conf import RunConf, RunConfError
from tests.unit.dags.blobs import Slice, measure
from tests.unit.dags.test_pipeline import CONF


@pytest.mark.parametrize(
    ("vendor", "decision"),
    [
        ("SIEMENS", ("forward", "vendor")),
        ("  Siemens Healthineers", ("forward", "vendor")),
        ("osi2", ("inverse", "vendor")),
        ("GE MEDICAL SYSTEMS", ("inverse", "assumption")),
        ("Not Siemens", ("inverse", "assumption")),
    ],
)
def test_decide_orientation_says_what_the_vendor_means(
    vendor: str, decision: tuple[str, str]
) -> None:
    assert decide_orientation(vendor, build_header(systemModel="MAGNETOM Vida")) == decision


@pytest.mark.parametrize(
    ("facts", "decision"),
    [
        ({"systemModel": "MAGNETOM Free.Max"}, ("forward", "header")),
        ({"systemModel": "Prisma_fit"}, ("forward", "header")),
        ({"parameter": "EmbeddedRefLinesE1"}, ("forward", "header")),
        ({"parameter": "MaxwellCoefficient_0"}, ("forward", "header")),
        ({"sequenceName": "%SiemensSeq%\\gre"}, ("forward", "header")),
        ({"systemModel": "Solar"}, ("inverse", "assumption")),
        ({"sequenceName": "gre"}, ("inverse", "assumption")),
        ({}, ("inverse", "assumption")),
    ],
)
def test_decide_orientation_finds_other_traces_where_the_vendor_was_removed(
    facts: dict[str, str], decision: tuple[str, str]
) -> None:
    assert decide_orientation(None, build_header(**facts)) == decision


def build_header(
    systemModel: str | None = None,  # noqa: N803 - the schema's name
    sequenceName: str | None = None,  # noqa: N803
    parameter: str = "gain",
) -> xsd.ismrmrdHeader:
    return xsd.ismrmrdHeader(
        acquisitionSystemInformation=xsd.acquisitionSystemInformationType(systemModel=systemModel),
        measurementInformation=xsd.measurementInformationType(
            patientPosition=xsd.patientPositionType.HFS, sequenceName=sequenceName
        ),
        userParameters=xsd.userParametersType(
            userParameterLong=[xsd.userParameterLongType(name=parameter, value=1)]
        ),
        experimentalConditions=xsd.experimentalConditionsType(H1resonanceFrequency_Hz=63_866_000),
        encoding=[],
    )


@pytest.mark.parametrize(("vendor", "is_known"), [("osi2", True), ("Philips", False)])
def test_a_result_says_that_its_convention_was_assumed(
    tmp_path: Path, vendor: str, is_known: bool
) -> None:
    measure([Slice()], vendor=vendor).write(tmp_path / "raw")

    facts = describe_provenance(read_raw_data(tmp_path / "raw"))

    assert ("orientation_warning" not in facts) == is_known


def test_an_override_turns_the_image_and_is_told(tmp_path: Path) -> None:
    measure([Slice()], vendor="SIEMENS").write(tmp_path / "raw")
    raw = read_raw_data(tmp_path / "raw")

    other = override_orientation(raw, "inverse", "run")

    (image,), (turned,) = reconstruct_volume(raw, 0), reconstruct_volume(other, 0)
    np.testing.assert_allclose(turned, np.roll(image[::-1, ::-1], (1, 1), (0, 1)), atol=1e-4)
    facts = describe_provenance(other)
    assert (facts["orientation_convention"], facts["orientation_decided_by"]) == ("inverse", "run")


def test_the_run_is_stronger_than_the_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCANHUB_ORIENTATION_CONVENTION", "forward")
    monkeypatch.setenv("SCANHUB_COIL_COMBINATION", "adaptive")

    run = RunConf.from_mapping(CONF)
    stronger = RunConf.from_mapping(CONF | {"orientation_convention": "inverse"})

    assert (run.orientation_convention, run.orientation_decided_by) == ("forward", "deployment")
    assert (stronger.orientation_convention, stronger.orientation_decided_by) == ("inverse", "run")
    assert stronger.coil_combination == "adaptive"


@pytest.mark.parametrize("name", ["orientation_convention", "coil_combination"])
def test_a_choice_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(RunConfError, match=f"The configuration has a {name} other than"):
        RunConf.from_mapping(CONF | {name: "sideways"})
