"""Adapters on their bases: claims, contradictions, dependence; and that nobody innocent is accused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import forebear
from adapters import pair, trained_pairs, write_adapter
from boms import check_bom
from documents import check_document
from edits import move_gains
from forebear.errors import UsageError
from forebear.index import LocalIndex
from forebear.inspect import enrol, write_bom
from forebear.types import Level, Verdict
from models import refused, tiny_llama
from shared import shared


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


@pytest.fixture
def honest(base: Path, tmp_path: Path) -> Path:
    return write_adapter(tmp_path / "honest", trained_pairs(base), base_model_name_or_path="org/ref0")


def random_pairs(seed: int = 5) -> dict[str, NDArray[np.float32]]:
    sizes = {"self_attn.v_proj": (32, 64), "mlp.up_proj": (128, 64), "self_attn.o_proj": (64, 64)}
    made: dict[str, NDArray[np.float32]] = {}
    for layer in range(4):
        for name, size in sizes.items():
            made |= pair(f"model.layers.{layer}.{name}", *size, seed=seed)
    return made


def test_an_adapter_is_found_to_depend_on_its_base_and_on_no_stranger(honest: Path, index: LocalIndex) -> None:
    result = forebear.scan(str(honest), index)
    assert [a.name for a in result.ancestors] == ["org/ref0"]
    assert result.verdict is Verdict.SAME_INIT_OR_DERIVED and result.related is True
    assert result.references_tested == 4 and result.findings == ()
    (ancestor,) = result.ancestors
    assert (ancestor.relation.kind, ancestor.relation.direction) == ("adapter", "a_to_b")
    assert ancestor.log10_p == -30 and ancestor.log10_e == pytest.approx(-30 + np.log10(4))
    (claim,) = result.claims
    assert claim.status == "unverified" and "or on a model with the same start" in claim.why
    assert result.shape["adapter"]["matrices"] == 16 and result.shape["adapter"]["base"] == "org/ref0"
    check_document(result.to_json())


def test_a_random_adapter_stays_a_claim(base: Path, tmp_path: Path, index: LocalIndex) -> None:
    folder = write_adapter(tmp_path / "a", random_pairs(), base_model_name_or_path="org/ref1")
    result = forebear.scan(str(folder), index)
    assert result.verdict is Verdict.INCONCLUSIVE and result.ancestors == () and result.findings == ()
    assert [c.status for c in result.claims] == ["unverified"] and "its own claim" in result.why
    assert result.references_tested == 4
    check_document(result.to_json())


def test_a_claim_that_the_shapes_contradict_is_an_error(base: Path, tmp_path: Path, index: LocalIndex) -> None:
    wider = tiny_llama(tmp_path / "wider", seed=9, hidden=96)
    enrol(str(wider), index, "org/wider")
    folder = write_adapter(tmp_path / "a", random_pairs(), base_model_name_or_path="org/wider")
    for effort in ("standard", "quick"):
        result = forebear.scan(str(folder), index, effort)
        (finding,) = [f for f in result.findings if f.id == "claim-contradicted"]
        assert finding.level is Level.ERROR and "org/wider" in finding.message
        assert "is 128 × 64 in the adapter and 128 × 96 in the base" in finding.message
        assert [c.status for c in result.claims] == ["contradicted"]
        assert result.verdict is Verdict.INCONCLUSIVE
        check_document(result.to_json())
    pair_ = forebear.compare(
        str(wider), str(write_adapter(tmp_path / "b", random_pairs(), base_model_name_or_path="wider"))
    )
    assert [f.level for f in pair_.findings] == [Level.WARNING], "a bare name says less surely which model is meant"
    check_document(pair_.to_json())


def test_one_fitting_reference_of_the_claimed_name_is_enough(base: Path, tmp_path: Path, index: LocalIndex) -> None:
    enrol(str(tiny_llama(tmp_path / "w", seed=9, hidden=96)), index, "other/ref0")
    folder = write_adapter(tmp_path / "a", random_pairs(), base_model_name_or_path="ref0")
    assert "claim-contradicted" not in {f.id for f in forebear.scan(str(folder), index).findings}


def test_the_catalogue_contradicts_where_no_reference_does(tmp_path: Path, index: LocalIndex) -> None:
    tensors = pair("model.layers.0.self_attn.q_proj", 128, 128)
    folder = write_adapter(tmp_path / "a", tensors, base_model_name_or_path="meta-llama/Llama-2-7b-hf")
    (finding, other) = forebear.scan(str(folder), index).findings
    assert finding.id == "claim-contradicted" and finding.level is Level.ERROR
    assert "128 × 128 in the adapter and ? × 4096 in the base" in finding.message
    assert other.id == "no-reference-tested" and "index add" in other.clears
    folder = write_adapter(tmp_path / "b", tensors, base_model_name_or_path="huggyllama/llama-30b")
    assert forebear.scan(str(folder), index).findings[0].level is Level.NOTE, "the catalogue's own entry is unverified"


def test_an_adapter_that_names_another_base_is_noted(base: Path, tmp_path: Path, index: LocalIndex) -> None:
    for named in ("org/ref3", None):
        folder = write_adapter(tmp_path / f"a{named}"[:9], trained_pairs(base), base_model_name_or_path=named)
        result = forebear.scan(str(folder), index)
        assert [a.name for a in result.ancestors] == ["org/ref0"]
        (finding,) = result.findings
        assert (finding.id, finding.level) == ("ancestor-undeclared", Level.NOTE)
        assert [c.status for c in result.claims] == (["unverified"] if named else [])


def test_the_card_is_heard_beside_the_config(honest: Path, index: LocalIndex) -> None:
    (honest / "README.md").write_text("---\nbase_model: org/ref3\nlicense: mit\n---\n# A\n")
    result = forebear.scan(str(honest), index)
    assert [c.claim for c in result.claims] == ["base model: org/ref0", "base model: org/ref3"]
    assert result.licence is not None and result.licence["declared"] == "mit"


def test_compare_says_it_from_both_sides(base: Path, honest: Path) -> None:
    there, back = forebear.compare(str(base), str(honest)), forebear.compare(str(honest), str(base))
    for result, direction in ((there, "a_to_b"), (back, "b_to_a")):
        assert result.verdict is Verdict.SAME_INIT_OR_DERIVED and result.log10_p == -30
        assert (result.relation.kind, result.relation.direction) == ("adapter", direction)
        assert [e.signal for e in result.evidence] == ["adapter-rows/1", "adapter-shape/1", "declared/1"]
        check_document(result.to_json())
    stranger = forebear.compare(str(base.parent / "ref1"), str(honest))
    assert stranger.verdict is Verdict.INCONCLUSIVE and stranger.relation.kind == "unknown"
    quick = forebear.compare(str(base), str(honest), effort="quick")
    assert quick.log10_p is None and quick.relation.kind in ("adapter", "unknown")


def test_two_adapters_are_no_pair_of_base_and_adapter(honest: Path) -> None:
    result = forebear.compare(str(honest), str(honest))
    assert result.log10_p is None and result.verdict is Verdict.INCONCLUSIVE
    check_document(result.to_json())


def test_references_that_cannot_be_used_are_told(base: Path, honest: Path, index: LocalIndex) -> None:
    shutil.rmtree(base)
    (base.parent / "ref1" / "model.safetensors").write_bytes(b"x")
    result = forebear.scan(str(honest), index)
    gaps = {g.what: g.why for g in result.coverage.not_tested}
    assert "no longer at" in gaps["rows of org/ref0"] and "too few" in gaps["rows of org/ref1"]
    assert result.references_tested == 2 and result.verdict is Verdict.INCONCLUSIVE
    assert [c.why for c in result.claims] == ["its shapes fit org/ref0, its changes could not be compared"]


def test_other_kinds_are_named_and_not_tested(base: Path, tmp_path: Path, index: LocalIndex) -> None:
    tensors = {"base_model.model.model.layers.0.mlp.down_proj.ia3_l": np.ones((1, 128), dtype=np.float32)}
    folder = write_adapter(tmp_path / "a", tensors, peft_type="IA3", base_model_name_or_path="org/ref0")
    result = forebear.scan(str(folder), index)
    assert result.verdict is Verdict.INCONCLUSIVE and result.references_tested == 0
    assert any(g.what == "IA3 adapter" and "named and not tested" in g.why for g in result.coverage.not_tested)
    check_document(result.to_json())


def test_an_adapter_is_no_reference(honest: Path, index: LocalIndex) -> None:
    with refused("too few for a reference", "add its base model"):
        enrol(str(honest), index)
    with pytest.raises(UsageError):
        forebear.scan("no-such-folder", index)


def test_its_bill_of_materials_names_the_base(honest: Path, index: LocalIndex) -> None:
    bom = write_bom(str(honest), index)
    check_bom(bom.to_json())
    (relative,) = bom.record.relatives
    assert (relative.name, relative.declared_in, relative.declared_relation) == (
        "org/ref0",
        "adapter_config.json",
        "adapter",
    )
    assert relative.verdict is Verdict.SAME_INIT_OR_DERIVED
    alone = write_bom(str(honest), index, scan=False)
    assert [r.name for r in alone.record.relatives] == ["org/ref0"] and alone.problems == ()


@pytest.mark.shared
def test_the_zoos_adapter_depends_on_its_base_however_it_is_written(tmp_path: Path, index: LocalIndex) -> None:
    zoo = shared("zoo") / "models"
    for name in ("dev-llama-1", "dev-llama-2", "dev-llama-3", "dev-qwen2-1", "dev-gpt2-1", "dev-llama-5-mature"):
        enrol(str(zoo / name), index)
    adapter = zoo / "dev-llama-1-lora4-adapter"
    result = forebear.scan(str(adapter), index)
    assert [a.name for a in result.ancestors] == ["dev-llama-1"] and (result.log10_p or 0) < -20
    assert [c.status for c in result.claims] == ["unverified"]
    renamed = tmp_path / "renamed"
    shutil.copytree(adapter, renamed)
    raw = (adapter / "adapter_model.safetensors").read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    named = {n.replace(".weight", ".default.weight"): e for n, e in reversed(header.items()) if n != "__metadata__"}
    text = json.dumps(named).encode()
    (renamed / "adapter_model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + raw[8 + length :])
    again = forebear.scan(str(renamed), index)
    assert again.verdict is result.verdict and again.log10_p == result.log10_p
    assert [(e.n, e.details["agree"]) for e in again.ancestors[0].evidence[:1]] == [(505, 367)]


@pytest.mark.shared
def test_real_adapters_are_accused_of_nothing(index: LocalIndex) -> None:
    enrol(str(shared("zoo") / "models" / "dev-gpt2-1"), index, "zoo/dev-gpt2-1")
    for config in sorted(shared("artefacts").rglob("adapter_config.json")):
        try:
            result = forebear.scan(str(config.parent), index)
        except forebear.InputError:
            continue
        assert result.verdict is Verdict.INCONCLUSIVE
        assert {f.id for f in result.findings} <= {"no-reference-tested"}
        assert {c.status for c in result.claims} == {"unverified"}
