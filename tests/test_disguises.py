"""Disguises keep what they promise: the outputs of real implementations, shapes, seeds, and what they leave alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from disguises import DISGUISES, NEEDS_OTHER, SAME_FUNCTION, Inapplicable, disguise
from disguises.network import F32, read, settings, stored, write
from disguises.surgery import with_layers
from disguises.symmetries import Given, norm_of
from disguises.tokens import vocabulary_of
from forebear.artifacts import Artifact, read_artifact
from forebear.sources import LocalSource
from models import tiny, tiny_llama
from symmetry import flips as fl

FAMILIES = ("llama", "qwen2", "qwen3", "mixtral", "gpt2", "gpt_neox")
BIASES = {"attention_bias": True, "mlp_bias": True}
CASES = (
    fl.Case("llama-tied", "llama", True),
    fl.Case("llama-biases", "llama", False, BIASES),
    fl.Case("mistral", "mistral", False),
    fl.Case("qwen2", "qwen2", True),
    fl.Case("qwen3", "qwen3", False, {"num_attention_heads": 6}),
    fl.Case("mixtral", "mixtral", False, {"num_local_experts": 4}),
    fl.Case("gpt2", "gpt2", True),
    fl.Case("gpt_neox", "gpt_neox", False, {"rotary_pct": 0.25}),
    fl.Case("gemma", "gemma", True),
)
LOADABLE = sorted(SAME_FUNCTION - {"rename", "fuse", "renumber-tokens"})
STACKS = (
    ["permute-neurons", "permute-heads", "permute-residual", "rotate-values", "rescale-norms"],
    ["permute-heads", "rotate", "permute-neurons", "mix-values", "rotate-planes", "pad-duplicates", "permute-residual"],
    ["pad-dead", "rescale-norms", "rotate", "rescale-norms", "permute-residual", "flip-planes"],
    ["clone-width?", "repeat-heads?", "split-neurons", "permute-heads", "rotate"],
)
LAYERNORM = ("gpt2", "gpt_neox")
EXTRA = ("turn-layers", "slice-layers", "latent-attention")
"""Steps after which a model has tensors that its family lacks."""
IMPOSSIBLE: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("flip-neurons", "rescale-neurons", "flip-residual", "fuse", "falsify-heads"), LAYERNORM),
    **dict.fromkeys(("repeat-heads", "group-heads", "latent-attention", "turn-layers", "slice-layers"), LAYERNORM),
    "clone-width": ("gemma",),
    "permute-experts": ("llama", "mistral", "qwen2", "qwen3", "gpt2", "gpt_neox", "gemma"),
}


def opened(folder: Path) -> Artifact:
    return read_artifact(LocalSource(folder))


def tensors(folder: Path) -> dict[str, F32]:
    return {name: t.values() for name, t in opened(folder).weights.tensors.items()}


def equal(a: dict[str, F32], b: dict[str, F32]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.label)
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[fl.Case, Path, F32]:
    """A model of transformers with gains, biases and routers that are not at their start, and its logits."""
    pytest.importorskip("torch", reason="needs the [torch] extra")
    pytest.importorskip("transformers", reason="runs the modelling code of transformers")
    case: fl.Case = request.param
    folder = tmp_path_factory.mktemp(case.label) / "model"
    fl.build(case, folder)
    return case, folder, fl.logits(folder)


def change(folder: Path, before: F32) -> float:
    """Largest change of a logit, in standard deviations of the logits."""
    return float(np.abs(fl.logits(folder) - before).max() / before.std())


@pytest.mark.sweep(2)
@pytest.mark.torch
@pytest.mark.parametrize("step", LOADABLE)
def test_the_outputs_of_real_implementations_stay(real: tuple[fl.Case, Path, F32], step: str, tmp_path: Path) -> None:
    case, folder, before = real
    if case.family in IMPOSSIBLE.get(step, ()):
        with pytest.raises(Inapplicable):
            disguise(folder, tmp_path / "out", [step], 1)
        return
    out = disguise(folder, tmp_path / "out", [step], 1)
    assert change(out, before) <= 1e-4
    assert step == "untie" or not equal(tensors(folder), tensors(out))
    assert read(out).tied == (read(folder).tied and step not in ("untie", "rotate", "fold-norms", "clone-width"))


@pytest.mark.torch
@pytest.mark.parametrize("steps", STACKS, ids=len)
def test_stacks_leave_the_outputs_alone(real: tuple[fl.Case, Path, F32], steps: list[str], tmp_path: Path) -> None:
    assert change(disguise(real[1], tmp_path / "out", steps, 2), real[2]) <= 1e-4


@pytest.mark.torch
def test_half_a_disguise_is_felt(real: tuple[fl.Case, Path, F32], tmp_path: Path) -> None:
    """What the tests above rely on: a permutation that one writer does not follow changes the outputs."""
    made = DISGUISES["permute-residual"](read(real[1]), Given(np.random.default_rng(1)))
    last = f"layers.{made.layers - 1}."
    writer = next(r for r in made.weights if r.startswith(last) and r.endswith("down"))
    wrong = made.with_({**made.weights, writer: made.weights[writer][::-1]})
    assert change(write(wrong, tmp_path / "out"), real[2]) > 1e-2


@pytest.mark.torch
def test_renumbered_tokens_have_their_old_logits_under_new_numbers(
    real: tuple[fl.Case, Path, F32], tmp_path: Path
) -> None:
    import torch

    vocab = {f"t{k}": k for k in range(fl.VOCABULARY)}
    (real[1] / "tokenizer.json").write_text(json.dumps({"added_tokens": [], "model": {"vocab": vocab, "merges": []}}))
    out = disguise(real[1], tmp_path / "out", ["renumber-tokens"], 1)
    found = json.loads((out / "tokenizer.json").read_text())["model"]["vocab"]
    order = np.array([found[f"t{k}"] for k in range(fl.VOCABULARY)])
    ids = torch.randint(0, fl.VOCABULARY, (2, 24), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        after = fl.load(out)(input_ids=torch.from_numpy(order)[ids]).logits.numpy()
    assert np.abs(after[..., order] - real[2]).max() / real[2].std() <= 1e-5
    assert json.loads((out / "config.json").read_text())["bos_token_id"] == order[0]


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_taken_apart_is_put_together_again(family: str, tmp_path: Path) -> None:
    base = tiny(family, tmp_path / "base", 1)
    out = disguise(base, tmp_path / "out", [])
    assert equal(tensors(base), tensors(out))
    assert opened(out).geometry == opened(base).geometry and not opened(out).notes
    said = json.loads((base / "config.json").read_text()).items()
    assert {k: v for k, v in said if v is not None} == {k: settings(read(base))[k] for k, v in said if v is not None}


@pytest.mark.sweep(2)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("step", sorted(DISGUISES))
def test_every_disguise_can_be_worn_and_read_and_follows_its_seed(family: str, step: str, tmp_path: Path) -> None:
    base, other = tiny(family, tmp_path / "base", 1), tiny(family, tmp_path / "other", 2)
    donor = other if step in NEEDS_OTHER else None
    try:
        one = tensors(disguise(base, tmp_path / "one", [step], 1, donor))
    except Inapplicable:
        assert family in IMPOSSIBLE.get(step, ())
        return
    assert family not in IMPOSSIBLE.get(step, ())
    assert equal(one, tensors(disguise(base, tmp_path / "again", [step], 1, donor)))
    assert all(np.isfinite(v).all() for v in one.values())
    said = {"falsify", "falsify-heads", "untie"}
    silent = said | {"fold-norms"} if family not in LAYERNORM else said  # gains are one here
    assert equal(tensors(base), one) == (step in silent and not (family == "gpt2" and step == "untie"))
    if step not in {"rename", "rename-opaque", "turn", "fuse", "falsify", *EXTRA}:
        artifact = opened(tmp_path / "one")
        assert artifact.geometry is not None and artifact.geometry.heads
        again = read(tmp_path / "one")
        assert equal(one, tensors(write(again, tmp_path / "rewritten")))


def sizes(folder: Path) -> tuple[int, ...]:
    n = read(folder)
    neurons = {len(n.weights[f"{stem}up"]) for stem in n.mlps()}
    assert len(neurons) == 1
    return n.width, n.layers, n.heads, n.kv_heads, neurons.pop(), len(n.weights["embed"])


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("prune-residual", (56, 4, 4, 2, 128, 256)),
        ("prune-residual:0.5", (32, 4, 4, 2, 128, 256)),
        ("prune-neurons", (64, 4, 4, 2, 96, 256)),
        ("prune-heads", (64, 4, 2, 1, 128, 256)),
        ("pad-dead", (64, 4, 4, 2, 160, 256)),
        ("pad-duplicates", (64, 4, 4, 2, 160, 256)),
        ("drop-layers", (64, 3, 4, 2, 128, 256)),
        ("duplicate-layers", (64, 6, 4, 2, 128, 256)),
        ("reorder-layers", (64, 4, 4, 2, 128, 256)),
        ("trim-vocabulary", (64, 4, 4, 2, 128, 171)),
        ("rotate", (64, 4, 4, 2, 128, 256)),
        ("repeat-heads", (64, 4, 4, 4, 128, 256)),
        ("group-heads", (64, 4, 4, 1, 128, 256)),
        ("split-neurons", (64, 4, 4, 2, 256, 256)),
        ("widen-neurons", (64, 4, 4, 2, 192, 256)),
        ("clone-width", (128, 4, 8, 4, 128, 256)),
    ],
)
def test_sizes_are_in_the_weights_and_in_the_config(step: str, expected: tuple[int, ...], tmp_path: Path) -> None:
    out = disguise(tiny("llama", tmp_path / "base", 1), tmp_path / "out", [step])
    config = json.loads((out / "config.json").read_text())
    keys = ("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "intermediate_size")
    assert sizes(out) == expected == tuple(config[k] for k in (*keys, "vocab_size"))
    assert not opened(out).notes


def test_a_trimmed_vocabulary_keeps_the_rows_of_its_tokens(tmp_path: Path) -> None:
    base = tiny("llama", tmp_path / "base", 1)
    text = json.loads((base / "tokenizer.json").read_text())
    text["model"]["merges"] = ["word100 word101", ["a", "b"], "w o"]
    text["model"]["vocab"]["word100word101"] = 255
    del text["model"]["vocab"]["word255"]
    (base / "tokenizer.json").write_text(json.dumps(text))
    before, gone = read(base), False
    for seed in range(6):
        after = read(disguise(base, tmp_path / f"{seed}", ["trim-vocabulary"], seed))
        old, new = vocabulary_of(before), vocabulary_of(after)
        assert new.keys() < old.keys() and sorted(new.values()) == list(range(len(new)))
        assert {"<s>", "</s>", *map(chr, range(33, 127))} <= new.keys()
        for token, number in new.items():
            assert np.array_equal(after.weights["embed"][number], before.weights["embed"][old[token]])
            assert np.array_equal(after.weights["lm_head"][number], before.weights["lm_head"][old[token]])
        assert after.tokenizer is not None
        possible = {"word100", "word101", "word100word101"} <= new.keys()
        assert after.tokenizer["model"]["merges"] == (["word100 word101"] if possible else [])
        gone = gone or not possible
    assert gone


def shares(made: F32, of: F32) -> list[bool]:
    """For every row of one matrix whether it is one of the rows of another."""
    rows = {row.tobytes() for row in of}
    return [row.tobytes() in rows for row in made]


def test_pruning_and_padding_keep_the_neurons_that_are_left(tmp_path: Path) -> None:
    base = tiny("mixtral", tmp_path / "base", 1)
    for step, kept in (("prune-neurons", 96), ("pad-dead", 128), ("pad-duplicates", 160)):
        before, after = read(base).weights, read(disguise(base, tmp_path / step, [step])).weights
        up = "layers.1.experts.2.up"
        assert sum(shares(after[up], before[up])) == kept
    order = [next(k for k, row in enumerate(before[up]) if np.array_equal(row, own)) for own in after[up]]
    twice = [k for k in set(order) if order.count(k) == 2]
    down, old = after["layers.1.experts.2.down"].T, before["layers.1.experts.2.down"].T
    assert len(twice) == 32
    assert all(np.allclose(down[at], old[k] / order.count(k), rtol=0.01) for at, k in enumerate(order))


@pytest.mark.torch
def test_shortcuts_lead_from_coordinates_to_coordinates(real: tuple[fl.Case, Path, F32], tmp_path: Path) -> None:
    """Turned back by the matrices on the shortcuts, the layers are one model, which computes what the base did."""
    case, folder, before = real
    if case.family in LAYERNORM:
        return
    turned = tensors(disguise(folder, tmp_path / "turned", ["turn-layers"], 1))
    network = read(disguise(folder, tmp_path / "plain", ["fold-norms"]))
    basis = np.eye(fl.WIDTH).astype(np.float32)
    names = opened(tmp_path / "plain").names
    made = {**network.weights, "embed": turned[names["embed"]]}
    for layer in range(network.layers):
        for attention, shortcut in ((True, "attn_shortcut_Q"), (False, "mlp_shortcut_Q")):
            onto: F32 = basis @ turned[f"{network.prefix}layers.{layer}.{shortcut}"]
            for role in [r for r in names if r.startswith(f"layers.{layer}.") and (".attn." in r) == attention]:
                if role.removesuffix(".bias").endswith((".o", "down")):
                    made[role] = onto @ turned[names[role]]
                elif network.weights[role].ndim == 2:
                    made[role] = turned[names[role]] @ basis.T
            basis = onto
    made["lm_head"] = turned[names["lm_head"]] @ basis.T
    assert change(write(network.with_(made), tmp_path / "out"), before) <= 1e-4


def test_sliced_layers_are_narrower_and_a_latent_has_fewer_dimensions(tmp_path: Path) -> None:
    base = tiny("llama", tmp_path / "base", 1)
    sliced = {n: v.shape for n, v in tensors(disguise(base, tmp_path / "sliced", ["slice-layers"])).items()}
    stem = "model.layers.1."
    assert sliced[stem + "attn_shortcut_Q"] == sliced[stem + "mlp_shortcut_Q"] == (48, 48)
    assert sliced["model.embed_tokens.weight"] == (256, 48) and sliced[stem + "mlp.down_proj.weight"] == (48, 128)
    for share, error in ((1.0, 0.01), (0.75, 0.4)):
        latent = tensors(disguise(base, tmp_path / f"{share}", [f"latent-attention:{share}"]))
        lift, squeeze = (latent[f"{stem}self_attn.{part}.weight"] for part in ("kv_lift", "kv_squeeze"))
        both = np.concatenate([tensors(base)[f"{stem}self_attn.{part}.weight"] for part in ("k_proj", "v_proj")])
        assert squeeze.shape == (64 * share, 64) and not any("k_proj" in n or "v_proj" in n for n in latent)
        assert np.linalg.norm(lift @ squeeze - both) <= error * np.linalg.norm(both)


def test_neurons_are_split_unequally_and_copies_share_their_column(tmp_path: Path) -> None:
    base = tiny("llama", tmp_path / "base", 1)
    up, gate, down = (f"layers.2.mlp.{part}" for part in ("up", "gate", "down"))
    before = read(base).weights
    for step, most in (("split-neurons", 2), ("widen-neurons", 8)):
        after = read(disguise(base, tmp_path / step, [step], dtype="F32")).weights
        at = np.array([np.flatnonzero((before[gate] == row).all(axis=1))[0] for row in after[gate]])
        counts = np.bincount(at, minlength=128)
        assert 2 <= counts.max() <= most and counts.min() == (2 if step == "split-neurons" else 1)
        size = (after[up] / before[up][at]).mean(axis=1)
        share = (after[down] / before[down][:, at]).mean(axis=0) * size
        assert np.allclose(np.bincount(at, share), 1, atol=1e-3)
        assert (
            (np.ptp(size) > 1 and np.ptp(share) > 0.5) if most == 2 else np.allclose(share, 1 / counts[at], atol=1e-3)
        )


def test_splices_and_merges_are_made_of_two(tmp_path: Path) -> None:
    base, other = tiny("llama", tmp_path / "base", 1), tiny("llama", tmp_path / "other", 2)
    made = {
        s: read(disguise(base, tmp_path / s, [s], other=other)).weights for s in ("splice", "merge", "copy-embeddings")
    }
    a, b = read(base).weights, read(other).weights
    ours = [np.array_equal(made["splice"][f"layers.{k}.mlp.up"], a[f"layers.{k}.mlp.up"]) for k in range(4)]
    theirs = [np.array_equal(made["splice"][f"layers.{k}.mlp.up"], b[f"layers.{k}.mlp.up"]) for k in range(4)]
    assert sum(ours) == sum(theirs) == 2 and np.array_equal(made["splice"]["embed"], a["embed"])
    assert np.allclose(made["merge"]["embed"], 0.7 * a["embed"] + 0.3 * b["embed"], atol=2e-3)
    assert np.array_equal(made["copy-embeddings"]["embed"], a["embed"])
    assert np.array_equal(made["copy-embeddings"]["layers.0.attn.o"], b["layers.0.attn.o"])
    with pytest.raises(Inapplicable):
        disguise(base, tmp_path / "alone", ["merge"])
    with pytest.raises(Inapplicable):
        disguise(base, tmp_path / "odd", ["merge"], other=tiny_llama(tmp_path / "wide", hidden=96))


@pytest.mark.parametrize(("step", "least", "most"), [("int8", 0.002, 0.01), ("int4", 0.05, 0.15), ("int3", 0.12, 0.35)])
def test_rounding_costs_what_the_literature_says(step: str, least: float, most: float, tmp_path: Path) -> None:
    base = tiny("llama", tmp_path / "base", 1)
    before, after = read(base).weights, read(disguise(base, tmp_path / "out", [step], dtype="F32")).weights
    for role in ("layers.0.attn.q", "layers.3.mlp.down"):
        error = np.linalg.norm(after[role] - before[role]) / np.linalg.norm(before[role])
        assert least < error < most
        assert max(len(np.unique(row[:32])) for row in after[role]) <= 2 ** int(step[-1]) - 1
    assert np.array_equal(after["embed"], before["embed"])


def test_noise_and_rank_are_as_large_as_asked(tmp_path: Path) -> None:
    base = tiny("gpt_neox", tmp_path / "base", 1)
    before = read(base).weights
    noisy = read(disguise(base, tmp_path / "noisy", ["noise:0.2"], dtype="F32")).weights
    q = "layers.2.attn.q"
    assert np.linalg.norm(noisy[q] - before[q]) / np.linalg.norm(before[q]) == pytest.approx(0.2, rel=0.05)
    cut = read(disguise(base, tmp_path / "cut", ["low-rank:0.25"], dtype="F32")).weights
    assert np.linalg.matrix_rank(cut[q], tol=1e-4) == 16 and np.linalg.matrix_rank(before[q]) == 64


def test_names_and_papers_lie_and_weights_do_not(tmp_path: Path) -> None:
    base = tiny("llama", tmp_path / "base", 1)
    over = tensors(disguise(base, tmp_path / "over", ["turn"]))
    assert all(np.array_equal(over[n].T if ".layers." in n else over[n], v) for n, v in tensors(base).items())
    values = {v.tobytes() for v in tensors(base).values()}
    for step in ("rename", "rename-opaque"):
        after = tensors(disguise(base, tmp_path / step, [step]))
        assert {v.tobytes() for v in after.values()} == values and not after.keys() & tensors(base).keys()
    out = disguise(base, tmp_path / "out", ["falsify", "falsify-heads", "fuse"])
    config: dict[str, Any] = json.loads((out / "config.json").read_text())
    assert (config["model_type"], config["num_attention_heads"], config["head_dim"]) == ("mistral", 2, 32)
    assert "mit" in (out / "README.md").read_text() and "MIT" in (out / "LICENSE").read_text()
    shapes = {name: v.shape for name, v in tensors(out).items()}
    assert shapes["model.layers.0.self_attn.qkv_proj.weight"] == (128, 64)
    assert shapes["model.layers.0.mlp.gate_up_proj.weight"] == (256, 64)


def test_layers_carry_their_kind_with_them(tmp_path: Path) -> None:
    base = tiny("qwen2", tmp_path / "base", 1)
    network = read(base)
    kinds = ["full", "sliding", "full", "other"]
    made = with_layers(network.with_(network.weights, config={**network.config, "layer_types": kinds}), [3, 1, 1])
    assert made.config["layer_types"] == ["other", "sliding", "sliding"] and made.layers == 3
    assert np.array_equal(made.weights["layers.0.mlp.up"], network.weights["layers.3.mlp.up"])
    assert set(stored(made)) < set(stored(network))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_matrix_that_reads_a_norm_says_which(family: str, tmp_path: Path) -> None:
    n = read(tiny(family, tmp_path / "model", 1))
    of = {role: norm_of(role) for role, v in n.weights.items() if v.ndim == 2}
    assert {role.rsplit(".", 1)[-1] for role, norm in of.items() if norm is None} - {"positions"} == {
        "embed",
        "o",
        "down",
    }
    norms = {r for r in n.weights if r.endswith("norm") and not r.endswith(("q_norm", "k_norm"))}
    assert {norm for norm in of.values() if norm} == norms - ({"norm"} if n.tied else set())


def test_a_step_with_a_question_mark_is_left_out_where_it_cannot_be_worn(tmp_path: Path) -> None:
    base = tiny("gpt2", tmp_path / "base", 1)
    one = disguise(base, tmp_path / "one", ["flip-neurons?", "permute-neurons?"])
    assert not equal(tensors(one), tensors(base))
    assert equal(tensors(base), tensors(disguise(base, tmp_path / "two", ["flip-neurons?"])))
    with pytest.raises(Inapplicable):
        disguise(base, tmp_path / "three", ["flip-neurons"])


def test_a_model_that_cannot_be_taken_apart_is_refused(tmp_path: Path) -> None:
    base = tiny("llama", tmp_path / "base", 1)
    disguise(base, tmp_path / "named", ["rename-opaque"])
    with pytest.raises(Inapplicable):
        read(tmp_path / "named")
    with pytest.raises(KeyError):
        disguise(base, tmp_path / "x", ["no-such-step"])
