"""How dependent models are related: from files to kinds, tests and words, whichever of the two is asked about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import forebear
from disguises import disguise
from disguises.network import read, write
from documents import check_document
from edits import copy, edit, move_gains, rebuilt, upcycled, with_layers
from forebear.report import markdown
from forebear.report.words import relation as in_words
from forebear.types import Comparison, Verdict
from ggufs import convert, q4_0
from models import tiny, tiny_llama, write_safetensors
from quantise import quantised
from shared import shared

F32 = NDArray[np.float32]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny_llama(tmp_path_factory.mktemp("relation") / "base", seed=1, hidden=64, intermediate=128)
    move_gains(folder, 9)
    return folder


def both(base: Path, child: Path) -> tuple[Comparison, Comparison]:
    """The comparison in both orders; kinds are the same, directions opposite."""
    there, back = forebear.compare(str(base), str(child)), forebear.compare(str(child), str(base))
    for result in (there, back):
        check_document(result.to_json())
        assert result.related is True
    assert there.relation.details["kinds"] == back.relation.details["kinds"]
    opposite = {"a_to_b": "b_to_a", "b_to_a": "a_to_b", "unknown": "unknown"}
    assert back.relation.direction == opposite[there.relation.direction]
    return there, back


def trained(base: Path, out: Path, size: float, names: str = "", seed: int = 3) -> Path:
    """Every tensor moved by noise of this relative size, rounded to bfloat16."""
    network, rng = read(base), np.random.default_rng(seed)

    def move(role: str, v: F32) -> F32:
        moved = v + size * v.std() * rng.standard_normal(v.shape) if v.ndim == 2 and names in role else v
        return np.asarray(moved, dtype=np.float32)

    return write(network.with_({r: move(r, v) for r, v in network.weights.items()}), out)


def adapted(base: Path, out: Path, rank: int, targets: tuple[str, ...]) -> Path:
    network, rng = read(base), np.random.default_rng(4)

    def merge(role: str, v: F32) -> F32:
        if not role.endswith(targets):
            return v
        update = rng.standard_normal((v.shape[0], rank)) @ rng.standard_normal((rank, v.shape[1]))
        return np.asarray(v + 0.3 * v.std() * update / update.std(), dtype=np.float32)

    return write(network.with_({r: merge(r, v) for r, v in network.weights.items()}), out)


def ablated(base: Path, out: Path, scale: float) -> Path:
    """A direction of the residual stream is removed from everything that is written into it."""
    network, rng = read(base), np.random.default_rng(4)
    r = rng.standard_normal(network.width)
    r /= np.linalg.norm(r)

    def remove(role: str, v: F32) -> F32:
        writes = role.endswith(("attn.o", "mlp.down"))
        return np.asarray(v - scale * np.outer(r, r @ v), dtype=np.float32) if writes else v

    return write(network.with_({role: remove(role, v) for role, v in network.weights.items()}), out)


def test_a_removed_direction_is_no_adapter_and_tells_who_lost_it(base: Path, tmp_path: Path) -> None:
    there, _ = both(base, ablated(base, tmp_path / "ablated", 1.0))
    assert there.relation.kind == "finetune" and there.relation.direction == "a_to_b"
    assert there.relation.details["edited_directions"] == 1 and "lora_rank" not in there.relation.details
    assert "abliteration" in in_words(there.relation)


def test_a_direction_that_was_only_made_smaller_has_no_order(base: Path, tmp_path: Path) -> None:
    there, _ = both(base, ablated(base, tmp_path / "weaker", 0.8))
    assert there.relation.details["edited_directions"] == 1 and there.relation.direction == "unknown"


@pytest.mark.parametrize(("size", "kind"), [(0.1, "finetune"), (0.5, "continued_pretraining")])
def test_drift_tells_fine_tuning_from_continued_pretraining(base: Path, tmp_path: Path, size: float, kind: str) -> None:
    there, _ = both(base, trained(base, tmp_path / "child", size))
    assert there.relation.kind == kind and there.relation.direction == "unknown"
    assert there.relation.details["drift"] == pytest.approx(size, rel=0.1)
    assert f"(relative drift {size:.0%})" in in_words(there.relation)
    assert f"(relative drift {size:.0%})" in markdown.compare(there).replace("\\", "")
    evidence = next(e for e in there.evidence if e.signal == "change/1")
    assert evidence.supports == "nothing" and evidence.log10_p is None and len(evidence.details["layers"]) == 4


def test_heavy_drift_with_a_possibly_shared_start_is_left_open(tmp_path: Path) -> None:
    """Without gains that moved nothing excludes it."""
    start = tiny_llama(tmp_path / "start", seed=1)
    there, _ = both(start, trained(start, tmp_path / "child", 0.5))
    assert there.verdict is Verdict.SAME_INIT_OR_DERIVED and there.relation.kind == "unknown"
    assert there.relation.details["candidates"] == ["continued_pretraining", "same_init"]


@pytest.mark.parametrize(
    "targets", [("attn.q", "attn.v"), ("attn.q", "attn.k", "attn.v", "attn.o", "gate", "up", "down")]
)
def test_a_merged_adapter_is_named_with_its_rank(base: Path, tmp_path: Path, targets: tuple[str, ...]) -> None:
    there, back = both(base, adapted(base, tmp_path / "child", 4, targets))
    assert there.relation.details["kinds"] == ["finetune"]
    assert there.relation.details["lora_rank"] == back.relation.details["lora_rank"] == 4
    assert there.relation.details["lora_targets"] == sorted(t.split(".")[-1] for t in targets)


def test_a_change_that_leaves_most_bits_is_like_reinforcement_learning(base: Path, tmp_path: Path) -> None:
    network, rng = read(base), np.random.default_rng(5)
    few = {
        r: np.where(rng.random(v.shape) < 0.2, v * np.float32(1.01), v).astype(np.float32) if v.ndim == 2 else v
        for r, v in network.weights.items()
    }
    there, _ = both(base, write(network.with_(few), tmp_path / "child"))
    assert there.relation.details["kinds"] == ["rl"] and "bit-identical" in in_words(there.relation)
    frozen = trained(base, tmp_path / "frozen", 0.1, names="layers.3")  # whole tensors stayed: that is no such thing
    assert both(base, frozen)[0].relation.kind == "finetune"


@pytest.mark.sweep(3)
@pytest.mark.parametrize(("steps", "bits"), [(["int8"], 8), (["int4"], 4), (["int3"], 3)])
def test_dequantised_weights_are_named_and_tell_the_direction(
    base: Path, tmp_path: Path, steps: list[str], bits: int
) -> None:
    there, back = both(base, disguise(base, tmp_path / "child", steps))
    assert there.relation.details["kinds"] == ["quantized"] and there.relation.direction == "a_to_b"
    assert there.relation.details["format"] == {"name": f"INT{bits}", "bits": bits, "groups": "groups of 32"}
    assert there.relation.details["quantized_side"] == "b"
    assert there.verdict is Verdict.DERIVED and "or from a model with the same values" in there.why
    assert back.verdict is Verdict.DEPENDENT and back.relation.direction == "b_to_a"


def test_packed_weights_are_named_by_their_files(base: Path, tmp_path: Path) -> None:
    own = copy(base, "own")
    for child, name in (
        (quantised(own, "gptq", "gptq-4"), "GPTQ 4-bit"),
        (convert(base, tmp_path / "child.gguf", q4_0), "Q4_0"),
    ):
        there, _ = both(base, child)
        assert there.relation.kind == "quantized" and there.relation.details["format"]["name"] == name
        assert there.relation.direction == "a_to_b" and there.relation.details["stored_quantized"] is True


@pytest.mark.sweep(3)
@pytest.mark.parametrize(
    ("scheme", "name"), [("fp8-rows", "FP8 with scales"), ("fp8-tensor", "FP8 with scales"), ("bnb-nf4", "NF4")]
)
def test_grids_that_are_not_uniform_tell_the_direction_too(base: Path, scheme: str, name: str) -> None:
    """Scales of bfloat16 lose too much of the largest value for ``derived``, so some stay ``dependent``."""
    own = copy(base, f"own-{scheme}")
    packed = quantised(own, f"packed-{scheme}", scheme)
    there, _ = both(base, packed)
    assert there.relation.details["kinds"] == ["quantized"] and there.relation.direction == "a_to_b"
    assert there.relation.details["format"]["name"].endswith(name)
    there, back = both(base, packed.with_name(f"packed-{scheme}-plain"))
    assert there.relation.details["kinds"] == ["quantized"] and there.relation.direction == "a_to_b"
    assert there.verdict in (Verdict.DERIVED, Verdict.DEPENDENT)
    assert back.verdict is Verdict.DEPENDENT


def test_a_quantiser_that_leaves_matrices_alone_is_still_one(base: Path, tmp_path: Path) -> None:
    """Two of seven matrices of every layer were rounded, the others are equal: they speak for nothing else."""
    network, poor = read(base), read(disguise(base, tmp_path / "all", ["int4"]))
    some = {r: poor.weights[r] if r.endswith(("attn.q", "mlp.up")) else v for r, v in network.weights.items()}
    there, _ = both(base, write(network.with_(some), tmp_path / "some"))
    assert there.relation.details["kinds"] == ["quantized"] and there.relation.direction == "a_to_b"


def test_a_fine_tune_that_was_quantised_is_both(base: Path, tmp_path: Path) -> None:
    tuned = trained(base, tmp_path / "tuned", 0.03)
    there, _ = both(base, disguise(tuned, tmp_path / "poor", ["int4"]))
    assert there.relation.details["kinds"] == ["quantized", "finetune"] and there.relation.direction == "unknown"


def test_a_quantiser_that_strays_from_the_nearest_level_is_no_training(base: Path, tmp_path: Path) -> None:
    """As those do that make up for the errors of other columns; they move nothing but the matrices that they round."""
    body = trained(base, tmp_path / "strayed", 0.08, names="layers")
    there, _ = both(base, disguise(body, tmp_path / "poor", ["int4"]))
    assert there.relation.details["kinds"] == ["quantized"] and there.relation.direction == "unknown"


@pytest.mark.sweep(3)
@pytest.mark.parametrize("bits", [3, 4])
@pytest.mark.parametrize("size", [0.02, 0.1, 0.2])
def test_two_trainings_from_one_start_are_no_rounding_of_each_other(tmp_path: Path, size: float, bits: int) -> None:
    """However near they stay: only every value in its cell, or training that they share, makes it a rounding."""
    start = tiny_llama(tmp_path / "start", seed=1, hidden=64, intermediate=128)
    one = trained(start, tmp_path / "one", size, seed=3)
    two = disguise(trained(start, tmp_path / "two", size, seed=4), tmp_path / "poor", [f"int{bits}"])
    there, _ = both(one, two)
    assert there.relation.kind == "unknown" and there.relation.direction == "unknown"
    assert there.verdict is Verdict.SAME_INIT_OR_DERIVED
    assert there.relation.details["candidates"] == ["finetune", "same_init"]
    assert f"The model is quantised (INT{bits}" in there.relation.details["tests"]["unknown"]


def test_a_fine_tune_of_the_same_base_is_not_what_a_quantised_model_was_made_from(base: Path, tmp_path: Path) -> None:
    """The grid is a fact, the direction is not: neither of the two was made from the other."""
    poor, sibling = disguise(base, tmp_path / "poor", ["int4"]), trained(base, tmp_path / "sibling", 0.1)
    there, _ = both(sibling, poor)
    assert "quantized" in there.relation.details["kinds"] and there.relation.direction == "unknown"


def test_a_rotated_and_quantised_model_is_both(base: Path, tmp_path: Path) -> None:
    there, _ = both(base, disguise(base, tmp_path / "child", ["rotate", "int4"]))
    assert there.relation.details["kinds"] == ["obfuscated", "quantized"]
    assert in_words(there.relation).startswith("scrambled: ")


def test_moved_neurons_are_no_training(base: Path, tmp_path: Path) -> None:
    there, _ = both(base, disguise(base, tmp_path / "child", ["permute-neurons"]))
    assert there.relation.details["kinds"] == ["obfuscated"]


@pytest.mark.parametrize("healed", [False, True])
def test_zeros_are_pruning_and_direction_only_where_nothing_else_changed(
    base: Path, tmp_path: Path, healed: bool
) -> None:
    pruned = disguise(base, tmp_path / "pruned", ["prune-values:0.5"])
    if healed:
        network, rng = read(pruned), np.random.default_rng(6)
        moved = {
            r: v * (1 + 0.1 * rng.standard_normal(v.shape)).astype(np.float32) if v.ndim == 2 else v
            for r, v in network.weights.items()
        }
        pruned = write(network.with_(moved), tmp_path / "healed")
    there, _ = both(base, pruned)
    kinds = there.relation.details["kinds"]
    assert kinds == (["pruned", "finetune"] if healed else ["pruned"])
    assert there.relation.direction == ("unknown" if healed else "a_to_b")
    assert there.relation.details["zeros"] == pytest.approx(0.5, abs=0.02)
    assert there.relation.details["pattern"] == "unstructured"


def test_depth_edits_are_named_with_their_layers(base: Path) -> None:
    short = rebuilt(base, "short", with_layers([0, 2, 3]), num_hidden_layers=3)
    there, _ = both(base, short)
    assert there.relation.kind == "depth_pruned" and there.relation.details["dropped"] == [1]
    assert there.relation.direction == "a_to_b"
    deep = rebuilt(base, "deep", with_layers([0, 1, 2, 1, 2, 3]), num_hidden_layers=6)
    there, _ = both(base, deep)
    assert there.relation.kind == "depth_upscaled" and there.relation.details["copies"] == {"1": [1, 3], "2": [2, 4]}
    assert there.relation.direction == "a_to_b"


def test_a_healed_depth_edit_leaves_direction_to_more_evidence(base: Path, tmp_path: Path) -> None:
    short = rebuilt(base, "short-2", with_layers([0, 2, 3]), num_hidden_layers=3)
    there, _ = both(base, trained(short, tmp_path / "healed", 0.1))
    assert there.relation.details["kinds"] == ["depth_pruned", "finetune"] and there.relation.direction == "unknown"
    told = there.relation.details["direction"]
    assert told["log_odds"] > 0 and not any(reason["rules_out_siblings"] for reason in told["reasons"])


def test_widths_tell_who_lost_and_who_gained(base: Path, tmp_path: Path) -> None:
    there, _ = both(base, disguise(base, tmp_path / "narrow", ["prune-neurons"]))
    assert there.relation.details["kinds"] == ["width_pruned"] and there.relation.direction == "a_to_b"
    assert there.relation.details["kept"]["neurons"]["found"] == 4 * 96
    network = read(base)
    padded = dict(network.weights)
    for role, v in network.weights.items():
        if role.endswith(("gate", "up")):
            padded[role] = np.concatenate([v, v[:32]])
        elif role.endswith("down"):
            padded[role] = np.concatenate([v, 0 * v[:, :32]], axis=1)
    there, _ = both(base, write(network.with_(padded), tmp_path / "wide"))
    assert there.relation.details["kinds"] == ["width_expanded"] and there.relation.direction == "a_to_b"


@pytest.mark.parametrize("family", ["llama", "gpt2", "gpt_neox"])
def test_a_renamed_copy_is_identical_whichever_of_the_two_is_the_reference(family: str, tmp_path: Path) -> None:
    model = tiny(family, tmp_path / "model", 1)
    renamed = disguise(model, tmp_path / "renamed", ["rename"], seed=1)
    config = json.loads((renamed / "config.json").read_text())
    (renamed / "config.json").write_text(json.dumps(config | {"num_key_value_heads": 1}))  # contradicts the shapes
    assert [found.verdict for found in both(model, renamed)] == [Verdict.IDENTICAL] * 2


def test_vocabularies_that_changed(base: Path, tmp_path: Path) -> None:
    trimmed = disguise(base, tmp_path / "trimmed", ["trim-vocabulary"], seed=1)
    assert both(base, trimmed)[0].relation.details["vocabulary"] == "trimmed"
    assert [found.relation.direction for found in both(base, trimmed)] == ["a_to_b", "b_to_a"]
    own = copy(base, "extended")
    network = read(own)
    tokens = json.loads((own / "tokenizer.json").read_text())
    tokens["model"]["vocab"] |= {f"new{k}": 256 + k for k in range(8)}
    more = {r: np.concatenate([v, v[:8]]) if r in ("embed", "lm_head") else v for r, v in network.weights.items()}
    extended = write(network.with_(more, tokenizer=tokens), tmp_path / "extended")
    there, _ = both(base, extended)
    assert there.relation.details["kinds"] == ["vocabulary_changed"] and there.relation.direction == "a_to_b"
    assert in_words(there.relation) == "vocabulary extended by 8"
    anew = disguise(base, tmp_path / "anew", ["replace-embeddings"])
    there, _ = both(base, anew)
    assert there.relation.details["vocabulary"] == "replaced" and there.relation.direction == "unknown"


def test_experts_made_from_one_mlp(base: Path) -> None:
    there, _ = both(base, upcycled(base, "moe", 0.005))
    assert there.relation.kind == "upcycled" and there.relation.direction == "a_to_b"
    assert there.relation.details["experts"] == 4 and there.relation.details["expert_cosine"] > 0.99


def test_another_tower_beside_the_language_core(base: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    tower = {f"vision_tower.blocks.{k}.weight": rng.standard_normal((32, 48)).astype(np.float32) for k in range(3)}
    network = read(base)
    child = write(network.with_(network.weights, finish=(lambda t: {**t, **tower},)), tmp_path / "child")
    there, _ = both(base, child)
    assert there.relation.details["kinds"] == ["multimodal_extension"] and there.relation.direction == "a_to_b"
    assert there.relation.details["components"]["alone"] == {"vision_tower": 3 * 32 * 48}


def test_a_copy_with_other_papers_says_so(base: Path) -> None:
    thief = copy(base, "thief")
    (thief / "README.md").write_text("---\nlicense: mit\n---\n# Ours\n")
    (thief / "LICENSE").write_text("MIT License\n")
    result = forebear.compare(str(base), str(thief))
    assert result.relation.kind == "identical" and len(result.relation.details["papers"]) == 2
    assert "mit" in in_words(result.relation)
    assert "papers" not in forebear.compare(str(base), str(copy(base, "twin"))).relation.details


def test_independent_models_have_no_relation(base: Path, tmp_path: Path) -> None:
    other = tiny_llama(tmp_path / "other", seed=2)
    for child in (other, disguise(other, tmp_path / "poor", ["int4"])):
        result = forebear.compare(str(base), str(child))
        assert result.related is None and result.relation.details["kinds"] == [] and not in_words(result.relation)
        assert not any(e.signal == "change/1" for e in result.evidence)


def test_damaged_rows_cost_the_relation_and_not_the_answer(base: Path) -> None:
    broken = copy(base, "broken")
    tensors: dict[str, Any] = {}
    edit(broken, lambda n, v: tensors.setdefault(n, v))
    tensors["model.layers.0.mlp.down_proj.weight"] = np.full((64, 128), np.nan, dtype=np.float32)
    write_safetensors(broken / "model.safetensors", tensors)
    result = forebear.compare(str(base), str(broken))
    assert result.related is True
    check_document(result.to_json())


ZOO = {
    "dev-llama-1-ft-short": ["finetune"],
    "dev-llama-1-ft-long": ["finetune"],
    "dev-llama-1-rl": ["finetune"],
    "dev-llama-1-ft-short-gen2": ["finetune"],
    "dev-llama-1-cpt-heavy": ["unknown"],
    "dev-llama-1-cpt-extreme": ["unknown"],
    "dev-llama-1-vocab-ext": ["vocabulary_changed", "finetune"],
    "dev-llama-1-tokswap": ["vocabulary_changed", "finetune"],
    "dev-llama-1-moe": ["upcycled", "finetune"],
    "dev-llama-2-ft": ["finetune"],
    "dev-llama-5-mature-ft-long": ["finetune"],
    "dev-qwen2-1-lora8-merged": ["finetune"],
    "dev-qwen2-1-pruned-healed": ["depth_pruned", "finetune"],
    "dev-mixtral-1-ft": ["finetune"],
    "dev-neox-1-ft": ["finetune"],
    "dev-gpt2-1-ft-long": ["finetune"],
}
"""Kinds of every trained child; of both that were pretrained on, their gains leave a shared start open."""


@pytest.mark.shared
def test_every_child_of_the_collection_has_its_relation() -> None:
    zoo = shared("zoo")
    models = {m["id"]: m for m in json.loads((zoo / "truth.json").read_text())["models"]}
    children = {n for n, m in models.items() if m["parents"] and m["kind"] not in ("distill", "adapter")}
    assert children == set(ZOO)
    for name, kinds in ZOO.items():
        parent = models[name]["parents"][0]["id"]
        result = forebear.compare(str(zoo / "models" / parent), str(zoo / "models" / name))
        assert result.relation.details["kinds"] == kinds, name
        assert result.relation.direction in ("a_to_b", "unknown") and result.verdict is not Verdict.DERIVED
        if "lora" in name:
            assert result.relation.details["lora_rank"] == 8
        if kinds == ["unknown"]:
            assert result.relation.details["candidates"] == ["continued_pretraining", "same_init"]
