"""Words for every verdict, relation and finding of the contract."""

from __future__ import annotations

import pytest

from forebear.catalogue import (
    explanation,
    finding_text,
    nearest,
    raise_finding,
    relation_text,
    topics,
    verdict_text,
)
from forebear.catalogue.explanations import parse
from forebear.lineage.blackbox import Outcome
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


RELATIONS = {
    *("quantized", "finetune", "rl", "adapter", "continued_pretraining", "pruned", "width_pruned", "width_expanded"),
    *("depth_pruned", "depth_upscaled", "upcycled", "vocabulary_changed", "multimodal_extension", "obfuscated"),
    *("same_init", "feature_dependent", "distilled"),
}
"""Of the contract's; ``identical``, ``merge``, ``siblings`` and ``component_shared`` are verdicts, too."""


CHECKS = {
    *("schema", "reading", "references", "cycles", "identifiers", "digests", "timestamps", "evidence", "components"),
    *(
        "relationships",
        "as-written",
        "profile",
        "hashes",
        "identity",
        "facts",
        "licence-files",
        "licence-text",
        "licences",
        "lineage",
        "claims",
    ),
    "signature",
}
"""Families of checks of ``bom verify``; tests/cli/test_bom_verify.py asks for each id that it shows."""


@pytest.mark.parametrize("kind", sorted(RELATIONS))
def test_every_relation_has_words(kind: str) -> None:
    text = relation_text(kind)
    assert text.kind == "relation" and text.headline and text.meaning and text.does_not_say and text.settles


def test_what_is_not_measured_here_says_so() -> None:
    for kind in ("feature_dependent", "distilled"):
        text = relation_text(kind)
        assert "this version does not measure it" in f"{text.meaning} {text.does_not_say}".lower()


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_has_words(verdict: Verdict) -> None:
    text = verdict_text(verdict)
    assert text.kind == "verdict" and text.headline and text.meaning and text.does_not_say and text.settles


NUMBERS = {"p-value", "e-value", "coins", "drift", "likelihood-ratio", "probability"}


ADDED = {
    "file-unread",
    "model-unpinned",
    "remote-code-unpinned",
    "model-unknown",
    *("answer-names-another", "endpoint-changes", "endpoint-differs", "bom-invalid"),
    *("consistent", "contradicted", "unknown"),
    *("base-not-found", "licence-changed", "quantisation-orphaned", "descent-circular", "fingerprint-mismatch"),
}
"""Findings that the contract does not name, and verdicts of probes."""


def test_every_verdict_of_a_probe_has_words() -> None:
    for outcome in Outcome:
        text = explanation(outcome.value)
        assert text is not None and text.kind == "verdict" and text.meaning and text.does_not_say and text.settles


def test_the_registry_is_the_contracts() -> None:
    assert set(topics()) == set(CONTRACT) | ADDED | {v.value for v in Verdict} | RELATIONS | CHECKS | NUMBERS


@pytest.mark.parametrize(
    "asked", ["p-value", "P value", "E-value", "coins", "drift", "likelihood ratio", "probability"]
)
def test_numbers_of_an_answer_have_words(asked: str) -> None:
    found = explanation(asked)
    assert found is not None and found.kind == "number" and found.meaning and found.does_not_say and found.settles


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


@pytest.mark.parametrize("topic", topics())
def test_every_topic_can_be_explained_however_it_is_written(topic: str) -> None:
    for spelling in (topic, topic.upper(), topic.replace("_", "-"), topic.replace("-", "_")):
        found = explanation(spelling)
        assert found is not None and found.topic == topic


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("dependant", "dependent"), ("pickle_unsave", "pickle-unsafe"), ("same-initt-or-derived", "same_init_or_derived")],
)
def test_a_misspelled_topic_has_a_suggestion(typed: str, meant: str) -> None:
    assert explanation(typed) is None
    assert nearest(typed)[0] == meant


def test_suggestions_include_what_is_explained_elsewhere() -> None:
    assert nearest("sign_code", ["sign-code/1", "delta/1"])[0] == "sign-code/1"
    assert nearest("zzzzzz") == ()


WORDS = '[a]\nmeaning = "m"\ndoes_not_say = "d"\nsettles = "s"\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("not toml", "x.toml: "),
        ("a = 1", "a is not a table"),
        (WORDS, "needs exactly the keys"),
        (WORDS + 'headline = "h"\nnote = "n"\n', "needs exactly the keys"),
        (WORDS + 'headline = ""\n', "headline of a is empty"),
    ],
)
def test_wrong_data_files_say_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=r"x\.toml") as raised:
        parse(text, "x.toml")
    assert says in str(raised.value)


def test_no_verdict_short_of_descent_accuses() -> None:
    assert "accuses nobody" in verdict_text(Verdict.DEPENDENT).does_not_say
    for verdict in (Verdict.SAME_ARCHITECTURE, Verdict.SAME_TOKENIZER, Verdict.INCONCLUSIVE):
        assert verdict_text(verdict).headline.startswith("Not established")


def test_a_shared_start_and_descent_are_told_apart_in_words() -> None:
    text = verdict_text(Verdict.SAME_INIT_OR_DERIVED)
    assert "one random initialisation" in text.meaning and "early checkpoint" in text.settles
