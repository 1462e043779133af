"""Raw data on its way up: once, whole, and not before it is whole."""

from __future__ import annotations

import threading
from collections.abc import Callable

from scanhub_workflow import errors
from scanhub_workflow.at_once import StoppedError
from scanhub_workflow.bridge.api import BridgeApi
from scanhub_workflow.bridge.raw_data import RawData
from scanhub_workflow.bridge.reasons import CannotError, NotYetError
from scanhub_workflow.bridge.volume import Volume
from scanhub_workflow.files import Fingerprint, check_file
from scanhub_workflow.uploads import UploadProgress

# Between two looks at a file: whatever writes it would have gone on.
SETTLE_S = 2.0
CHANGED = "Its file has changed while it was sent."
OnBytes = Callable[[int, int], None]


def send(
    api: BridgeApi, volume: Volume, raw: RawData, stop: threading.Event, on_bytes: OnBytes
) -> str | None:
    """Upload raw data for its scan, or go on with it.

    Parameters
    ----------
    api
        The API.
    volume
        Where the raw data lies.
    raw
        The raw data.
    stop
        Ends it.
    on_bytes
        Is told how much is done, of how much [bytes].

    Returns
    -------
    str or None
        The upload; None if the scan has its data already.

    Raises
    ------
    NotYetError
        The file is not whole yet.
    CannotError
        The API does not take it.
    """
    file = _look_twice(api, volume, raw)

    def watch(progress: UploadProgress) -> None:
        if stop.is_set():
            raise StoppedError
        on_bytes(progress.sent_bytes, progress.size_bytes)

    try:
        upload = api.plan(raw, file)
        if upload.fingerprint != file:
            raise errors.FileChangedError(upload.view.upload_id)
        return upload.run(watch).upload_id
    except errors.FileChangedError as error:
        _give_up(api, raw, file, str(error.upload_id))
        raise NotYetError(CHANGED) from None
    except errors.OtherFileError as error:
        # It was replaced while no bridge looked: as it is now it is another upload.
        api.abort_upload(str(error.upload_id))
        raise NotYetError(CHANGED) from None
    except errors.ConflictError as error:
        if _has_its_data(api, raw):
            return None
        raise CannotError(error.detail) from None


def _look_twice(api: BridgeApi, volume: Volume, raw: RawData) -> Fingerprint:
    try:
        before = check_file(raw.path)
        api.retry.clock.sleep(SETTLE_S)
        # From now on it is this file and no other, wherever links may lead.
        if check_file(raw.path) == before == volume.look(raw.path):
            return before
    except errors.UnreadableFileError as error:
        raise CannotError(f"Its file cannot be sent. {error}") from None
    raise NotYetError("Its file still grows.")


def _give_up(api: BridgeApi, raw: RawData, file: Fingerprint, upload_id: str) -> None:
    try:
        now = check_file(raw.path)
    except errors.UnreadableFileError as error:
        # With its volume, say: it is gone on with once it is back.
        raise CannotError(f"Its file cannot be sent. {error}") from None
    # As on a volume that was mounted anew, it is the same: its upload goes on.
    if (now.size_bytes, now.modified_ns) != (file.size_bytes, file.modified_ns):
        # Nothing was completed: the file as it is now is another upload.
        api.abort_upload(upload_id)


def _has_its_data(api: BridgeApi, raw: RawData) -> bool:
    tasks = api.get_workflow(str(raw.workflow_id)).tasks
    return any(t.task_id == str(raw.task_id) and t.status == "COMPLETED" for t in tasks)
