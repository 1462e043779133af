import pytest

from tests.contracts.scanhub import Hospital, ScanHub2025Contract
from tests.fakes.world import RECONSTRUCTION_ID, SCAN_ARGS, SCAN_ID, TOKEN, WORKFLOW_ID, make_world


class TestFakes(ScanHub2025Contract):
    @pytest.fixture
    def hospital(self) -> Hospital:
        world = make_world()
        return Hospital(
            world.exam,
            world.scan,
            world.users,
            TOKEN,
            "secret",
            WORKFLOW_ID,
            (SCAN_ID, RECONSTRUCTION_ID),
            "exam-1",
            "patient-1",
            SCAN_ARGS["sequence_id"],
            SCAN_ARGS["device_id"],
            world.exam.comments.get,
            world.exam.comments.__setitem__,
        )
