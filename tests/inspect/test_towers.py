"""Encoders beside language models, from files to verdicts: one tower in two models is a part, and no descent."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

import forebear
from documents import check_document
from edits import drifted, move_gains
from forebear.errors import InputError
from forebear.index import LocalIndex
from forebear.inspect import enrol
from forebear.types import Comparison, Evidence, Scan, Verdict
from models import tiny_llama
from towers import alone, around, core_of, prefixed, tower, trained

NAME = "tower-coins/1"
CLIP, VIT = "vision_tower.vision_model.", "model.visual."


def told(result: Comparison) -> Evidence:
    return next(e for e in result.evidence if e.signal == NAME)


def compared(a: Path, b: Path, effort: str = "standard") -> Comparison:
    result = forebear.compare(str(a), str(b), effort)
    check_document(result.to_json())
    return result


@pytest.fixture
def index(tmp_path: Path) -> LocalIndex:
    return LocalIndex(tmp_path / "home")


def test_one_tower_in_two_models_is_a_shared_component(tmp_path: Path) -> None:
    drawn = tower("vit", 1)
    a = around(tmp_path / "a", 1, prefixed(drawn, "visual."))
    b = around(tmp_path / "b", 2, prefixed(trained(drawn, 0.5, 3), VIT))
    result = compared(a, b)
    assert result.verdict is Verdict.COMPONENT_SHARED and result.relation.kind == "component_shared"
    assert result.relation.details["components"] == ["vision tower"] and result.relation.direction == "unknown"
    evidence = told(result)
    assert evidence.supports == "related" and evidence.test.value == "exact" and evidence.n == 6 * 48
    assert result.log10_p == evidence.log10_p == -30
    assert result.evidence[0].signal == "sign-code/1" and result.evidence[0].supports == "nothing"
    assert f"{NAME}: 288 coins of the vision tower" in result.coverage.tested
    assert not result.findings and "derived" not in str(result.to_json())


def test_independent_towers_are_nothing(tmp_path: Path) -> None:
    a = around(tmp_path / "a", 1, prefixed(tower("clip", 1), CLIP))
    result = compared(a, around(tmp_path / "b", 2, prefixed(tower("clip", 2), CLIP)))
    assert result.verdict is Verdict.SAME_ARCHITECTURE and told(result).supports == "nothing"
    assert told(result).log10_p is not None and told(result).log10_p > -3  # type: ignore[operator]


def test_a_dependent_language_model_is_told_as_before_and_the_tower_beside_it(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "core", 1)
    move_gains(base, 4)
    core, drawn = core_of(base), prefixed(tower("clip", 1), CLIP)
    a = around(tmp_path / "a", 1, drawn, core)
    child = core_of(drifted(base, "child", 0.1))
    result = compared(a, around(tmp_path / "b", 1, trained(drawn, 0.2, 3), child))
    assert result.verdict is Verdict.DEPENDENT and told(result).supports == "related"
    other = compared(a, around(tmp_path / "c", 1, prefixed(tower("clip", 9), CLIP), child))
    assert other.verdict is Verdict.DEPENDENT and told(other).supports == "nothing"


def test_a_tower_against_none_is_said_not_to_be_compared(tmp_path: Path) -> None:
    a = around(tmp_path / "a", 1, prefixed(tower("clip", 1), CLIP))
    for b in (
        tiny_llama(tmp_path / "text", 2),
        around(tmp_path / "wider", 2, prefixed(tower("clip", 1, width=96), CLIP)),
    ):
        result = compared(a, b)
        assert result.verdict is not Verdict.COMPONENT_SHARED
        assert [e for e in result.evidence if e.signal == NAME] == []
        assert any(
            g.what == "a: vision tower" and "no tower of that shape" in g.why for g in result.coverage.not_tested
        )


def test_unknown_names_find_a_known_tower_and_two_of_them_establish_nothing(tmp_path: Path) -> None:
    drawn = tower("clip", 1)
    odd = {n.replace("self_attn", "mixer").replace("layer_norm", "n"): v for n, v in drawn.items()}
    a = around(tmp_path / "a", 1, prefixed(drawn, CLIP))
    b, c = (around(tmp_path / f"{k}", k, prefixed(trained(odd, 0.2, k), "eyes.")) for k in (2, 3))
    result = compared(a, b)
    assert result.verdict is Verdict.COMPONENT_SHARED and result.relation.details["components"] == ["vision tower"]
    both = compared(b, c)
    assert told(both).test.value == "heuristic" and told(both).supports == "nothing"
    assert both.verdict is Verdict.SAME_ARCHITECTURE


def test_quick_looks_at_no_tower(tmp_path: Path) -> None:
    drawn = prefixed(tower("clip", 1), CLIP)
    result = compared(around(tmp_path / "a", 1, drawn), around(tmp_path / "b", 2, drawn), "quick")
    assert result.verdict is not Verdict.COMPONENT_SHARED and not [e for e in result.evidence if e.signal == NAME]


def test_sight_and_hearing_are_compared_each_with_its_like(tmp_path: Path) -> None:
    sight, sound = prefixed(tower("clip", 1), CLIP), prefixed(tower("whisper", 2), "audio_tower.")
    a = around(tmp_path / "a", 1, {**sight, **sound})
    b = around(tmp_path / "b", 2, {**prefixed(tower("clip", 3), CLIP), **trained(sound, 0.3, 4)})
    result = compared(a, b)
    assert result.relation.details["components"] == ["audio tower"]
    assert {e.details["component"]: e.supports for e in result.evidence if e.signal == NAME} == {
        "vision tower": "nothing",
        "audio tower": "related",
    }


def scanned(target: Path, index: LocalIndex) -> Scan:
    result = forebear.scan(str(target), index)
    check_document(result.to_json())
    return result


def test_a_scan_names_every_model_that_has_the_tower_and_its_source(tmp_path: Path, index: LocalIndex) -> None:
    drawn = tower("clip", 1)
    enrol(str(alone(tmp_path / "siglip", prefixed(drawn, "vision_model."))), index, "org/siglip")
    for k, name in enumerate(("one", "two", "other", "text")):
        held = prefixed(tower("clip", 5) if name == "other" else trained(drawn, 0.1, k), CLIP)
        folder = tiny_llama(tmp_path / name, k) if name == "text" else around(tmp_path / name, k, held)
        enrol(str(folder), index, f"org/{name}")
    result = scanned(around(tmp_path / "mine", 9, prefixed(trained(drawn, 0.1, 9), "visual.")), index)
    assert result.verdict is Verdict.COMPONENT_SHARED
    assert result.ancestors[0].name == "org/siglip" and "in 2 more of the references" in result.why
    assert {a.name for a in result.ancestors} == {"org/siglip", "org/one", "org/two"}
    assert all(a.relation.direction == "unknown" and a.relation.kind == "component_shared" for a in result.ancestors)
    assert f"{NAME}: 288 coins of the vision tower against 4 of 5 references" in result.coverage.tested
    assert not [f for f in result.findings if f.level.rank > 0 or f.id == "ancestor-undeclared"]


def test_the_parent_of_the_language_model_comes_before_who_shares_its_tower(tmp_path: Path, index: LocalIndex) -> None:
    drawn = prefixed(tower("clip", 1), CLIP)
    base = tiny_llama(tmp_path / "core", 1)
    move_gains(base, 4)
    enrol(str(base), index, "org/parent")
    for k in range(3):
        enrol(str(around(tmp_path / f"m{k}", 20 + k, drawn)), index, f"org/a{k}")
    result = scanned(around(tmp_path / "mine", 1, drawn, core_of(drifted(base, "child", 0.3))), index)
    assert result.ancestors[0].name == "org/parent" and len(result.ancestors) == 4
    assert result.verdict is Verdict.DEPENDENT
    assert {a.verdict for a in result.ancestors[1:]} == {Verdict.COMPONENT_SHARED}


def test_a_claim_of_training_from_scratch_hears_of_the_tower(tmp_path: Path, index: LocalIndex) -> None:
    drawn = prefixed(tower("clip", 1), CLIP)
    enrol(str(around(tmp_path / "a", 1, drawn)), index, "org/a")
    mine = around(tmp_path / "mine", 2, trained(drawn, 0.2, 2))
    (mine / "README.md").write_text("# A model\n\nThis model was trained from scratch.\n")
    (claim,) = scanned(mine, index).claims
    assert claim.status == "unverified"
    assert claim.why == "it shares the vision tower with org/a; who has that from whom is not settled"


def test_references_whose_files_or_towers_are_gone_still_answer(tmp_path: Path, index: LocalIndex) -> None:
    drawn = prefixed(tower("clip", 1), CLIP)
    folder = around(tmp_path / "a", 1, drawn)
    enrol(str(folder), index, "org/a")
    mine = around(tmp_path / "mine", 2, trained(drawn, 0.2, 2))
    folder.rename(tmp_path / "moved")
    result = scanned(mine, index)
    assert result.verdict is Verdict.COMPONENT_SHARED
    assert any(g.what == "rows of org/a" for g in result.coverage.not_tested)
    with closing(sqlite3.connect(index.folder / "index.db")) as db, db:
        db.execute("DELETE FROM towers")
    old = scanned(mine, index)
    assert old.verdict is Verdict.INCONCLUSIVE and not old.ancestors
    assert f"{NAME}: 288 coins of the vision tower against 0 of 1 reference" in old.coverage.tested


def test_a_text_model_reads_no_more_than_before(tmp_path: Path, index: LocalIndex) -> None:
    drawn = prefixed(tower("clip", 1, layers=12, width=128), CLIP)
    enrol(str(around(tmp_path / "a", 1, drawn)), index, "org/a")
    result = scanned(tiny_llama(tmp_path / "text", 3), index)
    assert not [line for line in result.coverage.tested if NAME in line] and not result.ancestors


def test_too_few_coins_in_model_and_tower_are_no_reference(tmp_path: Path, index: LocalIndex) -> None:
    small = {n: v for n, v in tower("clip", 1, layers=2).items() if v.ndim > 1}
    zero = {n: np.zeros_like(v) if "k_proj" in n else v for n, v in small.items()}
    with pytest.raises(InputError, match="too few for a reference"):
        enrol(str(alone(tmp_path / "a", {n: v * (0 if "v_proj" in n else 1) for n, v in zero.items()})), index, "a")
    assert enrol(str(alone(tmp_path / "b", small)), index, "b").added
