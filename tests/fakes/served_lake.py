"""The data lake in memory, with URLs that a browser of another origin can ask."""

import re
from collections import Counter
from urllib.parse import quote, unquote, urlencode

import httpx

from tests.fakes.data_lake import MemoryDataLake
from workflow_manager.domain.download import format_disposition

SIGNATURE = "signature-of-the-data-lake"


class ServedLake(MemoryDataLake):
    """Answers GET of its signed URLs as S3 does under the bucket's CORS rules.

    Attributes
    ----------
    origin
        The page that may ask, as `WebOrigin`.
    url
        Where it is served.
    gets
        How often each key was asked for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.url = ""
        self.origin = ""
        self.gets: Counter[str] = Counter()

    def presign_download(self, key: str, file_name: str, shown_as: str | None = None) -> str:
        """Return a URL that `answer` understands."""
        query = {
            "response-content-disposition": format_disposition(file_name, shown_as),
            "response-content-type": shown_as or "binary/octet-stream",
            "X-Amz-Signature": SIGNATURE,
        }
        return f"{self.url}/{self.bucket}/{quote(key)}?{urlencode(query)}"

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer an object or a range of it."""
        key = unquote(request.url.path).removeprefix(f"/{self.bucket}/")
        params = request.url.params
        if params.get("X-Amz-Signature") != SIGNATURE or key not in self.keys:
            return httpx.Response(403)
        self.gets[key] += 1
        headers = {
            "Content-Type": params["response-content-type"],
            "Content-Disposition": params["response-content-disposition"],
        }
        if request.headers.get("Origin") == self.origin:
            headers |= {"Access-Control-Allow-Origin": self.origin, "Vary": "Origin"}
        body = self.get(key)
        if range_ := re.fullmatch(r"bytes=0-(\d+)", request.headers.get("Range", "")):
            part = body[: int(range_[1]) + 1]
            headers["Content-Range"] = f"bytes 0-{len(part) - 1}/{len(body)}"
            return httpx.Response(206, headers=headers, content=part)
        return httpx.Response(200, headers=headers, content=body)
