"""One pair through Forebear in both orders, one merge through a scan, as a user would; and what was true."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from zoo.recipes import Recipe

from derivations import merge
from disguises import Inapplicable
from forebear.errors import ForebearError
from forebear.index import LocalIndex
from forebear.inspect import enrol, scan
from forebear.inspect.compare import compare
from forebear.types import Relation, Scan
from relation.classes import (
    ADAPTED,
    ALWAYS,
    CLASSES,
    ERROR,
    LEAST_ORTHOGONAL,
    LUCK,
    PAIRED,
    SOMETIMES,
    TRAINED,
    Facts,
    adapted_class,
    paired_class,
    trained_class,
)
from relation.facts import facts_of, parted, same_values, sides_of
from relation.pairs import Blend, Pair

FORWARD, BACKWARD, OPEN = "a_to_b", "b_to_a", "unknown"
UNREADABLE, IMPOSSIBLE = "error", "inapplicable"
"""Stand for a verdict where Forebear refused a model, or where the model could not be made."""


@dataclass(frozen=True)
class Answer:
    """What Forebear says of a pair or a scanned merge.

    Attributes:
        verdict, related: as they are; :data:`UNREADABLE` where it refuses.
        kind, kinds, direction, rank: of the relation; the rank is an adapter's.
        reasons: of the direction, by name, each with its log-odds.
        word: the format of a quantised model, or the method of a merge.
        parents: of a merge, by name: every coefficient that is given.
        layers: of a merge of whole layers, by name: which ones are the parent's.
        collinear: whether the parents' changes are said to be too much alike for single coefficients.
        seconds: of CPU.
    """

    verdict: str
    related: bool | None = None
    kind: str = "unknown"
    kinds: tuple[str, ...] = ()
    direction: str = OPEN
    rank: int | None = None
    reasons: tuple[tuple[str, float], ...] = ()
    word: str = ""
    parents: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    layers: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    collinear: bool = False
    seconds: float = 0.0


@dataclass(frozen=True)
class Result:
    """What was true of one ordered pair, or of one merge, and what was said.

    Attributes:
        key: which.
        truth: its class.
        name, base, family, split: of the pair.
        turned: the pair in the other order.
        direction: the true one; empty where there is none.
        stands: of the direction: it counts, nobody can know it, or an answer is an error.
        facts: what the study measured.
        answer: what Forebear says.
        shares: of a merge, by name: the true coefficients.
    """

    key: str
    truth: str
    name: str
    base: str
    family: str
    split: str
    turned: bool
    direction: str
    stands: str
    facts: Facts
    answer: Answer
    shares: Mapping[str, float] = field(default_factory=dict)

    @property
    def right(self) -> bool:
        """Whether the relation is what its class wants."""
        return CLASSES[self.truth].right(self.answer.kind, self.answer.kinds, self.answer.rank)

    @property
    def answered(self) -> bool:
        """Whether a direction was said."""
        return self.answer.direction in (FORWARD, BACKWARD)

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Result:
        """What ``asdict`` and JSON made of it.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        said = dict(entry["answer"])
        said["kinds"] = tuple(said["kinds"])
        said["reasons"] = tuple((str(text), float(odds)) for text, odds in said["reasons"])
        for key in ("parents", "layers"):
            said[key] = {name: tuple(given) for name, given in said[key].items()}
        return cls(**{**entry, "facts": Facts(**entry["facts"]), "answer": Answer(**said)})


def measure(pair: Pair, cache: Path, seed: int) -> tuple[Result, ...]:
    """Make the two models in a temporary folder, and compare them in both orders.

    Args:
        pair: which.
        cache: of the builder, with all models that the pair needs.
        seed: of what is made.
    """
    with TemporaryDirectory() as place:
        try:
            a = pair.a.write(cache, Path(place) / "a", seed)
            b = pair.b.write(cache, Path(place) / "b", seed)
            alike = pair.alike.write(cache, Path(place) / "alike", seed) if pair.alike else None
        except Inapplicable:
            return (_result(pair, pair.key(seed), pair.truth, False, LUCK, Facts(), Answer(IMPOSSIBLE)),)
        undecidable = alike is not None and same_values(b, alike)
        return tuple(_ordered(pair, cache, a, b, turned, seed, undecidable) for turned in (False, True))


def _ordered(pair: Pair, cache: Path, a: Path, b: Path, turned: bool, seed: int, undecidable: bool) -> Result:
    """One order: what is true, then what is said."""
    one, two = (b, a) if turned else (a, b)
    origin = cache / pair.start.digest if pair.start else None
    facts = facts_of(one, two, origin) if pair.truth in (TRAINED, ADAPTED, PAIRED, "same start") else Facts()
    truth = pair.truth
    if truth == TRAINED:
        truth = trained_class(facts)
    elif truth == ADAPTED:
        truth = adapted_class(pair.rank, sides_of(a, b), facts)
    elif truth == PAIRED:
        truth = paired_class(*parted(cache / pair.base.digest, a, b))
    stands = LUCK if undecidable else stands_for(CLASSES[truth].direction, pair, facts)
    key = f"{pair.key(seed)}|{'turned' if turned else 'straight'}"
    start = time.process_time()
    try:
        found = compare(str(one), str(two))
    except ForebearError:
        return _result(pair, key, truth, turned, stands, facts, Answer(UNREADABLE))
    seconds = round(time.process_time() - start, 3)
    answer = answer_of(found.verdict.value, found.related, found.relation, seconds)
    return _result(pair, key, truth, turned, stands, facts, answer)


