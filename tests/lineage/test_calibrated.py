"""What a score is worth in words and numbers, by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from forebear.lineage.calibrated import CONDITIONS, calibrated, combined, score_evidence
from forebear.lineage.calibration import ANY, Judged, Scores
from forebear.signals import spectra
from forebear.types import Evidence, Test

BARE = Evidence("spectra/1", "weights", "nothing", 0.4, Test.NONE, None, 0, None, "They are alike.", details={"k": 1})
JUDGED = Judged(-2.0, 1.5, 199, ANY)


def worth(references: int = 1, judged: Judged = JUDGED) -> Evidence:
    return calibrated(BARE, judged, "kind", "our zoo", references)


def test_a_score_with_its_worth_still_supports_nothing() -> None:
    found = worth()
    assert (found.supports, found.test, found.n, found.score) == ("nothing", Test.CALIBRATED, 199, 0.4)
    assert (found.log10_p, found.log10_lr, found.null) == (-2, 1.5, JUDGED.null)
    assert found.summary == f"They are alike. Among 199 pairs of {JUDGED.null}: p = 0.01."
    assert found.details == {
        **{"k": 1, "stratum": ANY, "stratum_of_pair": "kind", "n_null": 199, "log10_references": 0.0},
        **{"log10_e_value": pytest.approx(math.log10(0.5) + 1.0), "calibration": "our zoo"},
        "conditions": list(CONDITIONS),
    }


def test_a_chosen_reference_is_paid_for_where_there_were_several() -> None:
    assert "references" not in worth(1).summary and "references" not in worth(0).summary
    assert worth(0).details["log10_references"] == 0
    assert worth(2).summary.endswith("p = 0.01; as one of 2 references 0.02.")
    assert worth(1_500).summary.endswith("p = 0.01; as one of 1,500 references 1.")
    assert worth(1_000).details["log10_references"] == pytest.approx(3.0)
    assert worth(3, replace(JUDGED, log10_p=-40.0)).log10_p == -30


def test_a_score_without_a_null_is_no_evidence() -> None:
    assert score_evidence(spectra.NAME, 0.5, Scores(1, {}), "kind", "s", 1) is None
    null = tuple(k / 1_000 for k in range(199))
    scores = Scores(1, {ANY: null})
    found = score_evidence(spectra.NAME, 0.51234567, scores, "kind", "s", 1)
    assert found is not None
    assert (found.signal, found.kind, found.score, found.n) == (spectra.NAME, "weights", 0.512346, 199)
    assert found.log10_p == pytest.approx(math.log10(1 / 200))
    assert found.summary.startswith(
        "The singular values of attention heads resemble those of the reference with 0.51 (independent models: about 0)"
    )


def test_several_scores_are_averaged_as_e_values() -> None:
    one, two = worth(), worth(1, replace(JUDGED, log10_p=-4.0))
    assert combined([one, two]) == pytest.approx(math.log10((0.5 * 10 + 0.5 * 100) / 2))
    assert combined([one, replace(two, test=Test.EXACT)]) == pytest.approx(math.log10(5))
    assert combined([replace(one, log10_p=None)]) is None
    assert combined([]) is None
