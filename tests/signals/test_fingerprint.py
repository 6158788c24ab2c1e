"""Everything that is kept of a model: each sketch is that of its own signal, and nothing is measured unasked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bodies import opened
from forebear.artifacts import Artifact
from forebear.signals.declared import declared
from forebear.signals.fingerprint import fingerprint, main_dtype, sketched
from forebear.signals.shape import shape
from forebear.signals.sign_code import encode
from forebear.signals.vocabulary import vocabulary
from models import bf16, tiny_llama, write_safetensors


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return opened(tiny_llama(tmp_path_factory.mktemp("models") / "small", seed=1, layers=6))


def test_every_sketch_is_its_signal_s(model: Artifact) -> None:
    mark = fingerprint(model)
    code, digest = encode(model)
    assert (mark.name, mark.target, mark.digest, mark.dtype) == (model.name, model.target, digest, "BF16")
    assert np.array_equal(mark.code.bits, code.bits) and np.array_equal(mark.code.layers, code.layers)
    assert (mark.shape, mark.vocabulary, mark.declared) == (shape(model), vocabulary(model), declared(model))
    assert (mark.content, mark.spectra, mark.tokens, mark.activations, mark.towers) == (None, None, None, None, ())


def test_a_name_and_a_content_that_are_given_are_kept(model: Artifact) -> None:
    mark = fingerprint(model, "mine", "sha")
    assert (mark.name, mark.content) == ("mine", "sha") and fingerprint(model, "").name == model.name


def test_a_light_look_reads_three_layers(model: Artifact) -> None:
    whole, light = fingerprint(model), fingerprint(model, light=True)
    assert int((np.asarray(whole.code.layers) >= 0).sum()) == 6 and int((np.asarray(light.code.layers) >= 0).sum()) == 3
    assert whole.digest != light.digest == encode(model, True)[1]


def test_sketches_are_added_to_what_there_is(model: Artifact) -> None:
    mark = fingerprint(model, "mine")
    more = sketched(mark, model)
    assert more.spectra is not None and more.tokens is not None and more.name == "mine" and more.code is mark.code


def test_the_main_dtype_is_that_of_most_values_not_of_most_tensors(tmp_path: Path) -> None:
    """One large matrix in bfloat16 outweighs two small ones, and two half as large together in float32 outweigh it."""
    big = np.ones((16, 8), dtype=np.float32)
    for name, rows, expected in (("few", 7, "BF16"), ("many", 9, "F32")):
        folder = tiny_llama(tmp_path / name, layers=1)
        small = {f"s{k}": np.ones((rows, 8), dtype=np.float32) for k in range(2)}
        write_safetensors(folder / "model.safetensors", {"big": ("BF16", [16, 8], bf16(big)), **small})
        assert main_dtype(opened(folder)) == expected
