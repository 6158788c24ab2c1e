"""Words for every verdict and finding of the contract."""

from __future__ import annotations

import pytest

from forebear.catalogue import explanation, finding_text, raise_finding, topics, verdict_text
from forebear.types import Level, Verdict

CONTRACT = {
    "ancestor-undeclared": Level.WARNING,
    "claim-contradicted": Level.ERROR,
    "coordinates-scrambled": Level.WARNING,
    "names-disguised": Level.WARNING,
    "no-reference-tested": Level.NOTE,
    "licence-notice-missing": Level.WARNING,
    "licence-relabelled": Level.WARNING,
    "licence-duty-unmet": Level.ERROR,
    "licence-duty-conditional": Level.WARNING,
    "territory-excluded": Level.ERROR,
    "use-restricted": Level.WARNING,
    "origin-undisclosed": Level.WARNING,
    "identifier-leak": Level.NOTE,
    "endpoint-contradicts-claim": Level.ERROR,
    "gateway-recount": Level.NOTE,
    "pickle-unsafe": Level.ERROR,
    "file-hash-mismatch": Level.ERROR,
    "signature-invalid": Level.ERROR,
    "bom-incomplete": Level.WARNING,
    "unsourced-fact": Level.NOTE,
}


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_has_words(verdict: Verdict) -> None:
    text = verdict_text(verdict)
    assert text.kind == "verdict" and text.headline and text.meaning and text.does_not_say and text.settles


def test_the_registry_is_the_contracts() -> None:
    assert {t for t in topics() if "-" in t} == set(CONTRACT)


@pytest.mark.parametrize(("identifier", "level"), list(CONTRACT.items()))
def test_every_finding_has_its_default_level(identifier: str, level: Level) -> None:
    assert finding_text(identifier).level == level
    found = raise_finding(identifier, "something")
    assert (found.level, found.clears) == (level, finding_text(identifier).settles)


def test_a_finding_can_be_softened_but_not_invented() -> None:
    assert raise_finding("ancestor-undeclared", "x", level=Level.NOTE, clears="").clears == ""
    with pytest.raises(KeyError):
        raise_finding("made-up", "x")


@pytest.mark.parametrize("spelling", ["same_init_or_derived", "Same-Init-Or-Derived", " same init or derived "])
def test_topics_are_found_however_they_are_spelled(spelling: str) -> None:
    found = explanation(spelling)
    assert found is not None and found.topic == "same_init_or_derived"


def test_unknown_topics_are_unknown() -> None:
    assert explanation("nonsense") is None


def test_no_verdict_short_of_descent_accuses() -> None:
    assert "accuses nobody" in verdict_text(Verdict.DEPENDENT).does_not_say
    for verdict in (Verdict.SAME_ARCHITECTURE, Verdict.SAME_TOKENIZER, Verdict.INCONCLUSIVE):
        assert verdict_text(verdict).headline.startswith("Not established")
