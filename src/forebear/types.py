"""The values that every layer speaks: verdicts, evidence, relations, findings, costs.

They are frozen, compare by value, know how to become JSON and never print.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

Json = dict[str, Any]

P_FLOOR_LOG10 = -30.0
"""Printed p-values stop here: below it, a broken assumption is likelier than chance."""


class Verdict(StrEnum):
    """What is concluded about two models, or about one model and its nearest ancestor."""

    IDENTICAL = "identical"
    DERIVED = "derived"
    DEPENDENT = "dependent"
    SIBLINGS = "siblings"
    MERGE = "merge"
    SAME_INIT_OR_DERIVED = "same_init_or_derived"
    COMPONENT_SHARED = "component_shared"
    SAME_ARCHITECTURE = "same_architecture"
    SAME_TOKENIZER = "same_tokenizer"
    UNRELATED = "unrelated"
    INCONCLUSIVE = "inconclusive"
    INDEXED = "indexed"
    NO_INDEXED_ANCESTOR = "no_indexed_ancestor"

    @property
    def related(self) -> bool | None:
        """True where dependence of the weights is shown, False where independence is, else None."""
        return _RELATED.get(self)

    @property
    def expect_related_exit(self) -> int:
        """Exit code under ``--expect related``: 0 met, 1 contradicted, 3 not enough evidence."""
        if self in _SETTLED:
            return 0
        return 1 if self is Verdict.UNRELATED else 3


_SETTLED = frozenset(
    {
        Verdict.IDENTICAL,
        Verdict.DERIVED,
        Verdict.DEPENDENT,
        Verdict.SIBLINGS,
        Verdict.MERGE,
    }
)
_RELATED: dict[Verdict, bool] = {
    **dict.fromkeys(_SETTLED, True),
    Verdict.SAME_INIT_OR_DERIVED: True,
    Verdict.COMPONENT_SHARED: True,
    Verdict.UNRELATED: False,
}


class Level(StrEnum):
    """How urgent a finding is."""

    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"

    @property
    def rank(self) -> int:
        """0 for a note, 2 for an error."""
        return list(Level).index(self)


class Test(StrEnum):
    """What stands behind a number."""

    __test__ = False  # not a pytest class

    EXACT = "exact"
    CALIBRATED = "calibrated"
    HEURISTIC = "heuristic"
    NONE = "none"


@dataclass(frozen=True)
class ModelRef:
    """A model as it is named in results: what the user typed, a short name, and a digest of what was read."""

    target: str
    name: str
    digest: str | None = None


@dataclass(frozen=True)
class Cost:
    """What an answer cost. Bytes are bytes read from files or the network; seconds are wall time."""

    bytes_read: int = 0
    requests: int = 0
    seconds: float = 0.0
    peak_memory_bytes: int = 0


@dataclass(frozen=True)
class Untested:
    """Something that was not tested, and why: the honest other half of every result."""

    what: str
    why: str


@dataclass(frozen=True)
class Coverage:
    """What an answer rests on, and what it does not."""

    tested: tuple[str, ...] = ()
    not_tested: tuple[Untested, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """One observation by one signal.

    Attributes:
        signal: name with version, e.g. ``sign-code/1``.
        kind: ``declared | architecture | tokenizer | weights | activations``.
        supports: ``related | unrelated | nothing``.
        score: a similarity in the signal's own unit, or None.
        test: whether the p-value is exact, calibrated, heuristic, or there is none.
        null: the hypothesis that the p-value is computed under.
        n: number of independent coins or comparisons.
        log10_p: floored at :data:`P_FLOOR_LOG10`; the raw value is in ``details["log10_p_raw"]``.
        log10_lr: bounded log likelihood ratio, None where only an exact p exists.
        summary: one sentence that a lawyer can read.
        details: counts by group, layer and component, conditions, parameters.
    """

    signal: str
    kind: str
    supports: str
    score: float | None
    test: Test
    null: str | None
    n: int
    log10_p: float | None
    summary: str
    log10_lr: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Relation:
    """How two dependent models are related: an estimate, never covered by the dependence's p-value.

    Attributes:
        kind: a relation of the contract, ``unknown`` where nothing was established.
        direction: ``a_to_b`` (B comes from A), ``b_to_a`` or ``unknown``.
        confidence: a probability with its calibration in ``details``, or None.
    """

    kind: str = "unknown"
    direction: str = "unknown"
    confidence: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """Something that a reader must act on; the identifier is one of the registry's."""

    id: str
    level: Level
    message: str
    evidence: tuple[str, ...] = ()
    clears: str = ""


LOADED = "config.json: _name_or_path"
"""Source of the claim of a base that nothing but this key of the config names."""


@dataclass(frozen=True)
class Claim:
    """What a card says, and whether the evidence agrees: ``confirmed | contradicted | unverified``.

    Attributes:
        claim, source: what, and where it stands.
        status, why: what became of it.
        relation: how the model was made from the base that is claimed, as the card words it; "" where it says nothing.
    """

    claim: str
    source: str
    status: str
    why: str
    relation: str = ""


