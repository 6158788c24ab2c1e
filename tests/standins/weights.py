"""Stand-ins with weights: random models of a family, and what is made of them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import derivations
import towers
from disguises import papers as disguises_of_names
from disguises.network import read, write
from disguises.symmetries import Given
from edits import edit, move_gains, upcycled
from ggufs import convert, q4_0
from hub import Hub, folder_files
from models import F32, tiny_llama, tokenizer, write_model
from shared import shared
from standins.stage import Stage
from written_licences import mit

DEEPSEEK_MIT = mit(2023, "DeepSeek")
DRIFT = 0.15
"""Noise of a continued training, relative to a matrix' deviation."""
Shapes = Mapping[str, tuple[int, ...]]


def card(licence: str = "apache-2.0", base: str = "", text: str = "A model.", **more: str) -> str:
    """A model card."""
    front = {"license": licence, **({"base_model": base} if base else {}), **more}
    return "---\n" + "".join(f"{k}: {v}\n" for k, v in front.items()) + f"---\n# A model\n\n{text}\n"


SCRATCH = card(text="This model was trained from scratch on 19.7 trillion tokens.")


def drawn(folder: Path, seed: int, shapes: Shapes, config: dict[str, Any]) -> Path:
    """A random model of these tensors; gains lie near one, as training leaves them."""
    rng = np.random.default_rng(seed)
    tensors: dict[str, F32] = {}
    for name, shape in shapes.items():
        values = rng.standard_normal(shape)
        tensors[name] = (1 + 0.05 * values if "norm" in name else 0.08 * values).astype(np.float32)
    write_model(folder, tensors, config, False, "BF16", card(), "default")
    return folder


def deepseek(folder: Path, seed: int) -> Path:
    """A small DeepSeek-V3: latent attention, a dense layer, then experts and a shared one."""
    width, heads, nope, rope, value, latent, query, inner, expert, count = 64, 4, 16, 8, 16, 32, 48, 128, 32, 4
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (256, width)}
    for layer in range(4):
        p, attn = f"model.layers.{layer}.", f"model.layers.{layer}.self_attn."
        shapes |= {p + "input_layernorm.weight": (width,), p + "post_attention_layernorm.weight": (width,)}
        shapes |= {attn + "q_a_proj.weight": (query, width), attn + "q_a_layernorm.weight": (query,)}
        shapes[attn + "q_b_proj.weight"] = (heads * (nope + rope), query)
        shapes |= {
            attn + "kv_a_proj_with_mqa.weight": (latent + rope, width),
            attn + "kv_a_layernorm.weight": (latent,),
        }
        shapes[attn + "kv_b_proj.weight"] = (heads * (nope + value), latent)
        shapes[attn + "o_proj.weight"] = (width, heads * value)
        shapes |= _mlp(p + "mlp.", width, inner) if layer == 0 else _experts(p + "mlp.", width, expert, count)
    shapes |= {"model.norm.weight": (width,), "lm_head.weight": (256, width)}
    config = _config("deepseek_v3", width, 4, heads, inner, expert, count) | {
        "qk_nope_head_dim": nope, "qk_rope_head_dim": rope, "v_head_dim": value, "kv_lora_rank": latent,
        "q_lora_rank": query,
    }  # fmt: skip
    return drawn(folder, seed, shapes, config)


def glm(folder: Path, seed: int) -> Path:
    """A small GLM-4.5."""
    width, heads, kv_heads, head, inner, expert, count = 64, 4, 2, 16, 128, 32, 4
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (256, width)}
    for layer in range(4):
        p, attn = f"model.layers.{layer}.", f"model.layers.{layer}.self_attn."
        shapes |= {p + "input_layernorm.weight": (width,), p + "post_attention_layernorm.weight": (width,)}
        shapes |= {
            f"{attn}{k}_proj.weight": (n * head, width) for k, n in zip("qkv", (heads, kv_heads, kv_heads), strict=True)
        }
        shapes[attn + "o_proj.weight"] = (width, heads * head)
        shapes |= _mlp(p + "mlp.", width, inner) if layer == 0 else _experts(p + "mlp.", width, expert, count)
    shapes |= {"model.norm.weight": (width,), "lm_head.weight": (256, width)}
    config = _config("glm4_moe", width, 4, heads, inner, expert, count)
    return drawn(folder, seed, shapes, config | {"num_key_value_heads": kv_heads, "head_dim": head})


