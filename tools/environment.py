"""An environment of samconfig.toml: where ``make deploy TO=`` deploys to, with which parameters."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.config import ROOT, StackError

CONFIG = ROOT / "samconfig.toml"
_LONG_FORM = re.compile(r"ParameterKey=([^,]+),ParameterValue=(.*)", re.DOTALL)


@dataclass(frozen=True)
class Environment:
    """An environment of samconfig.toml, as sam reads it.

    Parameters
    ----------
    region, profile
        None leaves them to AWS's own settings.
    """

    name: str
    stack_name: str
    overrides: Mapping[str, str]
    region: str | None = None
    profile: str | None = None


def read_environment(name: str, config: Path = CONFIG) -> Environment:
    """Return an environment of a samconfig.toml."""
    try:
        known = tomllib.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StackError(f"{config.name} cannot be read: {error}.") from None
    chosen = known.get(name)
    if not isinstance(chosen, dict):
        names = ", ".join(each for each, value in known.items() if isinstance(value, dict))
        raise StackError(f"Say where: TO=name, with one of {names}.")
    settings: dict[str, Any] = {}
    for section in ("global", "deploy"):
        settings |= chosen.get(section, {}).get("parameters", {})
    if not settings.get("stack_name"):
        raise StackError(f"Give {name} a stack_name in {config.name}.")
    return Environment(
        name,
        str(settings["stack_name"]),
        _read_overrides(settings.get("parameter_overrides", []), config.name),
        settings.get("region") or None,
        settings.get("profile") or None,
    )


def _read_overrides(given: Any, file_name: str) -> dict[str, str]:
    """Return parameters in each form that sam takes: a list, a table, or what --guided writes."""
    if isinstance(given, dict):
        return {str(name): str(value) for name, value in given.items()}
    words = shlex.split(given) if isinstance(given, str) else list(given)
    overrides = {}
    for word in map(str, words):
        long_form = _LONG_FORM.fullmatch(word)
        name, sign, value = word.partition("=")
        if long_form:
            name, value = long_form.groups()
        if not sign or not name:
            raise StackError(f"{file_name}: write Name=value in parameter_overrides, not {word!r}.")
        overrides[name] = value.strip('"')
    return overrides
