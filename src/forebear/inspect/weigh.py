"""What the scores of a scan are worth: those of sketches and of matching neurons held against a calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from forebear.index import Nominations
from forebear.inspect.force import InForce
from forebear.inspect.search import Candidate
from forebear.lineage.calibrated import calibrated, score_evidence
from forebear.lineage.calibration import stratum
from forebear.lineage.evalues import discoveries, log10_e
from forebear.signals import Fingerprint, spectra, token_geometry
from forebear.signals import match as matching
from forebear.types import Ancestor, Evidence, Nominee, Test, Untested

SKETCHES = f"{spectra.NAME} and {token_geometry.NAME} beside independent models"


def weighed(
    candidate: Candidate, mark: Fingerprint, search: Nominations | None, force: InForce, references: int
) -> Candidate:
    """A reference under examination with what its scores are worth; its verdict stays as it was.

    Args:
        candidate: the reference.
        mark: what was measured of the model in question.
        search: by sketches, None where none was needed.
        force: what scores are held against.
        references: those that were searched.
    """
    kind = stratum(candidate.entry.fingerprint, mark)
    evidence = [_of_match(e, candidate, kind, force, references) for e in candidate.evidence]
    context = next((k for k, e in enumerate(evidence) if e.kind != "weights"), len(evidence))
    told = _of_sketches(candidate.entry.name, kind, search, force, references)
    return replace(candidate, evidence=(*evidence[:context], *told, *evidence[context:]))


def _of_match(evidence: Evidence, candidate: Candidate, kind: str, force: InForce, references: int) -> Evidence:
    """``match/1`` with what its share is worth, where the reference has as many neurons as those of the calibration."""
    found = force.of(matching.NAME)
    if evidence.signal != matching.NAME or candidate.match is None or found is None:
        return evidence
    scores, source = found
    if min((layer.neurons[0] for layer in candidate.match.layers), default=0) < scores.least:
        return evidence
    judged = scores.judged(candidate.match.share, kind)
    return evidence if judged is None else calibrated(evidence, judged, kind, source, references)


def _of_sketches(name: str, kind: str, search: Nominations | None, force: InForce, references: int) -> list[Evidence]:
    """``spectra/1`` and ``token-geometry/1``, where the consensus is from as many references as the calibration's."""
    nomination = next((n for n in search.found if n.name == name), None) if search else None
    if search is None or nomination is None:
        return []
    out = []
    for signal, score in ((spectra.NAME, nomination.spectra), (token_geometry.NAME, nomination.tokens)):
        found = force.of(signal)
        if score is not None and found is not None and search.families >= found[0].least:
            out.append(score_evidence(signal, score, found[0], kind, found[1], references))
    return [e for e in out if e is not None]


def unweighed(search: Nominations | None, force: InForce) -> tuple[Untested, ...]:
    """Why sketches that were searched have no calibrated numbers; empty where they have."""
    found = force.of(spectra.NAME)
    if search is None or found is None or search.families >= found[0].least:
        return ()
    why = f"it takes a consensus of {found[0].least} independent references with sketches, and there are"
    return (Untested(SKETCHES, f"{why} {search.families}"),)


def calibrated_by(found: Sequence[Candidate], nominees: Sequence[Nominee]) -> tuple[str, ...]:
    """By what scores of this scan were calibrated, a line for every source."""
    told = [*(c.evidence for c in found), *(n.evidence for n in nominees)]
    evidence = [e for several in told for e in several if e.test is Test.CALIBRATED]
    sources = dict.fromkeys(str(e.details["calibration"]) for e in evidence)
    return tuple(f"scores beside independent models: {source}" for source in sources)


def remaining(ancestors: Sequence[Ancestor], hypotheses: int) -> tuple[Ancestor, ...]:
    """Ancestors with whether each remains at a false discovery rate of 1 %, by e-BH over exact tests.

    Args:
        ancestors: those that were established.
        hypotheses: references that were searched, times looks.
    """
    exact = [k for k, a in enumerate(ancestors) if is_exact(a)]
    values = [log10_e(p) for k in exact if (p := ancestors[k].log10_p) is not None]
    kept = dict(zip(exact, discoveries(values, max(hypotheses, len(values))), strict=True))
    return tuple(replace(a, discovery=kept.get(k)) for k, a in enumerate(ancestors))


def is_exact(ancestor: Ancestor) -> bool:
    """Whether an exact test stands behind an ancestor's p-value."""
    exact = (e for e in ancestor.evidence if e.test is Test.EXACT and e.supports == "related")
    return ancestor.log10_p is not None and any(e.log10_p is not None for e in exact)
