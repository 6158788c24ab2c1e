"""Licences for people: the answer first, in words that promise no more than was found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from forebear.catalogue.licences import DutyKind, Obligation, Permission
from forebear.cli.options import rendered
from forebear.licences.answer import (
    Agreement,
    ChangeKind,
    ClauseChange,
    Detection,
    LicenceAnswer,
    Opinion,
    SecondOpinion,
)
from forebear.licences.organisation import Organisation
from forebear.lineage.chain import Standing
from forebear.report import licence as report
from licence_cases import BASE, CHILD, MAU, answer, chain, documents, limited, obliging

BOTH = limited(
    obligations=(
        Obligation(DutyKind.NAME_PREFIX, "Vole", clause="1.b"),
        Obligation(DutyKind.DISPLAY_UI, "Vole 7", any_of=(MAU,)),
        Obligation(DutyKind.INCLUDE_LICENCE),
    ),
    territory_excluded=("EU",),
    relicensing=Permission.NO,
)
PAPERS = documents(front={"license": "permissive"})


def table(found: LicenceAnswer, **how: Any) -> str:
    return " ".join(rendered(lambda console: report.terminal(console, found, **how)).split())


def test_the_answer_comes_first() -> None:
    found = answer(BOTH, PAPERS)
    head = "3 duties are not met and 2 depend on facts that are not known. 1 conflict needs confirmation."
    assert report.sentence(found) == head
    assert table(found).startswith(f"{CHILD} ● {head}")
    assert f"**{head}**" in report.markdown(found)


@pytest.mark.parametrize(
    ("known", "organisation", "sentence"),
    [
        (obliging(DutyKind.NAME_PREFIX, "Vole"), None, "1 duty is not met."),
        (obliging(DutyKind.NAME_PREFIX, "Mole"), None, "1 duty is met or not asked for."),
        (obliging(DutyKind.DISPLAY_UI, "x", any_of=(MAU,)), None, "1 duty depends on facts that are not known."),
        (
            obliging(DutyKind.DISPLAY_UI, "x", any_of=(MAU,)),
            Organisation(monthly_active_users=1),
            "1 duty is met or not asked for.",
        ),
        (limited(), None, "The licences along its lineage that are known here demand nothing of it."),
    ],
)
def test_sentences(known: Any, organisation: Organisation | None, sentence: str) -> None:
    assert report.sentence(answer(known, documents(), organisation)) == sentence


def test_not_to_know_a_licence_is_not_freedom() -> None:
    found = answer(BOTH, documents(), of=chain(licences=("unheard-of",)))
    assert "not to say that there is none" in report.sentence(found)


def test_every_kind_of_duty_has_words() -> None:
    from forebear.licences.limits import KINDS

    assert set(report.TITLES) == {kind.value for kind in DutyKind} | set(KINDS)
    assert set(report.STANDINGS) == set(Standing)


def test_duties_stand_by_status_with_what_clears_them() -> None:
    text = table(answer(BOTH, PAPERS))
    unmet, depends = text.index("Not met"), text.index("Depends on facts")
    assert unmet < text.index('begin the name with "Vole"') < depends < text.index('display in the interface "Vole 7"')
    for words in (
        "strict of vole/vole-7b (measured)",
        "? monthly active users above 100,000,000",
        "→ A name that begins",
    ):
        assert words in text
    assert "Not checked" in text and "Not legal advice" in text


def test_quiet_and_verbose() -> None:
    found = answer(BOTH, PAPERS)
    quiet, verbose = table(found, quiet=True), table(found, verbose=True)
    assert "Not met" in quiet and "Depends on" not in quiet and "Not checked" not in quiet
    assert "clause 1.b; sources: a-source; confidence high" in verbose


def test_what_is_possible_is_called_so() -> None:
    found = answer(BOTH, PAPERS, of=chain(standing=Standing.POSSIBLE))
    assert "possible, not established" in table(found) and "Not met" not in table(found)
    assert "possible, not established" in report.markdown(found)


def test_one_duty_of_several_ancestors_is_one_line() -> None:
    found = answer(BOTH, PAPERS)
    twice = replace(found, duties=tuple(d for one in found.duties for d in (one, replace(one, ancestor="vole/other"))))
    rows = report.grouped(twice, found.duties[0].status)
    assert rows and all(ancestors == (BASE, "vole/other") for _, ancestors in rows)


def test_texts_and_their_changes() -> None:
    change = ClauseChange(ChangeKind.ALTERED, "2", "500 million", "the threshold reads 500 million", True)
    layout = ClauseChange(ChangeKind.ALTERED, "3", "x", "spelling", False)
    texts = (
        Detection("LICENSE", "strict", "strict", "Vole License", similarity=0.97, changes=(change, layout)),
        Detection("COPYING", None),
        Detection("NOTICE", "strict", "strict", "Vole License", similarity=1.0, exact=True),
    )
    shown = table(replace(answer(BOTH, PAPERS), detected=texts))
    for words in ("97.0% of the words", "altered: the threshold", "no licence that is known here", "word for word"):
        assert words in shown
    assert "spelling" not in shown and "spelling" in table(replace(answer(BOTH), detected=texts), verbose=True)


def test_strangers_cannot_write_to_the_page() -> None:
    papers = documents(front={"license": "x\x1b[31m|<b>*evil*"})
    found = answer(BOTH, papers, of=chain(subject="acme/mo|le<b>"))
    page = report.markdown(found)
    assert "\x1b" not in table(found) and "\x1b" not in page
    assert "<b>" not in page.replace("\\<", "") and "mo\\|le" in page


@pytest.mark.parametrize(
    ("opinion", "line"),
    [
        (
            Opinion("LICENSE", "MIT", Agreement.SAME, "mit", "MIT", "MIT", 100.0),
            "LICENSE: mit, MIT, score 100: the same licence",
        ),
        (
            Opinion("LICENSE", "llama3", Agreement.LINE, "llama-3.1", "", "LicenseRef-l", 95.56, means="llama3.1"),
            "LICENSE: llama-3.1, LicenseRef-l, score 95.56, whose text is llama3.1: another one of the line of llama3",
        ),
        (
            Opinion("LICENSE", "MIT", Agreement.OTHER, "isc", "", "ISC", 80.0, means="ISC"),
            "LICENSE: isc, ISC, score 80, whose text is ISC: another licence, where Forebear reads MIT",
        ),
        (
            Opinion("LICENSE", "MIT", Agreement.GENERIC, "other-permissive", "", "", 50.0),
            "LICENSE: other-permissive, score 50: a key of no one licence, where Forebear reads MIT",
        ),
        (Opinion("LICENSE", "MIT", Agreement.NONE), "LICENSE: none, where Forebear reads MIT"),
        (Opinion("LICENSE", None, Agreement.NONE), "LICENSE: none either"),
        (Opinion("LICENSE", None, Agreement.ALONE, "mit", "", "", 99.0), "LICENSE: mit, score 99: Forebear knows none"),
        (Opinion("LICENSE", None, Agreement.BESIDES, "mit", "", "", 99.0), "LICENSE: mit, score 99: named besides"),
    ],
)
def test_a_second_opinion_is_told_where_it_was_asked_for(opinion: Opinion, line: str) -> None:
    found = answer(BOTH, PAPERS)
    assert "Second opinion" not in table(found) + report.markdown(found)
    asked = replace(found, second_opinion=SecondOpinion("ScanCode 32", (opinion,)))
    assert f"Second opinion (ScanCode 32) {line}" in table(asked)
    assert "## Second opinion (ScanCode 32)" in report.markdown(asked) and line.partition(":")[0] in report.markdown(
        asked
    )
    assert report.sentence(asked) == report.sentence(found)


def test_where_there_is_no_file_a_second_opinion_says_so() -> None:
    found = replace(answer(BOTH, PAPERS), second_opinion=SecondOpinion(""))
    assert "Second opinion (ScanCode) There is no licence file to ask about." in table(found)
