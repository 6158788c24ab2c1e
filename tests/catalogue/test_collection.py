"""Files of facts: what is read, what is refused and in which words, and the user's overlay."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facts import ALL, DEVELOPER, LICENCE, MODEL, SOURCES, catalogue
from forebear.catalogue.collection import Collection, current, laid_over, overlay_files, shipped
from forebear.catalogue.developers import developers, published
from forebear.catalogue.facts import Confidence, sources
from forebear.catalogue.licences import DutyKind, licences
from forebear.errors import ForebearError, FormatError, UsageError


def test_a_file_becomes_values() -> None:
    facts = catalogue()
    acme = facts.developers["acme"]
    assert [seat.country for seat in acme.incorporated_in] == ["SG"]
    assert acme.engineering_in[0].basis.confidence is Confidence.UNVERIFIED
    assert acme.basis.as_of == acme.incorporated_in[0].basis.as_of == "2026-11-29"
    model = facts.models["Kimi-K9-8B"]
    assert (model.developer, model.family, model.version, model.size) == ("acme", "kimi", "k9", "8b")
    duty = facts.licences["acme-1.0"].obligations[0]
    assert duty.kind is DutyKind.DISPLAY_UI and [c.above for c in duty.any_of] == [100, 5]
    assert facts.files["model", "Kimi-K9-8B"] == "facts.toml"


OWNED = ALL.replace("[[model]]", '[[model]]\ndeveloper = "acme"')
WRONG = [
    (ALL.replace("hub_accounts", "hub_acounts"), "did you mean hub_accounts"),
    (ALL.replace("[[licence]]", "[[license]]"), "did you mean licence"),
    (ALL.replace('country = "SG"', 'country = "UK"'), "'UK' is no country"),
    (ALL.replace('licence = "acme-1.0"', 'licence = "acme-1.1"'), "did you mean acme-1.0"),
    (ALL.replace('["page"]', '["pages"]', 1), "did you mean page"),
    (ALL.replace('["page"]', "[]", 1), "has no sources"),
    (
        ALL.replace('confidence = "high"', 'confidence = "sure"', 1),
        "'sure' is not one of high, medium, low, unverified",
    ),
    (ALL.replace('confidence = "unverified"', 'confidence = "high"'), "rests on memory alone"),
    (ALL.replace('as_of = "2026-11-29"', ""), "has no as_of"),
    (ALL.replace('as_of = "2026-11-29"', 'as_of = "29.11.2026"'), "is not a day"),
    (ALL.replace("Acme Holding [page]", "Acme Holding"), "has no source"),
    (ALL.replace("Acme Holding [page]", "Acme Holding [pge]"), "did you mean page"),
    (ALL.replace('currency = "USD", period = "year"', 'period = "year"'), "revenue in the currency ''"),
    (ALL.replace('period = "year"', 'period = "quarter"'), "month or year"),
    (ALL.replace("above = 100, ", ""), "needs a figure"),
    (ALL.replace('"monthly_active_users"', '"mau"'), "there is no metric 'mau'"),
    (ALL.replace("display_ui", "display_tui"), "is not one of include_licence_copy"),
    (ALL.replace('"Acme Research"]', "1]"), "is not a text"),
    (ALL.replace('name = "Acme"', ""), "has no name"),
    (OWNED + DEVELOPER.replace('"Acme"', '"B"'), "is there twice"),
    (ALL + DEVELOPER.replace("acme", "b").replace("Acme", "B"), "has no developer"),
    (OWNED + DEVELOPER.replace('"acme"', '"b"').replace('name = "Acme"', 'name = "B"'), "already leads to acme"),
    (ALL.replace("[[developer]]", "[developer]", 1).replace("[[developer.", "[[x."), "unknown table 'x'"),
    (ALL.replace('kind = "primary"', 'kind = "rumour"'), "is not one of primary, secondary, memory"),
    ("as_of = ", "no TOML"),
    (ALL.replace("[[model]]\n", '[[model]]\nreleased = "spring"\n'), "is no day, month or year"),
    (ALL.replace('id = "acme"', 'id = "../acme"'), "is not an identifier"),
]


@pytest.mark.parametrize(("text", "said"), WRONG, ids=[said for _, said in WRONG])
def test_what_is_wrong_is_refused_with_file_and_entry(text: str, said: str) -> None:
    with pytest.raises(FormatError) as refused:
        catalogue(text)
    assert said in str(refused.value) and str(refused.value).startswith("facts.toml: ")
    assert "\n" not in str(refused.value)


PARENT = """
[[model.parents]]
name = "{name}"
kind = "{kind}"
sources = ["page"]
confidence = "medium"
"""


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("Kimi-K8", "finetune", "there is no model 'Kimi-K8'"),
        ("Kimi-K9-8B", "fine-tune", "did you mean finetune"),
        ("somebody/outside", "finetune", ""),
    ],
)
def test_a_parent_is_in_the_catalogue_or_a_repository(name: str, kind: str, said: str) -> None:
    text = SOURCES + DEVELOPER + MODEL + PARENT.format(name=name, kind=kind) + LICENCE
    if not said:
        assert catalogue(text).models["Kimi-K9-8B"].parents[0].name == name
        return
    with pytest.raises(FormatError) as refused:
        catalogue(text)
    assert said in str(refused.value)


def test_from_scratch_and_a_parent_contradict_each_other() -> None:
    scratch = MODEL.replace("[[model]]", "[[model]]\nfrom_scratch = true")
    whole = SOURCES + DEVELOPER + scratch + PARENT.format(name="a/b", kind="finetune") + LICENCE
    with pytest.raises(FormatError):
        catalogue(whole)
    part = whole.replace('kind = "finetune"', 'kind = "component_shared"\ncomponent = "vision encoder"')
    assert catalogue(part).models["Kimi-K9-8B"].from_scratch


def test_an_overlay_adds_and_replaces(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(OWNED + DEVELOPER.replace("acme", "moonshot").replace("Acme", "Moonshot AI"))
    facts = laid_over(shipped(), [mine])
    assert len(facts.developers) == len(shipped().developers) + 1
    assert [s.country for s in facts.developers["moonshot"].incorporated_in] == ["SG"]
    assert len(shipped().developers["moonshot"].incorporated_in) > 1  # what ships is as it was
    assert facts.files["developer", "moonshot"] == str(mine)


def test_the_users_folder_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREBEAR_HOME", str(tmp_path))
    assert current() is shipped() and overlay_files(tmp_path / "catalogue") == []
    monkeypatch.setenv("FOREBEAR_HOME", str(tmp_path / "other"))
    folder = tmp_path / "other" / "catalogue"
    folder.mkdir(parents=True)
    (folder / "a.toml").write_text(SOURCES + DEVELOPER)
    (folder / "b.toml").write_text(
        'as_of = "2026-11-29"\n' + MODEL.replace("[[model]]", '[[model]]\ndeveloper = "acme"') + LICENCE
    )
    (folder / "notes.txt").write_text("not read")
    assert {"acme"} < set(developers()) and "Kimi-K9-8B" in published()
    assert "acme-1.0" in licences() and "page" in sources()


def test_an_overlay_cannot_take_a_source_of_ours(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(SOURCES.replace("recall", "memory"))
    with pytest.raises(FormatError, match="source memory is there already"):
        laid_over(shipped(), [mine])


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not there"):
        laid_over(shipped(), [tmp_path / "none.toml"])
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(FormatError, match="not UTF-8"):
        laid_over(shipped(), [tmp_path / "b.toml"])
    with pytest.raises(ForebearError):
        laid_over(shipped(), [tmp_path])


@given(st.text(alphabet='[]{}=".\n abmodelscuri_1', max_size=300))
def test_no_text_crashes_the_reader(text: str) -> None:
    try:
        assert isinstance(catalogue(text), Collection)
    except FormatError as refused:
        assert "\n" not in str(refused)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(FormatError):
        catalogue("developer = " + "[" * 100_000)


def test_the_example_of_the_manual_is_a_file_that_can_be_laid_over() -> None:
    manual = (Path(__file__).resolve().parents[2] / "docs" / "catalogue.md").read_text("utf-8")
    found = re.search(r"```toml\n(.*?)```", manual, re.DOTALL)
    assert found
    model = catalogue(found[1], shipped()).models["bolt-7b"]
    assert model.developer == "acme" and model.licences[0].revision == "3f2a91c"
    assert model.parents[0].name in shipped().models
