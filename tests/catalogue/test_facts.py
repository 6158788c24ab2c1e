"""The shipped facts: what has to be so, whoever adds to them, and what the texts of licences say."""

from __future__ import annotations

import re

import pytest

from forebear.catalogue.collection import shipped
from forebear.catalogue.developers import EDGES, published
from forebear.catalogue.facts import Confidence
from forebear.catalogue.instruments import instruments
from forebear.catalogue.licences import DutyKind, KnownLicence, Permission, licences
from forebear.catalogue.models import known_models
from forebear.catalogue.query import bases
from forebear.lineage.chain import EdgeKind
from shared import shared


def test_the_kinds_of_edges_are_those_of_chains() -> None:
    assert set(EDGES) == {kind.value for kind in EdgeKind} and len(EDGES) == len(set(EDGES))


def test_there_are_facts_of_every_kind() -> None:
    facts = shipped()
    assert len(facts.developers) >= 60 and len(facts.models) >= 190 and len(facts.licences) >= 100
    assert len(facts.instruments) >= 17 and {"CN-NIL7", "US-1532-A"} <= set(facts.factors)


def test_memory_is_called_unverified_and_nothing_else_is() -> None:
    facts = shipped()
    kinds = (facts.developers, facts.models, facts.licences, facts.factors, facts.instruments)
    for entry in (entry for kind in kinds for entry in kind.values()):
        for path, basis in bases(entry):
            remembered = all(facts.sources[source].kind == "memory" for source in basis.sources)
            assert remembered == (basis.confidence is Confidence.UNVERIFIED), (entry, path)


def test_high_confidence_has_a_primary_text_or_two_sources() -> None:
    facts = shipped()
    for licence in facts.licences.values():
        if licence.basis.confidence is Confidence.HIGH:
            kinds = [facts.sources[source].kind for source in licence.basis.sources]
            assert "primary" in kinds or len(kinds) > 1, licence.id


def test_no_source_is_a_tool_or_a_path_of_somebodys_machine() -> None:
    for source in shipped().sources.values():
        assert not re.search(r"(^|\s)[/~]|\\|shared/|\.cache|find_string|read_file|\bmir:|id \d{8,}", source.what)


def test_moonshot_keeps_three_questions_apart() -> None:
    moonshot = shipped().developers["moonshot"]
    assert {seat.country for seat in moonshot.incorporated_in} >= {"SG", "CN"}
    assert [seat.country for seat in moonshot.engineering_in] == ["CN"]
    singapore = next(seat for seat in moonshot.incorporated_in if seat.country == "SG")
    assert "PTE" in singapore.entity and "kimi-terms" in singapore.basis.sources


OF_OTHERS = ("openai-community", "FreedomIntelligence", "huggyllama", "codellama")
"""Accounts under which a model lies that is not its account-holder's own."""


def test_repositories_are_those_of_their_developers() -> None:
    facts = shipped()
    for model in facts.models.values():
        account = model.repository.split("/")[0]
        owner = facts.developers[model.developer]
        if account and owner.hub_accounts:
            assert account in (*owner.hub_accounts, *OF_OTHERS), model.name


def test_models_whose_shape_is_known_are_linked_by_repository() -> None:
    shapes = {model.repository for model in known_models()}
    assert sum(model.repository in shapes for model in published().values()) > 25


def test_a_disputed_descent_is_kept_as_one() -> None:
    pangu = published()["Pangu Pro MoE"]
    assert pangu.parents[0].basis.confidence.rank <= Confidence.LOW.rank
    assert pangu.parents[0].disclosed is False and "Disputed" in pangu.note


def test_kimi_asks_to_show_its_own_name() -> None:
    for model, words in (("Kimi-K2-Base", "Kimi K2"), ("Kimi-K2.5", "Kimi K2.5"), ("Kimi-K2.6", "Kimi K2.6")):
        licence = licences()[published()[model].licences[-1].licence]
        duty = next(o for o in licence.obligations if o.kind is DutyKind.DISPLAY_UI)
        assert duty.text == words
        assert {(c.metric, c.above, c.currency, c.period) for c in duty.any_of} == {
            ("monthly_active_users", 1e8, "", "month"),
            ("revenue", 2e7, "USD", "month"),
        }


