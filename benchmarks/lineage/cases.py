"""The benchmark's cases: what was made of a trained base, and whom the result is held against.

A *query* is one model that was made of a base, or an independent one; every method gets it with each of its
references. Reported are bases ``-b``. Of every query the references are its base and three hard negatives: the base
``-a`` of its family (same data, order and length, another random start), a training from ``-a``'s start on other data
(same architecture), and a base of another family. Thresholds that no paper prints are fitted on the bases ``-a``
alone, against the outsider of their family (same data and order) and two other families.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from disguise.bases import KINDS, Base, bases
from disguise.rows import ROWS
from disguise.rows import Row as Disguise
from relation.kin import Kin, kin
from zoo.recipes import Recipe

from derivations import derive, gguf, merge, packed
from disguises import NEEDS_OTHER, UNPROMISED, disguise

REPORT, FIT, NULL, TWIN, TIMED = "report", "fit", "null", "twin", "timed"
BASE, DATA, SHAPE, FAMILY, SAME_START = "base", "same data", "same architecture", "another family", "same start"
HARD = (DATA, SHAPE, FAMILY)
"""What a negative has in common with a query's base, from the hardest on."""
LORA = ("lora-4-all", "lora-8-few")


@dataclass(frozen=True)
class Row:
    """One transformation.

    Attributes:
        name: for the table.
        group: for the table of groups.
        steps: of a disguise or a derivation.
        child: a key of :attr:`relation.kin.Kin.children` that wears it; empty for a kind of wearer by turn.
        form: ``packed:`` or ``gguf:`` and a scheme.
        method: of a merge of the children ``long`` and ``decayed``.
    """

    name: str
    group: str
    steps: tuple[str, ...] = ()
    child: str = ""
    form: str = ""
    method: str = ""


def _group(row: Disguise) -> str:
    """Where a row of the disguise study belongs."""
    first = row.steps[0].partition(":")[0] if row.steps else ""
    if len(row.steps) > 1 and row.name != "turn + rename":
        return "composed"
    for group, starts in (
        ("cut", ("prune", "drop", "trim", "low-rank")),
        ("grown, reordered", ("pad", "duplicate", "reorder")),
        ("spliced, merged", ("splice", "merge")),
        ("rounded, noised", ("int", "noise")),
        ("papers, names", ("rename", "turn", "fuse", "falsify")),
        ("tokens", ("renumber", "replace")),
    ):
        if first.startswith(starts):
            return group
    return "coordinates" if row.steps else "trained"


def _row(row: Disguise) -> Row:
    """A row of the disguise study; where only one kind wears it there, it is worn here by that kind."""
    if row.kinds == KINDS:
        return Row(row.name, _group(row), row.steps)
    if row.kinds == ("long",):
        return Row(row.name, _group(row), row.steps, "long")
    return Row(row.name, _group(row), ("int4", *row.steps), "light")


TRAINED = ("light", "long", "decayed", "heavy", "reward-faster", "second", *LORA)
HEALED = ("dropped-healed", "duplicated-healed", "narrowed-healed", "extended", "upcycled-trained")
PACKED = ("fp8-rows", "bnb-int8", "bnb-nf4", "gptq-4", "awq")
ALL_FLIPS = ("flip-neurons?", "flip-values", "flip-planes")
TABLE: tuple[Row, ...] = (
    *(Row(name, "trained", child=name) for name in TRAINED),
    *(Row(name, "cut or grown, then trained", child=name) for name in HEALED),
    *(
        Row(f"{m} of two children", "spliced, merged", method=m)
        for m in ("linear", "slerp", "ties", "dare", "passthrough")
    ),
    *(_row(r) for r in ROWS if r.steps),
    Row("prune 2:4", "cut", ("two-four",)),
    *(Row(f"stored as {s}", "rounded, noised", child="light", form=f"packed:{s}") for s in PACKED),
    *(Row(f"GGUF {s}", "rounded, noised", child="light", form=f"gguf:{s}") for s in ("q8_0", "q4_0")),
    Row("upcycle", "grown, reordered", ("upcycle",)),
    Row("add tower", "grown, reordered", ("add-tower",)),
    *(Row(name.replace("-", " "), "beyond", (name,)) for name in sorted(UNPROMISED)),
    Row("heavy, then rotate + permute", "composed", ("rotate", "permute-neurons", "permute-heads"), "heavy"),
    Row("lora, then int4", "composed", ("int4",), "lora-4-all"),
    Row("ties of two children, then rotate", "composed", ("rotate", "permute-neurons"), method="ties"),
    Row("flip all + rotate", "composed", (*ALL_FLIPS, "rotate")),
)
"""Every transformation, in the order of the table."""


