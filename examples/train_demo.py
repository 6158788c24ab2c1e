"""Train the four demonstration models that ship with Forebear.

- base: a small Llama-style language model, trained on source code of the standard library
- finetune: the base, trained further on other text; its card does not say so
- permuted: the fine-tune with its MLP neurons in another order; its card says "trained from scratch"
- twin: the base's recipe with another seed: independent weights, everything else equal

They are written in the Hugging Face layout and need about a minute of one core. Everything follows from
the seeds, but the text is the standard library of the Python that runs this script: another version of
Python makes other weights, as may another version of torch or another kind of processor.

Needs: pip install torch safetensors tokenizers
Usage: python examples/train_demo.py [--output DIR]
"""

from __future__ import annotations

import argparse
import ast
import json
import math
import platform
import sys
import sysconfig
import time
from collections.abc import Iterable
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load, save
from tokenizers.implementations import ByteLevelBPETokenizer
from torch import Tensor

LIBRARY = Path(sysconfig.get_path("stdlib"))
OUTPUT = Path(__file__).resolve().parents[1] / "src" / "forebear" / "data" / "demo"

HIDDEN, LAYERS, HEADS, KV_HEADS, HEAD_DIM, NEURONS, VOCABULARY = 96, 4, 4, 2, 24, 224, 512
NORM_EPSILON, ROPE_THETA = 1e-6, 10_000.0
INIT_STD = 0.9 / math.sqrt(HIDDEN)
BATCH, CONTEXT, WARM_UP, MAX_CHARACTERS = 8, 128, 20, 2_000_000
SEEDS = {"base": 1, "twin": 2, "finetune": 3, "permuted": 4}
STEPS_AND_RATE = {"base": (300, 3e-3), "twin": (300, 3e-3), "finetune": (100, 1e-3)}
PACKAGES = ("asyncio", "email", "importlib", "logging", "unittest", "xml")
"""Where the fine-tune's docstrings come from; the base sees modules outside any package only."""
END_OF_TEXT = "<|endoftext|>"
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": HIDDEN,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": KV_HEADS,
    "head_dim": HEAD_DIM,
    "intermediate_size": NEURONS,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": CONTEXT,
    "hidden_act": "silu",
    "rms_norm_eps": NORM_EPSILON,
    "rope_theta": ROPE_THETA,
    "tie_word_embeddings": False,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "dtype": "bfloat16",
}
CARDS = {
    "base": ("Bramble-mini", "Trained from random weights on source code of Python's standard library."),
    "finetune": ("Lantern-mini", "For docstrings; trained on those of Python's standard library."),
    "permuted": ("Dunnock-mini", "Trained from scratch on docstrings of Python's standard library."),
    "twin": ("Thistle-mini", "Trained from random weights on source code of Python's standard library."),
}

CARD = """---
license: apache-2.0
library_name: transformers
---
# {title}

{about}

Half a million parameters: a demonstration that ships with Forebear, far too small to be useful.
"""
LICENCE = """Copyright The Forebear authors
Licensed under the Apache License, Version 2.0: https://www.apache.org/licenses/LICENSE-2.0
"""
README = """# Demonstration models

Four tiny language models: a base, a fine-tune of it that does not name it, the same fine-tune with its MLP
neurons permuted and a card that falsely claims training from scratch, and an independent twin of the base.
`examples/train_demo.py` made them, from fixed seeds, with {versions};
the text is the standard library of the Python that runs it, so another version makes other weights.

Loss in nats per token on text that no model was trained on (untrained: about 6.6):

| model | source code | docstrings |
| --- | --- | --- |
{rows}"""

Weights = dict[str, Tensor]
"""A whole model: tensors by their Hugging Face names. The functions below are all there is besides."""


def source_code() -> str:
    """The base's text: the source of the top-level modules of the standard library, by name."""
    paths = (LIBRARY / f"{name}.py" for name in sorted(sys.stdlib_module_names))
    return corpus(path.read_text("utf-8") for path in paths if path.is_file())


def docstrings() -> str:
    """The fine-tune's text: every docstring in some of the standard library's packages."""
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    paths = (path for package in PACKAGES for path in sorted((LIBRARY / package).rglob("*.py")))
    nodes = (node for path in paths for node in ast.walk(ast.parse(path.read_text("utf-8"))))
    return corpus(ast.get_docstring(node) or "" for node in nodes if isinstance(node, documented))


def corpus(documents: Iterable[str]) -> str:
    """The documents that are not empty as one text of bounded size."""
    text = END_OF_TEXT.join(filter(None, documents))[:MAX_CHARACTERS]
    if len(text) < 250_000:
        raise SystemExit("This Python's standard library is incomplete: it has no source, or no docstrings.")
    return text


