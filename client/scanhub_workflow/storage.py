"""How S3 answers, for uploads and downloads alike."""

from __future__ import annotations

import re

import httpx

TIMEOUT = httpx.Timeout(60, connect=10)
TOTAL_S = 90
# S3's words for a URL that is too old: 403, or 400 if the credentials that signed it are.
EXPIRED = frozenset({400, 403})
PASSING = frozenset({408, 429, 500, 502, 503, 504})


def describe_refusal(answer: httpx.Response) -> str:
    """Return what S3 answered, as a sentence.

    Parameters
    ----------
    answer
        A refusal that was read.
    """
    # The code alone: what else S3 says of a bad signature is how to make one.
    found = re.search(r"<Code>(\w+)</Code>", answer.text)
    return f"S3 answered {answer.status_code}{f' ({found[1]})' if found else ''}."
