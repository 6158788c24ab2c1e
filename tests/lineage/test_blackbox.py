"""What follows from counts, names and behaviour: when a claim is contradicted, and all the times when it is not."""

from __future__ import annotations

import math

import pytest

from forebear.catalogue.names import decode
from forebear.lineage.blackbox import Counted, Judged, Outcome, Said, Shown, Vocabulary, expected, judge
from forebear.signals.agreement import Agreement
from forebear.signals.equality import Equality

VOCABULARIES = {
    v.name: v
    for v in (
        Vocabulary("kimi", ("moonshotai/Kimi-K2-Instruct",)),
        Vocabulary("qwen2", ("Qwen/Qwen2.5-7B", "Qwen/Qwen3-8B")),
        Vocabulary("llama-3", ("meta-llama/Llama-3.1-8B",)),
        Vocabulary("cl100k_base", ("gpt-4",), gateway=True),
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


def test_another_tokenizer_contradicts() -> None:
    found = about("Qwen/Qwen3-8B", Shown(counted("llama-3")))
    assert found.outcome is Outcome.CONTRADICTED
    assert found.claims[0].status == "contradicted"
    assert "llama-3" in found.why
    assert found.outcome.expect_exit == 1


def test_a_version_whose_tokenizer_is_not_known_is_never_contradicted() -> None:
    """The next version may have another tokenizer."""
    assert about("kimi-k2.5", Shown(counted("qwen2"))).outcome is Outcome.INCONCLUSIVE
    assert about("kimi-k2.5", Shown(counted("kimi"))).outcome is Outcome.CONSISTENT


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


def test_counts_that_are_not_the_models_own_contradict_nobody() -> None:
    assert about("qwen3-8b", Shown(counted("llama-3", engine=False))).outcome is Outcome.INCONCLUSIVE
    assert about("qwen3-8b", Shown(counted("llama-3", engine=True))).outcome is Outcome.CONTRADICTED


def test_nothing_fits_and_nothing_is_claimed() -> None:
    assert about("acme-1", Shown(counted())).outcome is Outcome.UNKNOWN
    assert about("gemini-2.5-pro", Shown(counted())).outcome is Outcome.UNKNOWN


def test_counts_with_which_gateways_count_contradict_only_where_the_model_itself_counted() -> None:
    for engine in (None, False):
        found = about("qwen3-8b", Shown(counted("cl100k_base", engine=engine)))
        assert found.outcome is Outcome.INCONCLUSIVE
        assert "gateways" in found.why
    assert about("qwen3-8b", Shown(counted("cl100k_base", engine=True))).outcome is Outcome.CONTRADICTED


def test_a_gateway_that_recounts_streams_alone_hides_nothing() -> None:
    """In a stream as gateways count, without as none does: the latter are the model's own."""
    shown = Shown(counted("llama-3", streamed=("cl100k_base",)))
    assert about("qwen3-8b", shown).outcome is Outcome.CONTRADICTED
    assert [c.family for c in about("acme-1", shown).candidates] == ["llama"]
    assert about("qwen3-8b", Shown(counted("cl100k_base", streamed=("cl100k_base",)))).outcome is Outcome.INCONCLUSIVE


def test_a_line_without_a_known_tokenizer_has_that_of_its_base() -> None:
    claimed = decode("composer-2", named=True)
    assert claimed is not None and claimed.base
    assert expected(claimed, VOCABULARIES.values()) == (frozenset({"kimi"}), False)
    found = about("composer-2", Shown(counted("kimi")))
    assert found.outcome is Outcome.CONSISTENT
    assert "comes from" in found.why
    assert about("composer-2", Shown(counted("qwen2"))).outcome is Outcome.INCONCLUSIVE


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


def test_behaviour_beyond_all_controls_confirms_what_the_tokenizer_allows() -> None:
    near = Agreement("Qwen/Qwen3-8B", 64, 50, (("x", 30, 2),), -7.0, -6.0)
    found = about("qwen3-8b", Shown(counted("qwen2"), behaviour=(near,)))
    assert (found.outcome, found.claims[0].status) == (Outcome.CONSISTENT, "confirmed")
    weak = Agreement("Qwen/Qwen3-8B", 64, 30, (("x", 9, 5),), -1.0, -0.9)
    assert about("qwen3-8b", Shown(counted("qwen2"), behaviour=(weak,))).claims[0].status == "unverified"


def test_behaviour_does_not_outweigh_a_tokenizer() -> None:
    near = Agreement("Qwen/Qwen3-8B", 64, 50, (("x", 30, 2),), -7.0, -6.0)
    assert about("qwen3-8b", Shown(counted("llama-3"), behaviour=(near,))).outcome is Outcome.CONTRADICTED


def test_answers_unlike_the_trusted_endpoints_contradict() -> None:
    other = Equality(1.0, -3.0, 16, 160)
    assert about("qwen3-8b", Shown(counted("qwen2"), equality=other)).outcome is Outcome.CONTRADICTED
    same = Equality(0.0, math.log10(0.4), 16, 160)
    assert about("qwen3-8b", Shown(counted("qwen2"), equality=same)).outcome is Outcome.CONSISTENT


def test_candidates_are_the_models_of_the_tokenizer_and_never_more_than_possible() -> None:
    found = about("acme-1", Shown(counted("qwen2"))).candidates
    assert {(c.family, c.version) for c in found} == {("qwen", "2.5"), ("qwen", "3")}
    assert {c.grade for c in found} == {"possible"}
    assert found[0].developer


def test_a_name_and_a_tokenizer_together_are_probable() -> None:
    shown = Shown(counted("kimi"), (said("accounts/anysphere/models/kimi-k2-rl-0317-s515-fast"),))
    best = about("composer-2", shown).candidates[0]
    assert (best.family, best.grade) == ("kimi", "probable")
    assert best.signals == ("token-counts/1", "identifier")


def test_a_name_that_the_counts_exclude_is_no_candidate() -> None:
    found = about("acme-1", Shown(counted("llama-3"), (said("qwen3-8b"),))).candidates
    assert [c.family for c in found] == ["llama"]


def test_a_name_alone_is_possible() -> None:
    found = about("acme-1", Shown(None, (said("qwen3-8b"),))).candidates
    assert [(c.family, c.grade) for c in found] == [("qwen", "possible")]


def test_recounted_or_swapped_counts_make_no_candidates() -> None:
    for doubtful in (counted("qwen2", streamed=("llama-3",)), counted("qwen2", swapped=(("qwen2",), ()))):
        assert about("acme-1", Shown(doubtful)).candidates == ()


def test_the_first_claim_decides() -> None:
    found = judge([("qwen3-8b", "--expect"), ("llama-3.1-8b", "the name")], Shown(counted("qwen2")), VOCABULARIES)
    assert found.outcome is Outcome.CONSISTENT
    assert [c.status for c in found.claims] == ["unverified", "contradicted"]


def test_no_claim() -> None:
    assert judge([], Shown(counted("qwen2")), VOCABULARIES).outcome is Outcome.INCONCLUSIVE


def test_expected_tokenizers() -> None:
    def of(name: str) -> tuple[frozenset[str], bool]:
        claimed = decode(name, named=True)
        assert claimed is not None
        return expected(claimed, VOCABULARIES.values())

    assert of("qwen2.5-7b") == (frozenset({"qwen2"}), True)
    assert of("qwen9-7b") == (frozenset({"qwen2"}), False)
    assert of("gemini-2.5-pro") == (frozenset(), False)
