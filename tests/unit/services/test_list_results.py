import pytest

from tests.contracts.samples import make_run
from tests.fakes.ports import MemoryPorts, call
from workflow_manager.domain.dag_run import DagRun, DagRunState
from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.download import FOLDER, GONE, NOT_OURS, ResultFile
from workflow_manager.domain.errors import InvalidInputError
from workflow_manager.domain.exam import ResultType
from workflow_manager.domain.result import Result
from workflow_manager.services.list_results import list_results

FOLDER_OF_RUN = "result/run-1/"


def make_result(key: str, **fields: object) -> Result:
    return Result.model_validate({"type": ResultType.DICOM, "key": key, **fields})


def end_run(*results: Result, state: DagRunState = DagRunState.SUCCEEDED) -> DagRun:
    return make_run(state=state, results=results)


def put(ports: MemoryPorts, *names: str) -> None:
    for name in names:
        ports.lake.put(f"{FOLDER_OF_RUN}{name}", name.encode(), "application/octet-stream")


def read_all(ports: MemoryPorts, run: DagRun, limit: int) -> list[ResultFile]:
    files: list[ResultFile] = []
    cursor = None
    while True:
        page = call(list_results, ports, run, cursor, limit)
        assert len(page.items) <= limit
        files += page.items
        cursor = page.next_cursor
        if cursor is None:
            return files


def list_one(ports: MemoryPorts, result: Result) -> ResultFile:
    [file] = call(list_results, ports, end_run(result), None, 10).items
    return file


def test_list_results_gives_urls_of_file_and_preview() -> None:
    # Given
    ports = MemoryPorts()
    put(ports, "image.dcm", "preview.png")
    key, preview_key = f"{FOLDER_OF_RUN}image.dcm", f"{FOLDER_OF_RUN}preview.png"
    result = make_result(key, preview_key=preview_key, metadata={"n_coils": 8})
    # When
    file = list_one(ports, result)
    # Then
    assert file.url and file.preview_url
    assert ports.lake.download(file.url) == (
        b"image.dcm",
        'attachment; filename="run-1-image.dcm"',
        "",
    )
    shown = (b"preview.png", 'inline; filename="run-1-preview.png"', "image/png")
    assert ports.lake.download(file.preview_url) == shown
    assert (file.size_bytes, file.metadata, file.unavailable_reason) == (9, {"n_coils": 8}, None)


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_list_results_gives_each_file_of_a_series_that_only_its_first_image_stands_for(
    limit: int,
) -> None:
    ports = MemoryPorts()
    names = [f"image-{number:04d}.dcm" for number in range(1, 251)]
    put(ports, *names, "preview.png")
    preview_key = f"{FOLDER_OF_RUN}preview.png"
    run = end_run(make_result(f"{FOLDER_OF_RUN}{names[0]}", preview_key=preview_key))

    files = read_all(ports, run, limit)

    assert [file.key for file in files] == [f"{FOLDER_OF_RUN}{name}" for name in names]
    bodies = [ports.lake.download(file.url or "")[0].decode() for file in files]
    assert bodies == names
    assert [file.preview_url is not None for file in files] == [True] + [False] * 249


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_list_results_loses_and_repeats_nothing_between_pages(limit: int) -> None:
    # Given what lies outside, what is gone, what is there, folders, and a preview in the middle
    ports = MemoryPorts()
    put(ports, "b.dcm", "c.png", "d/", "d/1.dcm", "é.dcm")
    preview_key = f"{FOLDER_OF_RUN}c.png"
    named = [f"{FOLDER_OF_RUN}{name}" for name in ("a.dcm", "b.dcm", "z.dcm")]
    outside = ["/data/x.dcm", "result/run-2/x.dcm", "zzz"]
    run = end_run(*(make_result(key, preview_key=preview_key) for key in (*named, *outside)))

    keys = [file.key for file in read_all(ports, run, limit)]

    inside = [f"{FOLDER_OF_RUN}{n}" for n in ("a.dcm", "b.dcm", "d/1.dcm", "z.dcm", "é.dcm")]
    assert keys == outside + inside


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("result/run-2/image.dcm", NOT_OURS),
        ("result/run-1/../run-2/image.dcm", NOT_OURS),
        ("acquisition/workflow-1/task-1/raw.h5", NOT_OURS),
        ("result/run-10/image.dcm", NOT_OURS),
        ("result/run-1/gone.dcm", GONE),
        ("result/run-1/series/", FOLDER),
    ],
)
def test_list_results_signs_nothing_that_is_not_the_runs_own(key: str, reason: str) -> None:
    ports = MemoryPorts()
    # Given that there is such an object, but for the one that is gone
    if reason == NOT_OURS:
        ports.lake.put(key, b"of somebody else", "application/dicom")
    files = call(list_results, ports, end_run(make_result(key)), None, 10).items

    [file] = [each for each in files if each.key == key]
    assert (file.url, file.unavailable_reason) == (None, reason)


