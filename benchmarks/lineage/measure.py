"""One query through every method: scores, seconds, and what Forebear says, as values that a line of JSON holds."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from disguise.measure import named_by

from disguises import Inapplicable
from forebear.errors import ForebearError
from forebear.index import LocalIndex
from forebear.inspect import scan
from forebear.inspect.compare import compare
from forebear.types import Comparison, Test
from lineage.baselines import BASELINES
from lineage.baselines.reef import states
from lineage.cases import REPORT, TIMED, Query
from lineage.view import Model, Refused, open_model

FOREBEAR = "Forebear"
DEPENDENCE = ("sign-code/", "aligned-coins/")
"""Forebear's exact tests of dependence; others test what kind of dependence it is."""
IN_PLACE = "sign-code/"
UNREADABLE, IMPOSSIBLE = "error", "inapplicable"
"""Stand for a verdict where Forebear refuses a model, or where the query could not be made."""


@dataclass(frozen=True)
class Result:
    """One query against one reference.

    Attributes:
        key: of the query.
        part, row, group, cluster: of the query.
        reference, what: whom it was held against, and what he is to the query's base.
        scores: by method; those that refuse are not there.
        refused: by method, why.
        seconds: CPU seconds by method, from the files on; of timed queries alone.
        verdict, related, findings: of Forebear.
        log10_p: printed by Forebear; None where it has no exact p.
        coins, agree: in place, before any alignment.
        nominated: who is named first by a scan; empty where nobody is, or where nothing was scanned.
        accused: innocents that a scan names.
    """

    key: str
    part: str
    row: str
    group: str
    cluster: str
    reference: str
    what: str
    scores: Mapping[str, float] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    verdict: str = IMPOSSIBLE
    related: bool | None = None
    findings: tuple[str, ...] = ()
    log10_p: float | None = None
    coins: int = 0
    agree: int = 0
    nominated: str = ""
    accused: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Result:
        """What ``asdict`` and JSON made of it.

        Raises:
            KeyError, TypeError: it is something else.
        """
        return cls(**{**entry, "findings": tuple(entry["findings"]), "accused": tuple(entry["accused"])})


def measure(query: Query, cache: Path, index: Path, names: Sequence[str], seed: int) -> tuple[Result, ...]:
    """Make the query's model in a temporary folder, and hold it against each of its references.

    Args:
        query: which.
        cache: of the builder, with all models that it needs.
        index: folder of an index of all bases.
        names: of these bases.
        seed: of what is made.
    """
    with TemporaryDirectory() as place:
        try:
            folder = query.write(cache, Path(place), seed)
        except (Inapplicable, KeyError):
            return (Result(query.key, query.part, query.row.name, query.row.group, query.cluster, "", "base"),)
        named = scanned(folder, index, names) if query.scanned else ()
        found = []
        for reference in query.references:
            other = cache / reference.recipe.digest
            entry: dict[str, Any] = {"key": query.key, "part": query.part, "row": query.row.name}
            entry |= {"group": query.row.group, "cluster": query.cluster}
            entry |= {"reference": reference.recipe.name, "what": reference.what}
            if query.part == REPORT:
                entry |= {"nominated": named[0] if named else ""}
                entry |= {"accused": tuple(n for n in named if n != query.cluster)}
            found.append(Result(**entry, **held(other, folder, query.part == TIMED)))
    return tuple(found)


def scanned(folder: Path, index: Path, names: Sequence[str]) -> tuple[str, ...]:
    """Bases that a scan names, the first one first; nobody where the model cannot be read."""
    try:
        return named_by(scan(str(folder), LocalIndex(index), fetch=False), names)
    except ForebearError:
        return ()


def held(reference: Path, folder: Path, timed: bool = False) -> dict[str, Any]:
    """Fields of a result: every method on one pair of folders."""
    scores: dict[str, float] = {}
    refused: dict[str, str] = {}
    seconds: dict[str, float] = {}
    start = time.process_time()
    try:
        found: Comparison | None = compare(str(reference), str(folder))
    except ForebearError as error:
        found, refused[FOREBEAR] = None, str(error)[:200]
    seconds[FOREBEAR] = time.process_time() - start
    for method in BASELINES:
        start = time.process_time()
        try:
            if timed:
                states.cache_clear()
            a, b = (open_model(f) for f in (reference, folder)) if timed else (known(reference), latest(folder))
            score = float(method.score(a, b))
            if not np.isfinite(score):
                raise Refused("no finite number")
            scores[method.name] = score
        except (Refused, ForebearError) as error:
            refused[method.name] = str(error)[:200]
        seconds[method.name] = time.process_time() - start
    said = told(found) if found else {"verdict": UNREADABLE}
    if found:
        scores[FOREBEAR] = exact(found)
    taken = {k: round(v, 4) for k, v in seconds.items()} if timed else {}
    return {"scores": {k: round(v, 6) for k, v in scores.items()}, "refused": refused, "seconds": taken, **said}


@lru_cache(maxsize=64)
def known(folder: Path) -> Model:
    """A reference, whose values stay in memory."""
    return open_model(folder)


@lru_cache(maxsize=1)
def latest(folder: Path) -> Model:
    """The query, as long as it is the same one."""
    return open_model(folder)


def exact(found: Comparison) -> float:
    """-log10 of the smallest p of an exact test of dependence, as it is printed; 0 where there is none."""
    tests = [e for e in found.evidence if e.test is Test.EXACT and e.signal.startswith(DEPENDENCE)]
    return max(0.0, -min((e.log10_p for e in tests if e.log10_p is not None), default=0.0))


def told(found: Comparison) -> dict[str, Any]:
    """What Forebear says, and the coins in place that it says it by."""
    placed = next((e for e in found.evidence if e.signal.startswith(IN_PLACE)), None)
    agree = placed.details.get("agree") if placed else None
    return {
        "verdict": found.verdict.value,
        "related": found.related,
        "findings": tuple(f.id for f in found.findings),
        "log10_p": found.log10_p,
        "coins": placed.n if placed and agree is not None else 0,
        "agree": int(agree) if agree is not None else 0,
    }


def kept_seconds(results: Iterable[Result]) -> dict[str, float]:
    """Median CPU seconds of a pair by method, over timed results that the method did not refuse."""
    taken: dict[str, list[float]] = {}
    for result in results:
        for name, value in result.seconds.items():
            if name in result.scores:
                taken.setdefault(name, []).append(value)
    return {name: float(np.median(values)) for name, values in taken.items()}
