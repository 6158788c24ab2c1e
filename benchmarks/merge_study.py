"""How well merges are recovered, and how often a model that is none is called one.

    python benchmarks/merge_study.py [--merges 120] [--others 400] [--seed 7] [--output FILE.md]

Writes its two tables into docs/relations.md; with fewer cases than these it only prints them.

Random small Llamas (4 layers, width 64) in memory of the disk: a base, fine-tunes of it (half low-rank, half dense, of
different sizes), merges of two to four of them by every documented method, with and without the base among the
references, always beside a sibling that has no part in it. Others: fine-tunes (also of fine-tunes, also with updates
that share half of their square with a sibling's), rounded, quantised, pruned, shrunk and noisy copies, checkpoints
between and after others, children of another base.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from null.tables import fill, markdown

from edits import edit
from forebear.artifacts import Artifact, read_artifact
from forebear.lineage.mixture import Mixture
from forebear.lineage.provenance import provenance
from forebear.signals.mixture import gram
from forebear.sources import open_source
from merges import Tensors, dare, finetuned, linear, pass_through, rounded, slerp, task_arithmetic, ties
from models import bf16, tiny_llama, write_safetensors

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "relations.md"
MERGES, OTHER_CASES = 120, 400
METHODS = ("linear", "task_arithmetic", "slerp", "ties", "dare", "dare_ties", "pass_through", "independent", "tuned")
OTHERS = ("finetune", "correlated", "second", "quantised", "pruned", "shrunk", "noise", "between", "onward", "light")


class Folder:
    """Models written where a scan would find them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._count = 0

    def random(self, seed: int) -> Tensors:
        """A random base."""
        out: Tensors = {}
        tiny_llama(self._path / "start", seed)
        edit(self._path / "start", lambda name, values: out.setdefault(name, values))
        return out

    def artifact(self, tensors: Tensors, name: str) -> Artifact:
        """The same values as a model of the default shape (or with as many layers as there are)."""
        self._count += 1
        folder = self._path / f"{name}{self._count}"
        tiny_llama(folder, 0, layers=sum(n.endswith("input_layernorm.weight") for n in tensors))
        entries = {n: ("BF16", list(v.shape), bf16(v)) for n, v in rounded(tensors).items()}
        write_safetensors(folder / "model.safetensors", entries)
        return read_artifact(open_source(str(folder)))

    def held(self, model: Tensors, references: list[Tensors]) -> Mixture:
        """The provenance of a model among references named r0, r1, ..."""
        from dataclasses import replace

        opened = [replace(self.artifact(r, "ref"), name=f"r{k}") for k, r in enumerate(references)]
        return provenance(gram(self.artifact(model, "x"), opened))


def one_merge(
    folder: Folder, method: str, parents: int, with_base: bool, rng: np.random.Generator
) -> list[float] | None:
    """Errors of all coefficients, None where no merge (or one of other parents) was found."""
    seed = int(rng.integers(1 << 30))
    base = rounded(folder.random(seed))
    if method in ("slerp", "independent"):
        parents = 2
    drift = float(np.exp(rng.uniform(np.log(0.05), np.log(0.3))))
    models = [rounded(finetuned(base, seed + k + 1, drift * float(rng.uniform(0.6, 1.6)))) for k in range(parents)]
    weights = rng.dirichlet(np.full(parents, 4.0))
    weights = np.maximum(weights, 0.1) / np.maximum(weights, 0.1).sum()
    true = weights
    if method == "linear":
        x = linear(models, weights)
    elif method == "tuned":
        x = finetuned(linear(models, weights), seed + 99, drift * 0.25)
    elif method == "task_arithmetic":
        true = weights * float(rng.uniform(0.6, 1.6))
        x = task_arithmetic(base, models, true)
    elif method == "slerp":
        x, true = slerp(models[0], models[1], weights[1]), weights
    elif method == "ties":
        x = ties(base, models, weights, float(rng.uniform(0.3, 0.8)))
    elif method in ("dare", "dare_ties"):
        true = weights * 1.2
        x = dare(base, models, true, float(rng.uniform(0.3, 0.8)), seed, method == "dare_ties")
    elif method == "pass_through":
        owners = [*range(parents), *rng.integers(0, parents, max(0, 4 - parents))][:4]
        x = pass_through(models, [(int(o), k) for k, o in enumerate(owners)])
        true = np.bincount(owners, minlength=parents) / 4
    else:
        models[1] = rounded(folder.random(seed + 77))
        x = linear(models, weights)
    sibling = rounded(finetuned(base, seed + 50, drift))
    references = [*models, *([base] if with_base else []), sibling][:5]
    found = folder.held(x, references)
    coefficients = {p.name: p.coefficient for p in found.parents}
    if method == "pass_through":
        true = true[true > 0]
    if set(coefficients) != {f"r{k}" for k in range(len(true))}:
        print(
            "  missed",
            method,
            parents,
            with_base,
            np.round(true, 3),
            round(drift, 3),
            coefficients,
            found.method,
            round(found.residual, 4),
            found.note,
        )
        return None
    return [abs(coefficients[f"r{k}"] - t) for k, t in enumerate(true)]