def _result(pair: Pair, key: str, truth: str, turned: bool, stands: str, facts: Facts, answer: Answer) -> Result:
    none = truth == "identical" or ERROR in (stands, CLASSES[truth].direction)
    direction = "" if none else BACKWARD if turned else FORWARD
    where = (pair.name, pair.base.name, pair.family, pair.split)
    return Result(key, truth, *where, turned, direction, stands, facts, answer)


def stands_for(word: str, pair: Pair, facts: Facts) -> str:
    """What a direction is worth: after further training it is nobody's to know, of adapters it depends on the pair."""
    if word == SOMETIMES:
        return ALWAYS if facts.orthogonal is not None and abs(facts.orthogonal) >= LEAST_ORTHOGONAL else LUCK
    return LUCK if word == ALWAYS and pair.a.recipe != pair.b.recipe else word


def answer_of(verdict: str, related: bool | None, relation: Relation | None, seconds: float) -> Answer:
    """An answer as it is kept, whatever else the relation's details hold."""
    if relation is None:
        return Answer(verdict, related, seconds=seconds)
    details = relation.details
    kinds = tuple(str(k) for k in details.get("kinds", ()) if k != "unknown")
    rank = details.get("lora_rank")
    parents = [p for p in details.get("parents") or () if "name" in p]
    return Answer(
        verdict,
        related,
        relation.kind,
        kinds,
        relation.direction,
        rank if isinstance(rank, int) else None,
        reasons_of(details),
        word_of(details),
        {str(p["name"]): coefficients_of(p) for p in parents},
        {str(p["name"]): tuple(p["layers"]) for p in parents if p.get("layers")},
        bool(details.get("collinear")),
        seconds,
    )


def reasons_of(details: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    """Every reason of a direction by its name, with its log-odds."""
    return tuple(
        (str(reason.get("name", "")), float(odds))
        for reason in (details.get("direction") or {}).get("reasons", ())
        if isinstance(reason, Mapping) and isinstance(odds := reason.get("log_odds"), int | float)
    )


def word_of(details: Mapping[str, Any]) -> str:
    """The name of a format, or the method of a merge."""
    form = details.get("format") or details.get("method") or ""
    return str(form.get("name", "")) if isinstance(form, Mapping) else str(form)


def make_index(place: Path, folders: Iterable[tuple[str, Path]]) -> None:
    """An index of bases and parents in a folder.

    Raises:
        InputError: a model cannot be read.
    """
    index = LocalIndex(place)
    for name, folder in folders:
        enrol(str(folder), index, name)


def measure_blend(blend: Blend, cache: Path, index: Path, seed: int) -> tuple[Result, ...]:
    """Merge in a temporary folder, and scan the merge against the index of bases and parents."""
    parents = [cache / p.digest for p in blend.parents.values()]
    shares = {p.name: s for p, s in zip(blend.parents.values(), blend.shares, strict=True)}
    with TemporaryDirectory() as place:
        out = Path(place) / "model"
        merge(cache / blend.base.digest, parents, out, blend.method, blend.shares, seed)
        start = time.process_time()
        found = scan(str(out), LocalIndex(index), fetch=False)
        seconds = round(time.process_time() - start, 3)
    answer = answer_of(found.verdict.value, found.related, merge_of(found), seconds)
    where = (blend.name, blend.base.name, blend.family, blend.split)
    return (Result(blend.key(seed), "merge", *where, False, FORWARD, ALWAYS, Facts(), answer, shares),)


def merge_of(found: Scan) -> Relation | None:
    """The relation that names parents, else the first ancestor's."""
    relations = [a.relation for a in found.ancestors]
    return next((r for r in relations if r.details.get("parents")), relations[0] if relations else None)


def coefficients_of(parent: Mapping[str, Any]) -> tuple[float, ...]:
    """All numbers under ``coefficient`` or ``coefficients``, be these a number, a list, or a mapping by group."""
    value = parent.get("coefficients", parent.get("coefficient"))
    if isinstance(value, Mapping):
        value = list(value.values())
    several = value if isinstance(value, list | tuple) else [value]
    return tuple(float(v) for v in several if isinstance(v, int | float))


def index_of(blends: Iterable[Blend]) -> list[tuple[str, Recipe]]:
    """Everything that the merges are scanned against: all bases and all parents."""
    every = {r.digest: (r.name, r) for b in blends for r in (b.base, *b.parents.values())}
    return list(every.values())
