"""Every file in `events/` is answered, and never by an error of our own."""

from pathlib import Path

import pytest

from tests.fakes.ports import MemoryPorts
from tests.unit.functions.conftest import ROOT, Invoke, load_event

CASES = sorted(path.relative_to(ROOT / "events") for path in ROOT.glob("events/*/*.json"))


@pytest.mark.parametrize("path", CASES, ids=str)
def test_event_is_answered(path: Path, invoke: Invoke, world: MemoryPorts) -> None:
    answer = invoke(path.parent.name, load_event(path.parent.name, path.stem))

    if "statusCode" in answer:
        assert 200 <= answer["statusCode"] < 500
        assert "base64" not in answer["headers"].get("content-type", "")
        assert answer["isBase64Encoded"] is False
