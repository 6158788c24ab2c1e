"""Weights in forms that are not read: told by name, taken for nothing else, and hashed as they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from edits import copy
from forebear.artifacts import Artifact, read_artifact
from forebear.artifacts.packed.unread import FORMS
from forebear.cli import app
from forebear.inspect import compare
from forebear.signals.content import content_digest
from forebear.sources import open_source
from models import Entry, bf16, tiny_llama, write_safetensors
from quantise import entry, is_linear

Stored = Callable[[int, int, np.random.Generator], dict[str, Entry]]


def _integers(dtype: str, bits: int, *shape: int) -> Callable[[np.random.Generator], Entry]:
    kind = {"I8": "i1", "U8": "u1", "I16": "<i2", "I32": "<i4", "U32": "<u4", "I64": "<i8"}[dtype]
    return lambda rng: (dtype, list(shape), rng.integers(0, 1 << bits, shape).astype(kind).tobytes())


def _ones(*shape: int) -> Entry:
    return entry("F16", np.ones(shape))


WRITTEN: dict[str, Stored] = {
    "HQQ": lambda o, i, rng: {
        "W_q": _integers("U8", 8, 32, o * i // 64)(rng),
        "scale": _ones(1, o * i // 64),
        "zero": _ones(1, o * i // 64),
        "shape": entry("I64", [o, i]),
    },
    "AQLM": lambda o, i, rng: {
        "codes": _integers("I8", 7, o, i // 8, 2)(rng),
        "codebooks": _ones(2, 256, 1, 8),
        "scales": _ones(o, 1, 1, 1),
    },
    "torchao": lambda o, i, rng: {"_weight_qdata": _integers("I8", 7, o, i)(rng), "_weight_scale": _ones(o, 1)},
    "torchao:": lambda o, i, rng: {"weight:qdata": _integers("I8", 7, o, i)(rng), "weight:scale": _ones(o, 1)},
    "quanto": lambda o, i, rng: {"weight._data": _integers("I8", 7, o, i)(rng), "weight._scale": _ones(o, 1)},
    "ExLlamaV2": lambda o, i, rng: {
        "q_weight": _integers("I32", 31, i // 8, o)(rng),
        "q_scale": _integers("I32", 31, i // 32, o // 8)(rng),
        "q_invperm": entry("I32", np.arange(i)),
    },
    "ExLlamaV3": lambda o, i, rng: {"trellis": _integers("I16", 15, i // 16, o // 16, 24)(rng), "svh": _ones(o)},
    "VPTQ": lambda o, i, rng: {"indices": _integers("I32", 31, 1, o // 8, i)(rng), "centroids.weight": _ones(1, 2048)},
    "SpQR": lambda o, i, rng: {
        "dense_weights": _integers("I64", 60, o * i // 16)(rng),
        "row_offsets": entry("I32", np.arange(o + 1)),
    },
    "HIGGS": lambda o, i, rng: {
        "weight": _integers("I16", 15, i // 8, o)(rng),
        "scales": _ones(i // 32, o),
        "tables": _ones(16, 1),
    },
    "MLX": lambda o, i, rng: {
        "weight": _integers("U32", 32, o, i // 8)(rng),
        "scales": _ones(o, i // 32),
        "biases": _ones(o, i // 32),
    },
    "EETQ": lambda o, i, rng: {"weight": _integers("I8", 7, i, o)(rng), "weight_scales": _ones(o)},
    "BitNet": lambda o, i, rng: {"weight": _integers("U8", 8, o // 4, i)(rng), "weight_scale": _ones(1)},
    "Quark": lambda o, i, rng: {"weight": _integers("I32", 31, o, i // 8)(rng), "weight_scale": _ones(o, i // 32)},
}
"""How each program writes a matrix of o outputs and i inputs, with codes at random."""


def written(base: Path, name: str, stored: Stored, seed: int = 0) -> Path:
    """A copy of a model with its linear layers as a program stores them; everything else as it was."""
    out, rng = copy(base, name), np.random.default_rng(seed)
    tensors: dict[str, Entry] = {}
    for key, tensor in read(base).weights.tensors.items():
        if is_linear(key):
            outputs, inputs = tensor.shape
            made = stored(outputs, inputs, rng)
            tensors |= {key.removesuffix("weight") + ending: e for ending, e in made.items()}
        else:
            tensors[key] = "BF16", list(tensor.shape), bf16(tensor.values())
    write_safetensors(out / "model.safetensors", tensors)
    return out


def read(folder: Path) -> Artifact:
    return read_artifact(open_source(str(folder)))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("unread") / "base", seed=1)


def test_every_form_has_a_writer_here() -> None:
    assert {name.rstrip(":") for name in WRITTEN} == {form.title for form in FORMS}


@pytest.mark.parametrize("name", WRITTEN)
def test_it_is_told_and_nothing_of_it_is_taken_for_weights(name: str, base: Path) -> None:
    found = read(written(base, name.replace(":", "-2"), WRITTEN[name]))
    (note,) = [n for n in found.notes if "stored as" in n]
    assert f"stored as {name.rstrip(':')} stores them (model.layers.0." in note and "which is not read" in note
    assert found.architecture is None and not found.names and not found.towers
    assert found.unknown == "its weights are stored in a form that is not read"
    assert not any("inferred" in n for n in found.notes)


@pytest.mark.parametrize("name", ["torchao", "EETQ"])
def test_codes_are_hashed_as_they_are_stored(name: str, base: Path) -> None:
    one, two = (written(base, f"{name}-seed-{seed}", WRITTEN[name], seed) for seed in (1, 2))
    again = copy(one, f"{name}-again")
    assert content_digest(read(one)) == content_digest(read(again)) != content_digest(read(two))
    assert compare(str(one), str(again), effort="deep").verdict == "identical"
    assert not compare(str(one), str(two), effort="deep").related


def test_a_scan_goes_on_with_what_it_has(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREBEAR_HOME", str(tmp_path / "home"))
    model = written(base, "scanned", WRITTEN["AQLM"])
    (model / "README.md").write_text("---\nlicense: mit\n---\n# A model\n")
    done = CliRunner().invoke(app, ["scan", str(model), "--format", "json", "--no-fetch"])
    document = json.loads(done.stdout)
    assert done.exit_code == 0 and document["verdict"] == "inconclusive" and document["licence"]
    assert any("stored as AQLM stores them" in gap["why"] for gap in document["coverage"]["not_tested"])
