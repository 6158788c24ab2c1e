"""The sign symmetries that the coins rest on, tested on real modelling code, family by family.

A generator is valid when flipping it everywhere leaves the outputs alone, before and throughout training; the code
reads the right bit when exactly that bit changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from forebear.artifacts import Artifact
from forebear.signals import layout as gen
from forebear.signals.sign_code import SignCode, encode
from symmetry import flips as fl
from symmetry.flips import HEAD_DIM, HEADS, LAYERS, NEURONS, POSITIONS, WIDTH, Case, Flips

torch = pytest.importorskip("torch", reason="needs the [torch] extra")
pytest.importorskip("transformers", reason="runs the modelling code of transformers")
pytest.importorskip("safetensors", reason="edits saved models")

pytestmark = pytest.mark.torch

TOLERANCE = 1e-5
CHANGED = 1e-2

MOE = {"moe_intermediate_size": 40, "num_experts_per_tok": 2}
GROUPED = {"n_group": 1, "topk_group": 1, "first_k_dense_replace": 1}
MLA = {"q_lora_rank": 24, "kv_lora_rank": 20, "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "v_head_dim": 12}
DEEPSEEK = {**MOE, **GROUPED, **MLA, "n_routed_experts": 5, "n_shared_experts": 2}

CASES = (
    Case("llama-tied", "llama", True),
    Case("llama-untied", "llama", False),
    Case("llama-biases", "llama", False, {"attention_bias": True, "mlp_bias": True}),
    Case("mistral-untied", "mistral", False),
    Case("qwen2-tied", "qwen2", True),
    Case("qwen2-untied", "qwen2", False),
    Case("qwen3-tied", "qwen3", True),
    Case("qwen3-untied", "qwen3", False, {"num_attention_heads": 6}),  # heads wider than the stream
    Case("qwen3-biases", "qwen3", False, {"attention_bias": True}),
    Case("mixtral-tied", "mixtral", True, {"num_local_experts": 6}),
    Case("mixtral-untied", "mixtral", False, {"num_local_experts": 4}),
    Case("gpt2-tied", "gpt2", True),
    Case("gpt2-untied", "gpt2", False),
    Case("gpt_neox-tied", "gpt_neox", True, {"rotary_pct": 0.25}),
    Case("gpt_neox-no-biases", "gpt_neox", False, {"rotary_pct": 0.25, "attention_bias": False}),
    Case("gemma", "gemma", True),
    Case("gemma2", "gemma2", True, {"sliding_window": 8}),
    Case("gemma3", "gemma3_text", True, {"sliding_window": 8}),
    Case("granite", "granite", True, {"residual_multiplier": 0.3, "embedding_multiplier": 9.0}),
    Case("phi3", "phi3", False, {"partial_rotary_factor": 0.75}),
    Case("phi", "phi", False, {"partial_rotary_factor": 0.5}),
    Case("olmo", "olmo", False, {"clip_qkv": 1.0}),
    Case("olmo2", "olmo2", False),
    Case("olmo3", "olmo3", False, {"sliding_window": 8}),
    Case("exaone4", "exaone4", False, {"sliding_window": 8}),
    Case("falcon-grouped", "falcon", True, {"new_decoder_architecture": True, "num_kv_heads": 2, "alibi": False}),
    Case("falcon-multi-query", "falcon", True, {"multi_query": True, "alibi": False, "bias": True}),
    Case("falcon-alibi", "falcon", True, {"multi_query": False, "alibi": True, "parallel_attn": False, "bias": True}),
    Case("bloom", "bloom", True),
    Case("cohere", "cohere", True),
    Case("cohere-normed-queries", "cohere", True, {"use_qk_norm": True}),
    Case("cohere2", "cohere2", True, {"sliding_window": 8}),
    Case("stablelm", "stablelm", False, {"partial_rotary_factor": 0.25}),
    Case("stablelm-normed-queries", "stablelm", False, {"partial_rotary_factor": 0.25, "qk_layernorm": True}),
    Case("stablelm-parallel", "stablelm", False, {"use_parallel_residual": True, "use_qkv_bias": True}),
    Case("starcoder2", "starcoder2", True),
    Case("nemotron", "nemotron", False),
    Case("arcee", "arcee", False),
    Case("hunyuan", "hunyuan_v1_dense", True),
    Case("ernie4_5", "ernie4_5", True),
    Case("smollm3", "smollm3", True),
    Case("seed_oss", "seed_oss", False),
    Case("gptj", "gptj", False, {"rotary_dim": 8}),
    Case("opt", "opt", True, {"ffn_dim": NEURONS, "word_embed_proj_dim": WIDTH}),
    Case("mpt", "mpt", True, {"d_model": WIDTH, "n_heads": HEADS, "n_layers": LAYERS, "max_seq_len": POSITIONS}),
    Case("glm", "glm", False, {"partial_rotary_factor": 0.5, "attention_bias": True}),
    Case("glm4", "glm4", False, {"partial_rotary_factor": 0.5}),
    Case("qwen2_moe", "qwen2_moe", False, {**MOE, "num_experts": 6, "shared_expert_intermediate_size": 48}),
    Case("qwen3_moe", "qwen3_moe", False, {**MOE, "num_experts": 5, "mlp_only_layers": [1]}),
    Case("olmoe", "olmoe", False, {"num_experts": 4, "num_experts_per_tok": 2}),
    Case("glm4_moe", "glm4_moe", False, {**MOE, **GROUPED, "n_routed_experts": 5, "use_qk_norm": True}),
    Case("dots1", "dots1", False, {**MOE, **GROUPED, "n_routed_experts": 5, "n_shared_experts": 1}),
    Case("deepseek_v2", "deepseek_v2", False, {**DEEPSEEK, "topk_method": "greedy"}),
    Case("deepseek_v2-lite", "deepseek_v2", False, {**DEEPSEEK, "topk_method": "greedy", "q_lora_rank": None}),
    Case("deepseek_v3", "deepseek_v3", False, DEEPSEEK),
    Case("deepseek_v3-half", "deepseek_v3", False, {**DEEPSEEK, "rope_interleave": False}),
    Case("gpt_oss", "gpt_oss", False, {"num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": 8}),
    Case("minimax", "minimax", False, {"num_local_experts": 4, "rotary_dim": HEAD_DIM}),
    Case("minimax_m2", "minimax_m2", False, {"num_local_experts": 4, "num_experts_per_tok": 2}),
    Case("minimax_m2-part", "minimax_m2", False, {"num_local_experts": 4, "num_experts_per_tok": 2, "rotary_dim": 8}),
    Case("gpt_neox-silent", "gpt_neox", False),
    Case("phi-normed-queries", "phi", False, {"partial_rotary_factor": 0.5, "qk_layernorm": True}),
    Case("deepseek_v2-no-key", "deepseek_v2", False, {**DEEPSEEK, "topk_method": "greedy", "rope_interleave": False}),
    Case("granitemoe", "granitemoe", True, {"num_local_experts": 4, "num_experts_per_tok": 2}),
    Case("phimoe", "phimoe", False, {"num_local_experts": 4}),
    *(
        Case(f"{label}-stacked", family, False, more, stacked=True)
        for label, family, more in (
            ("mixtral", "mixtral", {"num_local_experts": 4}),
            ("qwen2_moe", "qwen2_moe", {**MOE, "num_experts": 6, "shared_expert_intermediate_size": 48}),
            ("qwen3_moe", "qwen3_moe", {**MOE, "num_experts": 5, "mlp_only_layers": [1]}),
            ("olmoe", "olmoe", {"num_experts": 4, "num_experts_per_tok": 2}),
            ("glm4_moe", "glm4_moe", {**MOE, **GROUPED, "n_routed_experts": 5, "use_qk_norm": True}),
            ("deepseek_v3", "deepseek_v3", DEEPSEEK),
            ("minimax", "minimax", {"num_local_experts": 4, "rotary_dim": HEAD_DIM}),
            ("minimax_m2", "minimax_m2", {"num_local_experts": 4, "num_experts_per_tok": 2}),
            ("granitemoe", "granitemoe", {"num_local_experts": 4, "num_experts_per_tok": 2}),
            ("phimoe", "phimoe", {"num_local_experts": 4}),
        )
    ),
    Case("qwen2_vl", "qwen2_vl", False),
    Case("qwen3_vl", "qwen3_vl", False),
    Case("bert", "bert", True),
    Case("roberta", "roberta", True, {"pad_token_id": 1, "max_position_embeddings": POSITIONS + 2}),
    Case("distilbert", "distilbert", True, {"dim": WIDTH, "n_heads": HEADS, "n_layers": LAYERS, "hidden_dim": NEURONS}),
    Case("modernbert", "modernbert", True, {"local_attention": 8, "pad_token_id": 1}),
)
ALL = ("residual", "glu", "value_output", "query_key")
ATTENTION = ("value_output", "query_key")
GATED = ("glu", "value_output", "query_key")
ROUTED = ("residual", "experts", "value_output", "query_key")
SHARED = ("residual", "glu", "experts", "value_output", "query_key")
COINS = {
    **dict.fromkeys(("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "granite", "phi3"), ALL),
    **dict.fromkeys(("olmo2", "olmo3", "exaone4", "hunyuan_v1_dense", "ernie4_5", "smollm3", "seed_oss"), ALL),
    **dict.fromkeys(("glm", "glm4", "qwen2_vl", "qwen3_vl"), ALL),
    **dict.fromkeys(("gpt2", "gpt_neox", "phi", "falcon", "bloom", "starcoder2", "nemotron", "gptj"), ATTENTION),
    **dict.fromkeys(("opt", "mpt", "bert", "roberta", "distilbert"), ATTENTION),
    **dict.fromkeys(("olmo", "cohere", "cohere2", "stablelm", "modernbert"), GATED),
    **dict.fromkeys(("arcee", "gpt_oss"), ("residual", *ATTENTION)),
    **dict.fromkeys(("mixtral", "olmoe", "minimax", "minimax_m2", "granitemoe"), ROUTED),
    **dict.fromkeys(("qwen2_moe", "qwen3_moe", "glm4_moe", "dots1"), SHARED),
    **dict.fromkeys(("deepseek_v2", "deepseek_v3"), (*SHARED, "latent")),
    "phimoe": ("experts", *ATTENTION),
}
NORMED_QUERIES = ("cohere-normed-queries", "stablelm-normed-queries", "phi-normed-queries")
"""LayerNorm on queries and keys subtracts a mean: no coins of theirs there."""
FILE = {
    **dict.fromkeys(("mistral", "smollm3", "seed_oss"), "llama"),
    **{"gemma3_text": "gemma3", "olmo3": "olmo2", "cohere2": "cohere", "hunyuan_v1_dense": "hunyuan"},
    **{"roberta": "bert", "qwen2_vl": "qwen2", "qwen3_vl": "qwen3"},
}
GROUPS = ("residual", "glu", "experts", "value_output", "query_key", "latent")
VISION = ("visual.", "model.visual.")
TASK_HEADS = ("cls.", "lm_head.", "vocab_", "head.", "decoder.")
"""What encoders have behind the encoder: no roles."""


def coins_of(case: Case) -> tuple[str, ...]:
    return tuple(c for c in COINS[case.family] if not (c == "query_key" and case.label in NORMED_QUERIES))


@dataclass(frozen=True)
class Model:
    """A saved model, as this project reads it and as torch computes it."""

    case: Case
    folder: Path
    artifact: Artifact
    weights: dict[str, fl.F32]
    logits: fl.F32

    def flipped(self, flips: Flips, out: Path, acts: fl.Acts = fl.everywhere) -> Path:
        fl.write_like(self.folder, out, fl.apply(self.weights, self.artifact, flips, acts))
        return out

    def change(self, flips: Flips, out: Path, acts: fl.Acts = fl.everywhere) -> float:
        """Largest difference that flips make to a logit, in standard deviations of the logits."""
        difference = np.abs(fl.logits(self.flipped(flips, out, acts)) - self.logits).max()
        return float(difference / self.logits.std())


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.label)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    case: Case = request.param
    folder = tmp_path_factory.mktemp(case.label)
    fl.build(case, folder)
    return Model(case, folder, fl.open_model(folder), fl.weights(folder), fl.logits(folder))


def cases(*families: str) -> pytest.MarkDecorator:
    """Run for these families only."""
    chosen = [c for c in CASES if c.family in families]
    return pytest.mark.parametrize("model", chosen, ids=lambda c: c.label, indirect=True)


def coins(*groups: str) -> pytest.MarkDecorator:
    """Run for every model and those of the groups that its family has."""
    chosen = [(c, g) for c in CASES for g in coins_of(c) if g in groups]
    ids = [f"{c.label}-{g}" for c, g in chosen]
    return pytest.mark.parametrize(("model", "group"), chosen, ids=ids, indirect=["model"])


def draw_all(model: Model, seed: int) -> Flips:
    flips: Flips = {}
    for group in coins_of(model.case):
        flips |= fl.draw(model.artifact, group, seed)
    return flips


@pytest.mark.sweep(3)
def test_the_model_is_recognised_to_the_last_tensor(model: Model) -> None:
    family, geometry = fl.known(model.artifact)
    case = model.case
    assert family.name == FILE.get(case.family, case.family)
    assert family.coins == coins_of(case)
    beside = [n for n in model.artifact.notes if "have no role" in n]  # a tower, the heads of an encoder
    assert model.artifact.notes == tuple(beside) and not model.artifact.by_names
    assert not beside or case.family in fl.SEEING or case.family in fl.ENCODERS
    rest = set(model.artifact.weights.tensors) - set(model.artifact.names.values())
    if case.family == "minimax":
        rest = {n for n in rest if not n.endswith(("_decay", "slope_rate"))}  # constants of lightning attention
    if case.family in fl.SEEING:
        rest = {n for n in rest if not n.startswith(VISION)}
    assert not {n for n in rest if not (case.family in fl.ENCODERS and n.startswith(TASK_HEADS))}
    assert (geometry.width, geometry.layers, geometry.vocabulary) == (fl.WIDTH, fl.LAYERS, fl.VOCABULARY)
    assert geometry.heads == case.more.get("num_attention_heads", fl.HEADS)
    more = case.more
    if "kv_lora_rank" in more:
        assert (geometry.head_dim, geometry.value_dim, geometry.rotary, geometry.nope) == (24, 12, 8, 16)
        assert (geometry.kv_rank, geometry.q_rank) == (20, more["q_lora_rank"] or 0)
        return
    assert (geometry.head_dim, geometry.value_dim) == (fl.HEAD_DIM, fl.HEAD_DIM)
    assert geometry.experts == next((v for k, v in more.items() if k.endswith("_experts")), 0)


@pytest.mark.sweep(5)
@coins(*GROUPS)
def test_flipping_a_generator_everywhere_leaves_the_outputs_alone(model: Model, group: str, tmp_path: Path) -> None:
    for seed in range(2):
        flips = fl.draw(model.artifact, group, seed)
        assert model.change(flips, tmp_path / str(seed)) < TOLERANCE


@pytest.mark.sweep(5)
def test_flips_of_all_groups_together_leave_the_outputs_alone(model: Model, tmp_path: Path) -> None:
    assert model.change(draw_all(model, seed=2), tmp_path / "flipped") < TOLERANCE


@pytest.mark.sweep(3)
@cases(*(f for f, groups in COINS.items() if "residual" in groups))
def test_gains_do_not_flip_with_the_residual_stream(model: Model, tmp_path: Path) -> None:
    flips = fl.draw(model.artifact, "residual", 0)
    with_gains = flips | {("gain", ""): flips["residual", ""]}
    assert model.change(with_gains, tmp_path / "flipped") > CHANGED


@cases(*(f for f, groups in COINS.items() if "residual" not in groups))
def test_layernorm_feels_the_sign_of_a_residual_dimension(model: Model, tmp_path: Path) -> None:
    assert model.change(fl.draw(model.artifact, "residual", 0), tmp_path / "flipped") > CHANGED


@cases(*(f for f, groups in COINS.items() if not {"glu", "experts"} & set(groups) and f != "gpt_oss"))
def test_neurons_without_a_gate_feel_their_sign(model: Model, tmp_path: Path) -> None:
    assert model.change(fl.draw(model.artifact, "glu", 0), tmp_path / "flipped") > CHANGED


@pytest.mark.sweep(4)
@coins("glu", "experts")
def test_a_gate_row_is_no_coin(model: Model, group: str, tmp_path: Path) -> None:
    flips = fl.draw(model.artifact, group, 0)
    gate_for_up = model.change(flips, tmp_path / "gate", lambda role, axis: ".up" not in role)
    assert gate_for_up > CHANGED


@cases("gpt_oss")
def test_an_expert_that_adds_one_to_up_feels_the_sign_of_its_neurons(model: Model, tmp_path: Path) -> None:
    assert model.change(fl.draw(model.artifact, "experts", 0), tmp_path / "flipped") > CHANGED


@pytest.mark.parametrize("model", [c for c in CASES if c.label in NORMED_QUERIES], ids=lambda c: c.label, indirect=True)
def test_layernorm_on_queries_and_keys_feels_the_sign_of_a_plane(model: Model, tmp_path: Path) -> None:
    assert model.change(fl.draw(model.artifact, "query_key", 0), tmp_path / "flipped") > CHANGED


@pytest.mark.parametrize("left_out", ["nope", "kv_latent", "q_latent"])
@cases("deepseek_v2", "deepseek_v3")
def test_half_a_flip_of_latent_attention_is_felt(model: Model, left_out: str, tmp_path: Path) -> None:
    """Queries that do not rotate flip with their keys; a latent's rows flip with the columns that read it."""
    flips = fl.draw(model.artifact, "query_key" if left_out == "nope" else "latent", 0)
    readers = (".k_nope", ".attn.v", ".q_b.nope", ".q_b.rope") if left_out != "nope" else (".k_nope",)
    if left_out == "q_latent" and not fl.known(model.artifact)[1].q_rank:
        assert not any(axis == "q_latent" for r in model.artifact.names for axis in r.split("."))
        return
    change = model.change(
        flips, tmp_path / "flipped", lambda role, axis: not (axis == left_out and role.endswith(readers))
    )
    assert change > CHANGED


