"""One model in many formats: one fingerprint, and one answer."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import ggufs
import torch_files
from edits import drifted, edit, move_gains
from forebear.artifacts import read_artifact
from forebear.artifacts.formats.safetensors import Safetensors
from forebear.index import LocalIndex
from forebear.inspect import enrol, scan
from forebear.signals import Fingerprint, fingerprint
from forebear.signals.content import content_digest
from forebear.sources import LocalSource
from forebear.types import Verdict
from models import tiny_llama, write_safetensors

Make = Callable[[Path, Path], Path]


def sharded(base: Path, out: Path) -> Path:
    """Every layer in a file of its own, with an index."""
    shutil.copytree(base, out, ignore=shutil.ignore_patterns("*.safetensors"))
    owner: dict[str, str] = {}
    for name, tensor in Safetensors().read(LocalSource(base)).tensors.items():
        part = name.split(".")[2] if ".layers." in name else "rest"
        owner[name] = f"part-{part}.safetensors"
        held = {name: tensor}
        path = out / owner[name]
        if path.exists():
            held |= Safetensors().read(LocalSource(path)).tensors
        write_safetensors(path, {n: t.values() for n, t in sorted(held.items())})
    (out / "model.safetensors.index.json").write_text(json.dumps({"weight_map": owner}))
    return out


def renamed(base: Path, out: Path) -> Path:
    """Another file name, and nothing else."""
    shutil.copytree(base, out)
    (out / "model.safetensors").rename(out / "weights-final(2).safetensors")
    return out


def zipped(base: Path, out: Path) -> Path:
    """As torch.save writes it."""
    return torch_files.converted(base, out)


def legacy(base: Path, out: Path) -> Path:
    """As torch.save wrote it before 1.6."""
    return torch_files.converted(base, out, torch_files.legacy_bytes)


def bin_shards(base: Path, out: Path) -> Path:
    """Three checkpoints with an index."""
    return torch_files.converted(base, out, shards=3)


def gguf_of(encode: Callable[..., ggufs.Stored]) -> Make:
    """A converter to GGUF."""

    def make(base: Path, out: Path) -> Path:
        return ggufs.convert(base, out.with_suffix(".gguf"), encode)

    make.__name__ = f"gguf_{encode.__name__}"
    return make


LOSSLESS: list[Make] = [
    *(sharded, renamed, zipped, legacy, bin_shards),
    *(gguf_of(encode) for encode in (ggufs.f32, ggufs.bfloat16, ggufs.f16)),
]
LOSSY: list[Make] = [gguf_of(encode) for encode in (ggufs.q8_0, ggufs.q4_0)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose values BF16 and F16 both hold exactly."""
    folder = tiny_llama(tmp_path_factory.mktemp("formats") / "base", seed=1)
    move_gains(folder, 1)
    edit(folder, lambda _, v: np.where(np.abs(v) < 1e-4, np.float32(2**-12), v))
    return folder


def measured(target: Path) -> tuple[Fingerprint, str]:
    artifact = read_artifact(LocalSource(target))
    assert not artifact.by_names and not artifact.problems
    return fingerprint(artifact), content_digest(artifact)


@pytest.mark.parametrize("make", LOSSLESS, ids=lambda m: m.__name__)
def test_the_same_weights_have_one_fingerprint(make: Make, base: Path, tmp_path: Path) -> None:
    one, whole = measured(base)
    two, again = measured(make(base, tmp_path / "other"))
    assert one.code.n > 400
    for part in ("bits", "valid", "signature"):
        np.testing.assert_array_equal(getattr(two.code, part), getattr(one.code, part))
    assert (two.digest, again, two.shape, two.code.repeats) == (one.digest, whole, one.shape, ())


@pytest.mark.parametrize("make", [*LOSSLESS, *LOSSY], ids=lambda m: m.__name__)
def test_a_child_is_found_in_any_format_and_a_stranger_in_none(make: Make, base: Path, tmp_path: Path) -> None:
    index = LocalIndex(tmp_path / "home")
    enrol(str(base), index, "base")
    shutil.copytree(base, tmp_path / "base")
    child = scan(str(make(drifted(tmp_path / "base", "child", 0.1), tmp_path / "c")), index)
    assert [a.name for a in child.ancestors] == ["base"] and child.verdict is Verdict.DEPENDENT
    stranger = tiny_llama(tmp_path / "stranger", seed=9)
    assert scan(str(make(stranger, tmp_path / "s")), index).ancestors == ()


@pytest.mark.parametrize("make", LOSSLESS, ids=lambda m: m.__name__)
def test_a_reference_in_any_format_serves(make: Make, base: Path, tmp_path: Path) -> None:
    index = LocalIndex(tmp_path / "home")
    enrol(str(make(base, tmp_path / "reference")), index, "base")
    result = scan(str(base), index)
    assert [a.name for a in result.ancestors] == ["base"] and result.verdict is Verdict.IDENTICAL
