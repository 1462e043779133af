"""The way of one object through the pipeline, in parts, and what many of them have in common."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from benchmarks.report import make_table

TOTAL = "**PUT of the object → result recorded**"
_N_QUANTILES = 20


@dataclass(frozen=True)
class Passage:
    """Times of one object.

    Attributes
    ----------
    sent
        When the client sent the object.
    created, started, ended
        Of its DAG run in Airflow.
    task_started, task_ended
        Of the run's only task.
    recorded
        When the outcome was in our table; with the floor, which records none, its task's end.
    """

    sent: datetime
    created: datetime
    started: datetime
    task_started: datetime
    task_ended: datetime
    ended: datetime
    recorded: datetime

    @classmethod
    def from_airflow(
        cls,
        sent: datetime,
        run: Mapping[str, Any],
        task: Mapping[str, Any],
        recorded: str | None = None,
    ) -> Passage:
        """Read what Airflow shows.

        Parameters
        ----------
        sent
            When the client sent the object.
        run, task
            Airflow's run and its task.
        recorded
            When we recorded the outcome, if we did.
        """
        return cls(
            sent=sent,
            created=_parse(run["queued_at"]),
            started=_parse(run["start_date"]),
            task_started=_parse(task["start_date"]),
            task_ended=_parse(task["end_date"]),
            ended=_parse(run["end_date"]),
            recorded=_parse(recorded or task["end_date"]),
        )

    def split(self) -> dict[str, float]:
        """Return its parts by name [s]."""
        spans = {
            "PUT of the object → DAG run created": (self.sent, self.created),
            "created → run under way": (self.created, self.started),
            "under way → task's process": (self.started, self.task_started),
            "the task": (self.task_started, self.task_ended),
            "task's end → run's end": (self.task_ended, self.ended),
            TOTAL: (self.sent, self.recorded),
        }
        return {name: (end - begin).total_seconds() for name, (begin, end) in spans.items()}


def _parse(text: str) -> datetime:
    return datetime.fromisoformat(text)


@dataclass(frozen=True)
class Spread:
    """Median and 95th percentile [s]."""

    median_s: float
    p95_s: float


def take_spread(durations_s: Sequence[float]) -> Spread:
    """Return what is typical and what is rare.

    Parameters
    ----------
    durations_s
        At least two [s].
    """
    *_, p95_s = statistics.quantiles(durations_s, n=_N_QUANTILES, method="inclusive")
    return Spread(statistics.median(durations_s), p95_s)


def compare(ours: Sequence[Passage], floor: Sequence[Passage]) -> str:
    """Return the parts of both ways as a table in Markdown.

    Parameters
    ----------
    ours, floor
        As many passages of each.
    """
    head = ["", "ours: median ms", "p95 ms", "floor: median ms", "p95 ms", "ours / floor"]
    rows = []
    for name in ours[0].split():
        mine, least = (
            take_spread([passage.split()[name] for passage in passages])
            for passages in (ours, floor)
        )
        cells = [mine.median_s, mine.p95_s, least.median_s, least.p95_s]
        ratio = f"{mine.median_s / least.median_s:.1f}" if least.median_s > 0 else "-"
        rows.append([name, *(f"{cell * 1000:.0f}" for cell in cells), ratio])
    return make_table(head, rows)