@pytest.mark.sweep(5)
@pytest.mark.parametrize("left_out", ["value", "mixed", "key", "query"])
def test_half_a_flip_is_felt(model: Model, left_out: str, tmp_path: Path) -> None:
    group = "value_output" if left_out in ("value", "mixed") else "query_key"
    flips = fl.draw(model.artifact, group, 0)
    if known_rank(model):
        left_out = {"key": "shared_rope", "query": "rope"}.get(left_out, left_out)
    assert model.change(flips, tmp_path / "flipped", lambda role, axis: axis != left_out) > CHANGED


@cases("llama", "mistral", "qwen2", "qwen3", "mixtral", "gpt_neox")
def test_one_dimension_of_a_rotating_plane_is_no_coin(model: Model, tmp_path: Path) -> None:
    family, geometry = fl.known(model.artifact)
    first, second = fl.planes(family, geometry)
    partners = second[first != second]
    assert len(partners) == (2 if model.case.family == "gpt_neox" else 8)
    flips = fl.draw(model.artifact, "query_key", 0)
    for flags in flips.values():
        flags[:, partners] = False
    assert sum(int(flags.sum()) for flags in flips.values())
    assert model.change(flips, tmp_path / "flipped") > CHANGED


@cases("llama", "mistral", "qwen2", "qwen3", "mixtral")
def test_one_query_head_of_a_group_does_not_flip_alone(model: Model, tmp_path: Path) -> None:
    """The flip is done, except in the o columns of the last query head: its group's other heads flip without it."""
    flips = fl.draw(model.artifact, "value_output", 0)
    weights = fl.apply(model.weights, model.artifact, flips)
    last = slice(-fl.HEAD_DIM, None)
    for layer in range(fl.LAYERS):
        name = model.artifact.names[f"layers.{layer}.attn.o"]
        weights[name][:, last] = model.weights[name][:, last]
    fl.write_like(model.folder, tmp_path / "flipped", weights)
    assert np.abs(fl.logits(tmp_path / "flipped") - model.logits).max() / model.logits.std() > CHANGED


