"""What does a sketch of activations cost, beside a plain forward pass of the transformers library? One table.

    python benchmarks/activation_cost.py [--width 2048] [--layers 16] [--small]

Needs: pip install 'forebear[bench]'. Writes a random Llama (by default of a billion parameters, 2.5 GB) into a
temporary folder, and takes 128 texts of 24 tokens through the first third of its layers: by numpy, by the library's
code with our streaming of layers, and by the library alone with the whole third in memory.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from forebear.activations.base import Forward
from forebear.activations.plain import Plain
from forebear.activations.pooled import DEPTHS, SHALLOW, Pooled, layer_at
from forebear.activations.transformers import Transformers
from forebear.artifacts import Artifact, read_artifact
from forebear.signals.activations import activations
from forebear.sources import open_source

SPANS, LENGTH, REPEATS = 128, 24, 2
MEMORY = 12_000_000_000


def write(folder: Path, width: int, layers: int, vocabulary: int) -> int:
    """A random Llama with grouped heads; the number of its parameters."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    config = LlamaConfig(
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        num_key_value_heads=max(1, width // 256),
        vocab_size=vocabulary,
        tie_word_embeddings=True,
    )
    torch.manual_seed(1)
    torch.set_default_dtype(torch.bfloat16)
    model = LlamaForCausalLM(config)
    torch.set_default_dtype(torch.float32)
    model.save_pretrained(folder)
    return sum(p.numel() for p in model.parameters())


def timed(work: Callable[[], object]) -> float:
    """Seconds, the median of a few runs after one to warm up."""
    work()
    took = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def sketching(forward: Forward, artifact: Artifact, spans: list[Any]) -> Callable[[], object]:
    """Reading the layers, running them, means of every text, and the sketch."""
    depths = DEPTHS[:SHALLOW]

    def work() -> object:
        model = forward.prepare(artifact)
        if isinstance(model, str):
            raise SystemExit(f"{forward.name}: {model}")
        layers = sorted({layer_at(d, model.layers) for d in depths})
        means = {
            layer: stream.reshape(SPANS, LENGTH, -1)[:, 1:].mean(axis=1)
            for layer, stream in zip(layers, model.states(spans, layers, MEMORY), strict=True)
        }
        states = np.stack([means[layer_at(d, model.layers)] for d in depths])
        return activations(Pooled(forward.name, 1, "", np.arange(SPANS), depths, tuple(layers), states, (), 0, 0.0))

    return work


def library(folder: Path, spans: list[Any], layers: int) -> tuple[Callable[[], object], Callable[[], object]]:
    """Loading the first layers with the library, and running them."""
    import torch
    from transformers import AutoModel

    def load() -> Any:
        return AutoModel.from_pretrained(folder, dtype=torch.float32, num_hidden_layers=layers).eval()

    model, ids = load(), torch.from_numpy(np.stack(spans))

    def run() -> object:
        with torch.no_grad():
            return model(input_ids=ids, output_hidden_states=True, use_cache=False)

    return load, run


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description="What a sketch of activations costs.")
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--layers", type=int, default=16)
    parser.add_argument("--vocabulary", type=int, default=128_256)
    parser.add_argument("--small", action="store_true", help="seconds; a model of a few million parameters")
    given = parser.parse_args()
    width, layers, vocabulary = (256, 6, 2048) if given.small else (given.width, given.layers, given.vocabulary)
    rng = np.random.default_rng(1)
    spans = [rng.integers(0, vocabulary, LENGTH) for _ in range(SPANS)]
    with TemporaryDirectory() as place:
        folder = Path(place) / "model"
        parameters = write(folder, width, layers, vocabulary)
        artifact = read_artifact(open_source(str(folder)))
        third = layer_at(DEPTHS[SHALLOW - 1], layers)
        load, run = library(folder, spans, third)
        rows = {
            "transformers, loaded already": timed(run),
            "transformers, loading the third as well": timed(lambda: (load(), run())),
            "sketch by numpy, reading included": timed(sketching(Plain(), artifact, spans)),
            "sketch by the library's code, reading included": timed(sketching(Transformers(), artifact, spans)),
        }
    tokens, yardsticks = SPANS * LENGTH, list(rows.values())[:2]
    print(f"{parameters / 1e9:.2f} billion parameters, {third} of {layers} layers, {tokens:,} tokens\n")
    print("| | seconds | tokens a second | × loaded already | × loading as well |\n| --- | --- | --- | --- | --- |")
    for name, seconds in rows.items():
        beside = " | ".join(f"{seconds / yardstick:.2f}" for yardstick in yardsticks)
        print(f"| {name} | {seconds:.2f} | {tokens / seconds:,.0f} | {beside} |")
    print("\n" + json.dumps({name: round(seconds, 3) for name, seconds in rows.items()}))


if __name__ == "__main__":
    main()
