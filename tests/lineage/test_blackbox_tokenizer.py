"""What token counts say of a claim: who is expected to have which tokenizer, and each of the reasons for no answer."""

from __future__ import annotations

import pytest

from forebear.lineage.blackbox_tokenizer import Expected, by_tokenizer, counts_are_own, excluded, expected, listed
from forebear.lineage.blackbox_types import Counted, Outcome, Vocabulary


def vocabulary(name: str, *models: str, sourced: bool = True, **more: object) -> Vocabulary:
    return Vocabulary(name, models, frozenset(models if sourced else ()), **more)  # type: ignore[arg-type]


KNOWN = {
    v.name: v
    for v in (
        vocabulary("kimi", "moonshotai/Kimi-K2.5"),
        vocabulary("qwen2", "Qwen/Qwen2.5-7B", "Qwen/Qwen3-8B"),
        vocabulary("qwen2-vl", "Qwen/Qwen2.5-VL-7B", sourced=False),
        vocabulary("llama-3", "meta-llama/Llama-3.1-8B", gateway=True),
        vocabulary("cl100k_base", "gpt-4", gateway=True),
        vocabulary("yi-a", "Yi-6B", digest="one"),
        vocabulary("yi-b", "Yi-1.5-9B", sourced=False, digest="one"),
        vocabulary("alone", "acme/alone-1", digest=""),
        vocabulary("nobody", digest=""),
        vocabulary("by length", gateway=True, estimate=True),
    )
}


def wanted(text: str) -> tuple[set[str], bool, bool, str]:
    found = expected(text, KNOWN.values())
    return set(found.names), found.close, found.certain, found.whose


@pytest.mark.parametrize(
    ("text", "names", "close", "certain", "whose"),
    [
        ("acme/Alone-1", {"alone"}, True, True, "acme/Alone-1"),
        ("ALONE-1", {"alone"}, True, True, "ALONE-1"),  # accounts and case say nothing
        ("other/deep/alone-1", {"alone"}, True, True, "other/deep/alone-1"),
        ("qwen2.5-vl-7b", {"qwen2-vl"}, True, False, "qwen2.5-vl-7b"),
        ("yi-6b", {"yi-a", "yi-b"}, True, True, "yi-6b"),  # of one digest
        ("Yi-1.5-9B", {"yi-a", "yi-b"}, True, False, "Yi-1.5-9B"),
        ("nothing-known", set(), False, False, ""),
        ("gemini-2.5-pro", set(), False, False, "gemini"),
        ("qwen3-8b-instruct", {"qwen2"}, True, True, "qwen 3"),
        ("qwen3-8b-instruct:free", {"qwen2"}, True, True, "qwen 3"),
        ("qwen3-instruct", {"qwen2"}, True, True, "qwen 3"),  # of a size that is left open
        ("qwen2.5-14b", {"qwen2", "qwen2-vl"}, True, True, "qwen 2.5"),  # a size that the version has
        ("qwen3-9b", {"qwen2"}, True, False, "qwen 3"),  # and one that it has not
        ("qwen3-8b-distill", {"qwen2"}, True, False, "qwen 3"),
        ("qwen3-8b-vl", {"qwen2"}, True, False, "qwen 3"),
        ("qwen3-8b-acme", {"qwen2"}, True, False, "qwen 3"),  # a word that nobody knows
        ("qwen2.5-7b-instruct", {"qwen2", "qwen2-vl"}, True, True, "qwen 2.5"),
        ("qwen9-7b", {"qwen2", "qwen2-vl"}, False, False, "qwen"),
        ("qwen-7b", {"qwen2", "qwen2-vl"}, False, False, "qwen"),
        ("composer-2", {"kimi"}, True, False, "composer 2, which comes from kimi k2.5,"),
    ],
)
def test_who_is_expected_to_have_which(text: str, names: set[str], close: bool, certain: bool, whose: str) -> None:
    assert wanted(text) == (names, close, certain, whose)