def _mlp(prefix: str, width: int, inner: int) -> Shapes:
    up = {f"{prefix}{part}_proj.weight": (inner, width) for part in ("gate", "up")}
    return {**up, f"{prefix}down_proj.weight": (width, inner)}


def _experts(prefix: str, width: int, inner: int, count: int) -> Shapes:
    out: dict[str, tuple[int, ...]] = {f"{prefix}gate.weight": (count, width)}
    for part in ("shared_experts.", *(f"experts.{e}." for e in range(count))):
        out |= _mlp(prefix + part, width, inner)
    return out


def _config(kind: str, width: int, layers: int, heads: int, inner: int, expert: int, count: int) -> dict[str, Any]:
    return {
        "model_type": kind, "hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": heads,
        "intermediate_size": inner, "moe_intermediate_size": expert, "n_routed_experts": count, "vocab_size": 256,
    }  # fmt: skip


def child(base: Path, out: Path, papers: Mapping[str, str], noise: float = DRIFT, seed: int = 5) -> Path:
    """A model trained on, with papers of its own: files of these names are all that it has."""
    rng = np.random.default_rng(seed)
    shutil.copytree(base, out)
    edit(out, lambda name, v: v + (0.2 if "norm" in name else 1) * noise * v.std() * rng.standard_normal(v.shape))
    return published(out, papers)


def published(folder: Path, papers: Mapping[str, str]) -> Path:
    """A folder with these papers and no others."""
    for name in ("README.md", "LICENSE"):
        (folder / name).unlink(missing_ok=True)
    for name, text in papers.items():
        (folder / name).write_text(text, "utf-8")
    return folder


# ---------------------------------------------------------------------------------------------------- DeepSeek-V3


def _sakura(stage: Stage, papers: Mapping[str, str], reference: str = "deepseek-ai/DeepSeek-V3-0324") -> Path:
    base = deepseek(stage.folder / "base", 1)
    stage.index(base, reference)
    return stage.scan(child(base, stage.folder / "sakura-3", papers))


APACHE = "Copyright 2026 The Sakura authors\nLicensed under the Apache License, Version 2.0\n"
ON_V3 = card(base="deepseek-ai/DeepSeek-V3-0324", text="Continual pre-training on DeepSeek-V3-0324.")


def sakura_undeclared(stage: Stage) -> Path:
    return _sakura(stage, {"README.md": card(text="The best of the open source community."), "LICENSE": APACHE})


def sakura_without_notice(stage: Stage) -> Path:
    return _sakura(stage, {"README.md": ON_V3, "LICENSE": APACHE})


def sakura_mended(stage: Stage) -> Path:
    return _sakura(stage, {"README.md": ON_V3, "LICENSE": APACHE, "NOTICE": DEEPSEEK_MIT})


def sakura_independent(stage: Stage) -> Path:
    stage.index(deepseek(stage.folder / "base", 1), "deepseek-ai/DeepSeek-V3-0324")
    return stage.scan(published(deepseek(stage.folder / "volga-3", 2), {"README.md": SCRATCH}))


def gigachat_compared(stage: Stage) -> Path:
    one, two = deepseek(stage.folder / "base", 1), deepseek(stage.folder / "volga-3", 2)
    return stage.saved("compare", str(one), str(published(two, {"README.md": SCRATCH})))


def r1776_before(stage: Stage) -> Path:
    papers = {"README.md": card("mit"), "LICENSE": DEEPSEEK_MIT}
    return _sakura(stage, papers, "deepseek-ai/DeepSeek-R1")


def r1776_after(stage: Stage) -> Path:
    papers = {"README.md": card("mit", "deepseek-ai/DeepSeek-R1"), "LICENSE": DEEPSEEK_MIT}
    return _sakura(stage, papers, "deepseek-ai/DeepSeek-R1")


# -------------------------------------------------------------------------------------------------- innocent models


