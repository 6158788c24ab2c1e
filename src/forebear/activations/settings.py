"""Reading settings out of a stranger's ``config.json``: right type and range, or a refusal that names the key."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from forebear.errors import one_line

LARGEST = 1e12


class Refused(Exception):
    """Why a model cannot be computed exactly, as a clause; it never leaves the package of activations."""


def number(config: Mapping[str, Any], key: str, default: float | None = None, least: float = 1e-12) -> float:
    """A positive number; ``Refused`` where it is none, or missing without a default. null counts as missing."""
    value = config.get(key)
    if value is None:
        if default is None:
            raise Refused(f"{key} is missing")
        return default
    usable = isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= LARGEST
    if not usable or not math.isfinite(value):
        raise Refused(f"{key} is no usable number")
    return float(value)


def count(config: Mapping[str, Any], key: str, default: int | None = None, least: int = 1) -> int:
    """A whole number from ``least`` on; see :func:`number`."""
    value = number(config, key, default, least=least)
    if value != int(value):
        raise Refused(f"{key} is no whole number")
    return int(value)


def flag(config: Mapping[str, Any], key: str, default: bool = False) -> bool:
    """True or false; ``Refused`` for anything else. null is the default."""
    value = config.get(key)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise Refused(f"{key} is neither true nor false")
    return value


def word(config: Mapping[str, Any], key: str, default: str) -> str:
    """A name; ``Refused`` for anything else. null is the default."""
    value = config.get(key)
    if value is None:
        return default
    if not isinstance(value, str):
        raise Refused(f"{key} is no name")
    return one_line(value, 60)
