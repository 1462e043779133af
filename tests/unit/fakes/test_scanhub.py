import pytest

from tests.contracts.scanhub import Hospital, ScanHubContract
from tests.fakes.world import RECONSTRUCTION_ID, SCAN_ARGS, SCAN_ID, TOKEN, WORKFLOW_ID, make_world


class TestFakes(ScanHubContract):
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
