"""STUB until the catalogue lands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from forebear.types import Finding, Level, Verdict


@dataclass(frozen=True)
class T:
    headline: str


def verdict_text(v: Verdict) -> T:
    return T("The weights are not independent" if v.related else "Not established")


def look_alikes(*a: Any, **k: Any) -> tuple[Any, ...]:
    return ()


def raise_finding(
    id: str,
    message: str,
    evidence: tuple[str, ...] = (),
    level: Level | None = None,
    clears: str | None = None,
) -> Finding:
    return Finding(id, level or Level.NOTE, message, tuple(evidence), clears or "")


def explanation(topic: str) -> Any:
    return None


def topics() -> tuple[str, ...]:
    return ()