@pytest.mark.sweep(5)
def test_training_is_equivariant(model: Model, tmp_path: Path) -> None:
    """Flip, train, flip back: the weights of the run that was never flipped.

    Rounding is symmetric in the sign, so they are bit-identical wherever sums are taken in the same order; Adam would
    blow up any other rounding (the gradient of GPT-2's key bias is nothing but rounding).
    """
    flips = draw_all(model, seed=3)
    fl.train(model.folder, tmp_path / "plain")
    fl.train(model.flipped(flips, tmp_path / "start"), tmp_path / "flipped")
    plain, other = fl.weights(tmp_path / "plain"), fl.weights(tmp_path / "flipped")
    back = fl.apply(other, model.artifact, flips)
    assert plain.keys() == back.keys() == model.weights.keys()
    moved = max(float(np.abs(plain[n] - model.weights[n]).max()) for n in plain)
    apart = max(float(np.abs(plain[n] - back[n]).max()) for n in plain)
    assert moved > 1e-3
    assert apart < 1e-3 * moved
    assert any(not np.array_equal(plain[n], other[n]) for n in plain)


@pytest.mark.sweep(5)
@coins(*GROUPS)
def test_exactly_the_bits_of_flipped_generators_change(model: Model, group: str, tmp_path: Path) -> None:
    before, _ = encode(model.artifact)
    for seed in range(3):
        flips = fl.draw(model.artifact, group, seed)
        after, _ = encode(fl.open_model(model.flipped(flips, tmp_path / str(seed))))
        expected = expected_bits(model, group, flips, before)
        changed = np.unpackbits(before.bits ^ after.bits).astype(bool)
        if group == "residual":  # every row of a layer is projected along the stream, so only these bits are asked
            changed, expected = changed[: gen.RESIDUAL_BITS], expected[: gen.RESIDUAL_BITS]
        if group == "latent":  # likewise values, which are read along the latent
            changed[values_of_latents()] = False
        assert expected.any()
        assert np.flatnonzero(changed).tolist() == np.flatnonzero(expected).tolist()
        assert np.array_equal(before.valid, after.valid)
        assert np.array_equal(before.signature, after.signature, equal_nan=True)


