"""What a check of the doctor tells."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

_QUERY = re.compile(r"\?\S*=\S*")
_MAX_LENGTH = 600
_N_SHOWN = 5


class Outcome(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Parameters
    ----------
    name
        Of the check.
    outcome
        How it ended.
    detail
        What was found, or why it was skipped.
    advice
        What to do; every warning and every failure has one.
    """

    name: str
    outcome: Outcome
    detail: str
    advice: str | None = None


def ok(name: str, detail: str) -> Check:
    """Return a check that found nothing wrong.

    Parameters
    ----------
    name, detail
        As in `Check`.
    """
    return Check(name, Outcome.OK, detail)


def warning(name: str, detail: str, advice: str) -> Check:
    """Return a check that found something which does not stop the work.

    Parameters
    ----------
    name, detail, advice
        As in `Check`.
    """
    return Check(name, Outcome.WARNING, detail, advice)


def warn_of(name: str, findings: Sequence[tuple[str, str]], before: str = "") -> Check:
    """Return one warning of several findings.

    Parameters
    ----------
    name
        As in `Check`.
    findings
        What was found and what to do, of each; at least one.
    before
        The beginning of the detail.
    """
    details, advices = zip(*findings, strict=True)
    return warning(name, before + " ".join(details), " ".join(advices))


def failed(name: str, detail: str, advice: str) -> Check:
    """Return a check that found what stops the work.

    Parameters
    ----------
    name, detail, advice
        As in `Check`.
    """
    return Check(name, Outcome.FAILED, detail, advice)


def skipped(name: str, reason: str) -> Check:
    """Return a check that would have told nothing.

    Parameters
    ----------
    name
        Of the check.
    reason
        Why.
    """
    return Check(name, Outcome.SKIPPED, reason)


def conclude(checks: Sequence[Check]) -> str:
    """Return in a sentence whether it works, or the one thing to look at first.

    Parameters
    ----------
    checks
        All, in order: each may be why a later one failed.
    """
    if fault := _name_first(checks, Outcome.FAILED):
        return f"Look at this first: {fault}"
    said = "It works."
    if unchecked := [check.name for check in checks if check.outcome is Outcome.SKIPPED]:
        said = f"It works, as far as was checked; not checked: {', '.join(unchecked)}."
    if doubt := _name_first(checks, Outcome.WARNING):
        said += f" Look at this some time: {doubt}"
    return said


def _name_first(checks: Sequence[Check], outcome: Outcome) -> str:
    found = [check for check in checks if check.outcome is outcome]
    if not found:
        return ""
    more = f" And {len(found) - 1} more above." if len(found) > 1 else ""
    return f"{found[0].name}: {found[0].detail} {found[0].advice}{more}"


def enumerate_names(names: Iterable[str]) -> str:
    """Return names for a sentence, the first five of them.

    Parameters
    ----------
    names
        In any order.
    """
    ordered = sorted(names)
    more = f" and {len(ordered) - _N_SHOWN} more" if len(ordered) > _N_SHOWN else ""
    return ", ".join(ordered[:_N_SHOWN]) + more


def hide_secrets(check: Check, token: str) -> Check:
    """Return a check without what must not be read over a shoulder, whatever a server answered.

    Parameters
    ----------
    check
        As it was found.
    token
        The user's; empty if there is none.
    """
    advice = None if check.advice is None else _clean(check.advice, token)
    return replace(check, detail=_clean(check.detail, token), advice=advice)


def _clean(text: str, token: str) -> str:
    if token:
        text = text.replace(token, "…")
    # A server's words may hold a signature, or what a terminal takes for commands.
    text = "".join(c if c.isprintable() else "�" for c in _QUERY.sub("", text))
    return text if len(text) <= _MAX_LENGTH else f"{text[:_MAX_LENGTH]}…"
