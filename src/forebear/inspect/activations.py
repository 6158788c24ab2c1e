"""A model's activations beside those of the references: measured where they can be, and what they say.

Nothing here establishes anything or ends a scan: what could not be computed is told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from forebear.activations.pooled import DEPTHS, SHALLOW, Pooled, pooled
from forebear.artifacts import Artifact
from forebear.catalogue import raise_finding
from forebear.index import Index, Likenesses
from forebear.index.cohort import alike, between_depths
from forebear.inspect.calibrate import code_tail
from forebear.inspect.cost import weight_bytes
from forebear.inspect.force import InForce, in_force
from forebear.lineage.activations import (
    BEST,
    COPY,
    FALSE_ACCEPTS,
    PAIR,
    SIZES,
    TEACHER,
    Control,
    Teacher,
    accepted,
    calibration_name,
    likeness_evidence,
    shallow_cosine,
    teacher,
    with_teacher,
)
from forebear.lineage.calibration import Scores, stratum
from forebear.lineage.counts import LOG10_ALPHA
from forebear.signals import Fingerprint
from forebear.signals.activations import NAME, activations, geometry_of
from forebear.signals.vocabulary import jaccard, same_vocabulary
from forebear.types import Evidence, Finding, Nominee, Relation, Untested

Step = Callable[[str], None]

WHOLE_UNASKED = 64_000_000
"""Bytes of weights up to which all layers are run without being asked; of larger models the first third."""
SAME_WORDS = 0.5
"""Share of tokens in common from which on two tokenizers count as the same: one may have been trimmed or extended."""
UNCONTROLLED = (
    "no other independent reference of its tokenizer shows how alike that, or the same texts, make two models"
)
MAPPED = 16
"""Layers of a model in a map of two models."""
SEARCHED = 256
"""References that are looked at; the rest of a large index resembles the model less."""
SHAPE = ("family", "layers", "width", "intermediate", "query_heads", "kv_heads", "vocabulary")


@dataclass(frozen=True)
class Measured:
    """A fingerprint with activations, or without and why.

    Attributes:
        mark: the fingerprint.
        about: how they were computed, for evidence.
        gaps: what could not be.
        states: at every depth that was asked for, where more were than a sketch has.
    """

    mark: Fingerprint
    about: dict[str, Any] = field(default_factory=dict)
    gaps: tuple[Untested, ...] = ()
    states: Pooled | None = None


def measured(
    artifact: Artifact,
    mark: Fingerprint,
    effort: str,
    on_step: Step = lambda _: None,
    between: tuple[float, ...] = (),
) -> Measured:
    """Run a model on the probe texts and keep the sketch of its activations.

    Args:
        artifact: the model.
        mark: what was measured of it.
        effort: ``deep`` runs all layers, of a model on a network too.
        on_step: told what is being done.
        between: relative depths whose states are kept as well, as far as those layers are run.
    """
    if artifact.source.traffic is not None and effort != "deep":
        return Measured(mark, gaps=(Untested(NAME, "it lies on a network (--effort deep reads whole layers)"),))
    whole = effort == "deep" or weight_bytes(artifact) <= WHOLE_UNASKED
    on_step(f"running {artifact.name} on the probe texts")
    depths = DEPTHS if whole else DEPTHS[:SHALLOW]
    found = pooled(artifact, depths=sorted({*depths, *(d for d in between if d <= depths[-1])}))
    if not isinstance(found, Pooled):
        return Measured(mark, gaps=(Untested(NAME, found.why),))
    gaps = []
    if found.left_out:
        first = found.left_out[0]
        gaps.append(Untested(f"{len(found.left_out)} probe texts", f"of the first, {first.why}"))
    if not whole:
        gaps.append(Untested("activations beyond the first third of the layers", "--effort deep runs all layers"))
    about = {
        "forward": found.forward,
        "probes": found.version,
        "texts": len(found.spans),
        "tokens": found.tokens,
        "layers": list(found.at(depths).layers),
        "seconds": round(found.seconds, 3),
    }
    sketch = activations(found.at(depths))
    return Measured(replace(mark, activations=sketch), about, tuple(gaps), found if between else None)


@dataclass(frozen=True)
class Resembling:
    """What activations say of a model.

    Attributes:
        evidence: by name of the reference; of those that coins tied to the model, and of the nominee.
        nominee: the reference that is resembled beyond open-set rejection, None where there is none.
        teacher: who the model may have learned from.
        done, gaps: for the coverage.
    """

    evidence: dict[str, Evidence] = field(default_factory=dict)
    nominee: Nominee | None = None
    teacher: Teacher | None = None
    done: tuple[str, ...] = ()
    gaps: tuple[Untested, ...] = ()

    def of(self, name: str) -> tuple[Evidence, ...]:
        """The evidence about a reference."""
        return (self.evidence[name],) if name in self.evidence else ()

    def findings(self, explained: bool) -> tuple[Finding, ...]:
        """That a family was found although coins are silent; none where imitation would explain it.

        Args:
            explained: whether weights have said more already.
        """
        if explained or self.nominee is None or self.nominee.relation is not None:
            return ()
        item = self.nominee.evidence[0]
        cosine = float(item.details["cosine"])
        if cosine < COPY:
            return ()
        text = (
            f"In the first third of its layers texts lie to one another as in {self.nominee.name} with {cosine:.2f}, "
            "closer than imitation makes it, although no sign coins agree. That is a resemblance, and not established."
        )
        return (raise_finding("coordinates-scrambled", text, (f"{item.signal}: {item.summary}",)),)


def resembling(
    measure: Measured, index: Index, itself: str, established: tuple[str, ...], force: InForce, silent: bool
) -> Resembling:
    """Hold a model's activations against all references that have some.

    Args:
        measure: of the model.
        index: the references.
        itself: name of the model's own entry, if it is one.
        established: names of references that coins tie to the model.
        force: what scores are held against.
        silent: whether tests of weights found nothing although they could have: only then imitation is asked.
    """
    if measure.mark.activations is None:
        return Resembling(gaps=measure.gaps)
    search = index.alike(measure.mark, SEARCHED)
    search = replace(search, found=tuple(one for one in search.found if one.name != itself))
    if not search.found:
        gap = Untested(NAME, "no reference has activations (forebear index add --activations)")
        return Resembling(gaps=(*measure.gaps, gap))
    done = (f"{NAME}: {search.references:,} references, {search.cohort} of them as a cohort",)
    gaps = (*measure.gaps, *_too_few(search, force))
    best, p, n = search.found[0], 1.0, 0
    if (known := _scores(BEST, search, force)) is not None:
        p, n = accepted(search, known[0])
    alike = p <= FALSE_ACCEPTS
    members = [m for m in _members(index) if m.name != itself]
    first = index.get(best.name)
    if alike and (first is None or not controlled(first.fingerprint, measure.mark, members)):
        gaps, alike = (*gaps, Untested(f"whether {best.name} is its family", UNCONTROLLED)), False
    who = _teacher(measure.mark, index, search, force) if silent else None
    wanted = dict.fromkeys([*established, *([best.name] if alike else []), *([who.name] if who and who.name else [])])
    told = {}
    for one in search.found:
        entry = index.get(one.name) if one.name in wanted else None
        if entry is not None:
            known = _scores(PAIR, search, force)
            scores = known if controlled(entry.fingerprint, measure.mark, members) else None
            kind = stratum(entry.fingerprint, measure.mark)
            about = {**measure.about, "between_depths": _map(entry.fingerprint, measure.mark, members)}
            item = likeness_evidence(one, search, *_given(scores, kind), about)
            told[one.name] = with_teacher(item, who) if who is not None and who.name == one.name else item
    taught = who if who is not None and who.attributed and shallow_cosine(best) < COPY else None
    nominee = None
    if best.name not in established and (alike or taught is not None):
        name = taught.name if taught is not None else best.name
        relation = _relation(taught, search, force)
        opened = {"open_set_p": p, "open_set_n": n, "false_accepts": FALSE_ACCEPTS}
        item = replace(told[name], details={**told[name].details, **opened})
        target = (entry.location or None) if (entry := index.get(name)) is not None else None
        nominee = Nominee(name, (item,), item.log10_lr, target, relation)
    if who is not None and not who.attributed:
        gaps = (*gaps, Untested(f"imitation of {who.name}" if who.name else "imitation", who.why))
    return Resembling(told, nominee, who, done, gaps)


def compared(
    a: Artifact, b: Artifact, marks: tuple[Fingerprint, Fingerprint], effort: str, index: Index, on_step: Step
) -> Resembling:
    """Hold two models' activations against each other, beside the independent references of an index.

    Args:
        a: the reference.
        b: the model in question.
        marks: what was measured of both.
        effort: see :func:`measured`.
        index: whose references serve as a cohort.
        on_step: told what is being done.
    """
    both = [
        measured(model, mark, effort, on_step, _every_layer(model)) for model, mark in zip((a, b), marks, strict=True)
    ]
    gaps = tuple(
        replace(g, what=f"{g.what} of {m.name}") for m, one in zip((a, b), both, strict=True) for g in one.gaps
    )
    ours, theirs = (one.mark.activations for one in both)
    if ours is None or theirs is None:
        return Resembling(gaps=gaps)
    members = [m for m in _members(index) if not any(code_tail(m, mark) <= LOG10_ALPHA for mark in marks)]
    cohort = [(m.name, m.activations) for m in members if m.activations is not None]
    search = alike(theirs, [(a.name, ours)], cohort, 1)
    if not search.found:
        return Resembling(gaps=(*gaps, Untested(NAME, "the two models read too few of the same texts")))
    force = in_force(index)
    kind = stratum(both[0].mark, both[1].mark)
    about = {**both[1].about, "reference_layers": both[0].about["layers"]}
    about["between_depths"] = between_depths(ours, theirs, cohort)
    known = _scores(PAIR, search, force)
    if known is not None and not controlled(both[0].mark, both[1].mark, members):
        known, gaps = None, (*gaps, Untested(f"{NAME} beside independent models", UNCONTROLLED))
    item = likeness_evidence(search.found[0], search, *_given(known, kind), about)
    if both[0].states is not None and both[1].states is not None:
        item = replace(item, details={**item.details, "layers_between": layer_map(both[0].states, both[1].states)})
    return Resembling(
        {a.name: item}, done=(f"{NAME}: {len(members)} references as a cohort",), gaps=(*gaps, *_too_few(search, force))
    )


def layer_map(one: Pooled, other: Pooled) -> dict[str, Any]:
    """How alike texts lie in every layer of one model (row) and every layer of another: a heat map, and no evidence.

    What independent models have in common is in it.
    """
    common = np.intersect1d(one.spans, other.spans)
    stacks = []
    for model in (one, other):
        rows = np.isin(model.spans, common)
        layers = dict(zip(model.layers, model.states, strict=True))
        stacks.append((list(layers), np.stack([geometry_of(states[rows]) for states in layers.values()])))
    cosines = stacks[0][1] @ stacks[1][1].T
    return {"a": stacks[0][0], "b": stacks[1][0], "cosine": [[round(float(c), 4) for c in row] for row in cosines]}


def _every_layer(artifact: Artifact) -> tuple[float, ...]:
    """Relative depths of all layers, of many a selection."""
    count = artifact.geometry.layers if artifact.geometry else MAPPED
    return tuple(k / count for k in sorted({round(x) for x in np.linspace(0, count, min(count, MAPPED) + 1).tolist()}))


def _members(index: Index) -> list[Fingerprint]:
    """The cohort of an index."""
    return [entry.fingerprint for name, _ in index.cohort() if (entry := index.get(name)) is not None]


def controlled(reference: Fingerprint, mark: Fingerprint, members: Sequence[Fingerprint]) -> bool:
    """Whether a cohort shows how alike models of a tokenizer are that have nothing to do with a reference.

    True as well where the model and the reference have different tokenizers.
    """
    others = (m for m in members if m.name != reference.name and same_words(m, mark))
    return not same_words(reference, mark) or any(code_tail(m, reference) > LOG10_ALPHA for m in others)


def same_words(one: Fingerprint, other: Fingerprint) -> bool:
    """Whether two tokenizers are the same, or one was made from the other."""
    if one.vocabulary is None or other.vocabulary is None:
        return False
    return jaccard(one.vocabulary, other.vocabulary) >= SAME_WORDS


def _teacher(mark: Fingerprint, index: Index, search: Likenesses, force: InForce) -> Teacher:
    """Among references of the model's tokenizer whose last layers were run."""
    marks: dict[str, Fingerprint] = {}
    cosines: dict[str, float] = {}
    for one in search.found:
        last, entry = one.by_depth[-1], index.get(one.name)
        if last is not None and entry is not None and same_vocabulary(entry.fingerprint.vocabulary, mark.vocabulary):
            marks[one.name], cosines[one.name] = entry.fingerprint, last
    if not marks:
        return teacher((), None)
    first = max(cosines, key=lambda name: (cosines[name], name))
    kin = frozenset(n for n, m in marks.items() if n != first and code_tail(marks[first], m) <= LOG10_ALPHA)
    controls = [
        Control(
            name,
            cosines[name],
            (int(m.shape.get("layers") or 0), int(m.shape.get("width") or 0)),
            "/".join(str(m.shape.get(key)) for key in SHAPE),
            kin if name == first else frozenset(),
        )
        for name, m in marks.items()
    ]
    known = _scores(TEACHER, search, force)
    return teacher(controls, known[0] if known is not None else None)