def test_minimax_counts_by_the_year() -> None:
    duty = next(o for o in licences()["minimax-m2-modified-mit"].obligations if o.kind is DutyKind.DISPLAY_UI)
    assert [(c.above, c.period) for c in duty.any_of if c.metric == "revenue"] == [(3e7, "year")]


def test_a_permissive_licence_has_no_conditions() -> None:
    for licence in licences().values():
        if licence.permissive:
            assert licence.relicensing in (Permission.YES, Permission.UNKNOWN), licence.id
            assert not licence.territory_excluded and licence.military is not Permission.NO
            assert not any(o.any_of or o.all_of for o in licence.obligations), licence.id


def test_every_instrument_says_what_was_not_read() -> None:
    for instrument in instruments().values():
        sources = [shipped().sources[source] for source in instrument.basis.sources]
        assert instrument.caveat or any(source.kind == "primary" for source in sources), instrument.id
        assert instrument.status and instrument.binding and instrument.jurisdictions


TEXTS = {
    "deepseek-license-1.0": "deepseek_model_license_v1.txt",
    "exaone-1.2-nc": "exaone-4.0_LICENSE.txt",
    "gemma-tou-2025-03-24": "gemma_terms_of_use.a.txt",
    "kimi-k2-modified-mit": "kimi-k2_modified-MIT.txt",
    "kimi-k2.5-modified-mit": "kimi-k2.5_modified-MIT.txt",
    "llama1": "scancode/llama-license-2023.LICENSE",
    "llama2": "llama2_community_LICENSE.txt",
    "llama3": "llama3_community_LICENSE.txt",
    "llama3.1": "llama3_1_community_LICENSE.txt",
    "llama3.2": "llama3_2_community_LICENSE.txt",
    "llama3.3": "llama3_3_community_LICENSE.txt",
    "llama4": "llama4_community_LICENSE.txt",
    "minimax-01-model": "minimax-01_model_license.txt",
    "minimax-m2-modified-mit": "minimax-m2_LICENSE.txt",
    "tongyi-qianwen-2023": "tongyi-qianwen_LICENSE.txt",
    "tongyi-qianwen-research": "tongyi-qianwen_RESEARCH_LICENSE.txt",
}
MILLIONS = 1_000_000


def plain(text: str) -> str:
    """Words alone: no quotation marks, line wraps or signs of Markdown."""
    return " ".join(re.sub(r"[\"“”*\\]", "", text).replace("©", "(c)").split()).lower()


@pytest.mark.shared
@pytest.mark.parametrize("licence", TEXTS)
def test_exact_words_and_thresholds_stand_in_the_text(licence: str) -> None:
    text = plain((shared("artefacts/licences") / TEXTS[licence]).read_text("utf-8"))
    known: KnownLicence = licences()[licence]
    for obligation in known.obligations:
        for words in filter(None, (obligation.text, *obligation.alternatives)):
            assert plain(words) in text
        for condition in (*obligation.any_of, *obligation.all_of):
            if condition.above:
                assert f"{condition.above / MILLIONS:.0f} million" in text
                assert not condition.inclusive and re.search(r"more than|greater than", text)
    asked = {o.kind for o in known.obligations}
    assert (DutyKind.NOTICE_FILE in asked) == ("notice text file" in text or licence == "llama1")


@pytest.mark.shared
def test_prohibitions_of_military_use_stand_in_the_text() -> None:
    folder = shared("artefacts/licences")
    for licence, file in TEXTS.items():
        policy = folder / file.replace("_community_LICENSE.txt", "_USE_POLICY.md")
        text = (folder / file).read_text("utf-8") + (policy.read_text("utf-8") if policy.suffix == ".md" else "")
        assert (licences()[licence].military is Permission.NO) == ("military" in text.lower()), licence
