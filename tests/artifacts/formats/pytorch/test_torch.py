"""Files that torch itself writes, read as torch reads them."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forebear.artifacts import read_artifact
from forebear.artifacts.formats.pytorch import read_tensors
from forebear.signals import fingerprint
from forebear.sources import File, LocalSource
from models import tiny_llama
from torch_files import loaded

torch = pytest.importorskip("torch", reason="needs the [torch] extra")

pytestmark = pytest.mark.torch
FORMS = [True, False]


def saved(value: Any, folder: Path, new: bool, name: str = "m.pt") -> Any:
    torch.save(value, folder / name, _use_new_zipfile_serialization=new)
    return read_tensors(LocalSource(folder), File(name, (folder / name).stat().st_size))


@pytest.mark.parametrize("new", FORMS)
def test_views_of_every_kind_read_as_torch_reads_them(new: bool, tmp_path: Path) -> None:
    grid = torch.arange(24 * 10, dtype=torch.float32).reshape(24, 10)
    views = {
        "whole": grid,
        "turned": grid.t(),
        "sliced": grid[3:9, 2:7],
        "strided": grid[::3, ::2],
        "expanded": grid[:1].expand(5, 10),
        "cube": grid.reshape(4, 6, 10).permute(2, 0, 1),
        "scalar": grid[3, 4],
        "empty": grid[:0],
        "parameter": torch.nn.Parameter(grid[1:]),
        "row": grid[5],
        "tied": grid,
    }
    part = saved(views, tmp_path, new)
    assert part.tensors.keys() == views.keys() and not part.dangers and not part.notes
    for name, tensor in part.tensors.items():
        theirs = views[name].detach().numpy()
        assert tensor.shape == theirs.shape
        assert np.array_equal(tensor.values(), theirs.reshape(-1) if theirs.ndim == 0 else theirs), name
    starts = {n: part.tensors[n].start for n in ("whole", "tied")}
    assert starts["whole"] == starts["tied"]


@pytest.mark.parametrize("new", FORMS)
@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("float32", "F32"),
        ("float64", "F64"),
        ("float16", "F16"),
        ("bfloat16", "BF16"),
        ("float8_e4m3fn", "F8_E4M3"),
        ("float8_e5m2", "F8_E5M2"),
        ("int8", "I8"),
        ("uint8", "U8"),
        ("int16", "I16"),
        ("uint16", "U16"),
        ("int32", "I32"),
        ("int64", "I64"),
        ("bool", "BOOL"),
    ],
)
def test_every_dtype_reads_as_torch_reads_it(name: str, dtype: str, new: bool, tmp_path: Path) -> None:
    values = torch.randn(7, 5, generator=torch.Generator().manual_seed(1)).mul(3).to(getattr(torch, name))
    part = saved({"a": values, "t": values.t(), "anchor": torch.ones(1)}, tmp_path, new)
    for tensor, theirs in ((part.tensors["a"], values), (part.tensors["t"], values.t())):
        assert (tensor.dtype, tensor.shape) == (dtype, tuple(theirs.shape))
        assert np.array_equal(tensor.values(), theirs.float().numpy())


@pytest.mark.parametrize("new", FORMS)
def test_a_model_saved_by_torch_is_the_model_of_its_safetensors(new: bool, tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", layers=2)
    held = {
        n: torch.frombuffer(bytearray(t.raw), dtype=torch.bfloat16).reshape(t.shape) for n, t in loaded(base).items()
    }
    out = tmp_path / "out"
    shutil.copytree(base, out, ignore=shutil.ignore_patterns("*.safetensors"))
    saved(held, out, new, "pytorch_model.bin")
    ours, theirs = (fingerprint(read_artifact(LocalSource(f))) for f in (out, base))
    assert ours.digest == theirs.digest and np.array_equal(ours.code.bits, theirs.code.bits)


@pytest.mark.parametrize("new", FORMS)
def test_training_checkpoints_and_whole_modules(new: bool, tmp_path: Path) -> None:
    model = torch.nn.Sequential(
        torch.nn.Linear(4, 8), torch.nn.Sequential(torch.nn.LayerNorm(8), torch.nn.Linear(8, 2))
    )
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 4)).sum().backward()
    optimizer.step()
    theirs = {n: t.detach().numpy() for n, t in model.state_dict().items()}
    checkpoint = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "args": argparse.Namespace(lr=0.1, dtype=torch.bfloat16, device=torch.device("cpu")),
        "rng": [torch.get_rng_state(), np.random.default_rng(1).bit_generator.state, np.random.get_state()],
        "step": np.float64(3),
    }
    for value in (checkpoint, model.state_dict(), model):
        part = saved(value, tmp_path, new)
        assert not part.dangers
        assert {n: t.values().tolist() for n, t in part.tensors.items()} == {n: v.tolist() for n, v in theirs.items()}


def test_what_torch_refuses_is_a_danger_here(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return print, ("was run",)

    part = saved({"w": torch.ones(2), "x": Evil()}, tmp_path, True)
    assert part.tensors["w"].values().tolist() == [1, 1] and "calls builtins.print (byte " in part.dangers[0]
    with pytest.raises(Exception, match="weights_only"):
        torch.load(tmp_path / "m.pt", weights_only=True)
