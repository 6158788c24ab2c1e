"""Results computed again from codes and counts: honest ones follow, forged ones do not."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import forebear
from documents import check_document
from edits import drifted
from forebear.attest.documents import canonical
from forebear.attest.fingerprints import Mark, from_document, mark_of, to_document
from forebear.attest.replay import BY_CODE, REFERENCES, coins, retest
from forebear.bom.checks import CheckStatus
from forebear.errors import FormatError
from forebear.index import LocalIndex
from forebear.inspect.enrol import enrol
from forebear.lineage.counts import LOOKS
from models import tiny, tiny_llama
from shared import shared

Json = dict[str, Any]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    base = tiny_llama(tmp_path_factory.mktemp("models") / "base", 1)
    return base, drifted(base, "child", 0.1)


@pytest.fixture(scope="module")
def marks(pair: tuple[Path, Path]) -> dict[str, Mark]:
    found = [mark_of(forebear.fingerprint(str(p))) for p in pair]
    return {m.digest: m for m in found}


@pytest.fixture(scope="module")
def by_rows(pair: tuple[Path, Path]) -> Json:
    return dict(json.loads(json.dumps(forebear.compare(str(pair[0]), str(pair[1])).to_json())))


@pytest.fixture(scope="module")
def by_code(pair: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Json:
    """A scan whose reference has gone, so that its code is all that there is."""
    folder = tmp_path_factory.mktemp("gone")
    index = LocalIndex(folder / "home")
    enrol(str(pair[0]), index, "org/base")
    entry = index.get("org/base")
    assert entry is not None
    index.add(entry.fingerprint, str(folder / "nowhere"), replace=True)
    document = dict(json.loads(json.dumps(forebear.scan(str(pair[1]), index).to_json())))
    (ancestor,) = document["ancestors"]
    assert ancestor["evidence"][0]["details"]["method"] == BY_CODE
    return document


def failed(document: Json, marks: dict[str, Mark]) -> list[str]:
    return [c.id for c in retest(document, marks, "r").checks if c.status is CheckStatus.FAIL]


def test_honest_results_follow(by_rows: Json, by_code: Json, marks: dict[str, Mark]) -> None:
    for document in (by_rows, by_code):
        replay = retest(document, marks, "r")
        assert failed(document, marks) == [] and len(replay.checks) == 2 and len(replay.recomputed) == 2
        assert any("coins of the two codes agree" in line and "exact" in line for line in replay.recomputed)
        assert any("only the models' files" in line for line in replay.believed)
        told = replay.measured()
        assert not any("only the models' files" in line for line in told.believed)
        assert REFERENCES in told.believed and told.recomputed == replay.recomputed


def test_without_codes_the_coins_are_believed(by_rows: Json) -> None:
    replay = retest(by_rows, {}, "r")
    assert len(replay.recomputed) == 1 and any("no codes of both models" in line for line in replay.believed)


def test_codes_that_do_not_establish_it_leave_it_believed(by_rows: Json, marks: dict[str, Mark]) -> None:
    stranger = mark_of(forebear.fingerprint(by_rows["b"]["target"]))
    rng = np.random.default_rng(3)
    noise = rng.integers(0, 256, stranger.code.bits.size, dtype=np.uint8)
    weak = Mark("x", stranger.digest, stranger.shape, type(stranger.code)(**{**vars(stranger.code), "bits": noise}))
    replay = retest(by_rows, {**marks, weak.digest: weak}, "r")
    assert any("codes alone do not establish it" in line for line in replay.believed)


def _evidence(document: Json) -> Json:
    holder = document["ancestors"][0] if "ancestors" in document else document
    found: Json = holder["evidence"][0]
    return found


FORGED: dict[str, Callable[[Json], object]] = {
    "p": lambda e: e.update(log10_p=-12.0),
    "raw p": lambda e: e["details"].update(log10_p_raw=-40.0),
    "n": lambda e: e.update(n=e["n"] + 1),
    "agreeing": lambda e: e["details"].update(agree=e["details"]["agree"] - 1),
    "a group": lambda e: e["details"]["groups"]["glu"].update(agree=1),
    "a layer": lambda e: e["details"]["layers"][0].update(n=e["details"]["layers"][0]["n"] + 2),
    "what was paid": lambda e: e["details"].update(log10_paid=2.0),
}


@pytest.mark.parametrize("what", FORGED)
def test_forged_numbers_do_not(what: str, by_rows: Json, by_code: Json, marks: dict[str, Mark]) -> None:
    for document in (copy.deepcopy(by_rows), copy.deepcopy(by_code)):
        FORGED[what](_evidence(document))
        assert any(f.startswith("lineage/counts/") for f in failed(document, marks)), what


def test_forged_counts_that_add_up_differ_from_the_codes(by_code: Json, marks: dict[str, Mark]) -> None:
    document = copy.deepcopy(by_code)
    details = _evidence(document)["details"]
    for tail in (*details["groups"].values(), *details["layers"]):
        tail["agree"] = tail["n"]
    details["agree"] = sum(t["agree"] for t in details["groups"].values())
    details["log10_p_raw"] = details["agree"] * -np.log10(2) + np.log10(LOOKS)
    assert failed(document, marks) == ["lineage/codes/org/base"]


def test_a_verdict_without_a_significant_test_does_not(by_rows: Json, by_code: Json, marks: dict[str, Mark]) -> None:
    for document in (copy.deepcopy(by_rows), copy.deepcopy(by_code)):
        _evidence(document)["details"]["log10_references"] = 300.0
        assert any(f.startswith("lineage/verdict/") for f in failed(document, marks))
        _evidence(document).update(test="heuristic")
        assert any(f.startswith("lineage/verdict/") for f in failed(document, marks))


def test_an_e_value_pays_for_what_was_searched(by_code: Json, marks: dict[str, Mark]) -> None:
    document = copy.deepcopy(by_code)
    document["ancestors"][0]["log10_e"] -= 3
    assert failed(document, marks) == ["lineage/counts/org/base"]


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("b"),
        lambda d: d.update(evidence=3),
        lambda d: d["evidence"][0].pop("details"),
        lambda d: d["evidence"][0]["details"].update(layers=[{"a": "x"}]),
        lambda d: d["evidence"][0]["details"]["layers"][0].update(n=10**30),
        lambda d: d["evidence"][0]["details"]["layers"][0].update(n=-1),
        lambda d: d["evidence"][0]["details"]["groups"]["glu"].update(n=True),
        lambda d: d["evidence"][0]["details"].update(log10_p_raw="x"),
    ],
)
def test_damaged_results_are_refused_in_a_line(change: Any, by_rows: Json, marks: dict[str, Mark]) -> None:
    document = copy.deepcopy(by_rows)
    change(document)
    with pytest.raises(FormatError, match="not a whole result"):
        retest(document, marks, "r")


@pytest.mark.parametrize("family", ["llama", "gpt2", "mixtral", "gpt_neox", "qwen2"])
def test_fingerprints_survive_the_way_through_json(family: str, tmp_path: Path) -> None:
    mark = mark_of(forebear.fingerprint(str(tiny(family, tmp_path / family, 3))))
    again = from_document(json.loads(canonical(to_document(mark))))
    assert (again.digest, again.name, dict(again.shape)) == (mark.digest, mark.name, dict(mark.shape))
    assert again.code.bits.tobytes() == (mark.code.bits & mark.code.valid).tobytes()
    for name in ("layers", "groups", "keyed_by", "repeats"):
        assert getattr(again.code, name) == getattr(mark.code, name)
    assert coins(again, again)[0].pooled == coins(mark, mark)[0].pooled


def test_that_rows_follow_a_pattern_goes_along(marks: dict[str, Mark]) -> None:
    one = next(iter(marks.values()))
    odd = replace(one, code=replace(one.code, repeats=("residual rows begin alike",)))
    again = from_document(json.loads(canonical(to_document(odd))))
    assert again.code.repeats == odd.code.repeats and coins(again, one)[1] and not coins(again, again)[1]
    check_document(to_document(odd))


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("code"),
        lambda d: d.update(schema="x"),
        lambda d: d.update(digest=None),
        lambda d: d["code"].update(bits="AAAA"),
        lambda d: d["code"].update(valid=d["code"]["valid"][:-4]),
        lambda d: d["code"].update(layers=[0] * 16),
        lambda d: d["code"].update(layers=[0.5] * 16),
        lambda d: d["code"].update(layers=[10**9, *[-1] * 15]),
        lambda d: d["code"].update(groups=["nonsense"]),
        lambda d: d["code"].update(groups=[[]]),
        lambda d: d["code"].update(keyed_by="name"),
        lambda d: d["code"].update(inferred=0),
        lambda d: d["code"].update(patterns=[]),
        lambda d: d["code"].update(patterns=["residual rows are odd"]),
        lambda d: d["code"].update(patterns="residual rows begin alike"),
        lambda d: d["code"].update(signature=""),
        lambda d: d.update(shape=[]),
        lambda d: d.update(shape={"family": "llama"}),
        lambda d: d["shape"].update(width={"a": 1}),
        lambda d: d["shape"].update(layers="4"),
    ],
)
def test_damaged_fingerprints_are_refused_in_a_line(change: Any, marks: dict[str, Mark]) -> None:
    document = copy.deepcopy(json.loads(canonical(to_document(next(iter(marks.values()))))))
    change(document)
    with pytest.raises(FormatError):
        from_document(document, "f")


@pytest.mark.shared
def test_an_adapter_rests_on_coins_of_its_own(tmp_path: Path) -> None:
    zoo = shared("zoo")
    index = LocalIndex(tmp_path / "home")
    enrol(str(zoo / "models" / "dev-llama-1"), index, "org/base")
    scan = forebear.scan(str(zoo / "models" / "dev-llama-1-lora4-adapter"), index)
    document = json.loads(json.dumps(scan.to_json()))
    assert document["ancestors"] and failed(document, {}) == []
    rows = next(e for e in document["ancestors"][0]["evidence"] if e["signal"] == "adapter-rows/1")
    rows["details"]["agree"] -= 1
    assert failed(document, {}) == ["lineage/counts/org/base/adapter-rows/1"]


def test_of_strangers_nothing_is_said_to_be_believed_but_silence(pair: tuple[Path, Path], tmp_path: Path) -> None:
    other = tiny_llama(tmp_path / "other", 7)
    document = json.loads(json.dumps(forebear.compare(str(pair[0]), str(other)).to_json()))
    found = [mark_of(forebear.fingerprint(str(p))) for p in (pair[0], other)]
    replay = retest(document, {m.digest: m for m in found}, "r")
    assert document["related"] is None and failed(document, {m.digest: m for m in found}) == []
    assert not any("dependent" in line or "relation" in line for line in replay.believed)
    assert "that nothing ties the two: only their files can show it" in replay.believed
