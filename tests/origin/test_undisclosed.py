"""``origin-undisclosed``: who is told, at which level, and in which words."""

from __future__ import annotations

import pytest

from chained import KIMI, PATH, SCRATCH, Json, ancestor, bill, claim, component, named, probe, said, scan, traffic
from forebear.lineage.chains import chain_of
from forebear.origin import origin_of
from forebear.types import Finding, Level

BOTH = ("identifier", "token-counts/1")


def findings(document: Json) -> tuple[Finding, ...]:
    return origin_of(chain_of(document)).findings


def test_a_measured_ancestor_of_another_country_that_is_not_named() -> None:
    (found,) = findings(scan([ancestor(KIMI)], name="mistralai/Mine"))
    assert (found.id, found.level) == ("origin-undisclosed", Level.WARNING)
    assert found.message == (
        "mistralai/Mine is measured to come from moonshotai/Kimi-K2.5 (Moonshot AI: engineering in China, controlled "
        "from China), which its own papers do not name."
    )
    assert found.evidence and found.clears


def test_one_finding_for_all_models_of_a_developer() -> None:
    both = [ancestor(KIMI), ancestor("moonshotai/Kimi-K3", "merge", kind="merge")]
    assert len(findings(scan(both))) == 1


def test_what_is_named_is_disclosed() -> None:
    assert not findings(scan([ancestor(KIMI)], [claim(KIMI, "confirmed", "W")]))
    assert not findings(bill(component("mine", [component(KIMI)])))


def test_one_named_model_discloses_its_developer() -> None:
    both = [ancestor(KIMI), ancestor("moonshotai/Kimi-K3", "merge", kind="merge")]
    assert not findings(scan(both, [claim(KIMI, "confirmed", "W")]))


@pytest.mark.parametrize("verdict", ["dependent", "siblings", "same_init_or_derived", "component_shared", "unrelated"])
def test_what_is_possible_raises_nothing(verdict: str) -> None:
    assert not findings(scan([ancestor(KIMI, verdict, "unknown")], name="mistralai/Mine"))
    assert not findings(traffic(named(PATH, "asked")))


def test_a_country_of_ones_own_is_no_finding() -> None:
    assert not findings(scan([ancestor(KIMI)], name="deepseek-ai/Mine"))
    assert not findings(scan([ancestor("meta-llama/Llama-3.1-8B")], name="microsoft/Mine"))


def test_answers_are_no_weights() -> None:
    assert not findings(scan([ancestor(KIMI, kind="distilled")], name="mistralai/Mine"))


def test_where_nobody_knows_the_publisher_it_is_told_as_well() -> None:
    (found,) = findings(scan([ancestor(KIMI)]))
    assert found.level is Level.WARNING


def test_behind_an_api_no_papers_were_looked_at() -> None:
    (found,) = findings(probe({"kimi k2.5": BOTH}, [PATH]))
    assert "probably comes from Kimi-K2.5" in found.message
    assert "papers of the model were not looked at" in found.message
    (sold,) = findings(traffic(named("composer-2", "asked"), named(PATH, "served")))
    assert "by what sources say" in sold.message


def test_what_the_developer_said_itself_is_disclosed() -> None:
    assert not findings(traffic(named("composer-2.5", "asked"), named(PATH, "served")))


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (scan([ancestor(KIMI)], [SCRATCH]), "say that it was trained from scratch"),
        (scan([ancestor(KIMI)], [claim("org/other")]), "though they name another model"),
    ],
)
def test_the_words_are_those_of_the_papers(document: Json, words: str) -> None:
    (found,) = findings(document)
    assert words in found.message


def test_a_part_is_called_a_part() -> None:
    values = {"verdict": "derived", "direction.by": "measured", "relation": "finetune"}
    encoder = component("vision encoder", [component("Qwen/Qwen2.5-VL-7B-Instruct", **said(values))])
    document = bill(component("mistralai/Mine", components=[encoder]))
    document["metadata"] |= {"tools": {"components": [{"name": "forebear"}]}}
    origin = origin_of(chain_of(document))
    assert [a.component for a in origin.ancestors if a.developer_id == "alibaba-qwen"] == ["vision encoder"]


def test_nobody_is_accused() -> None:
    every = [*findings(scan([ancestor(KIMI)], [SCRATCH])), *findings(probe({"kimi k2.5": BOTH}, [PATH]))]
    for word in ("derived", "hid", "conceal", "stole", "lied", "secret"):
        assert not any(word in f.message for f in every)
