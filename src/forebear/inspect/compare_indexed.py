"""A comparison in which ``index:NAME`` names a reference of the index.

Where the reference's files are on this machine they are read, as if their folder had been named. Otherwise the codes
that the index keeps are compared: the test is as exact, but says nothing about values, disguises or, mostly, direction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from forebear.artifacts import Artifact, read_artifact
from forebear.errors import UsageError, one_line
from forebear.index import Entry, Index
from forebear.inspect.compare import compared_as_read
from forebear.inspect.cost import Meter
from forebear.inspect.imported import provenance_evidence
from forebear.inspect.references import reopen
from forebear.inspect.search import by_code
from forebear.lineage.calibrated import combined
from forebear.lineage.confidence import confident
from forebear.signals import Fingerprint, fingerprint
from forebear.signals.sign_code import NAME as CODE
from forebear.signals.sign_code import light_code
from forebear.sources import is_remote, open_source
from forebear.types import Comparison, Coverage, ModelRef, Untested, floored

PREFIX = "index:"
Step = Callable[[str], None]
Side = tuple[Artifact | None, Fingerprint, Entry | None, str]
"""A model as read, or None; what was measured; its entry, where it is a reference; why its files were not read."""


def entry_named(target: str, index: Index) -> Entry:
    """The reference that ``index:NAME`` names.

    Raises:
        UsageError: there is none.
    """
    entry = index.get(target.removeprefix(PREFIX))
    if entry is None:
        raise UsageError(f"{one_line(target, 160)}: there is no such reference", "see forebear index list")
    return entry


def compare_indexed(
    a: str, b: str, effort: str, index: Index, on_step: Step = lambda _: None, activations: bool = False
) -> Comparison:
    """Compare two models of which at least one is ``index:NAME``; see :func:`~forebear.inspect.compare.compare`.

    Raises:
        UsageError: there is no such reference or target.
        InputError: a model, or the index, cannot be read.
    """
    meter = Meter()
    entries = [entry_named(t, index) if t.startswith(PREFIX) else None for t in (a, b)]
    one, two = (_side(t, e, meter, effort, on_step) for t, e in zip((a, b), entries, strict=True))
    on_step("comparing")
    if one[0] is not None and two[0] is not None:
        return compared_as_read(one[0], two[0], (one[1], two[1]), effort, meter, index, on_step, activations)
    left, right = (_light(one, two), _light(two, one))
    found = by_code(Entry(replace(left, name=_name(one)), "", ""), right, _name(two), 1)
    told = tuple(e for s in (one, two) if s[2] is not None and s[0] is None for e in provenance_evidence(s[2]))
    gaps = [Untested(f"rows of {s[2].name}", f"{s[3]}; its stored code was used") for s in (one, two) if s[2] and s[3]]
    gaps += [Untested("activations", "no model is run where codes are compared")] if activations else []
    return Comparison(
        ModelRef(a, _name(one), left.digest),
        ModelRef(b, _name(two), right.digest),
        found.conclusion.verdict,
        floored(found.counts.log10_p) if found.counts.pooled.n else None,
        confident(found.conclusion.relation),
        (*found.evidence, *told),
        Coverage((f"{CODE}: {found.counts.pooled.n:,} coins of the stored codes",), tuple(gaps)),
        meter.cost(),
        combined(found.evidence),
        findings=found.findings,
        why=found.conclusion.why,
        problems=tuple(f"{s[0].name}: {p}" for s in (one, two) if s[0] is not None for p in s[0].problems),
    )


def _side(target: str, entry: Entry | None, meter: Meter, effort: str, on_step: Step) -> Side:
    if entry is None:
        on_step(f"reading {target}")
        artifact = read_artifact(open_source(target))
        meter.watch(artifact.source)
        return artifact, fingerprint(artifact), None, ""
    if is_remote(entry.location) and effort != "deep":
        why = "its files are on a network (--effort deep reads them, and so does naming them)"
        return None, entry.fingerprint, entry, why
    on_step(f"reading {entry.name}")
    opened = reopen(entry, meter)
    if isinstance(opened, str):
        why = opened.replace(entry.location, "the place it was added from") if entry.location else opened
        return None, entry.fingerprint, entry, why
    return replace(opened[0], name=entry.name, target=target), opened[1], entry, ""


def _light(side: Side, other: Side) -> Fingerprint:
    """What was measured of a side, as light as the code that it is held against."""
    artifact, mark, entry, _ = side
    if artifact is not None and entry is None and other[0] is None and light_code(other[1].code):
        return fingerprint(artifact, light=True)
    return mark


def _name(side: Side) -> str:
    if side[2] is not None:
        return side[2].name
    assert side[0] is not None  # a target is read, or the comparison has ended
    return side[0].name
