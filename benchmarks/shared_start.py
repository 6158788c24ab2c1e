"""How alike do norm gains move in two trainings from one random start, and in a child? The ground of ``delta/1``.

    python benchmarks/shared_start.py          (needs torch, safetensors, tokenizers; about ten minutes of one core)

Prints the cosine of the movements of norm gains, with its jackknife error, for pairs of small models (4 layers, width
96). Only the last group may pass the threshold of ``forebear.signals.delta``.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples"))
import train_demo as demo

from forebear.signals.delta import SHARED_TRAINING, shared_training

Weights = dict[str, torch.Tensor]


def train(
    start: Weights, ids: torch.Tensor, order: int, steps: int = 300, rate: float = 3e-3, decay: float = 0.1
) -> Weights:
    """AdamW from a copy of ``start``; ``order`` seeds which windows are seen when."""
    weights = {name: tensor.clone().requires_grad_() for name, tensor in start.items()}
    groups = [
        {"params": [t for t in weights.values() if t.ndim == 2], "weight_decay": decay},
        {"params": [t for t in weights.values() if t.ndim == 1], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.95))
    generator = torch.Generator().manual_seed(order)
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1, (step + 1) / 20) * (0.55 + 0.45 * math.cos(math.pi * step / steps))
        at = torch.randint(len(ids) - demo.CONTEXT - 1, (demo.BATCH,), generator=generator)
        loss = demo.loss_of(weights, torch.stack([ids[i : i + demo.CONTEXT + 1] for i in at]))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights.values(), 1.0)
        optimiser.step()
    return {name: tensor.detach().bfloat16().float() for name, tensor in weights.items()}


def gains(weights: Weights) -> NDArray[np.float16]:
    """``(layers, 2, width)`` log gains."""
    names = ("input_layernorm", "post_attention_layernorm")
    rows = [[weights[f"model.layers.{n}.{k}.weight"].abs().log().numpy() for k in names] for n in range(demo.LAYERS)]
    return np.array(rows, dtype=np.float16)


def main() -> None:
    """Train, compare, print one table."""
    torch.set_num_threads(1)
    code = demo.source_code()
    ids, _ = demo.encode(demo.train_tokenizer(code), code)
    half = len(ids) // 2
    start, other = demo.initialise(1), demo.initialise(2)
    base = train(start, ids, order=1)

    def mature(order: int) -> Weights:
        return train(start, ids, order, steps=900, rate=6e-3, decay=0.5)

    pairs = [
        ("independent, same data", base, train(other, ids, order=2)),
        ("one start, other order", base, train(start, ids, order=3)),
        ("one start, same order, other rate", base, train(start, ids, order=1, rate=1e-3)),
        ("one start, three times as long", base, train(start, ids, order=4, steps=900)),
        ("one start, disjoint halves", train(start, ids[:half], order=5), train(start, ids[half:], order=6)),
        ("one start, start nearly forgotten", mature(7), mature(8)),
        ("child, light fine-tune", base, train(base, ids, order=9, steps=100, rate=1e-3)),
        ("child, as long as the base", base, train(base, ids[half:], order=10)),
    ]
    rows = ["| pair | cosine of gain movements | lower bound | excludes a shared start |", "| --- | --- | --- | --- |"]
    for name, one, two in pairs:
        found = shared_training(gains(one), gains(two), [(n, n) for n in range(demo.LAYERS)])
        assert found is not None
        value, error = found
        lower = value - 3 * error
        rows.append(
            f"| {name} | {value:.2f} ± {error:.2f} | {lower:.2f} | {'yes' if lower >= SHARED_TRAINING else 'no'} |"
        )
    sys.stdout.write("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