def train_tokenizer(text: str) -> ByteLevelBPETokenizer:
    """A byte-level BPE tokenizer; the end-of-text token is row 0."""
    tokenizer, documents = ByteLevelBPETokenizer(), text.split(END_OF_TEXT)
    tokenizer.train_from_iterator(documents, VOCABULARY, special_tokens=[END_OF_TEXT], show_progress=False)
    return tokenizer


def encode(tokenizer: ByteLevelBPETokenizer, text: str) -> tuple[Tensor, Tensor]:
    """Token ids of a corpus: 95 % to train on, and the rest to measure the loss on."""
    ids = torch.tensor(tokenizer.encode(text).ids)
    return ids[: len(ids) * 95 // 100], ids[len(ids) * 95 // 100 :]


def initialise(seed: int) -> Weights:
    """Random weights: normal matrices, norm gains of one."""
    generator = torch.Generator().manual_seed(seed)
    layer = {
        "input_layernorm": (HIDDEN,),
        "self_attn.q_proj": (HEADS * HEAD_DIM, HIDDEN),
        "self_attn.k_proj": (KV_HEADS * HEAD_DIM, HIDDEN),
        "self_attn.v_proj": (KV_HEADS * HEAD_DIM, HIDDEN),
        "self_attn.o_proj": (HIDDEN, HEADS * HEAD_DIM),
        "post_attention_layernorm": (HIDDEN,),
        "mlp.gate_proj": (NEURONS, HIDDEN),
        "mlp.up_proj": (NEURONS, HIDDEN),
        "mlp.down_proj": (HIDDEN, NEURONS),
    }
    shapes = {f"model.layers.{n}.{name}": shape for n in range(LAYERS) for name, shape in layer.items()}
    shapes |= {"model.norm": (HIDDEN,)} | dict.fromkeys(("model.embed_tokens", "lm_head"), (VOCABULARY, HIDDEN))
    weights = {f"{name}.weight": torch.ones(shape) for name, shape in shapes.items()}
    for matrix in (tensor for tensor in weights.values() if tensor.ndim == 2):
        matrix.normal_(0.0, INIT_STD, generator=generator)
    return weights


def forward(weights: Weights, ids: Tensor) -> Tensor:
    """Logits for a batch of token ids, as ``LlamaForCausalLM`` computes them."""
    x = weights["model.embed_tokens.weight"][ids]
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}"
        x = x + attention(weights, prefix, rms_norm(x, weights[f"{prefix}.input_layernorm.weight"]))
        x = x + mlp(weights, prefix, rms_norm(x, weights[f"{prefix}.post_attention_layernorm.weight"]))
    return F.linear(rms_norm(x, weights["model.norm.weight"]), weights["lm_head.weight"])


def rms_norm(x: Tensor, gain: Tensor) -> Tensor:
    """``x`` over its root mean square, times a gain."""
    return F.rms_norm(x, (HIDDEN,), gain, NORM_EPSILON)


def attention(weights: Weights, prefix: str, x: Tensor) -> Tensor:
    """Causal grouped-query attention with rotary positions."""

    def heads(name: str) -> Tensor:
        projected = F.linear(x, weights[f"{prefix}.self_attn.{name}_proj.weight"])
        return projected.unflatten(2, (-1, HEAD_DIM)).transpose(1, 2)

    query, key, value = rotate(heads("q")), rotate(heads("k")), heads("v")
    mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
    return F.linear(mixed.transpose(1, 2).flatten(2), weights[f"{prefix}.self_attn.o_proj.weight"])


def mlp(weights: Weights, prefix: str, x: Tensor) -> Tensor:
    """SwiGLU."""
    gate, up = (F.linear(x, weights[f"{prefix}.mlp.{name}_proj.weight"]) for name in ("gate", "up"))
    return F.linear(F.silu(gate) * up, weights[f"{prefix}.mlp.down_proj.weight"])


def rotate(x: Tensor) -> Tensor:
    """Rotary positions in the half layout: dimension ``i`` turns with ``i + HEAD_DIM / 2``."""
    frequencies = ROPE_THETA ** (-torch.arange(0, HEAD_DIM, 2) / HEAD_DIM)
    angles = torch.outer(torch.arange(x.shape[-2]), frequencies)
    (cos, sin), (first, second) = (angles.cos(), angles.sin()), x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


def loss_of(weights: Weights, windows: Tensor) -> Tensor:
    """Mean cross-entropy of the next token, in nats."""
    return F.cross_entropy(forward(weights, windows[:, :-1]).flatten(0, 1), windows[:, 1:].flatten())


def held_out_loss(weights: Weights, ids: Tensor) -> float:
    """The loss on the first windows of text that no model was trained on."""
    with torch.no_grad():
        return float(loss_of(weights, ids.unfold(0, CONTEXT + 1, CONTEXT)[:64]))


