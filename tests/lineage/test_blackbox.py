"""What follows from counts, names and behaviour: when a claim is contradicted, and all the times when it is not."""

from __future__ import annotations

import math

import pytest

from forebear.catalogue.names import decode
from forebear.lineage.blackbox import Counted, Judged, Outcome, Said, Shown, Vocabulary, judge
from forebear.lineage.blackbox_tokenizer import expected
from forebear.signals.agreement import Agreement
from forebear.signals.equality import Equality


def vocabulary(name: str, *models: str, **more: object) -> Vocabulary:
    return Vocabulary(name, models, frozenset(models), **more)  # type: ignore[arg-type]


VOCABULARIES = {
    v.name: v
    for v in (
        vocabulary("kimi", "moonshotai/Kimi-K2-Instruct"),
        vocabulary("qwen2", "Qwen/Qwen2.5-7B", "Qwen/Qwen3-8B"),
        vocabulary("llama-3", "meta-llama/Llama-3.1-8B", gateway=True),
        vocabulary("deepseek-v3", "DeepSeek-R1", "DeepSeek-V3"),
        vocabulary("grok-1", "grok-1"),
        vocabulary("cl100k_base", "gpt-4", gateway=True),
        vocabulary("yi-a", "Yi-6B", digest="one"),
        Vocabulary("yi-b", ("Yi-1.5-9B",), digest="one"),
        Vocabulary("olmo", ("OLMo-2-7B",)),
        Vocabulary("nobody"),
        Vocabulary("characters / 4", gateway=True, estimate=True),
    )
}


def counted(*matches: str, **more: object) -> Counted:
    return Counted(matches, settled=True, **more)  # type: ignore[arg-type]


def said(identifier: str) -> Said:
    name = decode(identifier, named=True)
    assert name is not None
    return Said(name, "exchange 3, response header /x-model")


def about(claim: str, shown: Shown) -> Judged:
    return judge([(claim, "--expect")], shown, VOCABULARIES)


def test_a_tokenizer_of_the_claimed_model_is_consistent_and_confirms_nothing() -> None:
    found = about("qwen3-8b", Shown(counted("qwen2")))
    assert found.outcome is Outcome.CONSISTENT
    assert found.claims[0].status == "unverified"
    assert "perhaps of others" in found.why


OWN = {"engine": True}
"""A model that counts its own tokens."""


def test_another_tokenizer_contradicts() -> None:
    found = about("Qwen/Qwen3-8B", Shown(counted("kimi", engine=True)))
    assert found.outcome is Outcome.CONTRADICTED
    assert found.claims[0].status == "contradicted"
    assert "kimi" in found.why
    assert found.outcome.expect_exit == 1


def test_nothing_is_contradicted_unless_the_model_itself_counts() -> None:
    for engine in (None, False):
        found = about("Qwen/Qwen3-8B", Shown(counted("kimi", engine=engine)))
        assert found.outcome is Outcome.INCONCLUSIVE
        assert "itself counted" in found.why


def test_the_strings_of_its_tokens_show_that_the_model_counts() -> None:
    spelt = counted("llama-3", spelt=("llama-3",), misspelt=("qwen2",))
    assert about("qwen3-8b", Shown(spelt)).outcome is Outcome.CONTRADICTED
    assert about("qwen3-8b", Shown(counted("llama-3", spelt=("llama-3",)))).outcome is Outcome.INCONCLUSIVE
    assert about("qwen3-8b", Shown(counted("kimi", misspelt=("kimi",), engine=True))).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    "name",
    [
        *("deepseek-r1:8b", "deepseek-r1:70b", "deepseek-r1-8b", "deepseek-r1-14b-awq", "DeepSeek-R1-Distill-Qwen-7B"),
        *("DeepSeek-Prover-V2-671B", "DeepSeek-Math-V2", "LLaMA-Omni2-7B", "HuatuoGPT-o1-8B", "gpt4-x-alpaca"),
        *("shieldgemma-2", "Meta-Llama-Guard-3-8B", "qwen3-235b-a22b-acme", "Yi-1.5-9B", "OLMo-2-7B", "kimi-k2.5"),
    ],
)
def test_derivatives_and_what_no_source_tells_are_never_contradicted(name: str) -> None:
    for matches in ("grok-1", "nobody"):
        found = about(name, Shown(counted(matches, engine=True)))
        assert found.outcome is Outcome.INCONCLUSIVE, (name, found.why)