def test_a_model_without_a_version_is_of_no_version() -> None:
    """``yi-34b`` and ``Yi-6B`` say none: that they agree in it is no agreement."""
    assert wanted("yi-34b") == ({"yi-a", "yi-b"}, False, False, "yi")


def counted(*matches: str, **more: object) -> Counted:
    return Counted(matches, **{"settled": True, **more})  # type: ignore[arg-type]


def judged(claim: str, *matches: str, **more: object) -> tuple[str, str]:
    outcome, why = by_tokenizer(claim, counted(*matches, **more), KNOWN)
    return outcome.value, why


OWN = {"engine": True}
QWEN = "qwen3-8b"


def test_counts_that_cannot_be_used() -> None:
    assert by_tokenizer(QWEN, None, KNOWN) == (
        Outcome.INCONCLUSIVE,
        "there are no token counts that could be used",
    )
    swapped = judged(QWEN, "qwen2", swapped=((), ()))
    assert swapped == ("inconclusive", "the token counts changed during the run: it is not one model all the time")
    open_ = judged(QWEN, "qwen2", settled=False)
    assert open_ == ("inconclusive", "the token counts did not settle which tokenizer it is")


def test_the_expected_tokenizer() -> None:
    assert judged(QWEN, "qwen2") == (
        "consistent",
        "the token counts are those of qwen2: a tokenizer of qwen3-8b and perhaps of others",
    )
    assert judged("qwen9-7b", "qwen2") == (
        "inconclusive",
        "the token counts are those of qwen2, a tokenizer of qwen; that of qwen9-7b itself is not known here",
    )
    assert judged(QWEN, "kimi", "qwen2")[0] == "consistent"


def test_no_tokenizer_fits() -> None:
    assert judged("acme-1") == ("unknown", "the token counts fit no known tokenizer")
    assert judged(QWEN, related=("kimi", "yi-a")) == (
        "unknown",
        "the token counts fit no known tokenizer, also not that of qwen3-8b; most agree with kimi and yi-a",
    )


def test_another_tokenizer_contradicts_only_where_all_of_it_is_certain() -> None:
    assert judged(QWEN, "kimi", **OWN) == (
        "contradicted",
        "the token counts are those of kimi, and exclude the tokenizer of qwen3-8b",
    )
    fits = "the token counts are those of kimi"
    assert judged("acme-1", "kimi", **OWN) == ("inconclusive", f"{fits}; no tokenizer of acme-1 is known here")
    assert judged("Yi-1.5-9B", "kimi", **OWN) == (
        "inconclusive",
        f"{fits} and not of Yi-1.5-9B; but no source says that Yi-1.5-9B has that one",
    )
    for engine in (None, False):
        assert judged(QWEN, "kimi", engine=engine) == (
            "inconclusive",
            f"{fits} and not of qwen3-8b; but nothing shows that the model itself counted",
        )
    assert judged(QWEN, "kimi", doubt="texts were altered", **OWN) == (
        "inconclusive",
        f"{fits} and not of qwen3-8b; but texts were altered",
    )


@pytest.mark.parametrize(
    ("matches", "more", "own"),
    [
        (("kimi",), {"engine": True}, True),
        (("llama-3",), {"engine": True}, False),  # gateways count so, too
        (("llama-3", "kimi"), {"engine": True}, True),  # not all of them are gateways'
        (("llama-3", "cl100k_base"), {"engine": True}, False),
        (("unheard-of",), {"engine": True}, True),
        (("llama-3",), {"spelt": ("llama-3",), "misspelt": ("qwen2",)}, True),
        (("llama-3",), {"spelt": ("kimi",), "misspelt": ("qwen2",)}, False),
        (("llama-3",), {"spelt": ("llama-3",), "misspelt": ("kimi",)}, False),
        (("llama-3",), {"spelt": ("llama-3",)}, False),
        (("llama-3", "kimi"), {"spelt": ("kimi",), "misspelt": ("qwen2", "yi-a")}, True),
    ],
)
def test_the_model_itself_counts_by_its_tokens_or_the_length_of_an_answer(
    matches: tuple[str, ...], more: dict[str, object], own: bool
) -> None:
    outcome, why = judged(QWEN, *matches, **more)
    assert (outcome == "contradicted") is own
    assert own or "itself counted" in why


