"""Real recurrent networks: textgenrnn's base weights and official fine-tunes, versions 1 and 2 (Keras HDF5).

Expected from what their authors say of them, not fitted: every fine-tune started from the base of its own version;
version 2 is another network, trained anew.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from forebear.artifacts import read_artifact
from forebear.artifacts.views import Gate
from forebear.inspect import compare
from forebear.signals import fingerprint
from forebear.sources import LocalSource
from shared import shared

pytestmark = pytest.mark.shared

F32 = NDArray[np.float32]

TUNES = ("hacker_news", "reddit_apple_android", "reddit_legaladvice_relationshipadvice", "reddit_rarepuppers_politics")
BASE = "textgenrnn_weights"
COINS = {"v1": 100 + 128, "v2": 100 + 2 * 128}


@pytest.mark.parametrize("tune", TUNES)
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_fine_tune_is_tied_to_its_base(version: str, tune: str) -> None:
    folder = shared(f"artefacts/weights/textgenrnn_{version}")
    found = compare(str(folder / f"{BASE}.hdf5"), str(folder / f"{tune}.hdf5"))
    sign = found.evidence[0]
    assert found.verdict == "dependent" and found.log10_p == -30 and sign.test == "exact"
    assert "share training, not only a start" in found.why, "characters that a tuning set lacks lie still"
    assert sign.n == COINS[version] and sign.details["agree"] == COINS[version]
    assert "embedding dimensions, recurrent units" in sign.summary


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_base_is_nearer_to_every_fine_tune_than_another_is(version: str) -> None:
    folder = shared(f"artefacts/weights/textgenrnn_{version}")

    def cosine(a: str, b: str) -> float:
        found = compare(str(folder / f"{a}.hdf5"), str(folder / f"{b}.hdf5"))
        return float(found.evidence[0].details["mean_cosine"])

    for one, two in itertools.combinations(TUNES, 2):
        assert cosine(one, two) < min(cosine(BASE, one), cosine(BASE, two))


def test_the_versions_are_not_tied_to_each_other() -> None:
    one, two = (shared(f"artefacts/weights/textgenrnn_{v}") for v in ("v1", "v2"))
    for name in (BASE, *TUNES):
        found = compare(str(one / f"{BASE}.hdf5"), str(two / f"{name}.hdf5"))
        assert found.verdict == "inconclusive" and found.evidence[0].n == 228
        assert found.log10_p is not None and found.log10_p > -2


def test_both_kernel_layouts_occur_and_every_tensor_has_a_role() -> None:
    for version, layout in (("v1", "columns"), ("v2", "block")):
        artifact = read_artifact(LocalSource(shared(f"artefacts/weights/textgenrnn_{version}") / f"{BASE}.hdf5"))
        kernel = artifact.weights.tensors["cells.0.candidate.kernel"]
        assert getattr(kernel, "layout", "") == layout
        rest = set(artifact.weights.tensors) - set(artifact.names.values())
        assert rest == ({"attention/attention_W"} if version == "v2" else set())
        assert not artifact.by_names and not fingerprint(artifact).code.repeats


def test_the_network_that_is_read_speaks_english() -> None:
    """Rows in another order, or another layout, would give a network that knows no English (6.1 nats is chance)."""
    folder = shared("artefacts/weights/textgenrnn_v2")
    ids = json.loads((folder / "textgenrnn__textgenrnn_vocab.json").read_text())
    artifact = read_artifact(LocalSource(folder / f"{BASE}.hdf5"))
    as_read = {n: t.values() for n, t in artifact.weights.tensors.items()}
    assert loss(as_read, ids) < 1.5
    for part in ("kernel", "recurrent"):
        turned = {
            n: replace(t, layout="columns").values()
            for n, t in artifact.weights.tensors.items()
            if isinstance(t, Gate) and n.startswith("cells.") and n.endswith(part)
        }
        assert loss(as_read | turned, ids) > 5


def loss(weights: Mapping[str, F32], ids: Mapping[str, int]) -> float:
    """Mean nats per character of a sentence, as textgenrnn computes them: the last 40 characters give the next one."""
    text = "What is the best thing you have ever done for your family in the last year?"
    tokens = [ids["<s>"], *(ids[c] for c in text)]
    found = []
    for at in range(5, len(tokens) - 1, 5):
        window = tokens[max(0, at - 39) : at + 1]
        seen = weights["embedding.weight"][[0] * (40 - len(window)) + window]
        first = unrolled(weights, 0, seen)
        joined = np.concatenate([seen, first, unrolled(weights, 1, first)], axis=1)
        attention = np.exp(joined @ weights["attention/attention_W"][:, 0])
        scores = weights["head.weight"] @ (attention / attention.sum() @ joined) + weights["head.bias"]
        found.append(float(np.logaddexp.reduce(scores) - scores[tokens[at + 1]]))
    return float(np.mean(found))


def unrolled(weights: Mapping[str, F32], cell: int, inputs: F32) -> F32:
    """``(steps, units)`` outputs of one LSTM."""
    output = state = np.zeros(len(weights[f"cells.{cell}.candidate.bias"]), dtype=np.float32)
    out = []
    for one in inputs:
        gates = {
            g: weights[f"cells.{cell}.{g}.kernel"] @ one
            + weights[f"cells.{cell}.{g}.recurrent"] @ output
            + weights[f"cells.{cell}.{g}.bias"]
            for g in ("input", "forget", "candidate", "output")
        }
        open_ = {g: 1 / (1 + np.exp(-v)) for g, v in gates.items() if g != "candidate"}
        state = open_["forget"] * state + open_["input"] * np.tanh(gates["candidate"])
        output = open_["output"] * np.tanh(state)
        out.append(output)
    return np.array(out)