def test_two_ways_to_cut_one_vocabulary_are_one() -> None:
    assert about("Yi-6B", Shown(counted("yi-b", engine=True))).outcome is Outcome.CONSISTENT


def test_a_version_whose_tokenizer_is_not_known_is_never_contradicted() -> None:
    """The next version may have another tokenizer."""
    assert about("kimi-k2.5", Shown(counted("qwen2", engine=True))).outcome is Outcome.INCONCLUSIVE
    found = about("kimi-k9", Shown(counted("kimi")))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "kimi-k9 itself is not known" in found.why


def test_a_family_without_a_known_tokenizer_settles_nothing() -> None:
    found = about("gemini-2.5-pro", Shown(counted("qwen2")))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.outcome.expect_exit == 3


def test_that_nothing_fits_contradicts_nobody() -> None:
    """Whatever alters texts or counts on the way has that effect; so has a vocabulary that was extended."""
    found = about("qwen3-8b", Shown(counted()))
    assert (found.outcome, found.claims[0].status) == (Outcome.UNKNOWN, "unverified")
    found = about("qwen3-8b", Shown(counted(related=("qwen2",))))
    assert found.outcome is Outcome.UNKNOWN
    assert "most agree with qwen2" in found.why


def test_estimates_by_length_contradict_nobody() -> None:
    for engine in (None, False, True):
        found = about("qwen3-8b", Shown(counted("characters / 4", engine=engine)))
        assert found.outcome is Outcome.INCONCLUSIVE
        assert "estimates" in found.why


def test_nothing_fits_and_nothing_is_claimed() -> None:
    assert about("acme-1", Shown(counted())).outcome is Outcome.UNKNOWN
    assert about("gemini-2.5-pro", Shown(counted())).outcome is Outcome.UNKNOWN


def test_counts_with_which_gateways_count_contradict_nobody() -> None:
    """An answer of n tokens proves little: English has nearly as many in most vocabularies."""
    for engine in (None, False, True):
        assert about("qwen3-8b", Shown(counted("cl100k_base", engine=engine))).outcome is Outcome.INCONCLUSIVE


def test_a_gateway_that_recounts_streams_alone_hides_nothing() -> None:
    """In a stream as gateways count, without as none does: the latter are the model's own."""
    shown = Shown(counted("kimi", streamed=("cl100k_base",), engine=True))
    assert about("qwen3-8b", shown).outcome is Outcome.CONTRADICTED
    assert [c.family for c in about("acme-1", shown).candidates] == ["kimi"]
    assert about("qwen3-8b", Shown(counted("cl100k_base", streamed=("cl100k_base",)))).outcome is Outcome.INCONCLUSIVE


def test_a_stream_that_fits_the_claim_contradicts_nothing() -> None:
    shown = Shown(counted("kimi", streamed=("cl100k_base",), engine=True))
    assert about("gpt-4", shown).outcome is Outcome.INCONCLUSIVE


def test_a_line_without_a_known_tokenizer_has_that_of_its_base() -> None:
    base = {**VOCABULARIES, "kimi": vocabulary("kimi", "Kimi-K2.5")}
    wanted = expected("composer-2", base.values())
    assert (wanted.names, wanted.close, wanted.certain) == (frozenset({"kimi"}), True, False)
    found = judge([("composer-2", "--expect")], Shown(counted("kimi")), base)
    assert found.outcome is Outcome.CONSISTENT
    assert "comes from" in found.why
    assert judge([("composer-2", "")], Shown(counted("qwen2", **OWN)), base).outcome is Outcome.INCONCLUSIVE


