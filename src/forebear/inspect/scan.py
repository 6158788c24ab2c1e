"""Which known model does this one descend from: search the index, confirm pair by pair, check what the card claims."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from forebear.artifacts import Artifact, read_artifact
from forebear.index import Index, open_index
from forebear.inspect.activations import Resembling, measured, why_of
from forebear.inspect.activations import resembling as resembling_activations
from forebear.inspect.adapter import scan_adapter
from forebear.inspect.compare import (
    DISGUISE,
    READ_UNASKED,
)
from forebear.inspect.cost import Meter, light_first, weight_bytes
from forebear.inspect.disguise import nominating, resemblance_only
from forebear.inspect.follows import following
from forebear.inspect.force import in_force
from forebear.inspect.judge import FEWEST_COINS, claims_of, findings_of
from forebear.inspect.mixture import together
from forebear.inspect.nominate import resembling
from forebear.inspect.oddities import odd_tokens, signless
from forebear.inspect.references import Fetched, fetch_references, unfetched
from forebear.inspect.search import NOMINATED, Candidate, Search, by_code, by_rows
from forebear.inspect.weigh import calibrated_by, remaining, unweighed, weighed
from forebear.lineage.calibrated import combined
from forebear.lineage.resemblance import Resemblance
from forebear.signals import Fingerprint, fingerprint
from forebear.signals.match import NAME as MATCH
from forebear.signals.towers import NAME as TOWERS
from forebear.sources import is_remote, offline, open_source
from forebear.types import Coverage, Finding, ModelRef, Nominee, Scan, Untested, Verdict, counted

Step = Callable[[str], None]

OPENED = 5
"""References that are opened where no coins line up, to put coordinates together."""
CONFIRMED = 3
"""References that are read again and compared row by row, where their files are still there."""


def scan(
    target: str,
    index: Index | None = None,
    effort: str = "standard",
    on_step: Step = lambda _: None,
    fetch: bool = True,
    activations: bool = False,
) -> Scan:
    """Find the indexed ancestors of a model.

    Args:
        target: what to scan.
        index: references; default the one in ``FOREBEAR_HOME``.
        effort: ``quick``, ``standard`` or ``deep``; see :func:`forebear.compare`.
        on_step: told what is being done.
        fetch: read the sign codes of known bases of this shape from the hub, where the index has no ancestor and the
            network may be used; they stay in the index.
        activations: run the model on the probe texts as well, and hold its activations against the references'.

    Raises:
        UsageError: the target does not exist.
        InputError: the model, or the index, cannot be read.
    """
    meter = Meter()
    references = index if index is not None else open_index()
    on_step(f"reading {target}")
    source = open_source(target)
    artifact = read_artifact(source)
    meter.watch(artifact.source)
    if artifact.adapter is not None:
        found_base = scan_adapter(artifact, fingerprint(artifact), references, effort, meter, on_step)
        return following(found_base, artifact, references)
    search = Search(artifact, references, source.location, 2 if light_first(artifact, effort) else 1)
    fetched = Fetched()
    if effort == "quick":
        search.measure()
    else:
        search.look(on_step)
        if fetch and not search.established and not offline():
            fetched = fetch_references(search.mark.shape, references, meter, on_step)
            if fetched.added:
                search.again(on_step)
        if search.worth_a_second_look:
            search.look(on_step)
    mark, total, itself = search.mark, search.total, search.itself
    found = search.worth_confirming
    notes: list[Untested] = list(fetched.missing)
    for k, candidate in enumerate(found[:CONFIRMED]):
        on_step(f"confirming {candidate.entry.name}")
        found[k] = by_rows(candidate, artifact, mark, effort, search.trials, meter, notes, on_step)
    if effort != "quick" and not any(c.tied for c in found):
        opened = {c.entry.name for c in found if c.by_rows}
        for entry, sought in search.nominated(OPENED):
            if entry.name in opened or not (sought or worth_opening(artifact, effort)):
                continue
            if effort != "deep" and is_remote(entry.location):
                notes.append(Untested(f"coordinates of {entry.name}", "it lies on a network (--effort deep reads it)"))
                continue
            on_step(f"comparing with {entry.name}, whatever its coordinates")
            one = by_code(entry, mark, artifact.name, search.trials)
            found = [c for c in found if c.entry.name != entry.name]
            found.append(by_rows(one, artifact, mark, effort, search.trials, meter, notes, on_step, sought))
    if effort == "deep" and any(c.established for c in found):
        search.sketch(NOMINATED)
    force = in_force(references)
    by_activations = Resembling()
    if activations:
        measure = measured(artifact, search.mark, effort, on_step)
        tied = tuple(c.entry.name for c in found if c.tied)
        silent = effort != "quick" and not tied and mark.code.n >= FEWEST_COINS
        by_activations = resembling_activations(measure, references, itself, tied, force, silent)
        notes += by_activations.gaps
        found = [replace(c, evidence=(*c.evidence, *by_activations.of(c.entry.name))) for c in found]
    found = [weighed(c, search.mark, search.by_sketch, force, total) for c in found]
    doubtful = next((c for c in found if c.doubtful(search.trials)), None)
    resembled = resembling([(c.entry, c.match) for c in found if c.match is not None]) if doubtful is None else None
    held = sum(c.match is not None for c in found)
    nominees = together_named(named_only(found, resembled), by_activations.nominee)
    notes += unweighed(search.by_sketch, force)
    found = [c for c in sorted(found, key=Candidate.order) if c.established]
    found, joint = together(found, artifact, effort, meter, notes, on_step)
    notes += search.layered.gaps
    done = (
        *fetched.note,
        *([f"{MATCH}: {counted(held, 'reference')}, neuron by neuron"] if held else ()),
        *joint,
        *by_activations.done,
        *calibrated_by(found, nominees),
    )
    ancestors = remaining([c.ancestor(search.trials) for c in found], search.trials)
    tested = references.comparable(mark.shape) if effort != "quick" and mark.code.n >= FEWEST_COINS else 0
    tested_beside = max((count for _, count in search.towers), default=0)
    verdict = ancestors[0].verdict if ancestors else Verdict.INCONCLUSIVE
    if itself:
        verdict = Verdict.INDEXED
    claims = claims_of(mark.declared, ancestors, effort)
    result = Scan(
        ModelRef(artifact.target, artifact.name, mark.digest),
        verdict,
        ancestors,
        {"declared": mark.declared.licence or None, "files": list(mark.declared.licence_files)},
        None,
        claims,
        (
            *findings_of(
                artifact,
                mark,
                verdict,
                ancestors,
                max(tested, tested_beside),
                total,
                effort,
                unfetched(fetched, fetch),
            ),
            *_first_findings(found, resembled, nominees),
            *by_activations.findings(bool(ancestors) or resembled is not None),
        ),
        max(tested, tested_beside),
        _coverage(artifact, search, found, tested, notes, effort, done),
        meter.cost(),
        log10_p=ancestors[0].log10_p if ancestors else None,
        why=_why(
            artifact, mark, found, doubtful, resembled, itself, tested, total, held, effort, by_activations.nominee
        ),
        shape=mark.shape,
        problems=(*artifact.problems, *([force.problem] if force.problem else ())),
        nominated=nominees,
    )
    return following(result, artifact, references)


def named_only(found: list[Candidate], resembled: tuple[str, Resemblance] | None) -> tuple[Nominee, ...]:
    """The reference that is resembled, where nothing is established: no other one that was opened is named."""
    if resembled is None or any(c.tied for c in found):
        return ()
    return tuple(n for c in found if c.entry.name == resembled[0] and (n := c.nominee()) is not None)


def together_named(by_weights: tuple[Nominee, ...], by_activations: Nominee | None) -> tuple[Nominee, ...]:
    """Nominees of both kinds; evidence for one reference stands together."""
    if by_activations is None:
        return by_weights
    same = [n for n in by_weights if n.name == by_activations.name]
    if not same:
        return (*by_weights, by_activations)
    told = {e.signal for e in by_activations.evidence}
    evidence = (*(e for e in same[0].evidence if e.signal not in told), *by_activations.evidence)
    return (replace(by_activations, evidence=evidence, log10_lr=combined(evidence)),)


def worth_opening(artifact: Artifact, effort: str) -> bool:
    """Whether references are opened for a model that nothing points to: where it is small, or on request."""
    return effort == "deep" or weight_bytes(artifact) <= READ_UNASKED


def _first_findings(
    found: list[Candidate], resembled: tuple[str, Resemblance] | None, nominees: tuple[Nominee, ...]
) -> tuple[Finding, ...]:
    """What stands about the best of the ancestors; where there are none, about the reference that is resembled."""
    if not found and resembled is not None:
        finding = nominating(*resembled)
        told = [f"{e.signal}: {e.summary}" for n in nominees if n.name == resembled[0] for e in n.evidence]
        return (replace(finding, evidence=(*finding.evidence, *told)),)
    return found[0].findings if found else ()


def _coverage(
    artifact: Artifact,
    search: Search,
    found: list[Candidate],
    tested: int,
    notes: list[Untested],
    effort: str,
    before: tuple[str, ...],
) -> Coverage:
    done, mark, total = [*before], search.mark, search.total
    known = counted(total, "reference")
    done += [f"sign-code/1: {counted(mark.code.n, 'coin')} against {tested:,} of {known}"] if tested else []
    done += [
        f"{TOWERS}: {counted(tower.code.n, 'coin')} of the {component} against {count:,} of {known}"
        for tower, (component, count) in zip(mark.towers, search.towers, strict=False)
    ]
    missing = list(notes)
    if artifact.architecture is None:
        missing.append(Untested("sign-code/1", artifact.unknown))
    elif effort == "quick":
        missing.append(Untested("sign-code/1", "not asked for (--effort quick)"))
    elif tested < total:
        missing.append(
            Untested(counted(total - tested, "reference"), "another width or other symmetries: no coins line up")
        )
    if artifact.geometry:
        read = sum(layer >= 0 for layer in mark.code.layers)
        if read < artifact.geometry.layers:
            missing.append(
                Untested("remaining layers", f"{read} of {artifact.geometry.layers} were read, chosen by depth")
            )
        if artifact.geometry.head_dim is None and "cell" not in mark.code.groups:
            missing.append(Untested("attention coins", "the number of heads is not known (no usable config.json)"))
    missing += [Untested(f"tensors of dtype {d}", "they carry no signs") for d in signless(artifact)]
    if mark.code.keyed_by == "row" and "residual" in mark.code.groups:
        missing.append(Untested("token strings", "no usable tokenizer: embedding rows were taken by number"))
    if not any(c.findings for c in found):
        missing.append(
            Untested(DISGUISE, "only references that were opened were compared with coordinates put together")
        )
    missing += [Untested("one of its files", p) for p in artifact.problems]
    missing += [Untested("how it was read", n) for n in artifact.notes]
    missing += odd_tokens(artifact)
    missing += [
        Untested(f"{tower.component}, how it was read", n) for tower in artifact.towers for n in tower.artifact.notes
    ]
    return Coverage(tuple(done), tuple(missing))


def _why(
    artifact: Artifact,
    mark: Fingerprint,
    found: list[Candidate],
    doubtful: Candidate | None,
    resembled: tuple[str, Resemblance] | None,
    itself: str,
    tested: int,
    total: int,
    held: int,
    effort: str,
    nominee: Nominee | None,
) -> str:
    if itself:
        return f"This model is itself the reference {itself}."
    if found:
        others = sum(not c.tied for c in found[1:])
        also = f" The tower is in {others} more of the references." if others and not found[0].tied else ""
        return found[0].conclusion.why + also
    if doubtful is not None:
        return f"{doubtful.entry.name}: {doubtful.conclusion.why}"
    if resembled is not None:
        return resemblance_only(resembled[0])
    if nominee is not None:
        return why_of(nominee)
    if effort == "quick":
        return "The weights were not examined."
    if artifact.architecture is None:
        return f"No coins could be read: {artifact.unknown}."
    if mark.code.n < FEWEST_COINS:
        return f"Only {mark.code.n} sign coins could be read, too few to establish anything."
    if not total:
        return "There are no references to compare with yet."
    if not tested:
        return f"None of the {total:,} references has a shape that can be compared."
    nothing = f"Nothing ties it to any of {tested:,} comparable references"
    if not held:
        return f"{nothing}. That is not independence: a model with scrambled coordinates would look the same."
    return (
        f"{nothing}, nor to the {held} that it was held against with coordinates put together. That is not "
        "independence: a disguise that was not undone would look the same."
    )
