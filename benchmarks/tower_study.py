"""Are the coins of towers fair between independent towers, and what does the test see through? Prints Markdown.

    python benchmarks/tower_study.py [--drawn 110] [--trained 24] [--steps 300] [--cases 5] [--folder DIR]

Needs: pip install 'forebear[bench]'. Small ViTs in the layout of CLIP and of timm: drawn from the initialisers that
towers are published with, and trained from them on one task, with the same data in the same order, which is the
hardest null. All have equal position tables, biases of zero and gains of one. About six minutes of one core.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file

from forebear.artifacts import Artifact, read_artifact
from forebear.inspect.towers import towers_by_codes, towers_by_rows
from forebear.lineage.towers import Shared
from forebear.signals.towers import TowerMark, tower_marks
from forebear.sources import LocalSource

F32 = NDArray[np.float32]
WIDTH, LAYERS, HEADS, NEURONS, PATCHES, CLASSES = 64, 6, 4, 128, 16, 10
Opened = tuple[Artifact, tuple[TowerMark, ...]]


def _truncated(weight: torch.Tensor) -> None:
    torch.nn.init.trunc_normal_(weight, std=0.02)


def _orthogonal(weight: torch.Tensor) -> None:
    torch.nn.init.orthogonal_(weight)


INITIALISERS: Mapping[str, Callable[[torch.Tensor], Any]] = {
    "trunc_normal 0.02": _truncated,
    "normal 0.05": lambda w: torch.nn.init.normal_(w, std=0.05),
    "xavier_uniform": torch.nn.init.xavier_uniform_,
    "kaiming_uniform": lambda w: torch.nn.init.kaiming_uniform_(w, a=math.sqrt(5)),
    "orthogonal": _orthogonal,
}
"""How weights of published towers start; biases are zero, gains one."""


class Block(torch.nn.Module):  # type: ignore[misc]
    """A layer of a ViT."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = torch.nn.LayerNorm(WIDTH), torch.nn.LayerNorm(WIDTH)
        self.q, self.k, self.v, self.o = (torch.nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.fc1, self.fc2 = torch.nn.Linear(WIDTH, NEURONS), torch.nn.Linear(NEURONS, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(batch, tokens, width)`` to the same."""
        batch, tokens, _ = x.shape
        y = self.norm1(x)
        q, k, v = (f(y).view(batch, tokens, HEADS, -1).transpose(1, 2) for f in (self.q, self.k, self.v))
        mixed = torch.nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, tokens, WIDTH)
        x = x + self.o(mixed)
        return x + self.fc2(torch.nn.functional.gelu(self.fc1(self.norm2(x))))


def network(seed: int, initialise: Callable[[torch.Tensor], Any]) -> torch.nn.ModuleDict:
    """A ViT at its start."""
    torch.manual_seed(seed)
    blocks = torch.nn.ModuleList(Block() for _ in range(LAYERS))
    net = torch.nn.ModuleDict(
        {"patch": torch.nn.Linear(12, WIDTH), "blocks": blocks, "head": torch.nn.Linear(WIDTH, CLASSES)}
    )
    with torch.no_grad():
        for weight in net.parameters():
            if weight.ndim == 2:
                initialise(weight)
        for module in net.modules():
            if isinstance(module, torch.nn.Linear):
                module.bias.zero_()
    return net


def positions() -> torch.Tensor:
    """``(patches, width)`` sinusoidal table, the same in every tower."""
    angles = torch.arange(PATCHES)[:, None] / 10_000 ** (torch.arange(WIDTH // 2)[None] / (WIDTH // 2))
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def train(net: torch.nn.ModuleDict, steps: int, data: int = 0) -> torch.nn.ModuleDict:
    """AdamW on patches that hold one of ten patterns somewhere; the pictures and their order are those of ``data``."""
    draws = torch.Generator().manual_seed(1_000 + data)
    patterns = torch.randn(CLASSES, 12, generator=draws)
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.05)
    for _ in range(steps):
        labels = torch.randint(0, CLASSES, (32,), generator=draws)
        x = torch.randn(32, PATCHES, 12, generator=draws)
        x[torch.arange(32), torch.randint(0, PATCHES, (32,), generator=draws)] += 2 * patterns[labels]
        hidden = net["patch"](x) + positions()
        for block in net["blocks"]:
            hidden = block(hidden)
        loss = torch.nn.functional.cross_entropy(net["head"](hidden.mean(1)), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return net


CLIP = {"q": "self_attn.q_proj", "k": "self_attn.k_proj", "v": "self_attn.v_proj", "o": "self_attn.out_proj"} | {
    "norm1": "layer_norm1", "norm2": "layer_norm2", "fc1": "mlp.fc1", "fc2": "mlp.fc2",
}  # fmt: skip


def stored(net: torch.nn.ModuleDict, layout: str) -> dict[str, F32]:
    """The tensors as CLIP's files (``clip``) or timm's (``vit``) have them, with tables that all towers share."""
    out: dict[str, F32] = {}
    for k, block in enumerate(net["blocks"]):
        own = {n: w.detach().numpy().copy() for n, w in block.named_parameters()}
        for kind in ("weight", "bias"):
            if layout == "vit":
                fused = np.concatenate([own.pop(f"{part}.{kind}") for part in "qkv"])
                out[f"visual.blocks.{k}.attn.qkv.{kind}"] = fused
                out[f"visual.blocks.{k}.attn.proj.{kind}"] = own.pop(f"o.{kind}")
        for name, values in own.items():
            part, kind = name.split(".")
            names = CLIP if layout == "clip" else {"fc1": "mlp.fc1", "fc2": "mlp.fc2"}
            stem = "vision_tower.vision_model.encoder.layers" if layout == "clip" else "visual.blocks"
            out[f"{stem}.{k}.{names.get(part, part)}.{kind}"] = values
    head = "visual." if layout == "vit" else "vision_tower.vision_model."
    out[f"{head}patch_embed.weight"] = net["patch"].weight.detach().numpy().copy()
    out[f"{head}pos_embed"] = positions().numpy()
    out[f"{head}rotary_pos_emb.inv_freq"] = (10_000 ** -(np.arange(16) / 16)).astype(np.float32)
    return out


def opened(tensors: Mapping[str, F32], folder: Path) -> Opened:
    """The towers of a file with these tensors."""
    folder.mkdir(parents=True)
    save_file(dict(tensors), folder / "model.safetensors")
    artifact = read_artifact(LocalSource(folder))
    marks = tower_marks(artifact)
    assert len(marks) == 1, artifact.notes
    return artifact, marks


def held(one: Opened, two: Opened) -> dict[str, Shared]:
    """Both ways to compare two towers."""
    marks = one[1], two[1]
    (codes,) = towers_by_codes(marks, ("a", "b"), 0.0)
    (rows,) = towers_by_rows((one[0], two[0]), marks, ("a", "b"), 0.0)
    return {"codes": codes, "rows": rows}


def null(label: str, towers: Sequence[Opened]) -> Iterable[str]:
    """Lines of a table: coins of all pairs, group by group."""
    found: dict[str, list[Shared]] = {"codes": [], "rows": []}
    for one, two in combinations(towers, 2):
        for way, shared in held(one, two).items():
            found[way].append(shared)
    for way, pairs in found.items():
        for group in (*pairs[0].counts.groups, "pooled"):
            tails = [s.counts.pooled if group == "pooled" else s.counts.groups[group] for s in pairs]
            z = np.array([(2 * t.agree - t.n) / math.sqrt(t.n) for t in tails])
            n, agree = sum(t.n for t in tails), sum(t.agree for t in tails)
            least = min(s.counts.log10_p for s in pairs) if group == "pooled" else None
            yield (
                f"| {label} | {way} | {group} | {len(pairs):,} | {n:,} | {agree / n:.2%} | {z.mean():+.3f} | "
                f"{z.var():.3f} | {z.max():.1f} | {'' if least is None else f'{least:.1f}'} | "
                f"{'' if least is None else sum(s.established for s in pairs)} |"
            )


def changed(tensors: Mapping[str, F32], share: float, seed: int) -> dict[str, F32]:
    """Noise on every matrix, relative to its deviation."""
    rng = np.random.default_rng(seed)
    return {
        n: (v + share * v.std() * rng.standard_normal(v.shape)).astype(np.float32) if v.ndim == 2 else v
        for n, v in tensors.items()
    }


def bfloat16(tensors: Mapping[str, F32]) -> dict[str, F32]:
    """Values as bfloat16 holds them."""
    return {n: (v.view(np.uint32) & 0xFFFF0000).view(np.float32) for n, v in tensors.items()}


def renamed(tensors: Mapping[str, F32]) -> dict[str, F32]:
    """Under another prefix, as inside of a larger model."""
    return {n.replace("visual.", "model.encoder_a.inner.vision."): v for n, v in tensors.items()}


def power(folder: Path, steps: int, cases: int) -> Iterable[str]:
    """Lines of a table: what was made of a trained tower, held against it."""
    made: dict[str, Callable[[int, dict[str, F32]], dict[str, F32]]] = {
        f"noise of {share} deviations": lambda k, t, s=share: changed(t, s, k)  # type: ignore[misc]
        for share in (0.1, 0.5, 1.0, 2.0, 4.0)
    }
    made |= {"bfloat16": lambda k, t: bfloat16(t), "other prefix": lambda k, t: renamed(t)}
    results: dict[str, list[dict[str, Shared]]] = {}
    for k in range(cases):
        net = train(network(900 + k, list(INITIALISERS.values())[k % len(INITIALISERS)]), steps)
        tensors = stored(net, "vit")
        base = opened(tensors, folder / f"base{k}")
        for name, make in made.items():
            child = opened(make(k, tensors), folder / f"{name.replace(' ', '-')}{k}")
            results.setdefault(name, []).append(held(base, child))
        for total, more in ((1, 1), (5, 4)):
            child = opened(stored(train(net, more * steps, data=more), "clip"), folder / f"on{total}-{k}")
            name = f"trained on with other data, {total} times as long; other layout"
            results.setdefault(name, []).append(held(base, child))
    for name, pairs in results.items():
        for way in ("codes", "rows"):
            counts = [p[way].counts for p in pairs]
            agree, n = sum(c.pooled.agree for c in counts), sum(c.pooled.n for c in counts)
            worst, established = max(c.log10_p for c in counts), sum(p[way].established for p in pairs)
            yield f"| {name} | {way} | {agree / n:.1%} | {worst:.0f} | {established} of {len(pairs)} |"


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drawn", type=int, default=110)
    parser.add_argument("--trained", type=int, default=24)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--cases", type=int, default=5, help="Trained towers of which something is made.")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        starts = list(INITIALISERS.values())
        layouts = ("vit", "clip")
        print(
            "| towers | by | group | pairs | coins | agree | mean z | variance | largest z | least log10 p | shared |"
        )
        print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
        drawn = [
            opened(stored(network(k, starts[k % len(starts)]), layouts[k // 5 % 2]), folder / f"drawn{k}")
            for k in range(options.drawn)
        ]
        print("\n".join(null("drawn", drawn)), flush=True)
        trained = [
            opened(stored(train(network(500 + k, starts[k % 5]), options.steps), layouts[k // 5 % 2]), folder / f"t{k}")
            for k in range(options.trained)
        ]
        print("\n".join(null("trained on the same data", trained)), flush=True)
        print("\n| made from a trained tower | by | agree | largest log10 p | established |")
        print("| --- | --- | --- | --- | --- |")
        print("\n".join(power(folder, options.steps, options.cases)))


if __name__ == "__main__":
    main()