def test_names_of_no_family_are_known_by_who_was_enrolled() -> None:
    own = {**VOCABULARIES, "mine": vocabulary("mine", "acme/acme-1")}
    assert judge([("acme-1", "--expect")], Shown(counted("mine")), own).outcome is Outcome.CONSISTENT
    assert judge([("acme-1", "--expect")], Shown(counted("kimi", **OWN)), own).outcome is Outcome.CONTRADICTED
    near = Agreement("acme-1", 64, 64, CONTROLS, -9.0, -8.0)
    found = judge([("acme-1", "--expect")], Shown(None, behaviour=(near,)), VOCABULARIES)
    assert (found.outcome, found.claims[0].status) == (Outcome.CONSISTENT, "confirmed")
    assert found.candidates[0].name == "acme-1"


@pytest.mark.parametrize("streamed", [("qwen2",), ("kimi",), ()])
def test_counts_that_differ_in_a_stream_contradict_nothing(streamed: tuple[str, ...]) -> None:
    found = about("qwen3-8b", Shown(counted("llama-3", streamed=streamed)))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "stream" in found.why


def test_the_model_that_counts_beside_a_recount_is_believed_where_it_agrees() -> None:
    found = about("qwen3-8b", Shown(counted("qwen2", streamed=("cl100k_base",))))
    assert found.outcome is Outcome.CONSISTENT


def test_a_swap_settles_nothing() -> None:
    found = about("qwen3-8b", Shown(counted(swapped=(("qwen2",), ("llama-3",)))))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "not one model" in found.why


def test_too_few_counts_settle_nothing() -> None:
    assert about("qwen3-8b", Shown(Counted(("llama-3", "kimi")))).outcome is Outcome.INCONCLUSIVE
    assert about("qwen3-8b", Shown()).outcome is Outcome.INCONCLUSIVE


CONTROLS = (("x", 30, 2), ("y", 28, 3), ("z", 33, 1))


def test_behaviour_of_nearly_all_texts_confirms_what_the_tokenizer_allows() -> None:
    near = Agreement("Qwen/Qwen3-8B", 64, 62, CONTROLS, -7.0, -6.0)
    found = about("qwen3-8b", Shown(counted("qwen2"), behaviour=(near,)))
    assert (found.outcome, found.claims[0].status) == (Outcome.CONSISTENT, "confirmed")
    child = Agreement("Qwen/Qwen3-8B", 64, 34, CONTROLS, -7.0, -6.0)
    weak = Agreement("Qwen/Qwen3-8B", 64, 62, CONTROLS, -1.0, -0.9)
    few = Agreement("Qwen/Qwen3-8B", 64, 62, CONTROLS[:2], -7.0, -6.0)
    other = Agreement("Qwen/Qwen3-0.6B", 64, 62, CONTROLS, -7.0, -6.0)
    for doubtful in (child, weak, few, other):
        assert about("qwen3-8b", Shown(counted("qwen2"), behaviour=(doubtful,))).claims[0].status == "unverified"


def test_an_enrolled_model_that_is_nearer_than_the_claimed_one_unsettles_it() -> None:
    other = Agreement("acme-b", 64, 64, CONTROLS, -9.0, -8.0)
    own = Agreement("qwen3-8b", 64, 0, CONTROLS, 0.0, 0.0)
    found = about("qwen3-8b", Shown(counted("qwen2"), behaviour=(other, own)))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "as acme-b does" in found.why


def test_behaviour_does_not_outweigh_a_tokenizer() -> None:
    near = Agreement("Qwen/Qwen3-8B", 64, 62, CONTROLS, -7.0, -6.0)
    assert about("qwen3-8b", Shown(counted("kimi", engine=True), behaviour=(near,))).outcome is Outcome.CONTRADICTED


def test_answers_unlike_the_trusted_endpoints_unsettle_and_contradict_nothing() -> None:
    """Another configuration of the same model has that effect."""
    other = Equality(1.0, -3.0, 16, 160)
    found = about("qwen3-8b", Shown(counted("qwen2"), equality=other))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "trusted" in found.why
    same = Equality(0.0, math.log10(0.4), 16, 160)
    assert about("qwen3-8b", Shown(counted("qwen2"), equality=same)).outcome is Outcome.CONSISTENT


