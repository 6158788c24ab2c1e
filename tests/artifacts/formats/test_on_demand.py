"""Readers are imported for the files that they read, and for no others."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from forebear.artifacts.formats import MODELS, OnDemand
from models import Memory, tiny_llama

OTHERS = "pytorch consolidated gguf keras onnx"
LOADED = """
import sys
from forebear.artifacts import read_artifact
from forebear.sources import open_source
assert read_artifact(open_source(sys.argv[1])).architecture is not None
print(*(m for m in sys.modules if m.startswith("forebear.artifacts.")))
"""


def test_a_folder_of_safetensors_loads_no_other_reader(tmp_path: Path) -> None:
    folder = tiny_llama(tmp_path / "model", seed=1)
    out = subprocess.run([sys.executable, "-c", LOADED, str(folder)], capture_output=True, text=True, check=True)
    loaded = out.stdout.split()
    assert "forebear.artifacts.formats.safetensors" in loaded
    assert not [m for m in loaded if m.removeprefix("forebear.artifacts.formats.").split(".")[0] in OTHERS.split()]
    assert not [m for m in loaded if ".inference" in m]


@pytest.mark.parametrize("listed", MODELS, ids=lambda reader: reader.name)
def test_a_listed_reader_is_the_one_that_it_names(listed: OnDemand) -> None:
    module, _, kind = listed.place.partition(":")
    reader = getattr(import_module(f"forebear.artifacts.formats.{module}"), kind)
    assert reader.name == listed.name and not listed.handles(Memory({"notes.txt": b"", "safetensors": b""}))


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("Model.SAFETENSORS.index.json", None),  # the readers decide themselves about capitals
        ("model.safetensors.index.json", "safetensors"),
        ("pytorch_model.bin.index.json", "PyTorch"),
        ("consolidated.00.pth", "consolidated checkpoint"),
        ("MODEL.GGUF", "GGUF"),
        ("weights.HDF5", "Keras"),
        ("model.keras", "Keras"),
        ("a/model.onnx", "ONNX"),
    ],
)
def test_files_that_a_reader_knows_by_name_are_shown_to_it(name: str, format: str | None) -> None:
    source = Memory({name: b""})
    assert [r.name for r in MODELS if r.handles(source)] == ([format] if format else [])
