"""A measure of an image, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass, field


class NotMeasurableError(Exception):
    """Something cannot be measured in an image; the message is the reason, for people."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One number, or the reason why there is none.

    Parameters
    ----------
    value
        None with a reason.
    details
        How it was measured, JSON-ready.
    """

    value: float | None
    reason: str | None = None
    details: dict[str, str | int | None] = field(default_factory=dict)