def known_rank(model: Model) -> int:
    return fl.known(model.artifact)[1].kv_rank


def values_of_latents() -> list[int]:
    place = gen.regions(("value_output", "latent"))["value_output"]
    return [
        gen.RESIDUAL_BITS + slot * gen.LAYER_BITS + place.start + k
        for slot in range(gen.SLOTS)
        for k in range(place.size)
    ]


def test_every_generator_that_is_read_has_a_valid_bit(model: Model) -> None:
    code, _ = encode(model.artifact)
    everything: NDArray[np.bool_] = np.zeros(gen.CODE_BITS, dtype=bool)
    for group in coins_of(model.case):
        flips = {key: np.ones_like(flags) for key, flags in fl.draw(model.artifact, group, 0).items()}
        everything |= expected_bits(model, group, flips, code)
    assert np.flatnonzero(np.unpackbits(code.valid)).tolist() == np.flatnonzero(everything).tolist()


def expected_bits(model: Model, group: str, flips: Flips, code: SignCode) -> NDArray[np.bool_]:
    """The bits that stand for these generators, from the layout of sign-code/1 as documented."""
    family, geometry = fl.known(model.artifact)
    assert geometry.kv_heads
    bits: NDArray[np.bool_] = np.zeros(gen.CODE_BITS, dtype=bool)
    if group == "residual":
        bits[: fl.WIDTH] = flips["residual", ""]
        return bits
    assert sorted(layer for layer in code.layers if layer >= 0) == list(range(fl.LAYERS))
    places = gen.regions(family.coins)
    for slot, layer in enumerate(code.layers):
        if layer < 0:
            continue
        stem, place = f"layers.{layer}.", places[group]
        start = gen.RESIDUAL_BITS + slot * gen.LAYER_BITS + place.start
        read: list[tuple[int, NDArray[np.bool_]]] = []
        if group == "glu" and (group, stem) in flips:
            read = [(0, flips[group, stem][: place.size])]
        elif group == "experts":
            chosen = [k * geometry.experts // 4 for k in range(4)]
            each = place.size // 4
            read = [
                (each * k, flips[group, f"{stem}experts.{e}."][each * k : each * (k + 1)])
                for k, e in enumerate(chosen)
                if (group, f"{stem}experts.{e}.") in flips
            ]
        elif group == "latent":
            half = place.size // 2
            read = [(0, flips[group, f"{stem}kv_latent."][:half]), (half, flips[group, f"{stem}q_latent."][:half])]
        elif (group, stem) in flips:  # value/output and query/key of the first and the middle head
            flags = flips[group, stem]
            heads = (0,) if len(flags) == 1 else (0, len(flags) // 2)
            share = place.size // len(heads)
            if group == "query_key":
                flags = flags[:, fl.planes(family, geometry)[0]]
            read = [(share * k, flags[head, :share]) for k, head in enumerate(heads)]
        for at, flags in read:
            bits[start + at : start + at + len(flags)] = flags
    return bits


HEEDED = ("phi", "phi3", "stablelm", "nemotron", "glm", "glm4", "glm4_moe", "gpt_neox")
"""Families whose code rotates the share of a head that ``rope_parameters`` states."""
NESTED = {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}}
NO_ALIBI = {"falcon": {"alibi": False}}
ROTATING = {
    c.family: c for c in reversed(CASES) if c.family not in ("gpt2", "bloom", "opt", "mpt", "gptj", *fl.ENCODERS)
}


@pytest.mark.parametrize("case", ROTATING.values(), ids=ROTATING)
def test_a_stated_rotating_share_is_heeded_as_the_family_does_or_costs_the_planes(case: Case, tmp_path: Path) -> None:
    """Most families' code ignores the key: their planes would be wrong if it were believed."""
    more = {k: v for k, v in case.more.items() if k not in ("partial_rotary_factor", "rotary_pct")}
    half = Case(case.label, case.family, case.tied, {**more, **NESTED, **NO_ALIBI.get(case.family, {})})
    fl.build(half, tmp_path / "model")
    artifact = fl.open_model(tmp_path / "model")
    family, geometry = fl.known(artifact)
    if case.family in HEEDED:
        assert geometry.rotary == fl.HEAD_DIM // 2 and "query_key" in family.coins
    elif not geometry.kv_rank and case.family != "minimax_m2":  # which rotates what rotary_dim says
        assert geometry.rotary == fl.HEAD_DIM and "query_key" not in family.coins
        assert any("rotating share" in note for note in artifact.notes)
    weights, before = fl.weights(tmp_path / "model"), fl.logits(tmp_path / "model")
    flipped = fl.apply(weights, artifact, fl.draw(artifact, "query_key", 1))
    fl.write_like(tmp_path / "model", tmp_path / "flipped", flipped)
    change = np.abs(fl.logits(tmp_path / "flipped") - before).max() / before.std()
    assert change < TOLERANCE  # as the family's own code rotates, claimed or not
