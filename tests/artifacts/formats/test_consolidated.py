"""Consolidated checkpoints: the model that the Hugging Face form is, row by row, however it is cut."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import forebear
from consolidated import consolidated
from edits import drifted
from forebear.artifacts import read_artifact
from forebear.artifacts.formats.consolidated import Consolidated, Unrotated, renamed
from forebear.signals import fingerprint
from forebear.signals.content import content_digest
from forebear.sources import LocalSource
from models import refused, tiny_llama, write_safetensors
from shared import shared
from torch_files import legacy_bytes, zip_bytes


def check_same(out: Path, base: Path) -> None:
    ours, theirs = read_artifact(LocalSource(out)), read_artifact(LocalSource(base))
    assert ours.weights.format == "consolidated checkpoint"
    assert ours.names == theirs.names and ours.geometry == theirs.geometry and ours.architecture == theirs.architecture
    assert ours.weights.tensors.keys() == theirs.weights.tensors.keys()
    for name, tensor in theirs.weights.tensors.items():
        assert np.array_equal(ours.weights.tensors[name].values(), tensor.values()), name
    a, b = fingerprint(ours), fingerprint(theirs)
    assert a.digest == b.digest and a.dtype == b.dtype and np.array_equal(a.code.bits, b.code.bits)
    assert content_digest(ours) == content_digest(theirs)


FORMS: dict[str, dict[str, Any]] = {
    "Mistral": {"hidden_dim": 128},
    "one part": {"parts": 1},
    "Llama 2": {"parts": 2},
    "Llama 3": {"parts": 2, "embedding": 0},
    "legacy": {"parts": 2, "write": legacy_bytes},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("family", ["llama", "mixtral"])
def test_it_is_the_model_of_the_other_form(form: str, family: str, tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", family=family)
    check_same(consolidated(base, tmp_path / "out", **FORMS[form]), base)


def test_verdicts_do_not_depend_on_the_form(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base")
    child, twin = drifted(base, "child", 0.1), tiny_llama(tmp_path / "twin", seed=9)
    for name, model in (("a", child), ("b", twin)):
        out = consolidated(model, tmp_path / name, 2)
        ours, theirs = (forebear.compare(str(base), str(m)) for m in (out, model))
        assert (ours.verdict, ours.log10_p, ours.related) == (theirs.verdict, theirs.log10_p, theirs.related)
        assert ours.related is (True if model is child else None)


def test_rows_of_queries_and_keys_read_in_any_piece(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", layers=1)
    ours = read_artifact(LocalSource(consolidated(base, tmp_path / "out", 2))).weights.tensors
    theirs = read_artifact(LocalSource(base)).weights.tensors
    for name in ("q_proj", "k_proj", "o_proj", "v_proj"):
        one, two = (t[f"model.layers.0.self_attn.{name}.weight"] for t in (ours, theirs))
        whole = two.values()
        for start in range(0, one.shape[0], 3):
            for stop in (start, start + 1, min(start + 11, one.shape[0]), one.shape[0]):
                assert np.array_equal(one.rows(start, stop), whole[start:stop])
        assert np.array_equal(np.concatenate(list(one.chunks(50))), whole.ravel())
        assert one.stored(6, 500) == two.stored(6, 500)
    for name, turned in (("q_proj", True), ("k_proj", True), ("v_proj", False)):
        tensor = ours[f"model.layers.0.self_attn.{name}.weight"]
        assert isinstance(tensor, Unrotated) == turned
        if isinstance(tensor, Unrotated):  # the order of rows matters, else nothing was tested
            assert not np.array_equal(tensor.inner.values(), tensor.values())


@pytest.mark.shared
@pytest.mark.parametrize("form", ["Mistral", "Llama 2", "Llama 3"])
def test_the_zoo_reads_the_same_in_both_forms(form: str, tmp_path: Path) -> None:
    seen = 0
    for folder in sorted((shared("zoo") / "models").iterdir()):
        path = folder / "config.json"
        if (folder / "model.safetensors").exists() and json.loads(path.read_text())["model_type"] in (
            "llama",
            "mixtral",
        ):
            out = consolidated(folder, tmp_path / folder.name, **FORMS[form])
            check_same(out, folder)
            shutil.rmtree(out)
            seen += 1
    assert seen == 20


def test_a_repository_with_both_forms_reads_hugging_faces_and_says_so(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", layers=1)
    both = consolidated(base, tmp_path / "both")
    shutil.copy(base / "model.safetensors", both)
    artifact = read_artifact(LocalSource(both))
    assert artifact.weights.files == ("model.safetensors",)
    assert "safetensors was read; it also holds consolidated checkpoint, which was not" in artifact.notes
    for named, format_ in (
        ("consolidated.safetensors", "consolidated checkpoint"),
        ("model.safetensors", "safetensors"),
    ):
        assert read_artifact(LocalSource(both / named)).weights.format == format_


def test_shards_of_mistral_and_a_config_beside_them(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", layers=1)
    out = consolidated(base, tmp_path / "out")
    held = loaded_from(out / "consolidated.safetensors")
    (out / "consolidated.safetensors").unlink()
    for k in range(2):
        part = {n: t for i, (n, t) in enumerate(held.items()) if i % 2 == k}
        write_safetensors(out / f"consolidated-0000{k + 1}-of-00002.safetensors", part)
    shutil.copy(base / "config.json", out)
    check_same(out, base)
    (out / "consolidated-00001-of-00002.safetensors").unlink()
    with refused("parts are missing, the first is consolidated-00001-of-00002.safetensors"):
        read_artifact(LocalSource(out))


def loaded_from(path: Path) -> dict[str, Any]:
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    spans = {n: (8 + length + e["data_offsets"][0], 8 + length + e["data_offsets"][1]) for n, e in header.items()}
    return {n: (e["dtype"], e["shape"], raw[spans[n][0] : spans[n][1]]) for n, e in header.items()}


def test_the_config_comes_from_params(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", layers=2, family="mixtral")
    config = Consolidated().read(LocalSource(consolidated(base, tmp_path / "out", rope_theta=1e6))).config
    theirs = json.loads((base / "config.json").read_text())
    assert config == {**theirs, "head_dim": 16, "rms_norm_eps": 1e-5, "rope_theta": 1e6}


def test_names() -> None:
    assert renamed("layers.3.attention.wq.bias") == "model.layers.3.self_attn.q_proj.bias"
    assert renamed("layers.3.feed_forward.experts.7.w2.weight") == "model.layers.3.block_sparse_moe.experts.7.w2.weight"
    assert [renamed(n) for n in ("x", "layers.3.other.weight", "layers.x.attention.wq.weight")] == [None] * 3
    assert renamed("layers.0.attention.wq.qscale_weight") is None


def rewrite(name: str, **tensors: Any) -> Callable[[Path], object]:
    def change(out: Path) -> None:
        (out / name).write_bytes(zip_bytes(tensors))

    return change


@pytest.mark.parametrize(
    ("parts", "change", "words"),
    [
        (2, lambda o: (o / "consolidated.00.pth").unlink(), "parts are missing, the first is consolidated.00.pth"),
        (4, lambda o: (o / "consolidated.03.pth").unlink(), "its parts make"),
        (2, lambda o: (o / "params.json").unlink(), "a consolidated checkpoint without params.json"),
        (2, lambda o: (o / "params.json").write_text("[]"), "params.json: is not a JSON object"),
        (2, lambda o: (o / "params.json").write_text('{"dim": 64}'), "params.json: its n_heads is no size"),
        (2, lambda o: (o / "params.json").write_text('{"dim": true}'), "params.json: its dim is no size"),
        (2, lambda o: (o / "params.json").write_text('{"dim": 64, "n_heads": 8}'), "rope.freqs has shape [8]"),
        (2, lambda o: (o / "params.json").write_text('{"dim": 64, "n_heads": 3}'), "params.json says heads of 21"),
        (2, lambda o: (o / "params.json").write_text('{"dim": 32, "n_heads": 2}'), "says that the width is 32"),
        (1, lambda o: (o / "params.json").write_text('{"dim": 64, "n_heads": 2, "head_dim": 16}'), "2 heads of 16"),
        (2, rewrite("consolidated.01.pth", x=np.ones(2, dtype=np.float32)), "is in 1 of 2 files"),
        (1, rewrite("consolidated.00.pth", x=np.ones(2, dtype=np.float32)), "holds no tensors of a consolidated"),
        (
            0,
            lambda o: (o / "consolidated.safetensors").write_bytes(b"\xff" * 20),
            "consolidated.safetensors: its header",
        ),
        (0, lambda o: (o / "consolidated.safetensors").write_bytes(b"x" * 20), "begins as a text"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(
    parts: int, change: Callable[[Path], object], words: str, tmp_path: Path
) -> None:
    base = tiny_llama(tmp_path / "base", layers=1, kv_heads=4)
    out = consolidated(base, tmp_path / "out", parts)
    change(out)
    with refused(words):
        read_artifact(LocalSource(out))


def test_strange_tensors_are_left_out_and_said(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", layers=1)
    out = consolidated(base, tmp_path / "out")
    held = loaded_from(out / "consolidated.safetensors")
    held["vision_encoder.conv.weight"] = ("F32", [1], b"1234")
    write_safetensors(out / "consolidated.safetensors", held)
    found = Consolidated().read(LocalSource(out))
    assert found.unread == {"vision_encoder.conv.weight"} and not found.whole
    assert found.notes[0] == (
        "1 tensors of names unknown in such files are left out, the first is vision_encoder.conv.weight"
    )
    assert len(found.tensors) == len(held) - 1