def one_other(folder: Folder, kind: str, rng: np.random.Generator) -> Mixture:
    """A model that is no merge, held against up to five references that may mislead."""
    seed = int(rng.integers(1 << 30))
    base = rounded(folder.random(seed))
    drift = float(np.exp(rng.uniform(np.log(0.01), np.log(0.5))))
    siblings = [rounded(finetuned(base, seed + k, drift * float(rng.uniform(0.5, 2)))) for k in range(1, 4)]
    update = {n: siblings[1][n] - base[n] for n in base}
    parent = siblings[0]
    if kind == "finetune":
        x = finetuned(parent, seed + 9, drift)
    elif kind == "correlated":
        x = finetuned(parent if rng.random() < 0.5 else base, seed + 9, drift, shared=update)
    elif kind == "second":
        x = finetuned(finetuned(parent, seed + 9, drift / 2), seed + 10, drift / 2)
    elif kind == "quantised":
        levels = float(rng.choice([7, 127]))
        x = {n: np.round(v / np.abs(v).max() * levels) / levels * np.abs(v).max() for n, v in parent.items()}
    elif kind == "pruned":
        share = float(rng.uniform(0.1, 0.7))
        x = {
            n: np.where(np.abs(v) < np.quantile(np.abs(v), share), 0, v) if v.ndim > 1 else v for n, v in parent.items()
        }
    elif kind == "shrunk":
        x = {n: v * (1 - drift / 2) if v.ndim > 1 else v for n, v in parent.items()}
    elif kind == "noise":
        x = {n: v + drift * v.std() * rng.standard_normal(v.shape) for n, v in parent.items()}
    elif kind in ("between", "onward"):  # a training that moves on in steps of which each resembles the one before
        steps = [parent]
        last = {n: siblings[0][n] - base[n] for n in base}
        for k in range(4):
            after = rounded(finetuned(steps[-1], seed + 20 + k, drift, shared=last))
            last = {n: after[n] - steps[-1][n] for n in base}
            steps.append(after)
        at = 2 if kind == "between" else 4
        return folder.held(steps[at], [s for k, s in enumerate([*steps, base]) if k != at][:5])
    else:
        x = finetuned(parent, seed + 9, 0.004)
    references = [parent, siblings[1], siblings[2]]
    if rng.random() < 0.6:
        references.append(base)
    if rng.random() < 0.4:
        references.append(rounded(folder.random(seed + 123)))
    if rng.random() < 0.3:
        del references[0]
    return folder.held(x, references)


def main() -> None:
    """Print both tables, and write them where the run was whole."""
    parser = argparse.ArgumentParser(description="How well merges are recovered.")
    parser.add_argument("--merges", type=int, default=MERGES)
    parser.add_argument("--others", type=int, default=OTHER_CASES)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--output", type=Path, default=DOCUMENT, metavar="FILE.md")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    errors: dict[tuple[str, bool], list[float]] = defaultdict(list)
    missed: dict[tuple[str, bool], list[bool]] = defaultdict(list)
    for number in range(options.merges):
        method = METHODS[number % len(METHODS)]
        with_base = bool(number // len(METHODS) % 2)
        with tempfile.TemporaryDirectory() as path:
            found = one_merge(Folder(Path(path)), method, 2 + number // (2 * len(METHODS)) % 3, with_base, rng)
        print(f"  {number} {method} {with_base} {np.round(found or [], 4)}", flush=True)
        missed[method, with_base].append(found is None)
        errors[method, with_base] += found or []
    rows = []
    for key in sorted(missed):
        right = len(missed[key]) - sum(missed[key])
        off = (f"{np.median(errors[key]):.4f}", f"{max(errors[key]):.4f}") if errors[key] else ("", "")
        rows.append((key[0].replace("_", " "), "yes" if key[1] else "no", len(missed[key]), right, *off))
    head = ("method", "base indexed", "merges", "right parents", "median error", "largest error")
    blocks = {"recovered": markdown(head, rows)}
    print(blocks["recovered"])
    false: dict[str, list[bool]] = defaultdict(list)
    for number in range(options.others):
        kind = OTHERS[number % len(OTHERS)]
        with tempfile.TemporaryDirectory() as path:
            mixture = one_other(Folder(Path(path)), kind, rng)
        false[kind].append(mixture.merged)
        if mixture.merged:
            print("  false", kind, mixture.why)
    several = [(kind, len(calls), sum(calls)) for kind, calls in false.items()]
    blocks["false-merges"] = markdown(("what it is", "cases", "called a merge"), several)
    print(blocks["false-merges"])
    if options.merges >= MERGES and options.others >= OTHER_CASES:
        options.output.write_text(fill(options.output.read_text("utf-8"), blocks), "utf-8")


if __name__ == "__main__":
    main()
