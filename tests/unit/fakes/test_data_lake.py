import pytest

from tests.contracts.data_lake import DataLakeContract, Download, PutPart
from tests.fakes.data_lake import MemoryDataLake


class TestMemoryDataLake(DataLakeContract):
    @pytest.fixture
    def lake(self) -> MemoryDataLake:
        return MemoryDataLake()

    @pytest.fixture
    def put_part(self, lake: MemoryDataLake) -> PutPart:
        return lake.put_part

    @pytest.fixture
    def download(self, lake: MemoryDataLake) -> Download:
        return lake.download