def test_candidates_are_the_models_of_the_tokenizer_and_never_more_than_possible() -> None:
    found = about("acme-1", Shown(counted("qwen2"))).candidates
    assert {(c.family, c.version) for c in found} == {("qwen", "2.5"), ("qwen", "3")}
    assert {c.grade for c in found} == {"possible"}
    assert found[0].developer


def test_a_name_and_a_tokenizer_together_are_probable() -> None:
    shown = Shown(counted("kimi", engine=True), (said("accounts/anysphere/models/kimi-k2-rl-0317-s515-fast"),))
    best = about("composer-2", shown).candidates[0]
    assert (best.family, best.grade) == ("kimi", "probable")
    assert best.signals == ("token-counts/1", "identifier")


def test_a_name_that_the_counts_exclude_is_no_candidate() -> None:
    found = about("acme-1", Shown(counted("llama-3"), (said("qwen3-8b"),))).candidates
    assert [c.family for c in found] == ["llama"]


def test_a_name_alone_is_possible() -> None:
    found = about("acme-1", Shown(None, (said("qwen3-8b"),))).candidates
    assert [(c.family, c.grade) for c in found] == [("qwen", "possible")]


def test_a_tokenizer_alone_is_the_least_of_what_speaks_for_a_candidate() -> None:
    """Of its two models one comes before the other signals' by name, and none by weight."""
    near = Agreement("kimi-k2", 64, 62, CONTROLS, -7.0, -6.0)
    shown = Shown(counted("deepseek-v3"), behaviour=(near,))
    found = about("acme-1", shown).candidates
    assert [c.family for c in found] == ["kimi", "deepseek", "deepseek"]
    assert [c.signals for c in found[:2]] == [("agreement/1",), ("token-counts/1",)]


def test_counts_that_not_only_gateways_give_are_the_models_own() -> None:
    for matches, outcome in (
        (("kimi",), Outcome.CONTRADICTED),
        (("llama-3", "kimi"), Outcome.CONTRADICTED),
        (("llama-3",), Outcome.INCONCLUSIVE),
        (("llama-3", "cl100k_base"), Outcome.INCONCLUSIVE),
        (("llama-3", "unheard-of"), Outcome.CONTRADICTED),
    ):
        assert about("qwen3-8b", Shown(counted(*matches, engine=True))).outcome is outcome, matches


def test_recounted_or_swapped_counts_make_no_candidates() -> None:
    for doubtful in (counted("qwen2", streamed=("kimi",)), counted("qwen2", swapped=(("qwen2",), ()))):
        assert about("acme-1", Shown(doubtful)).candidates == ()


def test_the_first_claim_decides() -> None:
    found = judge([("qwen3-8b", "--expect"), ("kimi-k2", "the name")], Shown(counted("qwen2", **OWN)), VOCABULARIES)
    assert found.outcome is Outcome.CONSISTENT
    assert [c.status for c in found.claims] == ["unverified", "contradicted"]


def test_no_claim() -> None:
    assert judge([], Shown(counted("qwen2")), VOCABULARIES).outcome is Outcome.INCONCLUSIVE


def test_expected_tokenizers() -> None:
    def of(name: str) -> tuple[frozenset[str], bool, bool]:
        found = expected(name, VOCABULARIES.values())
        return found.names, found.close, found.certain

    assert of("qwen2.5-7b") == (frozenset({"qwen2"}), True, True)
    assert of("qwen2.5-7b-instruct") == (frozenset({"qwen2"}), True, True)
    assert of("qwen9-7b") == (frozenset({"qwen2"}), False, False)
    assert of("gemini-2.5-pro") == (frozenset(), False, False)
    assert of("DeepSeek-R1") == (frozenset({"deepseek-v3"}), True, True)
    assert of("OLMo-2-7B") == (frozenset({"olmo"}), True, False)
