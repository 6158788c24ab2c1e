"""Full hashes: equal values, whatever the files look like."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from forebear.artifacts import Artifact, read_artifact
from forebear.signals import content
from forebear.signals.content import content_digest
from forebear.sources import open_source
from models import bf16, tiny_llama, write_safetensors


def read(folder: Path) -> Artifact:
    return read_artifact(open_source(str(folder)))


def test_one_file_and_many_shards_have_one_hash(tmp_path: Path) -> None:
    tiny_llama(tmp_path / "one", seed=1)
    tiny_llama(tmp_path / "many", seed=1, sharded=True)
    assert content_digest(read(tmp_path / "one")) == content_digest(read(tmp_path / "many"))


def test_a_single_value_changes_it(tmp_path: Path) -> None:
    tiny_llama(tmp_path / "a", seed=1)
    tiny_llama(tmp_path / "b", seed=1)
    path = tmp_path / "b" / "model.safetensors"
    raw = bytearray(path.read_bytes())
    raw[-2] ^= 1
    path.write_bytes(bytes(raw))
    assert content_digest(read(tmp_path / "a")) != content_digest(read(tmp_path / "b"))


def test_a_lossless_change_of_format_keeps_it(tmp_path: Path) -> None:
    values = np.arange(-8, 8, dtype=np.float32).reshape(4, 4) / 4
    for name, entry in (("bf", ("BF16", [4, 4], bf16(values))), ("f", ("F32", [4, 4], values.tobytes()))):
        (tmp_path / name).mkdir()
        write_safetensors(tmp_path / name / "model.safetensors", {"w": entry})
    assert content_digest(read(tmp_path / "bf")) == content_digest(read(tmp_path / "f"))


def test_chunks_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_llama(tmp_path, seed=1)
    whole = content_digest(read(tmp_path))
    monkeypatch.setattr(content, "CHUNK", 64)
    assert content_digest(read(tmp_path)) == whole


def test_progress_counts_every_byte(tmp_path: Path) -> None:
    tiny_llama(tmp_path, seed=1)
    artifact = read(tmp_path)
    seen: list[int] = []
    content_digest(artifact, seen.append)
    assert sum(seen) == sum(t.nbytes for t in artifact.weights.tensors.values())


def test_differences_below_float32_show(tmp_path: Path) -> None:
    values = np.linspace(0.1, 1, 16)
    for name, array in (("a", values), ("b", values * (1 + 1e-12))):
        (tmp_path / name).mkdir()
        write_safetensors(tmp_path / name / "model.safetensors", {"w": ("F64", [4, 4], array.astype("<f8").tobytes())})
    assert content_digest(read(tmp_path / "a")) != content_digest(read(tmp_path / "b"))


def test_a_tensor_named_like_a_role_is_no_obstacle(tmp_path: Path) -> None:
    tiny_llama(tmp_path, seed=1)
    write_safetensors(tmp_path / "extra.safetensors", {"embed": np.ones((2, 2), dtype=np.float32)})
    (tmp_path / "model.safetensors").rename(tmp_path / "body.safetensors")
    assert content_digest(read(tmp_path))