@dataclass(frozen=True)
class Comparison:
    """The answer of ``compare``: is B related to A, how, and on what evidence."""

    a: ModelRef
    b: ModelRef
    verdict: Verdict
    log10_p: float | None
    relation: Relation
    evidence: tuple[Evidence, ...]
    coverage: Coverage
    cost: Cost
    log10_lr: float | None = None
    findings: tuple[Finding, ...] = ()
    why: str = ""
    problems: tuple[str, ...] = ()

    @property
    def related(self) -> bool | None:
        """See :attr:`Verdict.related`."""
        return self.verdict.related

    def to_json(self) -> Json:
        """The ``forebear.compare/1`` document."""
        body = to_json(self)
        return {**head("forebear.compare/1"), **_after(body, "verdict", "related", self.related)}


@dataclass(frozen=True)
class Ancestor:
    """A reference model that the scanned model may descend from.

    Attributes:
        log10_p, log10_e: of the exact test alone; the second is of the p-value times the number of references.
        score: how close the two are.
        log10_lr: what calibrated scores say together, the mean of their e-values; None where only an exact p exists.
        discovery: whether it remains at a false discovery rate of 1 % among all references (e-BH over exact tests);
            None where nothing exact was told.
        licence: as the reference's own card had it when it was added; "" where it said none.
    """

    name: str
    verdict: Verdict
    log10_p: float | None
    log10_e: float | None
    relation: Relation
    evidence: tuple[Evidence, ...]
    digest: str | None = None
    target: str | None = None
    score: float | None = None
    log10_lr: float | None = None
    probability: float | None = None
    why: str = ""
    discovery: bool | None = None
    licence: str = ""


@dataclass(frozen=True)
class Nominee:
    """A reference that a model resembles although nothing is established, with what the scores are worth.

    Attributes:
        name: of the reference.
        evidence: calibrated, and no support.
        log10_lr: see :attr:`Ancestor.log10_lr`.
        target: where it was read.
        relation: ``distilled`` where its outputs may have been imitated, which is no descent of weights; else None.
    """

    name: str
    evidence: tuple[Evidence, ...]
    log10_lr: float | None = None
    target: str | None = None
    relation: Relation | None = None


@dataclass(frozen=True)
class Scan:
    """The answer of ``scan``: where this model comes from, as far as the index can tell."""

    model: ModelRef
    verdict: Verdict
    ancestors: tuple[Ancestor, ...]
    licence: Mapping[str, Any] | None
    origin: Mapping[str, Any] | None
    claims: tuple[Claim, ...]
    findings: tuple[Finding, ...]
    references_tested: int
    coverage: Coverage
    cost: Cost
    log10_p: float | None = None
    why: str = ""
    shape: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    nominated: tuple[Nominee, ...] = ()

    @property
    def related(self) -> bool | None:
        """See :attr:`Verdict.related`; an indexed model is related if any other reference is."""
        if self.verdict is Verdict.INDEXED:
            return self.ancestors[0].verdict.related if self.ancestors else None
        return self.verdict.related

    def to_json(self) -> Json:
        """The ``forebear.scan/1`` document."""
        body = to_json(self)
        return {**head("forebear.scan/1"), **_after(body, "verdict", "related", self.related)}


def head(schema: str) -> Json:
    """The three keys that every JSON document starts with."""
    from forebear.version import __version__

    return {"schema": schema, "forebear_version": __version__, "created": created()}


def created() -> str:
    """Now in RFC 3339, or the instant in ``SOURCE_DATE_EPOCH`` for reproducible output."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    usable = epoch.isascii() and epoch.isdigit() and len(epoch) <= 11  # up to the year 5138
    moment = datetime.fromtimestamp(int(epoch), UTC) if usable else datetime.now(UTC)
    return moment.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def to_json(value: Any) -> Any:
    """Frozen values to plain JSON types; numbers that JSON cannot hold become null."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, str | bool | int) or value is None:
        return value
    if isinstance(value, Sequence):
        return [to_json(item) for item in value]
    number = float(value)
    return round(number, 6) if math.isfinite(number) else None


def finite(value: Any) -> float | None:
    """A number of a stranger's JSON, YAML or TOML as a float.

    None for anything else: a boolean, nan, infinities (``1e999`` is one), and whole numbers beyond all floats.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
        return None
    return float(value)


def floored(log10_p: float) -> float:
    """The p-value that may be printed for a raw one (both as log10)."""
    return max(P_FLOOR_LOG10, min(0.0, log10_p))


def p_value(log10_p: float, symbol: str = "p") -> str:
    """``p ≤ 1e-30``, ``p = 3e-12``, ``p = 0.4``: at the floor a bound, for more was not computed."""
    if log10_p <= P_FLOOR_LOG10:
        return f"{symbol} ≤ 1e{P_FLOOR_LOG10:.0f}"
    if log10_p > -2:
        return f"{symbol} = {10**log10_p:.2g}"
    exponent = int(log10_p // 1)
    return f"{symbol} = {10 ** (log10_p - exponent):.1g}e{exponent}"


def counted(number: int, noun: str) -> str:
    """``1 model``, ``1,200 models``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _after(body: Json, key: str, new: str, value: Any) -> Json:
    """The same document with one key inserted behind another, so that a reader finds them together."""
    out: Json = {}
    for name, item in body.items():
        out[name] = item
        if name == key:
            out[new] = value
    return out
