import pytest

from workflow_manager.domain.download import (
    FOLDER,
    GONE,
    NOT_OURS,
    describe_file,
    download_name,
    explain_missing,
    find_signable_key,
    format_disposition,
    may_sign,
    picture_type_of,
)
from workflow_manager.domain.exam import ResultType


@pytest.mark.parametrize("key", ["image.dcm", "series/a b.dcm", "..dcm", ".hidden"])
def test_may_sign_a_file_in_the_runs_own_folder(key: str) -> None:
    assert may_sign("run-1", f"result/run-1/{key}")
    assert explain_missing("run-1", f"result/run-1/{key}") == GONE


@pytest.mark.parametrize(
    "key",
    [
        "result/run-10/image.dcm",
        "result/run-1",
        "result/run-1/../run-2/image.dcm",
        "result/run-1/./image.dcm",
        "result/run-1/..",
        "result/run-2/result/run-1/image.dcm",
        "/result/run-1/image.dcm",
        "s3://data-lake/result/run-1/image.dcm",
        "acquisition/workflow-1/task-1/raw.h5",
        "/data/Jane Doe.dcm",
        f"result/run-1/{'é' * 512}",
        "",
    ],
)
def test_may_sign_nothing_else(key: str) -> None:
    assert not may_sign("run-1", key)
    assert explain_missing("run-1", key) == NOT_OURS


def test_signable_key_is_the_place_of_a_result_in_our_bucket() -> None:
    assert find_signable_key("lake", "s3://lake/result/run-1", "a.dcm") == "result/run-1/a.dcm"
    for directory in ("s3://lake2/result/run-1", "result", "s3://lake/result/run-1/..", ""):
        assert find_signable_key("lake", directory, "a.dcm") is None


def test_may_sign_no_folder() -> None:
    assert not may_sign("run-1", "result/run-1/series/")
    assert explain_missing("run-1", "result/run-1/series/") == FOLDER


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("result/run-1/image.dcm", "run-1-image.dcm"),
        ("result/run-1/series/image 1.dcm", "run-1-image_1.dcm"),
        ('result/run-1/a";\r\nX: é.dcm', "run-1-a____X___.dcm"),
        (f"result/run-1/{'a' * 500}.dcm", f"run-1-{'a' * 146}.dcm"),
    ],
)
def test_download_name_is_safe(key: str, expected: str) -> None:
    assert download_name("run-1", key) == expected


def test_format_disposition_saves_unless_something_is_shown() -> None:
    assert format_disposition("a.dcm", None) == 'attachment; filename="a.dcm"'
    assert format_disposition("a.png", "image/png") == 'inline; filename="a.png"'


@pytest.mark.parametrize(
    ("key", "expected"),
    [("p.PNG", "image/png"), ("p.jpg", "image/jpeg"), ("p.html", None), ("p.svg", None)],
)
def test_picture_type_of_knows_what_holds_no_script(key: str, expected: str | None) -> None:
    assert picture_type_of(key) == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [("a.dcm", ResultType.DICOM), ("a.h5", ResultType.MRD), ("a.png", None)],
)
def test_describe_file_goes_by_the_name_of_what_was_not_reported(
    key: str, expected: ResultType | None
) -> None:
    file = describe_file(key, None)
    assert (file.key, file.type, file.metadata, file.url) == (key, expected, {}, None)
