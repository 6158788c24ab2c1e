"""Pairs of models, from files to verdicts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import forebear
from disguises import disguise
from documents import check_document
from edits import (
    F32,
    as_float32,
    copy,
    copy_layer,
    drifted,
    edit,
    move_gains,
    permute_experts,
    rebuilt,
    repeat_width,
    upcycled,
)
from forebear.types import Verdict
from models import tiny, tiny_llama, write_safetensors


@pytest.fixture
def base(tmp_path: Path) -> Path:
    tiny_llama(tmp_path / "base", seed=1)
    move_gains(tmp_path / "base", 9)
    return tmp_path / "base"


def test_a_copy_is_identical_whatever_its_papers_say(base: Path) -> None:
    thief = copy(base, "thief")
    (thief / "README.md").write_text("---\nlicense: mit\n---\n# Orion\nTrained from scratch.\n")
    (thief / "LICENSE").unlink(missing_ok=True)
    result = forebear.compare(str(base), str(thief))
    assert result.verdict is Verdict.IDENTICAL
    check_document(result.to_json())


def test_a_drifted_child_shares_training_but_not_yet_direction(base: Path) -> None:
    result = forebear.compare(str(base), str(drifted(base, "child", 0.1)))
    assert result.verdict is Verdict.DEPENDENT
    assert result.relation.direction == "unknown"
    assert result.log10_p == -30.0
    check_document(result.to_json())


def test_direction_of_arguments_does_not_change_dependence(base: Path) -> None:
    child = drifted(base, "child", 0.1)
    assert forebear.compare(str(child), str(base)).verdict is Verdict.DEPENDENT


def test_two_models_of_one_random_start_are_not_called_derived(base: Path) -> None:
    """Same matrices up to large independent drift, gains moved independently."""
    one, two = copy(base, "one"), copy(base, "two")
    for folder, seed in ((one, 11), (two, 12)):
        rng = np.random.default_rng(seed)

        def train(name: str, v: F32, rng: np.random.Generator = rng) -> F32:
            if "norm" in name:
                return np.asarray(1 + 0.1 * rng.standard_normal(v.shape))
            return np.asarray(v + 0.5 * v.std() * rng.standard_normal(v.shape))

        edit(folder, train)
    assert forebear.compare(str(one), str(two)).verdict is Verdict.SAME_INIT_OR_DERIVED


def test_a_pruned_copy_is_derived_and_its_reverse_is_not(base: Path) -> None:
    pruned = copy(base, "pruned")
    edit(pruned, lambda n, v: np.where(np.abs(v) < 0.3 * v.std(), 0, v) if "proj" in n else v)
    there = forebear.compare(str(base), str(pruned))
    assert there.verdict is Verdict.DERIVED
    assert (there.relation.kind, there.relation.direction) == ("pruned", "a_to_b")
    back = forebear.compare(str(pruned), str(base))
    assert (back.verdict, back.relation.direction) == (Verdict.DEPENDENT, "b_to_a")


def test_siblings_are_not_called_derived(base: Path) -> None:
    a, b = drifted(base, "a", 0.02, seed=1), drifted(base, "b", 0.3, seed=2)
    assert forebear.compare(str(a), str(b)).verdict in (Verdict.DEPENDENT, Verdict.SAME_INIT_OR_DERIVED)


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "mixtral", "gpt2", "gpt_neox"])
def test_independent_models_of_one_shape_are_not_related(family: str, tmp_path: Path) -> None:
    for seed in (1, 2):
        tiny(family, tmp_path / str(seed), seed=seed)
    result = forebear.compare(str(tmp_path / "1"), str(tmp_path / "2"))
    assert result.verdict is Verdict.SAME_ARCHITECTURE
    assert result.related is None
    check_document(result.to_json())


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "mixtral", "gpt2", "gpt_neox"])
def test_a_drifted_child_is_found_in_every_family(family: str, tmp_path: Path) -> None:
    tiny(family, tmp_path / "base", seed=1)
    child = drifted(tmp_path / "base", "child", 0.3)
    result = forebear.compare(str(tmp_path / "base"), str(child))
    assert result.related is True
    assert result.verdict is not Verdict.DERIVED


def test_one_layer_of_another_model_is_a_shared_component(tmp_path: Path) -> None:
    for seed in (1, 2):
        tiny_llama(tmp_path / str(seed), seed=seed)
    stolen: dict[str, F32] = {}
    edit(tmp_path / "1", lambda n, v: stolen.setdefault(n, v) if ".layers.2." in n else v)
    edit(tmp_path / "2", lambda n, v: stolen.get(n, v))
    result = forebear.compare(str(tmp_path / "1"), str(tmp_path / "2"))
    assert result.verdict is Verdict.COMPONENT_SHARED
    assert result.relation.details["components"] == ["layer 2"]


def test_copied_embeddings_are_a_shared_component(tmp_path: Path) -> None:
    for seed in (1, 2):
        tiny_llama(tmp_path / str(seed), seed=seed)
    stolen: dict[str, F32] = {}
    edit(tmp_path / "1", lambda n, v: stolen.setdefault(n, v) if "embed" in n else v)
    edit(tmp_path / "2", lambda n, v: stolen.get(n, v))
    result = forebear.compare(str(tmp_path / "1"), str(tmp_path / "2"))
    assert result.verdict is Verdict.COMPONENT_SHARED
    assert result.relation.details["components"] == ["embedding"]


def test_constant_weights_carry_no_coins(tmp_path: Path) -> None:
    for name in ("a", "b"):
        tiny_llama(tmp_path / name, seed=1)
        edit(tmp_path / name, lambda n, v: np.full_like(v, 0.01))
    result = forebear.compare(str(tmp_path / "a"), str(tmp_path / "b"))
    assert result.verdict is Verdict.IDENTICAL and result.log10_p is None  # equal, and no coin says so
    other = forebear.compare(str(tiny_llama(tmp_path / "c", seed=1)), str(tmp_path / "a"))
    assert other.verdict is Verdict.SAME_ARCHITECTURE and other.related is None


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "shape",
    [
        {"hidden": 1, "heads": 1, "kv_heads": 1, "head_dim": 1, "intermediate": 1, "layers": 1},
        {"hidden": 2, "heads": 1, "kv_heads": 1, "head_dim": 2, "intermediate": 1, "layers": 1},
        {"hidden": 4, "heads": 2, "kv_heads": 1, "head_dim": 2, "intermediate": 3, "layers": 2},
    ],
    ids=["1 wide", "2 wide", "4 wide"],
)
def test_tiny_tensors_hold_too_few_coins_to_establish_anything(
    shape: dict[str, int], base: Path, tmp_path: Path
) -> None:
    """A copy is equal, a drifted child is not proved by a handful of coins, and nobody else is accused or cleared."""
    small, twin = (tiny_llama(tmp_path / str(k), seed=k, vocabulary=97, **shape) for k in (1, 2))  # type: ignore[arg-type]
    assert forebear.compare(str(small), str(copy(small, "same"))).verdict is Verdict.IDENTICAL
    for other in (drifted(small, "child", 0.1), twin, base):
        for one, two in ((small, other), (other, small)):
            result = forebear.compare(str(one), str(two))
            assert result.related is None and result.findings == ()


def test_nan_weights_are_left_out_and_said(base: Path) -> None:
    child = copy(base, "child")
    edit(
        child,
        lambda n, v: np.where(np.arange(v.size).reshape(v.shape) % 97 == 0, np.nan, v) if "up_proj" in n else v,
    )
    result = forebear.compare(str(base), str(child))
    assert result.related is True and result.verdict is not Verdict.IDENTICAL
    (gap,) = [u for u in result.coverage.not_tested if u.what == "values that are no finite numbers"]
    assert "of those read; their rows are left out" in gap.why
    assert "values that are no finite numbers" not in [
        u.what for u in forebear.compare(str(base), str(base)).coverage.not_tested
    ]


def test_quick_looks_at_no_weights(base: Path) -> None:
    result = forebear.compare(str(base), str(copy(base, "copy")), effort="quick")
    assert result.verdict is Verdict.SAME_ARCHITECTURE
    assert result.log10_p is None
    check_document(result.to_json())


def test_what_was_not_tested_is_said(base: Path) -> None:
    result = forebear.compare(str(base), str(drifted(base, "child", 0.1)))
    assert any("permuted or rotated" in gap.what for gap in result.coverage.not_tested)
    conditions = result.evidence[0].details["conditions"]
    assert any("does not exclude one random initialisation" in c for c in conditions)


def prune(share: float) -> Callable[[str, F32], F32]:
    """Magnitude pruning of every projection."""

    def change(name: str, values: F32) -> F32:
        small = np.abs(values) < np.quantile(np.abs(values), share)
        return np.asarray(np.where(small, 0, values)) if "proj" in name else values

    return change


def test_two_prunings_of_one_base_are_siblings_and_not_derived(base: Path) -> None:
    """Magnitude masks nest, so the lighter pruning contains every value of the heavier one."""
    light, heavy = copy(base, "light"), copy(base, "heavy")
    edit(light, prune(0.2))
    edit(heavy, prune(0.5))
    for one, two in ((light, heavy), (heavy, light)):
        assert forebear.compare(str(one), str(two)).verdict is not Verdict.DERIVED


def test_a_pruned_base_does_not_derive_from_a_sibling_that_differs_where_nothing_was_sampled(base: Path) -> None:
    sibling, pruned = copy(base, "sibling"), copy(base, "pruned")
    edit(sibling, lambda n, v: v * 1.1 if any(k in n for k in ("q_proj", "o_proj", "gate_proj", "down_proj")) else v)
    edit(pruned, prune(0.3))
    assert forebear.compare(str(sibling), str(pruned)).verdict is not Verdict.DERIVED


def test_a_pruned_base_does_not_derive_from_a_sibling_with_other_tokens(base: Path) -> None:
    sibling, pruned = copy(base, "sibling"), copy(base, "pruned")
    tokens = json.loads((sibling / "tokenizer.json").read_text())
    del tokens["model"]["vocab"]["~"]
    (sibling / "tokenizer.json").write_text(json.dumps(tokens))
    edit(sibling, lambda n, v: v * 1.1 if "embed" in n else v)
    edit(pruned, prune(0.3))
    assert forebear.compare(str(sibling), str(pruned)).verdict is not Verdict.DERIVED


def test_a_reversed_pruning_that_fits_only_the_sample_has_no_direction(base: Path) -> None:
    sibling, pruned = copy(base, "sibling"), copy(base, "pruned")
    edit(sibling, lambda n, v: v * 1.1 if any(k in n for k in ("q_proj", "o_proj", "gate_proj", "down_proj")) else v)
    edit(pruned, prune(0.3))
    assert forebear.compare(str(pruned), str(sibling)).relation.direction == "unknown"
    assert forebear.compare(str(pruned), str(base)).relation.direction == "b_to_a"


def test_rounding_gives_no_direction(base: Path) -> None:
    rich = as_float32(base, "rich", lambda _, v: v * np.float32(1.0009))
    for one, two in ((rich, base), (base, rich)):
        result = forebear.compare(str(one), str(two))
        assert result.verdict is Verdict.DEPENDENT
        assert result.relation.direction == "unknown"


def test_models_that_both_repeat_themselves_establish_nothing(tmp_path: Path) -> None:
    for seed in (1, 2):
        tiny_llama(tmp_path / str(seed), seed=seed)
        repeat_width(tmp_path / str(seed))
    result = forebear.compare(str(tmp_path / "1"), str(tmp_path / "1"))
    assert result.verdict is Verdict.IDENTICAL
    drift = drifted(tmp_path / "1", "drift", 0.01)
    result = forebear.compare(str(tmp_path / "1"), str(drift))
    assert (result.verdict, result.related) == (Verdict.INCONCLUSIVE, None)
    assert result.evidence[0].test.value == "heuristic"
    assert forebear.compare(str(tmp_path / "1"), str(tmp_path / "2")).related is None


def test_copied_layers_of_an_up_scaled_reference_are_counted_once(tmp_path: Path) -> None:
    """A child of a model that was made deeper by copying layers: both hold every copied coin twice."""
    single = tiny_llama(tmp_path / "single", seed=1, layers=6)
    doubled = copy(single, "doubled")
    copy_layer(doubled, source=2, target=3)
    before = forebear.compare(str(single), str(drifted(single, "a", 0.05)))
    after = forebear.compare(str(doubled), str(drifted(doubled, "b", 0.05)))
    assert (after.related, after.evidence[0].test.value) == (True, "exact")
    assert after.verdict is before.verdict
    per_layer = after.evidence[0].details["layers"][0]["n"]
    assert after.evidence[0].n == before.evidence[0].n - per_layer
    assert (2, 2) in [(cell["a"], cell["b"]) for cell in after.evidence[0].details["layers"]]
    assert any("counted once" in c for c in after.evidence[0].details["conditions"])
    other = tiny_llama(tmp_path / "other", seed=2, layers=6)
    copy_layer(other, source=2, target=3)
    assert forebear.compare(str(doubled), str(other)).related is None


@pytest.mark.parametrize("parts", [("v_proj", "o_proj"), ("q_proj", "k_proj"), ("gate_proj", "up_proj", "down_proj")])
def test_a_part_that_layers_share_holds_its_coins_once(parts: tuple[str, ...], tmp_path: Path) -> None:
    """Keys and values, or an MLP, shared between layers: of each only the first layer is counted."""

    def share(tensors: dict[str, F32]) -> dict[str, F32]:
        own = {n: v for n, v in tensors.items() if not any(p in n for p in parts)}
        first = {n: tensors[re.sub(r"layers\.\d+", "layers.0", n)] for n in tensors if n not in own}
        return own | first

    group = {"v_proj": "value_output", "q_proj": "query_key", "gate_proj": "glu"}[parts[0]]
    models = [rebuilt(tiny_llama(tmp_path / str(k), seed=k, layers=8), f"shared{k}", share) for k in (1, 2)]
    whole = forebear.compare(str(tmp_path / "1"), str(tmp_path / "2")).evidence[0].details["groups"]
    for a, b in (models, models[::-1], [models[0], drifted(models[0], "child", 0.05)]):
        groups = forebear.compare(str(a), str(b)).evidence[0].details["groups"]
        assert groups[group]["n"] == whole[group]["n"] / 8
        assert all(groups[g]["n"] == whole[g]["n"] for g in groups if g != group)


def test_copies_are_found_in_layers_that_no_code_describes(tmp_path: Path) -> None:
    """Sixty layers of which a code shows sixteen, all one layer, against sixteen others."""

    def tie(tensors: dict[str, F32]) -> dict[str, F32]:
        return {n: tensors[re.sub(r"layers\.\d+", "layers.0", n)] for n in tensors}

    deep = rebuilt(tiny_llama(tmp_path / "deep", seed=1, layers=60), "tied", tie)
    other = tiny_llama(tmp_path / "other", seed=2, layers=16)
    assert len(forebear.compare(str(deep), str(other)).evidence[0].details["layers"]) == 1


def test_layers_with_tensors_that_nobody_described_are_not_relied_on(tmp_path: Path) -> None:
    def normed(tensors: dict[str, F32]) -> dict[str, F32]:
        extra = {f"model.layers.{k}.self_attn.q_layernorm.weight": np.ones(16, dtype=np.float32) for k in range(4)}
        return tensors | extra

    one = rebuilt(tiny_llama(tmp_path / "one", seed=1), "own", normed)
    result = forebear.compare(str(one), str(drifted(one, "child", 0.02)))
    assert (result.related, result.evidence[0].test.value) == (None, "heuristic")
    assert any("have no role" in gap.why for gap in result.coverage.not_tested)


@pytest.mark.parametrize("rows", [2, 9])
def test_a_router_of_another_size_than_its_experts_is_no_error(rows: int, tmp_path: Path) -> None:
    def resize(tensors: dict[str, F32]) -> dict[str, F32]:
        rng = np.random.default_rng(1)
        gates = {n: rng.standard_normal((rows, v.shape[1])) for n, v in tensors.items() if "moe.gate." in n}
        return tensors | gates

    base = rebuilt(tiny_llama(tmp_path / "base", seed=1, family="mixtral"), "odd", resize)
    assert forebear.compare(str(base), str(drifted(base, "child", 0.02))).related is True


def test_a_config_that_lies_about_heads_costs_no_coins(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", seed=1)
    child = drifted(base, "child", 0.05)
    honest = forebear.compare(str(base), str(child)).evidence[0].n
    for lie in ({"num_attention_heads": 8, "head_dim": 8}, {"num_attention_heads": 3}, {}):
        config = json.loads((base / "config.json").read_text())
        config = {**config, **lie} if lie else {"model_type": "llama"}
        (child / "config.json").write_text(json.dumps(config))
        result = forebear.compare(str(base), str(child))
        assert result.evidence[0].n == honest
        assert any("head counts" in gap.why for gap in result.coverage.not_tested)


def test_experts_made_from_a_dense_mlp_are_compared_with_it(tmp_path: Path) -> None:
    dense = tiny_llama(tmp_path / "dense", seed=1)
    routed = upcycled(dense, "routed", noise=0.02)
    for a, b in ((dense, routed), (routed, dense)):
        result = forebear.compare(str(a), str(b))
        assert result.related is True
        assert result.evidence[0].details["groups"]["upcycled"]["agree"] >= 0.99 * 64 * 4
    stranger = upcycled(tiny_llama(tmp_path / "other", seed=2), "stranger", noise=0.02)
    assert forebear.compare(str(dense), str(stranger)).related is None


def test_what_was_put_together_is_not_among_what_was_not_tested() -> None:
    """Coins in their places decide between the demo's models, and those after alignment agree as well."""
    demo = Path(forebear.__file__).parent / "data" / "demo"
    result = forebear.compare(str(demo / "base"), str(demo / "permuted"))
    assert any(line.startswith("aligned-coins/1: 1,280 coins") for line in result.coverage.tested)
    assert not any("permuted or rotated" in gap.what for gap in result.coverage.not_tested)