@pytest.mark.parametrize("name", ["result/run-2/p.png", "result/run-1/gone.png"])
def test_list_results_signs_no_preview_of_others_and_none_that_is_gone(name: str) -> None:
    ports = MemoryPorts()
    put(ports, "image.dcm")
    # A name that only begins alike is not the one.
    put(ports, "gone.png.bak")
    ports.lake.put("result/run-2/p.png", b"of somebody else", "image/png")
    result = make_result(f"{FOLDER_OF_RUN}image.dcm", preview_key=name)
    files = call(list_results, ports, end_run(result), None, 10).items
    assert [(file.preview_key, file.preview_url) for file in files if file.preview_key] == [
        (name, None)
    ]


def test_list_results_finds_a_preview_on_another_page() -> None:
    ports = MemoryPorts()
    put(ports, "1.dcm", "2.dcm", "3.dcm", "preview.png")
    preview_key = f"{FOLDER_OF_RUN}preview.png"
    run = end_run(make_result(f"{FOLDER_OF_RUN}1.dcm", preview_key=preview_key))
    [file] = call(list_results, ports, run, None, 1).items
    assert file.preview_url is not None


def test_list_results_saves_a_preview_that_is_no_picture() -> None:
    ports = MemoryPorts()
    put(ports, "image.dcm", "page.html")
    key = f"{FOLDER_OF_RUN}image.dcm"
    file = list_one(ports, make_result(key, preview_key=f"{FOLDER_OF_RUN}page.html"))
    _, disposition, content_type = ports.lake.download(file.preview_url or "")
    assert (disposition, content_type) == ('attachment; filename="run-1-page.html"', "")


@pytest.mark.parametrize("state", [s for s in DagRunState if s is not DagRunState.SUCCEEDED])
def test_list_results_is_empty_before_a_run_has_succeeded(state: DagRunState) -> None:
    ports = MemoryPorts()
    put(ports, "image-0001.dcm")
    page = call(list_results, ports, end_run(state=state), None, 10)
    assert (page.items, page.next_cursor) == ([], None)


def test_list_results_asks_the_lake_once_for_a_page_that_holds_its_preview(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ports = MemoryPorts()
    put(ports, "image.dcm", "preview.png")
    list_objects = ports.lake.list_objects
    prefixes: list[str] = []

    def count(prefix: str, limit: int, after: str = "") -> list[ObjectVersion]:
        prefixes.append(prefix)
        return list_objects(prefix, limit, after)

    monkeypatch.setattr(ports.lake, "list_objects", count)
    list_one(
        ports,
        make_result(f"{FOLDER_OF_RUN}image.dcm", preview_key=f"{FOLDER_OF_RUN}preview.png"),
    )
    assert prefixes == [FOLDER_OF_RUN]


def test_result_file_does_not_show_its_urls() -> None:
    file = ResultFile(None, "k", url="https://secret", preview_url="https://secret")
    assert "secret" not in repr(file)


@pytest.mark.parametrize("cursor", ["", "x", "é", "_w"])
def test_list_results_refuses_a_cursor_of_another_make(cursor: str) -> None:
    with pytest.raises(InvalidInputError, match="none of ours"):
        call(list_results, MemoryPorts(), end_run(), cursor, 10)
