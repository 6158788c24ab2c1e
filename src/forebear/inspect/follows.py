"""What follows from a scan, in short: inherited licences and where the ancestors come from.

The whole answers are those of ``forebear licence`` and of a policy. A scan gets findings of them only along edges that
it measured: a duty that depends on facts about the reader, or on a descent that is open or only declared, raises
nothing here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from forebear.artifacts import Artifact
from forebear.errors import ForebearError
from forebear.index import Index
from forebear.lineage.chain import Standing
from forebear.types import Coverage, Finding, Json, Level, Scan, Untested

if TYPE_CHECKING:
    from forebear.licences.answer import LicenceAnswer
    from forebear.origin import Origin

MEASURED_AT_ALL = Standing.PROBABLE
"""The least standing of an edge for a finding in a scan."""
_ASKS_THE_READER = frozenset({"licence-duty-conditional"})


def following(result: Scan, artifact: Artifact, index: Index) -> Scan:
    """The scan with licence and origin in it; a damaged overlay of the catalogue costs these alone."""
    from forebear.inspect.licence import detector
    from forebear.inspect.papers import papers_of_ancestors
    from forebear.licences.duties import licence_answer
    from forebear.lineage.chains import chain_of
    from forebear.origin import origin_of

    try:
        chain = chain_of(result.to_json())
        papers, _ = papers_of_ancestors(chain, index)
        detect = detector() if chain.edges else None
        answer = licence_answer(
            chain, artifact.documents, detect=detect, config=artifact.config, ancestors=papers if chain.edges else None
        )
        origin = origin_of(chain)
    except ForebearError as error:
        return replace(result, problems=(*result.problems, str(error)))
    return replace(
        result,
        licence=short_licence(result.licence or {}, answer),
        origin=short_origin(origin),
        findings=(*result.findings, *_established(answer, origin)),
        coverage=_with_gaps(result.coverage, answer),
    )


def short_licence(stated: Mapping[str, Any], answer: LicenceAnswer) -> Json:
    """What the papers say, what ancestors bring, how many duties are met, and which are not."""
    counts = Counter(duty.status.value for duty in answer.duties)
    unmet = [d for d in answer.duties if d.status == "unmet"]
    return {
        **stated,
        "inherited": [
            {"ancestor": i.ancestor, "licence": i.licence, "standing": i.standing.value, "said_by": i.said_by}
            for i in answer.inherited
        ],
        "duties": {status: counts.get(status, 0) for status in ("met", "unmet", "conditional")},
        "unmet": [{"kind": d.kind, "licence": d.licence, "ancestor": d.ancestor, "why": d.why} for d in unmet],
        "conflicts": [{"kind": c.kind, "why": c.why, "standing": c.standing.value} for c in answer.conflicts],
    }


def short_origin(origin: Origin) -> Json:
    """The three unions, and who brings what."""
    return {
        "incorporated_in": list(origin.incorporated_in),
        "engineering_in": list(origin.engineering_in),
        "controlled_from": list(origin.controlled_from),
        "ancestors": [
            {
                "model": a.model,
                "developer": a.developer,
                "standing": a.standing.value if a.standing is not None else None,
                "disclosed": a.disclosed,
                "countries": sorted({tie.country for tie in a.ties}),
            }
            for a in origin.ancestors
        ],
        "unknown": list(origin.unknown),
    }


def _established(answer: LicenceAnswer, origin: Origin) -> tuple[Finding, ...]:
    """Findings along edges that were measured, whatever the reader's own facts are."""
    from forebear.licences.findings import findings_of

    duties = tuple(d for d in answer.duties if d.standing.rank >= MEASURED_AT_ALL.rank)
    conflicts = tuple(c for c in answer.conflicts if c.standing.rank >= MEASURED_AT_ALL.rank)
    found = findings_of(duties, conflicts, None)
    return (*(f for f in found if f.level is not Level.NOTE and f.id not in _ASKS_THE_READER), *origin.findings)


def _with_gaps(coverage: Coverage, answer: LicenceAnswer) -> Coverage:
    """What is left to ``forebear licence``."""
    open_ones = sum(duty.status == "conditional" for duty in answer.duties)
    if not open_ones:
        return coverage
    duty, they = ("duty", "it depends") if open_ones == 1 else ("duties", "they depend")
    gap = Untested(f"{open_ones} licence {duty}", f"{they} on facts that a scan does not have: forebear licence --org")
    return replace(coverage, not_tested=(*coverage.not_tested, gap))