def yi_renamed(stage: Stage) -> Path:
    stage.index(tiny_llama(stage.folder / "llama", 1), "meta-llama/Llama-2-7b-hf")
    own = read(tiny_llama(stage.folder / "own", 2))
    renamed = disguises_of_names.rename(own, Given(np.random.default_rng(1), None, None))
    return stage.scan(write(renamed, stage.folder / "yi-like"))


def pangu_profile(stage: Stage) -> Path:
    base, own = tiny_llama(stage.folder / "base", 1), tiny_llama(stage.folder / "pangu-like", 2)
    rng, held = np.random.default_rng(3), dict[str, F32]()
    edit(base, lambda name, v: held.setdefault(name, v * np.float32(rng.uniform(0.5, 2.0))))
    edit(own, lambda name, v: v * (held[name].std() / v.std()) if v.std() else v)
    stage.index(base, "Qwen/Qwen2.5-14B")
    return stage.scan(own)


def pangu_upcycled(stage: Stage) -> Path:
    base = tiny_llama(stage.folder / "dense", 1)
    stage.index(base, "example/dense-base")
    return stage.scan(upcycled(base, "mixture", 0.05))


def solar_gains(stage: Stage) -> Path:
    stage.index(glm(stage.folder / "glm", 1), "zai-org/GLM-4.5-Air")
    return stage.scan(published(glm(stage.folder / "solar-like", 2), {"README.md": SCRATCH}))


def solar_compared(stage: Stage) -> Path:
    one, two = glm(stage.folder / "base", 1), glm(stage.folder / "solar-like", 2)
    return stage.saved("compare", str(one), str(published(two, {"README.md": SCRATCH})))


def axk1_vocabulary(stage: Stage) -> Path:
    size = 163_840
    sizes: dict[str, Any] = {"hidden": 16, "layers": 2, "heads": 2, "kv_heads": 1, "intermediate": 32}
    sizes["vocabulary"] = size
    own = tokenizer(size)
    own["model"]["vocab"] = {t if k < 96 else f"another{k}": k for t, k in own["model"]["vocab"].items()}
    stage.index(tiny_llama(stage.folder / "base", 1, **sizes), "example/same-size")
    return stage.scan(tiny_llama(stage.folder / "own", 2, **sizes, tokenizer=own))


def zoo_student(stage: Stage) -> Path:
    zoo = shared("zoo")
    models = json.loads((zoo / "truth.json").read_text())["models"]
    for model in models:
        if model["kind"] == "base":
            stage.index(zoo / "models" / model["id"], f"zoo/{model['id']}")
    return stage.scan(zoo / "models" / next(m["id"] for m in models if m["kind"] == "distill"))


# ------------------------------------------------------------------------------------------------ parts and disguises


def encoder_copied(stage: Stage) -> Path:
    sight = towers.tower("qwen2_5_vl", 7)
    base = towers.around(stage.folder / "other", 1, towers.prefixed(sight, "visual."))
    stage.index(base, "Qwen/Qwen2.5-VL-7B-Instruct")
    own = towers.prefixed(towers.trained(sight, 0.05, 3), "model.vision_model.")
    return stage.scan(published(towers.around(stage.folder / "own", 2, own), {"README.md": SCRATCH}))


def encoder_public(stage: Stage) -> Path:
    sight = towers.prefixed(towers.tower("clip", 7), "vision_model.")
    stage.index(towers.alone(stage.folder / "public", sight), "google/siglip-so400m-patch14-384")
    for k, name in enumerate(("example/one", "example/two")):
        stage.index(towers.around(stage.folder / name.replace("/", "-"), k, sight), name)
    papers = {"README.md": card(text="A vision encoder of SigLIP beside a language model of our own.")}
    return stage.scan(published(towers.around(stage.folder / "own", 5, sight), papers))


def llama3v_copy(stage: Stage) -> Path:
    base = tiny_llama(stage.folder / "base", 1)
    move_gains(base, 4)
    stage.index(base, "openbmb/MiniCPM-Llama3-V-2_5")
    papers = {"README.md": card("mit"), "LICENSE": mit(2024, "Us")}
    noisy = child(base, stage.folder / "noisy", papers)
    renamed = disguises_of_names.rename(read(noisy), Given(np.random.default_rng(1), None, None))
    return stage.scan(write(renamed, stage.folder / "l3v"))


