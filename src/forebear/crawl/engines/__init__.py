"""Engines by name; each is imported where it is asked for, because what it needs can be large."""

from __future__ import annotations

from importlib import import_module

from forebear.crawl.engines.base import Crew, Engine
from forebear.errors import UsageError, one_line

ENGINES = {
    "processes": ("forebear.crawl.engines.processes", "ProcessEngine"),
    "ray": ("forebear.crawl.engines.ray", "RayEngine"),
}
"""Every engine: its module and class."""

__all__ = ["ENGINES", "Crew", "Engine", "engine_of"]


def engine_of(name: str) -> Engine:
    """An engine by its name.

    Raises:
        UsageError: there is no such engine.
        MissingExtra: what it needs is not installed.
    """
    if name not in ENGINES:
        raise UsageError(f"--engine {one_line(name)[:40]}: there is no such engine", f"use {' or '.join(ENGINES)}")
    module, kind = ENGINES[name]
    engine: Engine = getattr(import_module(module), kind)()
    return engine
