"""Scans against an index: ancestors, claims, findings."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import forebear
from disguises import disguise
from documents import check_document
from edits import as_float32, copy, drifted, edit, move_gains, repeat_width
from forebear.errors import InputError, UsageError
from forebear.index import LocalIndex
from forebear.inspect import enrol
from forebear.types import Level, Verdict
from models import tiny_llama


@pytest.fixture
def index(tmp_path: Path) -> LocalIndex:
    return LocalIndex(tmp_path / "home")


@pytest.fixture
def base(tmp_path: Path, index: LocalIndex) -> Path:
    """A base among three unrelated references of the same shape."""
    for number in range(4):
        tiny_llama(tmp_path / f"ref{number}", seed=number)
        move_gains(tmp_path / f"ref{number}", number)
        enrol(str(tmp_path / f"ref{number}"), index, f"org/ref{number}")
    return tmp_path / "ref0"


def test_the_ancestor_is_found_among_strangers(base: Path, index: LocalIndex) -> None:
    result = forebear.scan(str(drifted(base, "child", 0.2)), index)
    assert [a.name for a in result.ancestors] == ["org/ref0"]
    assert result.verdict is Verdict.DEPENDENT
    assert result.references_tested == 4
    assert result.ancestors[0].log10_e == pytest.approx(-30 + np.log10(4))
    check_document(result.to_json())


def test_an_innocent_model_is_not_accused(tmp_path: Path, base: Path, index: LocalIndex) -> None:
    tiny_llama(tmp_path / "innocent", seed=77)
    result = forebear.scan(str(tmp_path / "innocent"), index)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.ancestors == () and result.related is None
    assert "not independence" in result.why


def test_an_empty_index_says_what_would_settle_it(base: Path, tmp_path: Path) -> None:
    result = forebear.scan(str(base), LocalIndex(tmp_path / "empty"))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert [f.id for f in result.findings] == ["no-reference-tested"]
    assert "forebear index add" in result.findings[0].clears
    assert not (tmp_path / "empty").exists()
    check_document(result.to_json())


def test_a_reference_scanned_at_its_place_is_indexed(base: Path, index: LocalIndex) -> None:
    result = forebear.scan(str(base), index)
    assert result.verdict is Verdict.INDEXED
    assert result.findings == ()


def test_a_reupload_of_a_reference_is_identical(base: Path, index: LocalIndex) -> None:
    result = forebear.scan(str(copy(base, "reupload")), index)
    assert result.verdict is Verdict.IDENTICAL


def test_a_reference_whose_files_are_gone_still_answers(base: Path, index: LocalIndex) -> None:
    child = drifted(base, "child", 0.2)
    shutil.rmtree(base)
    result = forebear.scan(str(child), index)
    assert result.ancestors[0].name == "org/ref0"
    assert result.verdict in (Verdict.DEPENDENT, Verdict.SAME_INIT_OR_DERIVED)
    assert any("no longer at" in gap.why for gap in result.coverage.not_tested)


def test_a_reference_replaced_on_disk_is_noticed(base: Path, index: LocalIndex, tmp_path: Path) -> None:
    child = drifted(base, "child", 0.2)
    shutil.rmtree(base)
    tiny_llama(base, seed=500)
    result = forebear.scan(str(child), index)
    assert result.ancestors[0].name == "org/ref0"
    assert any("has changed since" in gap.why for gap in result.coverage.not_tested)


def test_replaced_files_never_give_an_old_answer(base: Path, index: LocalIndex, tmp_path: Path) -> None:
    child = drifted(base, "child", 0.2)
    assert forebear.scan(str(child), index).related is True
    shutil.rmtree(child)
    tiny_llama(child, seed=600)
    assert forebear.scan(str(child), index).related is None


CARD = "---\nlicense: mit\n{base}---\n# Model\n{text}\n"


@pytest.mark.parametrize(
    ("front", "text", "status", "levels"),
    [
        ("base_model: org/ref0\n", "", "confirmed", []),
        ("base_model: ref0\n", "", "confirmed", []),
        ("base_model: someone/ref0\n", "", "unverified", [Level.NOTE]),
        ("base_model: org/ref1\n", "", "unverified", [Level.NOTE]),
        ("", "", None, [Level.NOTE]),
        ("", "Trained from scratch by us.", "unverified", [Level.NOTE]),
    ],
)
def test_claims_are_held_against_the_weights(
    front: str, text: str, status: str | None, levels: list[Level], base: Path, index: LocalIndex
) -> None:
    child = drifted(base, "child", 0.1)
    (child / "README.md").write_text(CARD.format(base=front, text=text))
    result = forebear.scan(str(child), index)
    assert [c.status for c in result.claims] == ([status] if status else [])
    assert [f.level for f in result.findings if f.id == "ancestor-undeclared"] == levels


def test_from_scratch_is_contradicted_only_where_direction_is_proved(base: Path, index: LocalIndex) -> None:
    pruned = copy(base, "pruned")
    edit(pruned, lambda n, v: np.where(np.abs(v) < 0.3 * v.std(), 0, v) if "proj" in n else v)
    (pruned / "README.md").write_text(CARD.format(base="", text="Trained from scratch."))
    result = forebear.scan(str(pruned), index)
    assert [c.status for c in result.claims] == ["contradicted"]
    told = [(f.id, f.level) for f in result.findings]
    assert told == [("ancestor-undeclared", Level.ERROR), ("licence-notice-missing", Level.WARNING)]


def test_a_base_is_not_accused_because_its_child_is_indexed(tmp_path: Path) -> None:
    """A child indexed as a reference, the base scanned: its honest card must not be called false."""
    tiny_llama(tmp_path / "base", seed=1, card="# Base\nTrained from scratch.\n")
    pruned = copy(tmp_path / "base", "pruned")
    edit(pruned, lambda n, v: np.where(np.abs(v) < 0.3 * v.std(), 0, v) if "proj" in n else v)
    index = LocalIndex(tmp_path / "home")
    enrol(str(pruned), index, "child")
    result = forebear.scan(str(tmp_path / "base"), index)
    assert result.verdict is Verdict.DEPENDENT
    assert all(f.level is Level.NOTE for f in result.findings)
    assert all(c.status == "unverified" for c in result.claims)


def test_an_unreadable_card_does_not_cost_the_answer(base: Path, index: LocalIndex) -> None:
    child = drifted(base, "child", 0.2)
    (child / "README.md").write_bytes(b"---\nlicense: mit\n---\n\xff\xfe caf\xe9")
    result = forebear.scan(str(child), index)
    assert result.related is True
    assert result.problems and "UTF-8" in result.problems[0]


def test_a_model_without_config_answers_from_names_and_shapes(base: Path, index: LocalIndex) -> None:
    child = drifted(base, "child", 0.2)
    (child / "config.json").unlink()
    result = forebear.scan(str(child), index)
    assert result.ancestors[0].name == "org/ref0"
    assert any("number of heads" in gap.why for gap in result.coverage.not_tested)


def test_an_unknown_architecture_is_said_to_be_unknown(base: Path, index: LocalIndex) -> None:
    from models import write_safetensors

    odd = base.parent / "odd"
    odd.mkdir()
    write_safetensors(odd / "model.safetensors", {"w": np.ones((8, 8), dtype=np.float32)})
    result = forebear.scan(str(odd), index)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "no known family" in result.why
    with pytest.raises(InputError, match="too few"):
        enrol(str(odd), index)


def test_a_missing_target_is_a_usage_error(index: LocalIndex) -> None:
    with pytest.raises(UsageError, match="no such file"):
        forebear.scan("/nowhere/at/all", index)


def test_an_honest_base_is_not_accused_by_an_index_with_a_forged_parent(tmp_path: Path) -> None:
    """Anyone can add to a BF16 base what rounding takes away again: that gives no direction and no accusation."""
    base = tiny_llama(tmp_path / "base", seed=1, card="# Base\n\nTrained from scratch.\n")
    move_gains(base, 3)
    forged = as_float32(base, "forged", lambda _, v: v * np.float32(1.0009))
    index = LocalIndex(tmp_path / "home")
    enrol(str(forged), index, "evil/forged")
    result = forebear.scan(str(base), index)
    assert result.verdict is Verdict.DEPENDENT
    assert result.ancestors[0].relation.direction == "unknown"
    assert all(f.level is Level.NOTE for f in result.findings)
    assert all(c.status == "unverified" for c in result.claims)


def test_a_moved_copy_of_a_reference_needs_no_declaration(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "here" / "model", seed=1)
    index = LocalIndex(tmp_path / "home")
    enrol(str(base), index, "org/model")
    (tmp_path / "there").mkdir()
    shutil.copytree(base, tmp_path / "there" / "model")
    result = forebear.scan(str(tmp_path / "there" / "model"), index)
    assert (result.verdict, result.findings) == (Verdict.IDENTICAL, ())


def test_a_base_that_names_its_own_child_is_not_confirmed(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", seed=1, card="---\nbase_model: x/child\n---\n# Base\n")
    pruned = copy(base, "pruned")
    edit(pruned, lambda n, v: np.where(np.abs(v) < 0.3 * v.std(), 0, v) if "proj" in n else v)
    index = LocalIndex(tmp_path / "home")
    enrol(str(pruned), index, "x/child")
    assert [c.status for c in forebear.scan(str(base), index).claims] == ["unverified"]


def test_an_indexed_model_alone_is_related_to_nothing(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", seed=1)
    index = LocalIndex(tmp_path / "home")
    enrol(str(base), index)
    result = forebear.scan(str(base), index)
    assert (result.verdict, result.related) == (Verdict.INDEXED, None)


def test_a_model_without_coins_was_not_tested(base: Path, index: LocalIndex) -> None:
    zero = copy(base, "zero")
    edit(zero, lambda n, v: v * 0)
    result = forebear.scan(str(zero), index)
    assert result.references_tested == 0
    assert "too few" in result.why
    assert [f.id for f in result.findings] == ["no-reference-tested"]


def test_a_quick_scan_says_that_it_did_not_look(base: Path, index: LocalIndex) -> None:
    child = drifted(base, "child", 0.1)
    (child / "README.md").write_text(CARD.format(base="base_model: org/ref0\n", text=""))
    result = forebear.scan(str(child), index, effort="quick")
    assert (result.verdict, result.ancestors, result.findings) == (Verdict.INCONCLUSIVE, (), ())
    assert [c.why for c in result.claims] == ["the weights were not examined"]


@pytest.mark.parametrize("files", ["there", "gone"])
def test_models_that_both_repeat_themselves_are_not_related_by_code_or_rows(files: str, tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", seed=1)
    repeat_width(base)
    index = LocalIndex(tmp_path / "home")
    enrol(str(base), index)
    child = drifted(base, "child", 0.01)
    if files == "gone":
        shutil.rmtree(base)
    result = forebear.scan(str(child), index)
    assert (result.verdict, result.ancestors) == (Verdict.INCONCLUSIVE, ())


def test_the_finding_says_when_it_was_the_coins_that_were_missing(base: Path, index: LocalIndex) -> None:
    zero = copy(base, "zero")
    edit(zero, lambda n, v: v * 0)
    assert "only 0 sign coins" in forebear.scan(str(zero), index).findings[0].message


def test_oddities_of_the_tokenizer_are_told_and_are_no_problem(base: Path, index: LocalIndex) -> None:
    path = base / "tokenizer.json"
    data = json.loads(path.read_text())
    data["added_tokens"].append({"id": 9, "content": "word200", "special": True})
    path.write_text(json.dumps(data))
    result = forebear.scan(str(base), index)
    told = [gap.why for gap in result.coverage.not_tested if gap.what == "tokenizer, as it was read"]
    assert told and "word200" in told[0] and result.problems == ()
    pair = forebear.compare(str(base), str(base.parent / "ref1"))
    assert [g.why for g in pair.coverage.not_tested if g.what == "ref0: tokenizer, as it was read"] == told
    check_document(pair.to_json())


def test_a_scrambled_child_is_found_among_strangers(base: Path, index: LocalIndex, tmp_path: Path) -> None:
    """The code is silent; references are opened by what a disguise leaves alone, and the whole index is paid for."""
    steps = ["permute-neurons", "permute-heads", "rotate", "renumber-tokens", "noise:0.2", "rename"]
    result = forebear.scan(str(disguise(base, tmp_path / "child", steps, 1)), index)
    assert [(a.name, a.verdict) for a in result.ancestors] == [("org/ref0", Verdict.SAME_INIT_OR_DERIVED)]
    assert result.ancestors[0].relation.kind == "obfuscated"
    assert result.ancestors[0].log10_e == pytest.approx(result.ancestors[0].log10_p + np.log10(4))
    scrambled = [f for f in result.findings if f.id == "coordinates-scrambled"]
    assert len(scrambled) == 1 and "org/ref0" in scrambled[0].message and "rotated" in scrambled[0].message
    check_document(result.to_json())


def test_a_reference_is_opened_once(
    base: Path, index: LocalIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    tiny_llama(tmp_path / "innocent", seed=77)
    result = forebear.scan(str(tmp_path / "innocent"), index, on_step=told.append)
    compared = [step for step in told if "org/ref" in step]
    assert result.ancestors == () and not any(f.id == "coordinates-scrambled" for f in result.findings)
    assert sorted(s for k in range(4) for s in compared if f"org/ref{k}" in s) == sorted(compared)
    assert len(compared) == len({step.split("org/")[1][:4] for step in compared}) == 4


def test_where_the_model_was_found_no_other_reference_is_opened(base: Path, index: LocalIndex, tmp_path: Path) -> None:
    told: list[str] = []
    forebear.scan(str(drifted(base, "child", 0.1)), index, on_step=told.append)
    assert not any("coordinates" in step for step in told)
