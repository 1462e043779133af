"""ministack, with AWS's checksums and FIFO queues, and with loopback in place of TLS.

It writes its state when it ends. Killed, it would lose all of it, so tables and queues are also
written every few seconds, and everything on `SAVE_SIGNAL`, which the stack sends once it has
deployed. Objects are on disk in any case.

ministack computes the CRC-64/NVME of an upload from its parts as if it were a hash, and takes two
minutes for a gibibyte. S3's is that of the whole object:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html

For each range of an object it reads the whole file anew, so that large objects would never come
down; here, the file read last stays in memory.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from awscrt.checksums import crc64nvme
from ministack import app
from ministack.core import persistence
from ministack.core.iam_evaluator import pin_request_origin
from ministack.services import lambda_svc, s3

from local.web_pages import WebPageGuard

Answer = tuple[Any, ...]
HEADER = "x-amz-checksum-crc64nvme"
# As `aws.save` sends it.
SAVE_SIGNAL = signal.SIGUSR1
# Its own paths, below which it asks for no signature.
CONTROL_PATH = "/_ministack/"
SAVED_OFTEN = {"dynamodb", "sqs"}
SAVE_INTERVAL_S = 5.0
# Saving holds up whatever is asked meanwhile: it takes this share of the time at most.
SAVE_SHARE = 0.02

read_body = s3._read_body
join_parts = s3._complete_multipart_upload
limit_concurrency = lambda_svc._sqs_esm_concurrency


def complete_multipart_upload(
    bucket: str, key: str, body: bytes, query: dict[str, Any], headers: dict[str, str] | None = None
) -> Answer:
    """Join the parts if the whole has the checksum that the client names; like ministack's own."""
    rest = dict(headers or {})
    claimed = rest.pop(HEADER, None)
    upload = s3._multipart_uploads.get(s3._qp(query, "uploadId"))
    if claimed and upload and claimed != checksum_of(upload):
        answer: Answer = s3._error("BadDigest", "The CRC64NVME you specified did not match.", 400)
    else:
        answer = join_parts(bucket, key, body, query, rest)
    return answer


def checksum_of(upload: dict[str, Any]) -> str:
    """Return the CRC-64/NVME of all parts one behind the other, base64."""
    crc = 0
    for _, part in sorted(upload["parts"].items()):
        crc = crc64nvme(part["body"], crc)
    return b64encode(crc.to_bytes(8)).decode()


@lru_cache(maxsize=1)
def read_file(path: str, changed_ns: int, n_bytes: int) -> bytes:
    """Return what is in a file, as long as it is the same file."""
    return Path(path).read_bytes()


def read_body_once(bucket: str, key: str, record: dict[str, Any]) -> bytes:
    """Return an object's body, read from its file once and not for each range."""
    path = s3._object_disk_path(bucket, key)
    if record.get("body") is not None or path is None or not Path(path).is_file():
        return bytes(read_body(bucket, key, record))
    state = Path(path).stat()
    return read_file(path, state.st_mtime_ns, state.st_size)


def pin_origin(source_ip: str, secure_transport: bool) -> None:
    """Note where a request comes from; loopback counts as TLS, because nobody can listen there."""
    pin_request_origin(source_ip, True)


def count_batches(
    mapping: dict[str, Any],
    function: dict[str, Any],
    config: dict[str, Any],
    queue: dict[str, Any] | None = None,
) -> int:
    """Return how many batches of a queue may be handled at the same time.

    ministack allows one for a FIFO queue, because a batch may hold several groups. A batch of one
    message does not: as on AWS, each group may then have its own.
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
    """
    is_split = mapping.get("BatchSize") == 1
    limit: int = limit_concurrency(mapping, function, config, None if is_split else queue)
    return limit


def save(is_wanted: Callable[[str], bool] = lambda service: True) -> None:
    """Write the state of services."""
    states = app._build_persistence_save_dict()
    persistence.save_all({name: state for name, state in states.items() if is_wanted(name)})


def save_often() -> None:
    """Write tables and queues for ever, seldom enough to take no time from others."""
    pause_s = SAVE_INTERVAL_S
    while True:
        time.sleep(pause_s)
        started = time.monotonic()
        save(SAVED_OFTEN.__contains__)
        pause_s = max(SAVE_INTERVAL_S, (time.monotonic() - started) / SAVE_SHARE)


def main() -> None:
    """Run ministack."""
    # It tells of every file that it has written.
    persistence.logger.setLevel(logging.WARNING)
    signal.signal(SAVE_SIGNAL, lambda number, frame: threading.Thread(target=save).start())
    threading.Thread(target=save_often, daemon=True).start()
    # Otherwise the data lake's policy, which demands TLS, would refuse everybody.
    app.pin_request_origin = pin_origin
    s3._crc64nvme = crc64nvme
    lambda_svc._sqs_esm_concurrency = count_batches
    s3._complete_multipart_upload = complete_multipart_upload
    s3._read_body = read_body_once
    app.app = WebPageGuard(app.app, CONTROL_PATH)
    app.main()


if __name__ == "__main__":
    main()