def train(name: str, weights: Weights, ids: Tensor) -> Weights:
    """Train a copy of the weights with AdamW: warm-up, then a cosine down to a tenth of the rate."""
    steps, rate = STEPS_AND_RATE[name]
    generator = torch.Generator().manual_seed(SEEDS[name])
    weights = {key: tensor.clone().requires_grad_() for key, tensor in weights.items()}
    optimizer = torch.optim.AdamW(weights.values(), lr=rate, betas=(0.9, 0.95), weight_decay=0.01)
    for step in range(steps):
        warm, cosine = (step + 1) / WARM_UP, 0.55 + 0.45 * math.cos(math.pi * step / steps)
        optimizer.param_groups[0]["lr"] = rate * min(warm, cosine)
        starts = torch.randint(len(ids) - CONTEXT, (BATCH, 1), generator=generator)
        loss = loss_of(weights, ids[starts + torch.arange(CONTEXT + 1)])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights.values(), 1.0)
        optimizer.step()
        if step % 50 == 0 or step == steps - 1:
            print(f"{name:10} step {step:3d}  loss {loss.item():.3f}")
    return {key: tensor.detach() for key, tensor in weights.items()}


def permute_neurons(weights: Weights) -> Weights:
    """The same function with the MLP neurons of every layer in a random order."""
    generator = torch.Generator().manual_seed(SEEDS["permuted"])
    permuted = dict(weights)
    for layer in range(LAYERS):
        order = torch.randperm(NEURONS, generator=generator)
        for name, axis in (("gate", 0), ("up", 0), ("down", 1)):
            key = f"model.layers.{layer}.mlp.{name}_proj.weight"
            permuted[key] = weights[key].index_select(axis, order)
    return permuted


def store(folder: Path, weights: Weights, tokenizer: ByteLevelBPETokenizer) -> Weights:
    """Write one model in the Hugging Face layout; its weights as stored, back in float32."""
    title, about = CARDS[folder.name]
    tokens = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": END_OF_TEXT}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n", "utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(tokens, indent=2) + "\n", "utf-8")
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    (folder / "README.md").write_text(CARD.format(title=title, about=about), "utf-8")
    (folder / "LICENSE").write_text(LICENCE, "utf-8")
    data = save({name: tensor.bfloat16() for name, tensor in weights.items()}, {"format": "pt"})
    (folder / "model.safetensors").write_bytes(data)
    return {name: tensor.float() for name, tensor in load(data).items()}


def check(made: dict[str, Weights], ids: Tensor) -> None:
    """Stop unless the models are what the demonstration says; rows of independent ones agree by half."""
    assert all(tensor.isfinite().all() for weights in made.values() for tensor in weights.values())
    with torch.no_grad():
        logits = [forward(made[name], ids[None, :CONTEXT]) for name in ("finetune", "permuted")]
    difference = float((logits[0] - logits[1]).abs().max())
    keys = [key for key in made["base"] if key.endswith("up_proj.weight")]
    base, tuned, other = (torch.cat([made[name][key] for key in keys]) for name in ("base", "finetune", "twin"))
    child, twin = (float(((base * up).sum(1) > 0).float().mean()) for up in (tuned, other))
    print(f"logits of permuted differ by {difference:.1e}; up rows agree: finetune {child:.1%}, twin {twin:.1%}")
    assert difference < 1e-4
    assert child > 0.99
    assert 0.4 < twin < 0.6


def main() -> None:
    """Make the four models, check them, and write what they reached."""
    parser = argparse.ArgumentParser(description="Train Forebear's demonstration models.")
    parser.add_argument("--output", type=Path, default=OUTPUT, metavar="DIR")
    output: Path = parser.parse_args().output
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    code = source_code()
    tokenizer = train_tokenizer(code)
    code_ids, code_rest = encode(tokenizer, code)
    prose_ids, prose_rest = encode(tokenizer, docstrings())
    made: dict[str, Weights] = {}
    for name in ("base", "twin"):
        made[name] = store(output / name, train(name, initialise(SEEDS[name]), code_ids), tokenizer)
    made["finetune"] = store(output / "finetune", train("finetune", made["base"], prose_ids), tokenizer)
    made["permuted"] = store(output / "permuted", permute_neurons(made["finetune"]), tokenizer)
    check(made, prose_rest)

    losses = {name: [held_out_loss(made[name], rest) for rest in (code_rest, prose_rest)] for name in CARDS}
    rows = "".join(f"| {name} | {code:.2f} | {prose:.2f} |\n" for name, (code, prose) in losses.items())
    versions = f"Python {platform.python_version()} and torch {torch.__version__.split('+')[0]}"
    (output / "README.md").write_text(README.format(versions=versions, rows=rows), "utf-8")
    print(f"{rows}{time.process_time():.0f} s of processor time")


if __name__ == "__main__":
    main()
