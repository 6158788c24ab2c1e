"""Scores as evidence: a conformal p-value, a bounded likelihood ratio, and what several of them say together.

None of it supports anything. A verdict rests on exact tests; these numbers say how unusual a resemblance is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from forebear.lineage.calibration import Judged, Scores
from forebear.lineage.evalues import log10_e, log10_mean
from forebear.signals import spectra, token_geometry
from forebear.types import Evidence, Test, floored

WORDS = {
    spectra.NAME: "The singular values of attention heads resemble those of the reference",
    token_geometry.NAME: "The embeddings lie to one another as those of the reference do",
}
CONDITIONS = (
    "it holds for models that are exchangeable with those of the calibration, which nothing here tests",
    "it is of this pair: where a reference was chosen among several, it has to be multiplied by their number",
    "a score can be high for other reasons than descent: copied embeddings, one random start, training on one text",
)


def score_evidence(
    signal: str, score: float, scores: Scores, kind: str, source: str, references: int
) -> Evidence | None:
    """The score of a sketch as evidence; None where there is no null for it.

    Args:
        signal: name with version, one of :data:`WORDS`.
        score: without the consensus.
        scores: what it is held against.
        kind: stratum of the pair.
        source: what the scores were made from.
        references: those that were searched.
    """
    judged = scores.judged(score, kind)
    if judged is None:
        return None
    text = f"{WORDS[signal]} with {score:.2f} (independent models: about 0)"
    bare = Evidence(signal, "weights", "nothing", round(score, 6), Test.NONE, None, 0, None, text)
    return calibrated(bare, judged, kind, source, references)


def calibrated(evidence: Evidence, judged: Judged, kind: str, source: str, references: int) -> Evidence:
    """Evidence with a score, with what the score is worth; what it supports stays as it was.

    Args:
        evidence: of a heuristic score.
        judged: what that is worth.
        kind: stratum of the pair.
        source: what the calibration was made from.
        references: those that were searched; one of them was chosen.
    """
    p = 10.0**judged.log10_p
    paid = f"; as one of {references:,} references {min(1.0, p * references):.2g}" if references > 1 else ""
    text = f"{evidence.summary.rstrip('.')}. Among {judged.n} pairs of {judged.null}: p = {p:.2g}{paid}."
    return replace(
        evidence,
        test=Test.CALIBRATED,
        null=judged.null,
        n=judged.n,
        log10_p=floored(judged.log10_p),
        log10_lr=judged.log10_lr,
        summary=text,
        details={
            **evidence.details,
            "stratum": judged.stratum,
            "stratum_of_pair": kind,
            "n_null": judged.n,
            "log10_references": math.log10(max(1, references)),
            "log10_e_value": log10_e(judged.log10_p),
            "calibration": source,
            "conditions": list(CONDITIONS),
        },
    )


def combined(evidence: Iterable[Evidence]) -> float | None:
    """What calibrated scores say together, log10: the mean of their e-values. None where there are none.

    The signals are of the same weights and depend on each other, so their ratios are not multiplied. An e-value of
    p ≥ 1 / (n + 1) is at most half the root of n + 1, well within the bound on likelihood ratios.
    """
    values = [log10_e(e.log10_p) for e in evidence if e.test is Test.CALIBRATED and e.log10_p is not None]
    return log10_mean(values) if values else None
