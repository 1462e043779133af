"""Prices, what one scan is, and what was counted of it: three data files, read and checked."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

_FOLDER = Path(__file__).parent
PRICES, PROFILE = (_FOLDER / f"{name}.toml" for name in ("prices", "scan_profile"))
COUNTS = _FOLDER / "scan_counts.json"
Counts = Mapping[str, float]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Price(_Data):
    """The cost of a unit [USD], in tiers of so many units a month; the last tier has no end."""

    unit: str
    tiers: tuple[tuple[float, ...], ...] = Field(min_length=1)
    source: str = Field(pattern="^https://")
    checked: date | None = None

    def cost(self, n_units: float) -> float:
        """Return the cost of a month's units [USD]."""
        cost_usd, begin = 0.0, 0.0
        for *ends, each_usd in self.tiers:
            end = ends[0] if ends else n_units
            cost_usd += max(0.0, min(n_units, end) - begin) * each_usd
            begin = end
        return cost_usd


class Prices(_Data):
    """The price list, and the price that each type of resource of the template has."""

    currency: str
    region: str
    known_on: date
    resources: dict[str, list[str]]
    prices: dict[str, Price]

    def price(self, usage: Mapping[str, float]) -> dict[str, float]:
        """Return what each unit costs in a month [USD], by the name of its price."""
        return {name: self.prices[name].cost(n_units) for name, n_units in usage.items()}


class Timeline(_Data):
    """The durations of a scan's steps [min], from the start of the scan on."""

    scan_min: int
    upload_min: int
    reconstruction_min: int

    @property
    def total_min(self) -> int:
        """The time from the operator's call to the result [min]."""
        return self.scan_min + self.upload_min + self.reconstruction_min


class Function(_Data):
    """A function's calls on a whole processor: a cold start with its first event, a warm one."""

    memory_mb: int
    cold_cpu_s: float
    warm_s: float
    warm_cpu_s: float = 0


class Watcher(_Data):
    """What an open page asks for in an hour."""

    requests_per_hour: float
    bytes_per_hour: float


class Server(_Data):
    """The application on servers: their type, its processors, and how many it may use all day."""

    instance: str
    n_cpus: float
    n_sustained_cpus: float
    cpu_per_request_s: float
    peak_factor: float
    disk_gb: float
    load_balancer_units: float


class Profile(_Data):
    """What one scan consists of, and what is assumed about it."""

    architecture: str
    timeline: Timeline
    data: dict[str, float]
    times: dict[str, float]
    bytes: dict[str, int]
    fixed: dict[str, int]
    background: dict[str, float]
    sampling: dict[str, float]
    watching: dict[str, float]
    watchers: dict[str, Watcher]
    functions: dict[str, Function]
    server: Server


class ScanCounts(_Data):
    """The counted calls of one scan by function, and of a reconciler's turn without runs."""

    n_metrics: int
    n_idle_metrics: int
    idle: dict[str, float]
    functions: dict[str, dict[str, float]]

    def sum(self, unit: str) -> float:
        """Return how much of a unit all functions of a scan use."""
        return sum(counts.get(unit, 0) for counts in self.functions.values())


def load_prices() -> Prices:
    """Return the price list."""
    data = tomllib.loads(PRICES.read_text())
    prices = {name: data.pop(name) for name, each in list(data.items()) if "tiers" in str(each)}
    return Prices.model_validate(data | {"prices": prices})


def load_profile(path: Path = PROFILE) -> Profile:
    """Return what one scan consists of."""
    return Profile.model_validate(tomllib.loads(path.read_text()))


def load_older_profile(checkout: Path) -> Profile:
    """Return the present profile with the memory, sampling and log lines of an older checkout."""
    older = load_profile(checkout / "benchmarks" / PROFILE.name)
    return load_profile().model_copy(
        update={name: getattr(older, name) for name in ("functions", "sampling", "bytes", "fixed")}
    )


def load_counts() -> ScanCounts:
    """Return what was counted of a scan."""
    return ScanCounts.model_validate_json(COUNTS.read_text())
