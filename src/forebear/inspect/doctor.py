"""Is this installation able to answer? Each check says what it saw and how to mend it."""

from __future__ import annotations

import importlib.util
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version

from forebear.errors import ForebearError
from forebear.index import LocalIndex, kernels, open_index
from forebear.plugins import KINDS, plugins
from forebear.sources import RangeCache, cache_home, offline
from forebear.sources.hub import endpoint, find_token, hub_answers
from forebear.types import Json, counted

Check = tuple[str, str, str]
"""Status (``ok | note | fail``), what was seen, how to mend it."""


def checks() -> list[Json]:
    """All checks, in the order in which a person would ask."""
    tests: tuple[tuple[str, Callable[[], Check]], ...] = (
        ("python", _python),
        ("numpy", _numpy),
        ("sqlite", _sqlite),
        ("index", _index),
        ("search", _search),
        ("torch", _torch),
        ("network", _network),
        ("cache", _cache),
    )
    out: list[Json] = []
    for name, test in tests:
        try:
            status, seen, mend = test()
        except ForebearError as error:
            status, seen, mend = "fail", error.message, error.hint
        out.append({"name": name, "status": status, "seen": seen, "mend": mend or None})
    return [*out, *_plugins()]


def _plugins() -> Iterator[Json]:
    """A row for each plugin: whose it is, and whether it can be loaded."""
    for one in (p for kind in KINDS for p in plugins(kind)):
        status, seen, mend = "ok", f"{one.kind}, {one.party}", ""
        try:
            one.load()
        except ForebearError as error:
            status, seen, mend = "note", error.message, error.hint
        yield {"name": f"plugin {one.name}", "status": status, "seen": seen, "mend": mend or None}


def _python() -> Check:
    seen = ".".join(map(str, sys.version_info[:3]))
    return ("ok", seen, "") if sys.version_info >= (3, 11) else ("fail", seen, "use Python 3.11 or newer")


def _numpy() -> Check:
    import numpy as np

    if not hasattr(np, "bitwise_count"):
        return "fail", np.__version__, "pip install 'numpy>=2.1'"
    return "ok", np.__version__, ""


def _sqlite() -> Check:
    if sqlite3.sqlite_version_info < (3, 38):
        return "fail", sqlite3.sqlite_version, "use a Python with SQLite 3.38 or newer"
    return "ok", sqlite3.sqlite_version, ""


def _index() -> Check:
    index = open_index()
    if not isinstance(index, LocalIndex):
        return "ok", f"{index.where}: {counted(index.count(), 'reference')}", ""
    place = index.folder
    try:
        writable = os.access(next(p for p in (place, *place.parents) if p.exists()), os.W_OK)
    except OSError:
        writable = False
    if not writable:
        return "fail", f"{place} cannot be written", "set FOREBEAR_HOME to a folder of your own"
    count = index.count()
    if count == 0:
        return "note", f"{place}: no references yet", "forebear index add ./a-base-model"
    return "ok", f"{place}: {counted(count, 'reference')}", ""


def _search() -> Check:
    found = kernels.available()
    if found[0] == "numpy":
        return (
            "note",
            "numpy; compiled search is not installed",
            "pip install 'forebear[fast]' for millions of references",
        )
    return "ok", f"{found[0]} from {counted(kernels.WORTH_COMPILING, 'reference')}, numpy below", ""


def _torch() -> Check:
    if importlib.util.find_spec("torch") is None:
        return "note", "not installed (--activations needs it for some architectures)", "pip install 'forebear[torch]'"
    try:
        return "ok", version("torch"), ""
    except PackageNotFoundError:
        return "ok", "installed", ""


def _network() -> Check:
    if offline():
        how = "leave out --offline, or unset FOREBEAR_OFFLINE and HF_HUB_OFFLINE, to read remote models"
        return "note", "forbidden, by --offline or the environment", how
    if not hub_answers():
        return "note", f"hub at {endpoint()} takes no connection", "check the network, or HF_ENDPOINT and proxies"
    return "ok", f"hub at {endpoint()} answers, {'with a token' if find_token() else 'without a token'}", ""


def _cache() -> Check:
    found = RangeCache().contents()
    return "ok", f"{cache_home()}: {counted(found.entries, 'range')}, {found.bytes:,} bytes", ""
