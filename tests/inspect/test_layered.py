"""Models made of a reference's layers in another order, under new embeddings: found by single layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edits import rebuilt, shaken, with_layers
from forebear.index import Addition, LocalIndex
from forebear.inspect import enrol, fingerprint, layered, scan
from forebear.inspect.layered import by_layers
from index.fingerprints import make_fingerprint
from models import tiny_llama

DEPTH = 8
OTHERS = 300
EDITS = {
    "dropped": [2, 5, 6],
    "reordered": [3, 6, 1, 7, 0, 5, 2, 4],
    "duplicated and turned": [4, 5, 4, 5, 2, 3, 2, 3, 0, 1],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("layered")


@pytest.fixture(scope="module")
def index(folder: Path) -> LocalIndex:
    """A base of eight layers among three hundred independent references of its shape."""
    made = LocalIndex(folder / "index")
    enrol(str(tiny_llama(folder / "base", seed=1, layers=DEPTH)), made, "base")
    entry = made.get("base")
    assert entry is not None
    shape: dict[str, Any] = dict(entry.fingerprint.shape)
    made.add_many([Addition(make_fingerprint(f"m{k}", k, shape=shape), "/gone") for k in range(OTHERS)])
    return made


@pytest.fixture(scope="module", params=EDITS)
def child(request: pytest.FixtureRequest, folder: Path, index: LocalIndex) -> Path:
    """Trained on a little, with embeddings and head of its own, which silences the coins of the residual stream."""
    order = EDITS[request.param]
    rng = np.random.default_rng(len(order))

    def change(tensors: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        made = with_layers(order)(tensors)
        for name, values in made.items():
            if "embed" in name or "lm_head" in name:
                made[name] = 0.08 * rng.standard_normal(values.shape, dtype=np.float32)
            elif values.ndim == 2:
                made[name] = shaken(values, 0.2, rng)
        return made

    return rebuilt(folder / "base", request.param.replace(" ", "-"), change, num_hidden_layers=len(order))


def test_the_reference_is_found_by_its_layers(child: Path, index: LocalIndex) -> None:
    mark = fingerprint(str(child))
    found = by_layers(mark, index, "", 3)
    assert [e.name for e in found.entries] == ["base"] and found.searched == OTHERS + 1 and not found.gaps
    hit = index.search_layers(mark.code, 1)[0]
    order = EDITS[child.name.replace("-", " ")]
    assert hit.log10_p < -15 and all(order[p.layer] == p.theirs for p in hit.pairs)
    assert len(hit.pairs) >= len(order)
    assert by_layers(mark, index, "base", 3).entries == ()  # not as its own ancestor


def test_what_a_plain_search_does_not_find_is_established_by_the_exact_test(child: Path, index: LocalIndex) -> None:
    plain = {h.name: h.log10_p for h in index.search(fingerprint(str(child)).code, OTHERS + 1)}
    if child.name != "duplicated-and-turned":  # of which enough layers stand where they stood
        assert plain["base"] + np.log10(OTHERS + 1) > 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("forebear.inspect.search.NOMINATED", 1)
        result = scan(str(child), index=index, fetch=False)
    assert [a.name for a in result.ancestors] == ["base"] and (result.log10_p or 0) < -20


def test_too_large_an_index_is_said_not_to_be_searched(
    folder: Path, index: LocalIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layered, "MOST_REFERENCES", OTHERS)
    result = scan(str(tiny_llama(folder / "large", seed=77, layers=DEPTH)), index=index, fetch=False)
    told = [gap.why for gap in result.coverage.not_tested if gap.what == "layers in another order"]
    assert told == [f"layers are searched up to {OTHERS} references, and there are {OTHERS + 1}"]


def test_innocent_models_are_not_nominated(folder: Path, index: LocalIndex) -> None:
    """Twenty models of the same shape with nothing in common: the rate that is stated allows for one in a thousand."""
    for seed in range(20):
        mark = fingerprint(str(tiny_llama(folder / f"innocent{seed}", seed=100 + seed, layers=DEPTH)))
        assert by_layers(mark, index, "", 3).entries == ()