def _map(reference: Fingerprint, mark: Fingerprint, members: Sequence[Fingerprint]) -> list[list[float | None]]:
    """Every depth of a reference with every depth of the model."""
    if reference.activations is None or mark.activations is None:
        return []
    cohort = [(m.name, m.activations) for m in members if m.name != reference.name and m.activations is not None]
    return between_depths(reference.activations, mark.activations, cohort)


def _relation(taught: Teacher | None, search: Likenesses, force: InForce) -> Relation | None:
    known = _scores(TEACHER, search, force)
    return taught.relation(known[0]) if taught is not None and known is not None else None


def _scores(what: str, search: Likenesses, force: InForce) -> tuple[Scores, str] | None:
    """What a score is held against: made with as many references as there are in the cohort, or fewer."""
    for size in sorted(SIZES, reverse=True):
        if search.cohort >= size and (known := force.of(calibration_name(what, size))) is not None:
            return known
    return None


def _given(scores: tuple[Scores, str] | None, kind: str) -> tuple[Scores | None, str, str]:
    return (None, kind, "") if scores is None else (scores[0], kind, scores[1])


def _too_few(search: Likenesses, force: InForce) -> tuple[Untested, ...]:
    if _scores(PAIR, search, force) is not None:
        return ()
    why = f"it takes a cohort of {min(SIZES)} independent references with activations, and there are {search.cohort}"
    return (Untested(f"{NAME} beside independent models", why),)


def why_of(nominee: Nominee) -> str:
    """What a resemblance of activations means where nothing is established."""
    if nominee.relation is not None:
        return (
            f"Its weights show no tie to any reference. Its activations follow {nominee.name} beyond all controls: "
            "it may have learned from that model's outputs, which is no descent of weights."
        )
    return (
        f"Its activations resemble {nominee.name}, but no coins agree: that is not established. Scrambled weights of "
        "that family and training on its outputs would both look like this."
    )