def miqu_gguf(stage: Stage) -> Path:
    base = tiny_llama(stage.folder / "base", 1)
    move_gains(base, 4)
    stage.index(base, "meta-llama/Llama-2-70b-hf")
    (stage.folder / "leak").mkdir()
    return stage.scan(convert(child(base, stage.folder / "trained", {}), stage.folder / "leak" / "q4.gguf", q4_0))


def tpro_tokenizer(stage: Stage) -> Path:
    base = tiny_llama(stage.folder / "base", 1, family="qwen3")
    move_gains(base, 4)
    stage.index(base, "Qwen/Qwen3-32B")
    own = tokenizer(256)
    own["model"]["vocab"] = {t if k < 96 else f"слово{k}": k for t, k in own["model"]["vocab"].items()}
    other = tiny_llama(stage.folder / "other", 3, family="qwen3", tokenizer=own)
    swapped = derivations.derive(base, stage.folder / "swapped", ["replace-tokenizer"], other=other)
    return stage.scan(child(swapped, stage.folder / "tp-2", {"README.md": card(base="Qwen/Qwen3-32B")}))


def mistral_extended(stage: Stage) -> Path:
    base = mistral(stage)
    longer = derivations.derive(base, stage.folder / "longer", ["extend-vocabulary"])
    return stage.scan(child(longer, stage.folder / "ja-7b", {"README.md": card(base="mistralai/Mistral-7B-v0.1")}))


def solar_upscaled(stage: Stage) -> Path:
    deeper = derivations.derive(mistral(stage), stage.folder / "deeper", ["duplicate-layers"])
    config = json.loads((deeper / "config.json").read_text()) | {"model_type": "llama"}
    (deeper / "config.json").write_text(json.dumps(config))
    papers = {"README.md": card(base="mistralai/Mistral-7B-v0.1")}
    return stage.scan(child(deeper, stage.folder / "up-11b", papers, 0.05))


def mistral(stage: Stage) -> Path:
    """A small Mistral in the index."""
    base = tiny_llama(stage.folder / "base", 1, family="mistral")
    move_gains(base, 4)
    stage.index(base, "mistralai/Mistral-7B-v0.1")
    return base


def reflection_weights(stage: Stage) -> Path:
    first = tiny_llama(stage.folder / "v3", 1)
    move_gains(first, 4)
    stage.index(first, "meta-llama/Meta-Llama-3-70B")
    stage.index(tiny_llama(stage.folder / "v31", 2), "meta-llama/Llama-3.1-70B")
    papers = {"README.md": card("llama3.1", "meta-llama/Llama-3.1-70B")}
    return stage.scan(child(first, stage.folder / "mirror-70b", papers))


# ----------------------------------------------------------------------------------------- one repository, two commits


def _revision(stage: Stage, which: int) -> Path:
    folder = tiny_llama(stage.folder / "model", 1)
    with Hub() as hub:
        for licence in ("apache-2.0", "cc-by-nc-4.0"):
            (folder / "README.md").write_text(card(licence), "utf-8")
            (folder / "LICENSE").unlink(missing_ok=True)
            hub.add("example/up-11b-instruct", folder_files(folder))
        commits = list(hub.repositories["example/up-11b-instruct"].commits)
        before = dict(os.environ)
        os.environ |= {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(stage.folder / "hf")}
        os.environ.pop("FOREBEAR_OFFLINE", None)
        try:
            return stage.saved("scan", f"hf:example/up-11b-instruct@{commits[which]}", "--no-fetch")
        finally:
            os.environ.clear()
            os.environ |= before


def relabelled_first(stage: Stage) -> Path:
    return _revision(stage, 0)


def relabelled_second(stage: Stage) -> Path:
    return _revision(stage, 1)


MODELS: tuple[Callable[[Stage], Path], ...] = (
    *(sakura_undeclared, sakura_without_notice, sakura_mended, sakura_independent, gigachat_compared),
    *(r1776_before, r1776_after, yi_renamed, pangu_profile, pangu_upcycled, solar_gains, solar_compared),
    *(axk1_vocabulary, zoo_student, encoder_copied, encoder_public, llama3v_copy, miqu_gguf, tpro_tokenizer),
    *(mistral_extended, solar_upscaled, reflection_weights, relabelled_first, relabelled_second),
)