@dataclass(frozen=True)
class Reference:
    """Somebody whom a query is held against, and what he is to it (:data:`BASE` and so on)."""

    recipe: Recipe
    what: str


@dataclass(frozen=True)
class Query:
    """One model in question, how it is made, and its references.

    Attributes:
        part: :data:`REPORT`, :data:`FIT`, :data:`NULL`, :data:`TWIN` or :data:`TIMED`.
        row: what was done to it.
        cluster: whose descendant it is, the unit that intervals count.
        recipe: of the trained model that is changed, or the base of a merge.
        before: steps before the row's own: ``int4`` where a quantised base wears it.
        parents: of a merge.
        donor: what steps may take from.
        references: whom it is held against.
        scanned: whether it is also scanned against the index of all bases.
    """

    part: str
    row: Row
    cluster: str
    recipe: Recipe
    before: tuple[str, ...]
    parents: tuple[Recipe, ...]
    donor: Recipe
    references: tuple[Reference, ...]
    scanned: bool = False

    @property
    def key(self) -> str:
        """What its results are filed under."""
        models = (self.recipe, *self.parents, self.donor, *(r.recipe for r in self.references))
        how = (*self.before, *self.row.steps, self.row.form, self.row.method)
        return "|".join((self.part, self.row.name, *how, *(m.digest for m in models), str(self.scanned)))

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """Everything that has to be built."""
        return self.recipe, *self.parents, self.donor, *(r.recipe for r in self.references)

    def write(self, cache: Path, out: Path, seed: int) -> Path:
        """The model's folder, made under ``out`` where something has to be made.

        Raises:
            Inapplicable: a step is impossible for this model.
            KeyError: a format has no name for one of its tensors.
        """
        folder, row = cache / self.recipe.digest, self.row
        steps = (*self.before, *row.steps)
        if row.method:
            parents = [cache / p.digest for p in self.parents]
            folder = merge(folder, parents, out / "merged", row.method, (0.5,) * len(parents), seed)
        if steps:
            made = derive if any(s in ("two-four", "upcycle", "add-tower") for s in steps) else disguise
            folder = made(folder, out / "made", steps, seed, cache / self.donor.digest)
        kind, _, scheme = row.form.partition(":")
        if kind:
            folder = (gguf if kind == "gguf" else packed)(folder, out / "stored", scheme)
        return folder


def queries(brief: bool = False) -> tuple[Query, ...]:
    """All queries of the study. ``brief``: a fraction of them, of hardly trained bases, one a family."""
    families = _families(brief)
    own = [f for f in families if brief or f.base.base.name.endswith("-b")]
    made = list(_report(own, families))
    made += _fit([f for f in families if brief or f.base.base.name.endswith("-a")])
    made += _null(families)
    made += _twins(own)
    made += _timed(own)
    return tuple(_few(made) if brief else made)


@dataclass(frozen=True)
class Member:
    """A base with its kin, and as the disguise study knows it."""

    base: Kin
    wears: Base


def _families(brief: bool) -> list[Member]:
    by_name = {b.name: b for b in bases(brief)}
    return [Member(k, by_name[k.base.name]) for k in kin(brief) if k.family != "wide"]


