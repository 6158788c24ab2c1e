"""Does an adapter carry a trace of its base? The ground of ``adapter-rows/1``.

    python benchmarks/adapter_trace.py [--cache DIR]     (needs forebear[bench]; about five minutes of one core)

Trains adapters of low rank on small models of several families, writes them as PEFT does, and counts their coins: on
their own base, on a model that their base was made from or that was made from it, on one with the same random start,
and on independent models of the same shape. Prints two tables; only the last row of each kind is a null.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from zoo.adapters import ALL, ATTENTION, adapted
from zoo.build import CACHE, build
from zoo.corpora import ids_of
from zoo.recipes import CONTEXT, Recipe, child, model

from forebear.artifacts import Artifact, read_artifact
from forebear.lineage import Counts
from forebear.signals import adapter_rows, fingerprint
from forebear.signals.sign_code import Cell
from forebear.sources import open_source

FAMILIES = ("llama", "qwen3", "gpt2")


@dataclass(frozen=True)
class Training:
    """How an adapter is trained: which modules, at which rank and rate, for how many steps, on which text."""

    targets: Sequence[str]
    rank: int
    rate: float
    steps: int
    corpus: str = "prose"
    optimiser: str = "adamw"

    @property
    def title(self) -> str:
        """For the table."""
        where = "q and v" if self.targets is ATTENTION else "all matrices"
        return f"{where}, rank {self.rank}, {self.optimiser} {self.rate:g}, {self.steps} steps"


TRAININGS = (
    Training(ATTENTION, 8, 1e-4, 1),
    Training(ATTENTION, 8, 1e-3, 200),
    Training(ALL, 4, 2e-4, 50),
    Training(ALL, 16, 2e-3, 200, "sums"),
    Training(ALL, 8, 0.1, 50, "prose", "sgd"),
)


def train(base: Path, recipe: Recipe, how: Training, seed: int, out: Path) -> None:
    """An adapter on a base, written as PEFT writes it."""
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    network: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    changes = adapted(network, how.targets, how.rank)
    parameters = [p for change in changes.values() for p in (change.A, change.B)]
    kinds = {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
    optimiser = kinds[how.optimiser](parameters, lr=how.rate, weight_decay=0.0)
    ids = torch.from_numpy(ids_of(how.corpus, recipe.tokenizer))
    context = min(CONTEXT, len(ids) - 1)
    order = torch.Generator().manual_seed(seed)
    for _ in range(how.steps):
        windows = ids[torch.randint(len(ids) - context, (8, 1), generator=order) + torch.arange(context)]
        network(input_ids=windows, labels=windows).loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    pairs = {
        f"base_model.model.{name}.lora_{half}.weight": getattr(change, half).detach().clone().contiguous()
        for name, change in changes.items()
        for half in "AB"
    }
    out.mkdir(parents=True)
    save_file(pairs, out / "adapter_model.safetensors")
    (out / "adapter_config.json").write_text(
        json.dumps({"peft_type": "LORA", "r": how.rank, "lora_alpha": 2 * how.rank})
    )


def recipes(family: str, seed: int) -> Iterator[tuple[str, Recipe]]:
    """A base and what is held against its adapters, by kind; the base comes first."""
    base = model(f"trace-{family}", family, seed, "code")
    yield "its base", base
    yield "a descendant of its base", child(base, f"trace-{family}-child", "grammar", order_seed=seed + 1, rate=1e-3)
    yield "same random start, other data", model(f"trace-{family}-start", family, seed, "sums", tokenizer="code")
    for k in (2, 3, 4):
        yield "independent", model(f"trace-{family}-{k}", family, seed + k, "code")


def coins(adapter: Artifact, base: Artifact) -> tuple[Cell, ...]:
    """Coins of one pair."""
    mark = fingerprint(base)
    assert adapter.adapter is not None and not mark.code.repeats, mark.code.repeats
    return adapter_rows.cells(adapter.adapter, base, mark.code)


def main() -> None:
    """Train, count, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cache", type=Path, default=CACHE)
    cache = parser.parse_args().cache
    torch.set_num_threads(1)
    by_training: dict[str, list[tuple[str, Counts]]] = defaultdict(list)
    by_kind: dict[tuple[str, str], list[Counts]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        for number, family in enumerate(FAMILIES):
            built = [
                (kind, recipe, build(recipe, cache).folder) for kind, recipe in recipes(family, 5_000 + 10 * number)
            ]
            models = [(kind, read_artifact(open_source(str(path)))) for kind, _, path in built]
            _, recipe, base = built[0]
            for turn, how in enumerate(TRAININGS):
                out = Path(folder) / f"{family}-{turn}"
                train(base, recipe, how, 100 * number + turn, out)
                adapter = read_artifact(open_source(str(out)))
                for kind, other in models:
                    counts = Counts(coins(adapter, other))
                    by_kind[family, kind].append(counts)
                    if kind == "its base":
                        by_training[how.title].append((family, counts))
                sys.stderr.write(f"{family}: {how.title}\n")
    sys.stdout.write(tables(by_training, by_kind))


def tables(by_training: dict[str, list[tuple[str, Counts]]], by_kind: dict[tuple[str, str], list[Counts]]) -> str:
    """Power by training and by what the adapter is held against, and the null."""
    rows = ["| adapter, on its own base | " + " | ".join(FAMILIES) + " |", "| --- |" + " --- |" * len(FAMILIES)]
    for title, found in by_training.items():
        cells = {family: f"{c.pooled.share:.0%}, {c.pooled.log10_p:.0f}" for family, c in found if c.pooled.n}
        rows.append(f"| {title} | " + " | ".join(cells.get(f, "no coins") for f in FAMILIES) + " |")
    rows += [
        "",
        "| held against | pairs | coins | agree | p ≤ 1e-6 | smallest log10 p |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    kinds = dict.fromkeys(kind for _, kind in by_kind)
    for kind in kinds:
        counts = [c for (_, k), found in by_kind.items() if k == kind for c in found if c.pooled.n]
        n, agree = (sum(getattr(c.pooled, x) for c in counts) for x in ("n", "agree"))
        proved = sum(c.pooled.log10_p <= -6 for c in counts)
        least = min(c.pooled.log10_p for c in counts)
        rows.append(f"| {kind} | {len(counts)} | {n:,} | {agree / n:.2%} | {proved} | {least:.1f} |")
    null = [c.pooled for (_, k), found in by_kind.items() if k == "independent" for c in found if c.pooled.n]
    below = sum(t.log10_p <= math.log10(0.05) for t in null)
    rows += [
        "",
        f"{below} of {len(null)} independent pairs lie below p = 0.05; adapters of one base resemble each other.",
    ]
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    main()
