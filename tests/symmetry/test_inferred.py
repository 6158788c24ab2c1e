"""The null of a model with inferred roles, made by hand: flip the reference's generators, and nothing else moves."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from forebear.artifacts import read_artifact
from forebear.inspect.compare import compare_artifacts
from forebear.inspect.heads import adopt_heads
from forebear.signals import fingerprint
from forebear.signals.generators import comparable_groups
from forebear.signals.pairing import paired_blocks
from forebear.sources import LocalSource
from models import tiny, write_model
from symmetry import flips as fl

pytest.importorskip("safetensors", reason="edits saved models")

TOSSES = 24


def single(folder: Path, out: Path) -> Path:
    """The same model in float32, which numpy has."""
    tensors = {n: t.values() for n, t in read_artifact(LocalSource(folder)).weights.tensors.items()}
    config = json.loads((folder / "config.json").read_text())
    write_model(out, tensors, config, False, "F32", None, None)
    return out


def disguised(base: Path, folder: Path, opaque: bool, **said: object) -> Path:
    """The model itself under names that say nothing, matrices of layers turned, and with a config of unknown make."""
    tensors = fl.weights(base)
    turned = {n: v.T if v.ndim == 2 and ".layers." in n and not opaque else v for n, v in sorted(tensors.items())}
    named = {f"t{k}" if opaque else n.replace(".", "_"): v for k, (n, v) in enumerate(turned.items())}
    config = {"model_type": "orion", "num_attention_heads": 4, **said}
    write_model(folder, named, config, False, "F32", None, None)
    return folder


CASES = [(f, opaque) for f in ("llama", "qwen2", "qwen3", "mixtral") for opaque in (True, False)] + [("gpt_neox", True)]


@pytest.mark.sweep(5)
@pytest.mark.parametrize("family, opaque", CASES)
def test_every_coin_of_the_reference_is_fair_against_its_own_disguised_copy(
    family: str, opaque: bool, tmp_path: Path
) -> None:
    """The hardest case there is: all else is as dependent as can be, only the reference's signs are tossed anew."""
    base = single(tiny(family, tmp_path / "bf16", 3), tmp_path / "base")
    truth = read_artifact(LocalSource(base))
    copy = read_artifact(LocalSource(disguised(base, tmp_path / "copy", opaque)))
    assert copy.inferred and truth.architecture is not None
    mark = fingerprint(copy)
    scores: list[float] = []
    read: set[bytes] = set()
    for seed in range(TOSSES):
        flips: fl.Flips = {}
        for k, group in enumerate(truth.architecture.coins):
            flips |= fl.draw(truth, group, 10 * seed + k)
        fl.write_like(base, tmp_path / f"{seed}", fl.apply(fl.weights(base), truth, flips))
        reference = read_artifact(LocalSource(tmp_path / f"{seed}"))
        marks = fingerprint(reference), mark
        pair = compare_artifacts(reference, copy, marks)
        tail = pair.counts.pooled
        assert tail.n >= 64 and pair.evidence[0].test.value == "exact" and not pair.conclusion.verdict.related
        scores.append((2 * tail.agree - tail.n) / math.sqrt(tail.n))
        comparable, _ = comparable_groups(reference, adopted := adopt_heads(reference, copy))
        codes = marks[0].code, mark.code
        read.add(b"".join(b.rows.tobytes() for _, b in paired_blocks(reference, adopted, codes, comparable)))
    assert len(read) == 1 or family == "mixtral"  # routers flip with the residual stream: experts may meet others
    assert abs(np.mean(scores)) < 4 / math.sqrt(TOSSES) and 0.2 < np.var(scores) < 2.5


def test_signs_of_the_disguised_model_do_not_move_its_roles(tmp_path: Path) -> None:
    base = single(tiny("llama", tmp_path / "bf16", 3), tmp_path / "base")
    truth = read_artifact(LocalSource(base))
    assert truth.architecture is not None
    names = set()
    for seed in range(6):
        flips: fl.Flips = {}
        for k, group in enumerate(truth.architecture.coins):
            flips |= fl.draw(truth, group, 10 * seed + k)
        fl.write_like(base, tmp_path / f"{seed}", fl.apply(fl.weights(base), truth, flips))
        found = read_artifact(LocalSource(disguised(tmp_path / f"{seed}", tmp_path / f"x{seed}", True)))
        names.add(tuple(sorted(found.names.items())))
    assert len(names) == 1