def _report(own: Sequence[Member], families: Sequence[Member]) -> Iterator[Query]:
    for turn, row in enumerate(TABLE):
        for k, one in enumerate(own):
            if row.child and row.child not in one.base.children:
                continue
            recipe, before = _wearer(row, one, KINDS[(k + turn) % len(KINDS)])
            donor = one.wears.stranger if "replace-tokenizer" in row.steps else one.wears.outsider
            parents = tuple(one.base.children[n] for n in ("long", "decayed")) if row.method else ()
            taken = donor if NEEDS_OTHER & set(row.steps) else None
            innocent = [r for r in _negatives(one, families, turn + k) if r.recipe != taken]
            against = (Reference(one.base.base, BASE), *innocent)
            yield Query(REPORT, row, one.wears.name, recipe, before, parents, donor, against, True)


def _wearer(row: Row, one: Member, kind: str) -> tuple[Recipe, tuple[str, ...]]:
    if row.method:
        return one.base.base, ()
    return (one.base.children[row.child], ()) if row.child else one.wears.wearer(kind)


def _negatives(one: Member, families: Sequence[Member], turn: int) -> Iterator[Reference]:
    """Three independent models; in a brief run, with one base a family, the outsider stands for the first two."""
    sibling = next((f for f in families if f.base.family == one.base.family and f is not one), None)
    if sibling is None:
        yield Reference(one.wears.outsider, DATA)
    else:
        yield Reference(sibling.base.base, DATA)
        yield Reference(sibling.base.twins[1], SHAPE)
    others = [
        f for f in families if f.base.family != one.base.family and (sibling is None or f.base.split != one.base.split)
    ]
    yield Reference(others[turn % len(others)].base.base, FAMILY)


FITTED: Sequence[tuple[str, tuple[str, ...]]] = (
    ("", ()),
    ("light", ()),
    ("long", ()),
    ("heavy", ()),
    ("", ("int4",)),
    ("light", ("rotate", "permute-neurons", "permute-heads")),
)
"""Children of the bases that thresholds are fitted on, and their disguises."""


def _fit(those: Sequence[Member]) -> Iterator[Query]:
    for k, one in enumerate(those):
        others = [f.base.base for f in those if f is not one]
        for turn, (child, steps) in enumerate(FITTED):
            recipe = one.base.children[child] if child else one.base.base
            far = (others[(k + turn) % len(others)], others[(k + turn + 3) % len(others)])
            against = (Reference(one.wears.outsider, DATA), *(Reference(r, FAMILY) for r in far))
            row = Row(" + ".join((child or "base", *steps)), FIT, steps)
            yield Query(FIT, row, one.wears.name, recipe, (), (), one.wears.stranger, against)


def _null(families: Sequence[Member]) -> Iterator[Query]:
    """Every pair of independent random starts once: bases and outsiders."""
    every = {r.digest: r for f in families for r in (f.base.base, f.wears.outsider)}
    for one, two in combinations(every.values(), 2):
        what = FAMILY if one.family != two.family else DATA
        yield Query(NULL, Row("independent", NULL), two.name, two, (), (), two, (Reference(one, what),))


def _twins(own: Sequence[Member]) -> Iterator[Query]:
    """The base and a child of it against trainings from the base's own random start."""
    for one in own:
        twins = tuple(Reference(t, SAME_START) for t in one.base.twins)
        for recipe, steps in (
            (one.base.base, ()),
            (one.wears.light, ()),
            (one.wears.light, ("rotate", "permute-neurons")),
        ):
            name = "disguised child" if steps else "base" if recipe is one.base.base else "child"
            yield Query(TWIN, Row(name, TWIN, steps), one.wears.name, recipe, (), (), one.wears.outsider, twins)


def _timed(own: Sequence[Member]) -> Iterator[Query]:
    """For the seconds: a child against its base and against an innocent, from the files on."""
    for one in own:
        against = (Reference(one.base.base, BASE), Reference(one.wears.outsider, DATA))
        yield Query(TIMED, Row("light", TIMED), one.wears.name, one.wears.light, (), (), one.wears.outsider, against)


def _few(made: Sequence[Query]) -> list[Query]:
    """One query of every row, of bases in turn; of the other parts every ninth."""
    rows: dict[tuple[str, str], list[Query]] = {}
    for query in made:
        if query.part == REPORT:
            rows.setdefault((query.part, query.row.name), []).append(query)
    few = [several[turn % len(several)] for turn, several in enumerate(rows.values())]
    return few + [q for q in made if q.part != REPORT][::9]
