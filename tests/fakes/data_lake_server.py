"""The data lake in memory as a browser meets it: another origin, with presigned URLs and CORS."""

from collections import Counter
from collections.abc import Callable

import httpx

from tests.fakes.data_lake import MemoryDataLake

Fault = Callable[[int], httpx.Response | None]


class ServedDataLake(MemoryDataLake):
    """Takes the parts that are PUT to its URLs; these carry the generation they were signed in.

    Attributes
    ----------
    url
        Where it is served.
    fault
        Answers in place of S3, given the number of a part; may wait.
    puts
        How often each part came.
    """

    def __init__(self, allowed_origin: str) -> None:
        super().__init__()
        self.url = ""
        self.generation = 0
        self.fault: Fault = lambda part_number: None
        self.puts: Counter[int] = Counter()
        self._origin = allowed_origin

    def presign_part(self, key: str, s3_upload_id: str, part_number: int) -> str:
        """Return a URL that `answer` understands."""
        url = super().presign_part(key, s3_upload_id, part_number)
        path = url.partition(".invalid/")[2]
        return f"{self.url}/{path}&generation={self.generation}&X-Amz-Signature=secret"

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer a browser as S3 does by the bucket's CORS rule, refusals too."""
        origin = request.headers.get("Origin", "")
        if origin != self._origin:
            return _refuse("AccessForbidden")
        if request.method == "OPTIONS":
            answer = httpx.Response(200)
        else:
            answer = self._put(request)
        answer.headers["Access-Control-Allow-Origin"] = origin
        answer.headers["Access-Control-Allow-Methods"] = "GET, PUT"
        answer.headers["Access-Control-Expose-Headers"] = "ETag"
        return answer

    def _put(self, request: httpx.Request) -> httpx.Response:
        # What a URL was not signed with, S3 refuses.
        assert not {"authorization", "content-type", "cookie"} & set(request.headers)
        part_number = int(request.url.params["partNumber"])
        self.puts[part_number] += 1
        if fault := self.fault(part_number):
            return fault
        if int(request.url.params["generation"]) < self.generation:
            return _refuse("AccessDenied")
        try:
            etag = self.put_part(str(request.url), request.content)
        except KeyError:
            return _refuse("NoSuchUpload", 404)
        return httpx.Response(200, headers={"ETag": etag})


def _refuse(code: str, status: int = 403) -> httpx.Response:
    return httpx.Response(status, text=f"<Error><Code>{code}</Code></Error>")
