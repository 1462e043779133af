"""List the files of a run, page by page, with URLs to download them."""

from dataclasses import replace

from workflow_manager.domain.dag_run import DagRun, DagRunState
from workflow_manager.domain.data_lake import ObjectVersion, result_prefix
from workflow_manager.domain.download import (
    ResultFile,
    describe_file,
    download_name,
    explain_missing,
    may_sign,
    picture_type_of,
    place_of_key,
)
from workflow_manager.domain.listing import Page, decode_text, encode_cursor
from workflow_manager.ports import DataLake

Objects = dict[str, ObjectVersion]


def list_results(lake: DataLake, run: DagRun, cursor: str | None, limit: int) -> Page[ResultFile]:
    """Return a page of what a run reported and of what else lies in its folder, by key.

    A DAG reports only the first image of a long series, so we list the folder. The list is empty
    until the run has succeeded, because half a series must not be taken for a whole one.

    Raises
    ------
    InvalidInputError
        We did not issue the cursor.
    """
    after = decode_text(cursor) if cursor is not None else ""
    if run.state is not DagRunState.SUCCEEDED:
        return Page([], None)
    reported = {result.key: result for result in run.results}
    listed = _list_folder(lake, run, after, limit + 1)
    places = sorted(place_of_key(run.dag_run_id, key) for key in {*reported, *listed})
    # The listing covers the page: a reported file that is not in it does not exist.
    following = [place[1] for place in places if place > place_of_key(run.dag_run_id, after)]
    shown = following[:limit]
    previews = {result.preview_key for result in run.results if result.preview_key}
    files = [
        _offer(lake, run, describe_file(key, reported.get(key)), listed)
        for key in shown
        # Folder markers and previews are no results by themselves.
        if key in reported or not (key in previews or key.endswith("/"))
    ]
    next_cursor = encode_cursor(shown[-1]) if len(following) > limit else None
    return Page(_offer_previews(lake, run, files, listed), next_cursor)


def _list_folder(lake: DataLake, run: DagRun, after: str, limit: int) -> Objects:
    is_within, _ = place_of_key(run.dag_run_id, after)
    prefix = f"{result_prefix(run.dag_run_id)}/"
    objects = lake.list_objects(prefix, limit, after if is_within else "")
    return {each.key: each for each in objects}


def _offer(lake: DataLake, run: DagRun, file: ResultFile, listed: Objects) -> ResultFile:
    found = listed.get(file.key)
    size_bytes = found.size_bytes if found else None
    if found is None or not may_sign(run.dag_run_id, file.key):
        reason = explain_missing(run.dag_run_id, file.key)
        return replace(file, size_bytes=size_bytes, unavailable_reason=reason)
    url = lake.presign_download(file.key, download_name(run.dag_run_id, file.key))
    return replace(file, size_bytes=size_bytes, url=url)


def _offer_previews(
    lake: DataLake, run: DagRun, files: list[ResultFile], listed: Objects
) -> list[ResultFile]:
    # All images of a series share one preview.
    keys = {file.preview_key for file in files if file.preview_key}
    urls = {key: _sign_preview(lake, run, key, listed) for key in keys}
    return [replace(file, preview_url=urls.get(file.preview_key or "")) for file in files]


def _sign_preview(lake: DataLake, run: DagRun, key: str, listed: Objects) -> str | None:
    if not may_sign(run.dag_run_id, key):
        return None
    # Not by HEAD: without the right to list the whole bucket, S3 answers 403 for a missing object.
    found = [listed[key]] if key in listed else lake.list_objects(key, 1)
    if [each.key for each in found] != [key]:
        return None
    name = download_name(run.dag_run_id, key)
    return lake.presign_download(key, name, picture_type_of(key))