def test_permuted_experts_are_matched_by_their_router(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", seed=1, family="mixtral")
    shuffled = copy(base, "shuffled")
    permute_experts(shuffled, [2, 0, 3, 1])
    result = forebear.compare(str(base), str(shuffled))
    experts = result.evidence[0].details["groups"]["experts"]
    assert experts["agree"] == experts["n"] > 100


@pytest.mark.parametrize("dtype", ["U8", "BOOL", "F8_E8M0"])
def test_numbers_without_signs_carry_no_coins(dtype: str, tmp_path: Path) -> None:
    for seed in (1, 2):
        tiny_llama(tmp_path / str(seed), seed=seed)
        path = tmp_path / str(seed) / "model.safetensors"
        raw = path.read_bytes()
        length = int.from_bytes(raw[:8], "little")
        header = {k: v for k, v in json.loads(raw[8 : 8 + length]).items() if k != "__metadata__"}
        rng = np.random.default_rng(seed)
        entries: dict[str, Any] = {
            n: (dtype, e["shape"], rng.integers(0, 2 if dtype == "BOOL" else 250, e["shape"], dtype=np.uint8).tobytes())
            for n, e in header.items()
        }
        write_safetensors(path, entries)
    result = forebear.compare(str(tmp_path / "1"), str(tmp_path / "2"))
    assert result.verdict is Verdict.SAME_ARCHITECTURE
    assert any(dtype in gap.what for gap in result.coverage.not_tested)


@pytest.mark.whole
def test_experts_copied_from_one_mlp_are_not_counted_four_times(tmp_path: Path) -> None:
    """Independent pairs, each upcycled from its own dense MLP: the experts group keeps the variance of a fair coin."""
    z = []
    for seed in range(9):
        folder = tiny_llama(tmp_path / str(seed), seed=seed, family="mixtral")
        rng = np.random.default_rng(seed)
        dense: dict[str, F32] = {}

        def upcycle(name: str, v: F32, rng: np.random.Generator = rng, dense: dict[str, F32] = dense) -> F32:
            if "experts" not in name:
                return v
            source = dense.setdefault(re.sub(r"experts\.\d+", "experts", name), v)
            return np.asarray(source + 0.3 * v.std() * rng.standard_normal(v.shape))

        edit(folder, upcycle)
    for a in range(9):
        for b in range(a):
            found = forebear.compare(str(tmp_path / str(b)), str(tmp_path / str(a)))
            group = found.evidence[0].details["groups"]["experts"]
            z.append((2 * group["agree"] - group["n"]) / group["n"] ** 0.5)
            assert found.related is None
    assert 0.4 < np.var(z) < 1.7


def test_names_alone_do_not_vouch_for_symmetries(base: Path) -> None:
    """An unlisted model_type with Llama's names may rotate or normalise otherwise: it cannot be the trusted side."""
    child = drifted(base, "child", 0.1)
    for folder in (base, child):
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, "model_type": "ernie9"}))
    assert forebear.compare(str(base), str(child)).verdict is Verdict.INCONCLUSIVE
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "model_type": "llama"}))
    assert forebear.compare(str(base), str(child)).verdict is Verdict.SAME_INIT_OR_DERIVED