def test_every_tokenizer_of_the_claimed_model_has_to_be_misspelt() -> None:
    for misspelt, outcome in ((("yi-a",), "inconclusive"), (("yi-a", "yi-b"), "contradicted")):
        assert judged("yi-6b", "kimi", spelt=("kimi",), misspelt=misspelt)[0] == outcome


def test_estimates_and_answers_that_are_not_spelt_so() -> None:
    assert judged(QWEN, "by length", **OWN) == (
        "inconclusive",
        "the token counts are no tokenizer's, but estimates by length (by length)",
    )
    assert "estimates" in judged(QWEN, "kimi", "by length", **OWN)[1]  # one of them will do
    foreign = judged(QWEN, "kimi", misspelt=("kimi", "yi-a"), **OWN)
    assert foreign == (
        "inconclusive",
        "the token counts are those of kimi, but the tokens of an answer are not in its vocabulary: somebody else "
        "counts",
    )
    assert judged(QWEN, "kimi", "yi-a", misspelt=("kimi",), **OWN)[0] == "contradicted"  # the other may be it
    assert judged(QWEN, "qwen2", misspelt=("qwen2",))[0] == "inconclusive"  # no agreement with what cannot be


def test_streams_that_are_counted_otherwise() -> None:
    fits = "the token counts are those of kimi"
    assert judged(QWEN, "kimi", streamed=("yi-a",), **OWN) == (
        "inconclusive",
        f"{fits}, but in a stream they are others",
    )
    assert judged(QWEN, "kimi", streamed=(), **OWN)[1].endswith("in a stream they are others")
    assert judged(QWEN, "kimi", streamed=("qwen2", "yi-a"), **OWN) == (
        "inconclusive",
        f"{fits}, but in a stream they are those of the tokenizer of qwen3-8b",
    )
    assert judged(QWEN, "kimi", streamed=("llama-3", "cl100k_base"), **OWN)[0] == "contradicted"
    assert judged(QWEN, "kimi", streamed=("llama-3", "yi-a"), **OWN)[0] == "inconclusive"
    assert judged(QWEN, "llama-3", streamed=("cl100k_base",))[1].endswith("in a stream they are others")


def test_counts_are_the_models_own_where_nothing_speaks_against_it() -> None:
    assert counts_are_own(counted("kimi"), KNOWN) and counts_are_own(counted(), KNOWN)
    assert counts_are_own(counted("kimi", streamed=("llama-3",)), KNOWN)
    assert not counts_are_own(counted("kimi", settled=False), KNOWN)
    assert not counts_are_own(counted("kimi", swapped=((), ())), KNOWN)
    assert not counts_are_own(counted("kimi", streamed=("yi-a",)), KNOWN)
    assert not counts_are_own(counted("by length"), KNOWN)
    assert not counts_are_own(counted(streamed=("llama-3",)), {})  # of tokenizers that nobody knows
    assert counts_are_own(counted(streamed=("llama-3",)), KNOWN)


@pytest.mark.parametrize(
    ("key", "out"),
    [
        (("qwen", "3"), True),
        (("kimi", "k2.5"), False),
        (("qwen", None), False),  # known by the family only
        (("gemini", "2.5"), False),
        (("qwen", "9"), False),
    ],
)
def test_a_line_is_excluded_where_its_own_version_has_another_tokenizer(key: tuple[str, str | None], out: bool) -> None:
    assert excluded(key, counted("kimi"), KNOWN) is out


def test_names_in_words() -> None:
    told = [listed("abcdef"[:n]) for n in range(7)]
    assert told == ["", "a", "a and b", "a, b and c", "a, b, c and d", "a, b, c, d and 1 more", "a, b, c, d and 2 more"]
    assert listed("abc", most=2) == "a, b and 1 more"
    assert listed("abc", most=1) == "a and 2 more"


def test_nothing_is_expected_of_nobody() -> None:
    assert expected("nothing-known", ()) == Expected() == Expected(frozenset(), False, False, "")
