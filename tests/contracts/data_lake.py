"""What every `DataLake` must do."""

from collections.abc import Callable

import pytest

from workflow_manager.domain.data_lake import ObjectStart
from workflow_manager.domain.errors import ConflictError
from workflow_manager.domain.trace import TraceContext
from workflow_manager.domain.upload import MIN_PART_SIZE_BYTES, Part
from workflow_manager.ports import DataLake

KEY = "upload/dag_reco/upload-1/raw.h5"
TRACE = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", is_sampled=True)
PutPart = Callable[[str, bytes], str]
# Body, Content-Disposition, Content-Type
Download = Callable[[str], tuple[bytes, str, str]]


FOLDER = "acquisition/workflow-1/"


class DataLakeContract:
    """Subclasses give fixtures `lake` (empty, versioned) and two that do as clients do.

    `put_part` (PUT to a URL → ETag) and `download` (GET of a URL).
    """

    def test_head_returns_none_where_nothing_is(self, lake: DataLake) -> None:
        assert lake.head(KEY) is None

    def test_put_returns_the_version_that_head_finds(self, lake: DataLake) -> None:
        version = lake.put(KEY, b"raw data", "application/x-hdf5")
        assert version == lake.head(KEY)
        assert (version.bucket, version.key, version.size_bytes) == (lake.bucket, KEY, 8)
        assert version.version_id

    def test_put_again_makes_another_version(self, lake: DataLake) -> None:
        first = lake.put(KEY, b"1", "application/x-hdf5")
        second = lake.put(KEY, b"2", "application/x-hdf5")
        assert first.version_id != second.version_id
        assert lake.head(KEY) == second

    def test_read_start_returns_the_first_bytes_of_just_this_version(self, lake: DataLake) -> None:
        first = lake.put(KEY, b"first version", "application/x-hdf5")
        second = lake.put(KEY, b"second version", "application/x-hdf5")
        unnamed = second.model_copy(update={"version_id": None})
        starts = [lake.read_start(version, 6) for version in (first, second, unnamed)]
        assert [start and start.content for start in starts] == [b"first ", b"second", b"second"]

    def test_read_start_returns_all_of_a_short_object(self, lake: DataLake) -> None:
        short = lake.put(KEY, b"short", "application/x-hdf5")
        empty = lake.put(KEY, b"", "application/x-hdf5")
        starts = [lake.read_start(version, 1024) for version in (short, empty)]
        assert starts == [ObjectStart(b"short"), ObjectStart(b"")]

    def test_object_keeps_the_trace_that_it_was_stored_by(
        self, lake: DataLake, put_part: PutPart
    ) -> None:
        put = lake.put(KEY, b"raw data", "application/x-hdf5", TRACE)
        upload_id = lake.create_multipart_upload(KEY, "application/x-hdf5", TRACE)
        etag = put_part(lake.presign_part(KEY, upload_id, 1), b"raw data")
        parts = [Part(part_number=1, etag=etag)]
        joined = lake.complete_multipart_upload(KEY, upload_id, parts, 8)
        bare = lake.put(KEY, b"raw data", "application/x-hdf5")
        assert joined is not None
        starts = [lake.read_start(version, 3) for version in (put, joined, bare)]
        assert starts == [ObjectStart(b"raw", trace) for trace in (TRACE, TRACE, None)]

    def test_read_start_returns_none_for_what_is_gone(self, lake: DataLake) -> None:
        gone = lake.put(f"{FOLDER}scan/raw.h5", b"1", "application/x-hdf5")
        lake.delete_prefix(FOLDER)
        assert lake.read_start(gone, 8) is None
        assert lake.read_start(gone.model_copy(update={"version_id": None}), 8) is None

    def test_list_parts_returns_what_arrived_in_order(
        self, lake: DataLake, put_part: PutPart
    ) -> None:
        upload_id = lake.create_multipart_upload(KEY, "application/x-hdf5")
        assert lake.list_parts(KEY, upload_id) == []
        etag_2 = put_part(lake.presign_part(KEY, upload_id, 2), b"two")
        etag_1 = put_part(lake.presign_part(KEY, upload_id, 1), b"one!")
        parts = lake.list_parts(KEY, upload_id) or []
        assert [(part.part_number, part.etag, part.size_bytes) for part in parts] == [
            (1, etag_1, 4),
            (2, etag_2, 3),
        ]

    def test_list_parts_returns_none_for_an_unknown_upload(self, lake: DataLake) -> None:
        assert lake.list_parts(KEY, "unknown") is None

    def test_complete_makes_one_object_of_the_parts(
        self, lake: DataLake, put_part: PutPart
    ) -> None:
        upload_id = lake.create_multipart_upload(KEY, "application/x-hdf5")
        put_part(lake.presign_part(KEY, upload_id, 1), b"1" * MIN_PART_SIZE_BYTES)
        put_part(lake.presign_part(KEY, upload_id, 2), b"22")
        parts = lake.list_parts(KEY, upload_id) or []

        version = lake.complete_multipart_upload(
            KEY, upload_id, parts[::-1], MIN_PART_SIZE_BYTES + 2
        )

        assert version is not None
        assert version == lake.head(KEY)
        assert version.size_bytes == MIN_PART_SIZE_BYTES + 2
        assert lake.list_parts(KEY, upload_id) is None

    def test_complete_again_makes_no_second_version(
        self, lake: DataLake, put_part: PutPart
    ) -> None:
        upload_id = lake.create_multipart_upload(KEY, "application/x-hdf5")
        put_part(lake.presign_part(KEY, upload_id, 1), b"1")
        parts = lake.list_parts(KEY, upload_id) or []
        version = lake.complete_multipart_upload(KEY, upload_id, parts, 1)
        # S3 itself may repeat its answer for a while.
        assert lake.complete_multipart_upload(KEY, upload_id, parts, 1) in (None, version)
        assert lake.head(KEY) == version

    def test_complete_returns_none_for_an_unknown_upload(self, lake: DataLake) -> None:
        part = Part(part_number=1, etag='"d41d8cd98f00b204e9800998ecf8427e"')
        assert lake.complete_multipart_upload(KEY, "unknown", [part], 1) is None

    def test_complete_refuses_a_part_of_another_content(
        self, lake: DataLake, put_part: PutPart
    ) -> None:
        upload_id = lake.create_multipart_upload(KEY, "application/x-hdf5")
        put_part(lake.presign_part(KEY, upload_id, 1), b"1")
        part = Part(part_number=1, etag='"d41d8cd98f00b204e9800998ecf8427e"')
        with pytest.raises(ConflictError):
            lake.complete_multipart_upload(KEY, upload_id, [part], 1)
        assert lake.head(KEY) is None

    def test_complete_refuses_a_small_part_before_the_last(
        self, lake: DataLake, put_part: PutPart
    ) -> None:
        upload_id = lake.create_multipart_upload(KEY, "application/x-hdf5")
        put_part(lake.presign_part(KEY, upload_id, 1), b"1")
        put_part(lake.presign_part(KEY, upload_id, 2), b"2")
        parts = lake.list_parts(KEY, upload_id) or []
        with pytest.raises(ConflictError):
            lake.complete_multipart_upload(KEY, upload_id, parts, 2)

    def test_complete_refuses_parts_of_another_size_than_planned(
        self, lake: DataLake, put_part: PutPart
    ) -> None:
        upload_id = lake.create_multipart_upload(KEY, "application/x-hdf5")
        put_part(lake.presign_part(KEY, upload_id, 1), b"1")
        parts = lake.list_parts(KEY, upload_id) or []
        with pytest.raises(ConflictError):
            lake.complete_multipart_upload(KEY, upload_id, parts, 2)
        assert lake.head(KEY) is None
        assert lake.list_parts(KEY, upload_id) == parts

    def test_abort_deletes_the_parts_and_may_be_repeated(
        self, lake: DataLake, put_part: PutPart
    ) -> None:
        upload_id = lake.create_multipart_upload(KEY, "application/x-hdf5")
        put_part(lake.presign_part(KEY, upload_id, 1), b"1")

        lake.abort_multipart_upload(KEY, upload_id)
        lake.abort_multipart_upload(KEY, upload_id)

        assert lake.list_parts(KEY, upload_id) is None
        assert lake.head(KEY) is None

    def test_list_versions_returns_every_version_under_the_prefix_only(
        self, lake: DataLake
    ) -> None:
        first = lake.put(f"{FOLDER}scan/raw.h5", b"1", "application/x-hdf5")
        second = lake.put(f"{FOLDER}scan/raw.h5", b"22", "application/x-hdf5")
        lake.put("acquisition/workflow-10/scan/raw.h5", b"3", "application/x-hdf5")
        listed = sorted(lake.list_versions(FOLDER), key=lambda version: version.size_bytes or 0)
        assert listed == [first, second]

    def test_list_open_uploads_returns_their_keys(self, lake: DataLake) -> None:
        key = f"{FOLDER}scan/upload-1/raw.h5"
        lake.create_multipart_upload(key, "application/x-hdf5")
        lake.create_multipart_upload(KEY, "application/x-hdf5")
        assert lake.list_open_uploads(FOLDER) == [key]

    def test_delete_prefix_deletes_versions_and_open_uploads_for_good(
        self, lake: DataLake, put_part: PutPart
    ) -> None:
        key = f"{FOLDER}scan/upload-1/raw.h5"
        lake.put(key, b"1", "application/x-hdf5")
        lake.put(key, b"2", "application/x-hdf5")
        upload_id = lake.create_multipart_upload(key, "application/x-hdf5")
        put_part(lake.presign_part(key, upload_id, 1), b"3")

        assert lake.delete_prefix(FOLDER) == 3

        assert (lake.list_versions(FOLDER), lake.list_open_uploads(FOLDER)) == ([], [])
        assert lake.head(key) is None
        assert lake.list_parts(key, upload_id) is None
        assert lake.delete_prefix(FOLDER) == 0

    def test_delete_prefix_leaves_everything_else(self, lake: DataLake) -> None:
        other = lake.put("acquisition/workflow-10/scan/raw.h5", b"1", "application/x-hdf5")
        lake.create_multipart_upload(KEY, "application/x-hdf5")
        assert lake.delete_prefix(FOLDER) == 0
        assert lake.head(other.key) == other
        assert lake.list_open_uploads("upload/") == [KEY]

    @pytest.mark.parametrize("prefix", ["", "/", "acquisition", "acquisition/workflow-1"])
    def test_delete_prefix_refuses_what_may_be_more_than_one_folder(
        self, lake: DataLake, prefix: str
    ) -> None:
        with pytest.raises(ValueError, match="no folder"):
            lake.delete_prefix(prefix)

    def test_list_objects_goes_on_behind_a_key(self, lake: DataLake) -> None:
        # Given keys whose order is that of their bytes, and a neighbour of the prefix
        names = ["1.dcm", "10.dcm", "2.dcm", "B.dcm", "a/1.dcm", "é.dcm"]
        for name in reversed(names):
            lake.put(f"result/run-1/{name}", b"12", "application/dicom")
        lake.put("result/run-10/1.dcm", b"1", "application/dicom")

        first = lake.list_objects("result/run-1/", 4)
        second = lake.list_objects("result/run-1/", 4, first[-1].key)

        assert [each.key for each in first + second] == [f"result/run-1/{n}" for n in names]
        assert {(each.size_bytes, each.version_id) for each in first} == {(2, None)}

    def test_list_objects_starts_behind_a_key_that_is_not_there(self, lake: DataLake) -> None:
        lake.put("result/run-1/1.dcm", b"1", "application/dicom")
        lake.put("result/run-1/3.dcm", b"1", "application/dicom")
        [found] = lake.list_objects("result/run-1/", 2, "result/run-1/2.dcm")
        assert found.key == "result/run-1/3.dcm"

    @pytest.mark.parametrize("name", ["image.dcm", "a b+c%2F&é?.dcm"])
    def test_presign_download_gives_a_file_to_save(
        self, lake: DataLake, download: Download, name: str
    ) -> None:
        lake.put(f"result/run-1/{name}", b"pixels", "application/dicom")
        body, disposition, _ = download(
            lake.presign_download(f"result/run-1/{name}", "run-1-image.dcm")
        )
        assert body == b"pixels"
        assert disposition == 'attachment; filename="run-1-image.dcm"'

    def test_presign_download_gives_a_picture_to_show(
        self, lake: DataLake, download: Download
    ) -> None:
        lake.put("result/run-1/preview.png", b"png", "application/octet-stream")
        url = lake.presign_download("result/run-1/preview.png", "p.png", "image/png")
        assert download(url) == (b"png", 'inline; filename="p.png"', "image/png")