def test_equal_unknown_models_are_identical_when_asked(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_safetensors(tmp_path / name / "model.safetensors", {"w": np.ones((4, 4), dtype=np.float32)})
    pair = str(tmp_path / "a"), str(tmp_path / "b")
    assert forebear.compare(*pair).verdict is Verdict.INCONCLUSIVE
    assert forebear.compare(*pair, effort="deep").verdict is Verdict.IDENTICAL


def test_coins_after_alignment_pay_for_coming_second(base: Path, tmp_path: Path) -> None:
    """The plain coins keep 0.998 of the level; what is put together gets a thousandth, for two frames."""
    result = forebear.compare(str(base), str(disguise(base, tmp_path / "child", ["rotate"], 1)))
    plain, aligned = (e for e in result.evidence if e.signal in ("sign-code/1", "aligned-coins/1"))
    assert (plain.supports, aligned.supports) == ("nothing", "related")
    conditions = " ".join(aligned.details["conditions"])
    assert "gate and router rows" in conditions and "norm gains" not in conditions
    assert "norm gains" in " ".join(plain.details["conditions"])
    assert aligned.details["log10_p_raw"] == pytest.approx(
        -np.log10(2) * aligned.n + np.log10(2 / 0.998) + np.log10(2000), abs=1e-6
    )
    assert aligned.summary.startswith("With coordinates put together: ") and "only in a part" not in aligned.summary


def test_an_alignment_that_adds_nothing_changes_no_verdict(base: Path, tmp_path: Path) -> None:
    """A copied layer in its place is told by plain coins; the frame between strangers has nothing to add."""
    tiny_llama(tmp_path / "other", seed=2)
    shared: dict[str, F32] = {}
    edit(base, lambda n, v: shared.setdefault(n, v))
    edit(tmp_path / "other", lambda n, v: shared[n] if ".layers.1." in n or "embed" in n else v)
    result = forebear.compare(str(base), str(tmp_path / "other"))
    assert result.relation.details["components"] == ["embedding", "layer 1"] and result.findings == ()
    tested = " ".join(result.coverage.tested)
    assert "sign-code/1" in tested and "aligned-coins/1" in tested
