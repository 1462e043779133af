"""Files that fit into no request: up, broken off, resumed, and down again."""

import os
from base64 import b64encode
from pathlib import Path

import httpx
import pytest
from awscrt.checksums import crc64nvme

from tests.e2e.laptop import Json, Laptop, wait_until
from tests.e2e.test_control import SLEEPING

MIB = 2**20


def make_file(path: Path, size_bytes: int) -> Path:
    block = os.urandom(MIB)
    with path.open("wb") as file:
        for number in range(size_bytes // MIB):
            # Every part has a content of its own.
            file.write(number.to_bytes(8) + block[8:])
    return path


def encode_crc64nvme(path: Path) -> str:
    """Return the checksum of a file as S3 writes it."""
    crc = 0
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            crc = crc64nvme(chunk, crc)
    return b64encode(crc.to_bytes(8)).decode()


def name_parts(upload: Json) -> list[Json]:
    """Return the parts that have arrived, as completing an upload names them."""
    return [{name: part[name] for name in ("part_number", "etag")} for part in upload["present"]]


def download(laptop: Laptop, run_id: str, path: Path) -> None:
    """Fetch the object that a run works on."""
    run = laptop.read_run_item(run_id)["data"]["M"]
    laptop.s3.download_file(laptop.stack.bucket, run["key"]["S"], str(path))


def wait_for_run(laptop: Laptop, run_id: str) -> None:
    wait_until(lambda: laptop.find_run(run_id), f"run {run_id}")
    laptop.api.post(f"/dag_runs/{run_id}/cancel/").raise_for_status()


def begin(laptop: Laptop, path: Path) -> Json:
    body = {"dag_id": SLEEPING, "file_name": path.name, "size_bytes": path.stat().st_size}
    return dict(laptop.api.post("/uploads/", json=body).raise_for_status().json())


def test_upload_that_broke_off_is_resumed_with_the_missing_parts(
    laptop: Laptop, tmp_path: Path
) -> None:
    # Given an upload of which the second of three parts has arrived, when the client dies
    path = make_file(tmp_path / "raw.h5", 40 * MIB)
    plan = begin(laptop, path)
    laptop.send_part(path, plan, 2)
    # When another client asks; then it is told the others, and nothing is complete yet
    url = f"/uploads/{plan['upload_id']}/"
    shown = laptop.api.get(url).raise_for_status().json()
    assert [part["part_number"] for part in shown["present"]] == [2]
    assert [part["part_number"] for part in shown["parts"]] == [1, 3]
    known = name_parts(shown)
    early = laptop.api.post(f"{url}complete/", json={"parts": known})
    assert (early.status_code, early.json()["detail"]) == (409, "Part 1 of 3 has not arrived.")
    # And sends them to the end
    run_id = laptop.resume(path, plan["upload_id"])
    wait_for_run(laptop, run_id)
    # And completing it once more is the same run
    again = laptop.api.post(f"{url}complete/", json={"parts": known}).raise_for_status().json()
    assert again["dag_run_id"] == run_id


def test_upload_with_another_checksum_stays_open(laptop: Laptop, tmp_path: Path) -> None:
    # Given parts that are not those of the client's file
    path = make_file(tmp_path / "raw.h5", 5 * MIB)
    plan = begin(laptop, path)
    laptop.send_part(path, plan, 1)
    url = f"/uploads/{plan['upload_id']}/"
    known = name_parts(laptop.api.get(url).raise_for_status().json())
    wrong = {"parts": known, "crc64nvme": "AAAAAAAAAAA="}
    # When the whole is compared; then it is a conflict, and the upload is still open
    refused = laptop.api.post(f"{url}complete/", json=wrong)
    assert (refused.status_code, "CRC-64/NVME" in refused.json()["detail"]) == (409, True)
    assert laptop.api.get(url).json()["state"] == "CREATED"
    # And it can be given up, for good
    assert laptop.api.delete(url).raise_for_status().json()["state"] == "ABORTED"
    gone = laptop.api.post(f"{url}complete/", json={"parts": known})
    assert (gone.status_code, "aborted" in gone.json()["detail"]) == (409, True)


@pytest.mark.parametrize("change", ["signature", "part", "key"])
def test_tampered_url_stores_nothing(laptop: Laptop, tmp_path: Path, change: str) -> None:
    # Given the URL of a part, changed by a hand that is not ours
    path = make_file(tmp_path / "raw.h5", 20 * MIB)
    plan = begin(laptop, path)
    url = httpx.URL(plan["parts"][0]["url"])
    if change == "signature":
        url = url.copy_merge_params({"X-Amz-Signature": "0" * 64})
    elif change == "part":
        url = url.copy_merge_params({"partNumber": "2"})
    else:
        url = url.copy_with(path=url.path.replace("raw.h5", "other.h5"))
    # When a part is put there; then it is refused, and the upload has no part
    assert laptop.plain.put(url, content=b"x" * MIB).status_code == 403
    shown = laptop.api.get(f"/uploads/{plan['upload_id']}/").raise_for_status().json()
    assert shown["present"] == []


def test_url_that_is_used_again_replaces_its_part_only(laptop: Laptop, tmp_path: Path) -> None:
    # Given a part that was sent wrongly
    path = make_file(tmp_path / "raw.h5", 5 * MIB)
    plan = begin(laptop, path)
    laptop.plain.put(plan["parts"][0]["url"], content=b"x" * 5 * MIB).raise_for_status()
    # When it is sent again to the same URL, the upload completed, and the URL used a third time
    laptop.send_part(path, plan, 1)
    run_id = laptop.resume(path, plan["upload_id"])
    late = laptop.plain.put(plan["parts"][0]["url"], content=b"y" * 5 * MIB)
    # Then the object has the file's content, and S3 knows the URL's upload no more
    wait_for_run(laptop, run_id)
    download(laptop, run_id, tmp_path / "down.h5")
    assert encode_crc64nvme(tmp_path / "down.h5") == encode_crc64nvme(path)
    assert late.status_code == 404


def test_expired_url_is_refused_and_signed_again(laptop: Laptop, tmp_path: Path) -> None:
    # Given a URL of one second
    path = make_file(tmp_path / "raw.h5", 5 * MIB)
    plan = begin(laptop, path)
    url = httpx.URL(plan["parts"][0]["url"])
    part = {"UploadId": url.params["uploadId"], "PartNumber": 1}
    place = {"Bucket": laptop.stack.bucket, "Key": url.path.split("/", 2)[2]}
    short = laptop.s3.generate_presigned_url("upload_part", Params=place | part, ExpiresIn=1)
    # When it has expired
    wait_until(lambda: laptop.plain.put(short, content=b"").status_code == 403, "the URL's end")
    # Then a part that is sent there is refused, and a fresh URL takes it
    assert laptop.plain.put(short, content=b"x" * MIB).status_code == 403
    wait_for_run(laptop, laptop.resume(path, plan["upload_id"]))
