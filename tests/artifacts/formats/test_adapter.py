"""Folders with adapters: which file is read, what a model beside one means, what is refused."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters import pair, write_adapter
from forebear.artifacts import READERS, Weights, read_artifact
from forebear.artifacts.formats import MODELS
from forebear.artifacts.formats.adapter import PeftAdapter
from forebear.errors import ForebearError
from forebear.sources import LocalSource, Source
from models import Memory, framed, refused, tiny_llama
from shared import shared

MODULE = "model.layers.0.self_attn.v_proj"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_adapter(tmp_path / "adapter", pair(MODULE, 32, 64))


def test_an_adapter_is_read_with_its_own_tensors_and_values(folder: Path) -> None:
    for target in (folder, folder / "adapter_model.safetensors", folder / "adapter_config.json"):
        artifact = read_artifact(LocalSource(target))
        adapter = artifact.adapter
        assert adapter is not None and adapter.base == "org/base"
        assert artifact.weights.format == "LoRA adapter (safetensors)"
        assert artifact.architecture is None and artifact.names == {} and artifact.notes == ()
        assert artifact.unknown == "it is an adapter and no model (LoRA adapter)"
        change = adapter.pairs[MODULE]
        made = pair(MODULE, 32, 64)
        for half, name in ((change.down, "lora_A"), (change.up, "lora_B")):
            np.testing.assert_array_equal(half.values(), made[f"base_model.model.{MODULE}.{name}.weight"])


def test_of_a_folder_with_a_model_the_model_is_read_and_the_adapter_mentioned(folder: Path) -> None:
    tiny_llama(folder)
    artifact = read_artifact(LocalSource(folder))
    assert artifact.adapter is None and artifact.architecture is not None
    assert [n for n in artifact.notes if "an adapter lies beside the model" in n]
    alone = read_artifact(LocalSource(folder / "model.safetensors"))
    assert alone.notes == () and alone.names == artifact.names
    assert read_artifact(LocalSource(folder / "adapter_model.safetensors")).adapter is not None


def test_what_a_trainer_leaves_behind_is_no_model(folder: Path) -> None:
    class Everything:
        """A format that takes every file for a model."""

        name = "everything"

        def handles(self, source: Source) -> bool:
            return bool(source.files())

        def read(self, source: Source) -> Weights:
            raise AssertionError("no model here")

    for name in ("training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state.pth", "rng_state_0.pth", "scaler.pt"):
        (folder / name).write_bytes(b"x")
    for name in ("README.md", "tokenizer.model"):
        (folder / name).write_text("x")
    (folder / "config.json").write_text("{}")

    class Suffixes(Everything):
        def handles(self, source: Source) -> bool:
            return any(f.path.endswith((".bin", ".pt", ".pth")) for f in source.files())

    assert PeftAdapter((Suffixes(),)).handles(LocalSource(folder))


def test_other_formats_read_an_adapter_once_they_are_there(folder: Path) -> None:
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    with refused("adapter_model.bin", "cannot read yet", "save it as adapter_model.safetensors"):
        PeftAdapter(()).read(LocalSource(folder))

    class Bin:
        name = "bin"

        def handles(self, source: Source) -> bool:
            return source.only == "adapter_model.bin"

        def read(self, source: Source) -> Weights:
            whole = source.read("adapter_model.bin", 0, source.files()[0].size)
            inner = MODELS[0].read(Memory({"x.safetensors": whole}))
            return Weights("bin", inner.tensors, ("adapter_model.bin",), dangers=("it would run something",))

    read = PeftAdapter((Bin(),)).read(LocalSource(folder))
    assert read.format == "LoRA adapter (bin)" and read.dangers and read.adapter is not None
    assert list(read.adapter.pairs) == [MODULE]


def test_an_adapter_under_a_models_name_is_still_an_adapter(folder: Path) -> None:
    (folder / "adapter_model.safetensors").rename(folder / "model.safetensors")
    adapter = read_artifact(LocalSource(folder)).adapter
    assert adapter is not None and list(adapter.pairs) == [MODULE]


def test_without_a_config_the_tensors_still_say_what_they_are(folder: Path) -> None:
    (folder / "adapter_config.json").unlink()
    artifact = read_artifact(LocalSource(folder))
    assert artifact.adapter is not None and artifact.adapter.title == "LoRA adapter"
    assert artifact.notes == ("adapter_config.json is missing: base and scale are not stated",)


def test_other_kinds_are_named(tmp_path: Path) -> None:
    tensors = {"base_model.model.model.layers.0.self_attn.k_proj.ia3_l": np.ones((32, 1), dtype=np.float32)}
    artifact = read_artifact(LocalSource(write_adapter(tmp_path, tensors, peft_type="IA3")))
    assert artifact.adapter is not None and artifact.adapter.title == "IA3 adapter"
    assert artifact.adapter.pairs == {} and artifact.adapter.others == tuple(tensors)


def test_a_stated_rank_that_no_tensor_has_is_noted(tmp_path: Path) -> None:
    artifact = read_artifact(LocalSource(write_adapter(tmp_path, pair(MODULE, 32, 64, rank=6), r=8)))
    assert artifact.notes == ("adapter_config.json says rank 8, the tensors have 6",)


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("adapter_model.safetensors", None, "adapter_config.json without the adapter's weights"),
        ("adapter_model.safetensors", b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        ("adapter_model.safetensors", b"", "too few for a safetensors file"),
        ("adapter_model.safetensors", framed({}), "hold no tensors"),
        ("adapter_config.json", b"[]", "expected a JSON object"),
        ("adapter_config.json", b"{", "not valid JSON"),
        ("adapter_config.json", b'{"r": 1, "r": 2}', "the key r twice"),
        ("adapter_config.json", b" " * 1_000_001, "more than the 1,000,000"),
    ],
)
def test_damaged_adapters_are_refused(file: str, content: bytes | None, words: str, folder: Path) -> None:
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_bytes(content)
    with refused(words):
        read_artifact(LocalSource(folder))


def test_lora_without_a_pair_is_refused(tmp_path: Path) -> None:
    write_adapter(tmp_path, {"base_model.model.lm_head.weight": np.ones((4, 4), dtype=np.float32)})
    with refused("says LORA, and it holds no lora_A and lora_B"):
        read_artifact(LocalSource(tmp_path))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_mutated_adapters_are_read_or_refused_in_words(data: st.DataObject) -> None:
    header = {
        f"m.{k}.lora_{half}.weight": {"dtype": "F32", "shape": shape, "data_offsets": [16 * at, 16 * at + 16]}
        for at, (k, half, shape) in enumerate([(0, "A", [1, 4]), (0, "B", [4, 1]), (1, "A", [2, 2]), (1, "B", [2, 2])])
    }
    files = {
        "adapter_config.json": json.dumps({"peft_type": "LORA", "r": 1, "target_modules": ["q"]}).encode(),
        "adapter_model.safetensors": framed(header, bytes(64)),
    }
    name = data.draw(st.sampled_from(sorted(files)))
    raw = bytearray(files[name])
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    files[name] = bytes(raw[: data.draw(st.integers(0, len(raw)))]) if data.draw(st.booleans()) else bytes(raw)
    try:
        adapter = PeftAdapter(MODELS).read(Memory(files)).adapter
        assert adapter is not None and all(c.rank > 0 for c in adapter.pairs.values())
    except ForebearError as error:
        assert str(error).isprintable() and error.exit_code == 4


def test_adapters_are_asked_for_first() -> None:
    assert isinstance(READERS[0], PeftAdapter) and READERS[1:] == MODELS


@pytest.mark.shared
def test_every_real_adapter_is_read_or_refused_with_the_right_reason() -> None:
    found: Counter[str] = Counter()
    for config in sorted(shared("artefacts").rglob("adapter_config.json")):
        try:
            artifact = read_artifact(LocalSource(config.parent))
        except ForebearError as error:
            reasons = ("a Git LFS pointer", "without the adapter's weights", "names files that are not there")
            found[next((r for r in reasons if r in str(error)), str(error))] += 1
            continue
        adapter, stated = artifact.adapter, json.loads(config.read_text())
        assert adapter is not None and (artifact.notes, artifact.problems) == ((), ())
        assert (adapter.base, adapter.rank) == (stated["base_model_name_or_path"], stated["r"])
        assert {c.rank for c in adapter.pairs.values()} == {stated["r"]}
        assert {m.rsplit(".", 1)[-1] for m in adapter.pairs} == set(stated["target_modules"])
        assert {n.split(".")[-2] for n in adapter.others} <= {"score", "classifier", "pre_classifier"}
        found["read"] += 1
    assert found == {
        "read": 6,
        "a Git LFS pointer": 14,
        "without the adapter's weights": 3,
        "names files that are not there": 1,
    }
