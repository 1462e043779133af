"""Requests of strangers: texts, headers and bodies that no client of ours would send.

The corpus is the same in each run: what is random comes of a fixed seed.
"""

import base64
import json
import random
from collections.abc import Iterator
from copy import deepcopy
from typing import Any
from urllib.parse import parse_qsl, urlencode

Event = dict[str, Any]
# In whatever is hostile, so that it is known again where it must not be.
MARK = "zq7hostile"
SEED = 17
_UUID = "5B1D2A34-8F0E-4A77-9D4E-0C6F8F6F1A01"
_WORDS = [
    "", " ", ".", "..", "../..", "a/b", "a\\b", "%", "%00", "%2e%2e%2f", "%252e", "%zz", "+", "#",
    "?", "\x00", "\x07", "\n", "\r\nX-Evil: 1", "\x1b[31m", "\x7f", "\x85", "\u200b", "\u202e",
    "\ufeff", "\ud800", "\udfff\ud800", "e\u0301", "\ufb00", "\uff11\uff12", "\U0001f480", "\u0130",
    "ß", _UUID, f"{{{_UUID}}}", f"urn:uuid:{_UUID}", _UUID.replace("-", ""), _UUID.lower() + "\n",
    "null", "None", "true", "NaN", "-1", "0", "1e999", "9" * 400, "[]", "{}", '"', "'", "`", "$",
    "*", "${jndi:ldap://example.org/a}", "<script>alert(1)</script>", "' OR 1=1 --", "WORKFLOW#a",
    "TASK#", "a.b", "4mz3qk2yx7w5t6r2a3bc.secret", "Bearer", "x" * 65, "x" * 1025, "x" * 2044,
    "x" * 8192, "ä" * 1024, "\U0001f480" * 600,
]  # fmt: skip
_BODIES = [
    "", " ", "null", "[]", "{", "{}", '"a"', "1", "NaN", "{'a': 1}", "a=b", "\x00", "\ufeff{}",
    "\ud800", "[" * 100_000, '{"a":' * 100_000, "[" * 500 + "]" * 500, "9" * 5000, "-Infinity",
    '{"a":1}{"a":2}',
]  # fmt: skip
_VALUES = [
    None, True, 0, -1, 10**30, 10**400, 1e308, float("nan"), float("inf"), [], {}, [[]], {"a": {}},
    [None] * 20_000, {f"{MARK}{n}": n for n in range(5000)}, "x" * 2_000_000,
]  # fmt: skip
_CONTENT_TYPES = [
    "", "text/plain", "application/json; charset=utf-16", "multipart/form-data", "application/xml",
    "multipart/form-data; boundary=", "multipart/form-data; boundary=" + "b" * 300, "\x00",
    "a" * 8192,
    "application/x-www-form-urlencoded", "application/octet-stream", "application/json, text/plain",
]  # fmt: skip
HEADERS = [
    "Accept", "Authorization", "Content-Encoding", "Content-Length", "Cookie", "Host",
    "Idempotency-Key", "If-None-Match", "Origin", "Range", "ScanHub-Ended-At", "Transfer-Encoding",
    "X-Forwarded-Port", "X-Forwarded-Proto", "traceparent",
]  # fmt: skip


def make_texts(seed: int = SEED) -> list[str]:
    """Return hostile texts, each with the mark and without, and some at random."""
    chance = random.Random(seed)  # noqa: S311 - to be the same again
    points = [*range(0x300), *range(0x2000, 0x2100), 0xD800, 0xDC00, 0xFFFD, 0xFFFF, 0x10FFFF]
    made = ["".join(map(chr, chance.choices(points, k=chance.randint(1, 80)))) for _ in range(20)]
    return [form for word in [*_WORDS, *made] for form in (word, MARK + word)]


def attack(event: Event, names: list[str], queries: list[str]) -> Iterator[Event]:
    """Yield hostile forms of a good request.

    Parameters
    ----------
    event
        API Gateway's, with ``{name}`` in its path where an id stands, and `good` ones beside it.
    names, queries
        The parameters of its path and of its query.
    """
    texts = make_texts()
    for name in names:
        for text in texts:
            yield _fill(event, {name: text})
    good = _fill(event, {})
    for name in [*queries, "unknown"]:
        for text in texts[:: 1 if name in queries else 7]:
            yield good | {"multiValueQueryStringParameters": {name: [text, text[:3]]}}
    for name in HEADERS:
        for text in texts[::3]:
            yield _with_header(good, name, text)
    for text in texts:
        yield _with_header(good, "Authorization", f"Bearer {text}")
    yield from _attack_body(good, texts)


def _attack_body(good: Event, texts: list[str]) -> Iterator[Event]:
    for content_type in _CONTENT_TYPES:
        yield _with_header(good, "Content-Type", content_type)
    for body in _BODIES:
        yield good | {"body": body, "isBase64Encoded": False}
    for raw in (b"\xff\xfe{\x00}\x00", b"\xed\xa0\x80", b"\x80" * 100, b'{"a": "\xff"}'):
        yield good | {"body": base64.b64encode(raw).decode(), "isBase64Encoded": True}
    for body in ("not base64", "=", "A", "\ud800", "ä", "A" * 4001):
        yield good | {"body": body, "isBase64Encoded": True}
    sent = good["body"] or ""
    if good["isBase64Encoded"]:
        yield from _attack_form(good, texts)
    elif "urlencoded" in good["headers"].get("Content-Type", ""):
        yield from _attack_fields(good, dict(parse_qsl(sent)), texts)
    elif sent:
        yield from _attack_json(good, json.loads(sent), texts)


def _attack_json(good: Event, sent: dict[str, Any], texts: list[str]) -> Iterator[Event]:
    values = [*_VALUES, *texts[::3]]
    for name in [*sent, MARK, f"{MARK}\ud800"]:
        for value in values:
            yield good | {"body": json.dumps(sent | {name: value})}
        if isinstance(sent.get(name), list):
            for value in values:
                yield good | {"body": json.dumps(sent | {name: [value]})}
    for name in sent:
        yield good | {"body": json.dumps({key: sent[key] for key in sent if key != name})}
        yield good | {"body": json.dumps(sent)[:-1] + f', "{name}": "{MARK}"}}'}


def _attack_fields(good: Event, sent: dict[str, str], texts: list[str]) -> Iterator[Event]:
    for name in [*sent, MARK]:
        for text in texts:
            fields = urlencode(sent | {name: text}, errors="surrogatepass")
            yield good | {"body": fields}
            yield good | {"body": f"{fields}&{name}={MARK}"}
    for name in sent:
        yield good | {"body": urlencode({key: sent[key] for key in sent if key != name})}


def _attack_form(good: Event, texts: list[str]) -> Iterator[Event]:
    form = base64.b64decode(good["body"])
    name = form.partition(b'filename="')[2].partition(b'"')[0]
    for text in texts:
        raw = text.encode(errors="surrogatepass")
        for changed in (form.replace(name, raw), form.replace(b'name="file"', b"name=" + raw)):
            yield good | {"body": base64.b64encode(changed).decode()}
    for cut in range(0, len(form), 9):
        yield good | {"body": base64.b64encode(form[:cut]).decode()}


def _with_header(event: Event, name: str, value: str) -> Event:
    kept = {key: each for key, each in event["headers"].items() if key.lower() != name.lower()}
    return event | {"headers": kept | {name: value}}


def _fill(event: Event, given: dict[str, str]) -> Event:
    filled = deepcopy(event)
    for name, good in filled.pop("good").items():
        filled["path"] = filled["path"].replace(f"{{{name}}}", given.get(name, good))
    return filled
