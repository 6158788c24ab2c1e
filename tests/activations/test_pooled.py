"""From a model to one vector for each text and depth; and everything that can be wrong with a model, as a value."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from forebear.activations import plain
from forebear.activations import pooled as module
from forebear.activations.base import F32, Ids
from forebear.activations.plain import Plain
from forebear.activations.pooled import FORWARDS, Pooled, free_memory, layer_at, pooled
from forebear.activations.probes import Probe, ProbeSet, probe_set
from forebear.activations.transformers import has_gpu
from forebear.artifacts import Artifact, read_artifact
from forebear.artifacts.tokenizers.base import BYTES
from forebear.errors import FormatError
from forebear.sources import LocalSource
from forebear.types import Untested
from models import tiny, tiny_llama, write_model
from quantise import quantised
from shared import shared

PROBES = ProbeSet(7, tuple(Probe("kind", text) for text in ("one", "two words", "three more words", "xyz", "a b c d")))
BYTE_LEVEL: dict[str, Any] = {
    "added_tokens": [],
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False},
    "model": {"type": "BPE", "vocab": {c: k for k, c in enumerate(BYTES)}, "merges": []},
}
"""A token for each byte, with the byte as its id."""
WITH_START = {
    "type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "a", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    "special_tokens": {"a": {"id": "a", "ids": [200], "tokens": ["a"]}},
}


def model(folder: Path, tokens: Any = BYTE_LEVEL, **more: Any) -> Artifact:
    return read_artifact(LocalSource(tiny_llama(folder, tokenizer=tokens, **more)))


def edited(artifact: Artifact, folder: Path, **edits: NDArray[np.float32]) -> Artifact:
    """The model with other values under names that end so (``_`` for a dot)."""
    tensors = {n: t.values() for n, t in artifact.weights.tensors.items()}
    for ending, values in edits.items():
        (name,) = (n for n in tensors if n.replace(".", "_").endswith(ending))
        tensors[name] = values
    write_model(folder, tensors, dict(artifact.config), False, "F32", None, BYTE_LEVEL)
    return read_artifact(LocalSource(folder))


def told(found: Pooled | Untested) -> Pooled:
    assert isinstance(found, Pooled), found
    return found


def untold(found: Pooled | Untested) -> str:
    assert isinstance(found, Untested) and found.what == "activations"
    assert found.why.isprintable() and len(found.why) < 600
    return found.why


@dataclass(frozen=True)
class Fake:
    """A forward pass whose states are known: token id times (layer + 1), and 100."""

    name: str = "fake"
    layers: int = 12
    width: int = 2
    rows: int = 256
    positions: int = 50
    bytes: int = 100
    why: str = ""
    error: Exception | None = None

    def prepare(self, artifact: Artifact) -> Fake | str:
        return self.why or self

    def needed(self, tokens: int, layers: Sequence[int]) -> int:
        return self.bytes

    def states(self, spans: Sequence[Ids], layers: Sequence[int], memory: int) -> Iterator[F32]:
        for layer in layers:
            if self.error and layer:
                raise self.error
            ids = np.concatenate(spans)
            yield np.column_stack([ids * (layer + 1.0), np.full(len(ids), 100.0)]).astype(np.float32)


def units(ids: Sequence[int], layer: int) -> NDArray[np.float64]:
    """The states of tokens at unit length."""
    rows = np.column_stack([np.array(ids) * (layer + 1.0), np.full(len(ids), 100.0)])
    return np.asarray(rows / np.sqrt((rows**2).mean(axis=1, keepdims=True)))


def test_rows_are_means_over_the_tokens_of_a_text(tmp_path: Path) -> None:
    artifact = model(tmp_path, {**BYTE_LEVEL, "post_processor": WITH_START})
    found = told(pooled(artifact, PROBES, (0.0, 0.5, 1.0), forwards=[Fake()]))
    ids = [list(probe.text.encode()) for probe in PROBES.probes]
    assert found.layers == (0, 6, 12) and found.depths == (0.0, 0.5, 1.0)
    assert found.states.shape == (3, 5, 2) and found.states.dtype == np.float32
    for layer, states in zip(found.layers, found.states, strict=True):
        assert np.allclose(states, [units(row, layer).mean(axis=0) for row in ids])
    assert found.tokens == sum(len(row) + 1 for row in ids)
    assert found.spans.tolist() == [0, 1, 2, 3, 4] and found.left_out == ()
    assert (found.forward, found.version, found.digest) == ("fake", 7, PROBES.digest)


def test_the_first_token_of_all_counts_only_where_there_is_no_other(tmp_path: Path) -> None:
    """Attention rests on it; where the tokenizer puts a token in front, that one is first."""
    probes = ProbeSet(7, (Probe("kind", "xyz"), Probe("kind", "q")))
    for tokens, expected in ((BYTE_LEVEL, ("yz", "q")), ({**BYTE_LEVEL, "post_processor": WITH_START}, ("xyz", "q"))):
        found = told(pooled(model(tmp_path / str(len(tokens)), tokens), probes, (0.0,), forwards=[Fake()]))
        assert np.allclose(found.states[0], [units(list(text.encode()), 0).mean(axis=0) for text in expected])


def test_some_of_its_depths(tmp_path: Path) -> None:
    found = told(pooled(model(tmp_path), PROBES, (0.0, 0.5, 1.0), forwards=[Fake()]))
    some = found.at((0.0, 1.0))
    assert some.layers == (0, 12) and np.array_equal(some.states, found.states[[0, 2]])
    with pytest.raises(ValueError):
        found.at((0.1,))


def test_states_are_those_of_each_text_alone(tmp_path: Path) -> None:
    """What else is asked at the same time makes no difference."""
    artifact = model(tmp_path)
    together = told(pooled(artifact, PROBES, (0.0, 1.0)))
    for k, probe in enumerate(PROBES.probes):
        alone = told(pooled(artifact, ProbeSet(7, (probe,)), (0.0, 1.0)))
        assert np.allclose(together.states[:, k], alone.states[:, 0], atol=1e-5)


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "mixtral", "gpt2", "gpt_neox"])
def test_every_family_of_the_default_install(family: str, tmp_path: Path) -> None:
    folder = tiny(family, tmp_path)
    (folder / "tokenizer.json").write_text(json.dumps(BYTE_LEVEL))
    found = told(pooled(read_artifact(LocalSource(folder)), PROBES, (0.0, 0.5)))
    assert found.forward == "numpy" and found.layers == (0, 2)
    assert np.isfinite(found.states).all() and np.abs(found.states[1] - found.states[0]).max() > 0.01


@pytest.mark.shared
def test_trained_models() -> None:
    for name in ("dev-llama-1", "dev-qwen2-1", "dev-gpt2-1", "dev-mixtral-1", "dev-neox-1"):
        found = told(pooled(read_artifact(LocalSource(shared("zoo") / "models" / name)), probe_set().first(24)))
        assert found.forward == "numpy" and found.states.shape[:2] == (3, 24) and np.isfinite(found.states).all()


@pytest.mark.parametrize("scheme", ["fp8-blocks", "bnb-nf4", "gptq-4", "awq"])
def test_quantised_weights_are_computed_as_they_are_dequantised(scheme: str, tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", hidden=128, tokenizer=BYTE_LEVEL)
    artifact = read_artifact(LocalSource(quantised(base, "q", scheme)))
    plainly = edited(artifact, tmp_path / "plain")
    ours, theirs = (told(pooled(a, PROBES, (1.0,))) for a in (artifact, plainly))
    exact = told(pooled(read_artifact(LocalSource(base)), PROBES, (1.0,)))
    assert np.array_equal(ours.states, theirs.states)
    assert 0 < np.abs(ours.states - exact.states).max() < 0.5 * np.abs(exact.states).max()


def test_only_tensors_of_the_first_layers_are_read(tmp_path: Path) -> None:
    costs = []
    for depth in (0.25, 0.5, 0.75):
        artifact = model(tmp_path / str(depth), dtype="F32")
        before = artifact.source.bytes_read
        told(pooled(artifact, PROBES, (depth,)))
        costs.append(artifact.source.bytes_read - before)
    layer = sum(t.nbytes for n, t in artifact.weights.tensors.items() if ".layers.0." in n)
    assert np.diff(costs).tolist() == [layer, layer]


def test_memory_stays_within_what_is_said_to_be_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tracemalloc

    monkeypatch.setattr(plain, "AT_ONCE", 50_000)
    runnable = Plain().prepare(model(tmp_path, hidden=256, heads=8, intermediate=1024, dtype="F32"))
    assert not isinstance(runnable, str)
    spans = [np.arange(k, k + 20) for k in range(100)]
    tracemalloc.start()
    list(runnable.states(spans, [0, 2], 10**9))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 0.3 * runnable.needed(2_000, [0, 2]) < peak < runnable.needed(2_000, [0, 2])


def test_texts_whose_states_are_no_numbers_are_left_out(tmp_path: Path) -> None:
    artifact = model(tmp_path / "a")
    embed = artifact.weights.tensors["model.embed_tokens.weight"].values()
    embed[ord("x")] = np.inf
    found = told(pooled(edited(artifact, tmp_path / "b", embed_tokens_weight=embed), PROBES, (0.0, 1.0)))
    assert found.spans.tolist() == [0, 1, 2, 4]
    assert [(out.probe, out.why) for out in found.left_out] == [(3, "its states are no numbers")]
    assert np.isfinite(found.states).all() and found.states.shape == (2, 4, 64)


@pytest.mark.parametrize("value", [np.nan, np.inf, 3e38])
def test_a_network_whose_states_are_no_numbers_cannot_be_told(value: float, tmp_path: Path) -> None:
    artifact = model(tmp_path / "a")
    down = np.full((64, 128), value, dtype=np.float32)
    broken = edited(artifact, tmp_path / "b", layers_1_mlp_down_proj_weight=down)
    assert "no numbers" in untold(pooled(broken, PROBES, (0.0, 0.5)))
    told(pooled(broken, PROBES, (0.0, 0.25)))


def test_too_little_memory_cannot_be_told(tmp_path: Path) -> None:
    assert "GB of memory" in untold(pooled(model(tmp_path), PROBES, memory=1_000_000))


def test_a_network_without_an_implementation_cannot_be_told(tmp_path: Path) -> None:
    refusing = [Fake("first", why="too odd"), Fake("second", why="odder still")]
    assert untold(pooled(model(tmp_path), PROBES, forwards=refusing)) == "first: too odd; second: odder still"


def test_the_first_implementation_that_can_is_taken(tmp_path: Path) -> None:
    forwards = [Fake("first", why="too odd"), Fake("second"), Fake("third")]
    assert told(pooled(model(tmp_path), PROBES, forwards=forwards)).forward == "second"
    assert [forward.name for forward in FORWARDS] == ["numpy", "transformers"]


def test_a_model_without_a_tokenizer_cannot_be_told(tmp_path: Path) -> None:
    assert "no tokenizer.json" in untold(pooled(model(tmp_path, None), PROBES))


def test_a_tokenizer_that_fails_on_most_texts_cannot_be_told(tmp_path: Path) -> None:
    few = {**BYTE_LEVEL, "model": {"type": "BPE", "vocab": {"o": 0, "n": 1, "e": 2}, "merges": []}}
    said = untold(pooled(model(tmp_path, few), ProbeSet(1, tuple(Probe("k", t) for t in ("one", "xy", "zz", "tq")))))
    assert said.startswith("only 1 of 4 texts could be read") and "no token in it" in said


def test_tokens_without_an_embedding_cannot_be_told(tmp_path: Path) -> None:
    assert "has no embedding" in untold(pooled(model(tmp_path, vocabulary=60), PROBES))


@pytest.mark.parametrize("error", [FormatError("model.safetensors", "is damaged"), MemoryError()])
def test_an_error_on_the_way_is_a_reason(error: Exception, tmp_path: Path) -> None:
    said = untold(pooled(model(tmp_path), PROBES, forwards=[Fake(error=error)]))
    assert said in ("model.safetensors: is damaged", "there was too little memory")


@pytest.mark.parametrize(
    ("family", "ending", "shape"),
    [
        ("llama", "layers_1_mlp_gate_proj_weight", (1, 64)),
        ("llama", "layers_1_mlp_up_proj_weight", (1, 64)),
        ("llama", "layers_1_mlp_down_proj_weight", (64, 100)),
        ("qwen3", "layers_1_self_attn_q_norm_weight", (1,)),
        ("mixtral", "layers_1_block_sparse_moe_gate_weight", (5, 64)),
        ("mixtral", "layers_1_block_sparse_moe_gate_weight", (3, 64)),
        ("mixtral", "layers_1_block_sparse_moe_experts_2_w1_weight", (1, 64)),
    ],
)
def test_tensors_that_do_not_fit_together_are_a_reason(
    family: str, ending: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    """A size of one most of all, which numpy would stretch."""
    artifact = model(tmp_path / "a", family=family)
    odd = edited(artifact, tmp_path / "b", **{ending: np.ones(shape, dtype=np.float32)})
    untold(pooled(odd, PROBES, (1.0,), forwards=[Plain()]))


def test_biases_that_do_not_fit_are_a_reason(tmp_path: Path) -> None:
    folder = tiny("gpt2", tmp_path / "a")
    odd = edited(read_artifact(LocalSource(folder)), tmp_path / "b", h_1_mlp_c_fc_bias=np.ones(1, dtype=np.float32))
    untold(pooled(odd, PROBES, (1.0,), forwards=[Plain()]))


def test_a_file_that_is_cut_off_meanwhile_is_a_reason(tmp_path: Path) -> None:
    artifact = model(tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "model.safetensors" in untold(pooled(artifact, PROBES, (1.0,)))


def test_learned_positions_bound_the_texts(tmp_path: Path) -> None:
    folder = tiny("gpt2", tmp_path)
    (folder / "tokenizer.json").write_text(json.dumps(BYTE_LEVEL))
    artifact = read_artifact(LocalSource(folder))
    long = ProbeSet(1, (*PROBES.probes, Probe("k", "x" * 129)))
    found = told(pooled(artifact, long, (0.5,)))
    assert [out.why for out in found.left_out] == ["it is 129 tokens, more than 128"]


@pytest.mark.parametrize("depths", [(), (0.5, 0.5), (0.5, 0.25), (-0.1,), (0.5, 1.1), (float("nan"),)])
def test_depths_have_to_be_ascending_shares(depths: tuple[float, ...], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no ascending shares"):
        pooled(model(tmp_path), PROBES, depths)


def test_layers_at_relative_depths() -> None:
    assert [layer_at(d, 12) for d in (0, 1 / 9, 2 / 9, 1 / 3, 0.5, 1)] == [0, 1, 3, 4, 6, 12]
    assert [layer_at(d, 2) for d in (0, 1 / 9, 1 / 3, 0.75, 1)] == [0, 1, 1, 2, 2]


def test_depths_that_share_a_layer_share_its_states(tmp_path: Path) -> None:
    found = told(pooled(model(tmp_path, layers=2), PROBES, (0.1, 0.2, 0.9)))
    assert found.layers == (1, 1, 2) and np.array_equal(found.states[0], found.states[1])


def test_free_memory_is_told() -> None:
    assert 10**7 < free_memory() < 10**14


def test_a_network_that_is_only_guessed_cannot_be_told(tmp_path: Path) -> None:
    artifact = model(tmp_path)
    assert "names do not settle it" in untold(pooled(replace(artifact, by_names=True), PROBES, forwards=[Plain()]))


def test_a_model_that_numpy_computes_loads_no_heavy_package(tmp_path: Path) -> None:
    folder = tiny_llama(tmp_path, tokenizer=BYTE_LEVEL)
    program = (
        "import sys\n"
        "from forebear.activations.pooled import Pooled, pooled\n"
        "from forebear.artifacts import read_artifact\n"
        "from forebear.sources import LocalSource\n"
        "assert isinstance(pooled(read_artifact(LocalSource(sys.argv[1]))), Pooled)\n"
        "print(sorted({'torch', 'transformers', 'tokenizers', 'scipy'} & sys.modules.keys()))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program, folder],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_a_gpu_goes_first_for_large_models_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = model(tmp_path)
    monkeypatch.setattr(module, "has_gpu", lambda: True)
    assert module.preferred(artifact) == FORWARDS
    monkeypatch.setattr(module, "WORTH_A_GPU", 1000)
    assert [f.name for f in module.preferred(artifact)] == ["transformers", "numpy"]
    monkeypatch.setattr(module, "has_gpu", lambda: False)
    assert module.preferred(artifact) == FORWARDS


def test_without_torch_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert has_gpu() is False
