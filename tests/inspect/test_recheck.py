"""Fingerprints measured again: poisoned, renamed, changed, imported and guarded ones."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from documents import check_document
from edits import drifted
from forebear.errors import UsageError
from forebear.index import LocalIndex, Provenance
from forebear.inspect import enrol
from forebear.inspect.audit import audit_fingerprints
from forebear.inspect.recheck import Rechecked, Status, pinned, recheck
from forebear.signals import Fingerprint
from forebear.types import Level
from hub import Hub, folder_files
from models import tiny_llama
from towers import around, prefixed, tower


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("models")
    return {"a": tiny_llama(place / "a", seed=1), "b": tiny_llama(place / "b", seed=2)}


@pytest.fixture
def index(tmp_path: Path, folders: dict[str, Path]) -> LocalIndex:
    """An index of copies that a test may change."""
    index = LocalIndex(tmp_path / "index")
    for name, folder in folders.items():
        enrol(str(shutil.copytree(folder, tmp_path / name)), index, name, effort="quick")
    return index


def mark_of(index: LocalIndex, name: str) -> Fingerprint:
    entry = index.get(name)
    assert entry is not None
    return entry.fingerprint


def again(index: LocalIndex, name: str) -> Rechecked:
    (found,) = recheck(index, [name])
    return found


def test_what_has_not_changed_is_confirmed(index: LocalIndex) -> None:
    done = recheck(index)
    assert [(r.name, r.status, r.finding) for r in done] == [
        ("a", Status.CONFIRMED, None),
        ("b", Status.CONFIRMED, None),
    ]


def test_a_code_that_was_swapped_is_found(index: LocalIndex, tmp_path: Path) -> None:
    """The digest is that of the weights, and the code another model's: what a search would go by."""
    poisoned = replace(mark_of(index, "a"), code=mark_of(index, "b").code)
    index.add(poisoned, str(tmp_path / "a"), replace=True)
    found = again(index, "a")
    assert found.status is Status.MISMATCH and "the stored code is that of b" in found.why
    assert found.finding is not None and found.finding.level is Level.ERROR
    assert again(index, "b").status is Status.CONFIRMED


def test_another_models_fingerprint_under_a_name_is_found(index: LocalIndex, tmp_path: Path) -> None:
    index.add(replace(mark_of(index, "b"), name="a"), str(tmp_path / "a"), replace=True)
    found = again(index, "a")
    assert found.status is Status.MISMATCH and "the stored code is that of b" in found.why
    assert found.finding is not None and found.finding.level is Level.WARNING  # the folder may have held a copy of b


def test_files_that_changed_are_a_note(index: LocalIndex, tmp_path: Path) -> None:
    shutil.copytree(drifted(tmp_path / "a", "later", 0.2), tmp_path / "a", dirs_exist_ok=True)
    found = again(index, "a")
    assert found.status is Status.CHANGED and found.finding is not None and found.finding.level is Level.NOTE


def test_what_is_not_there_cannot_be_told(index: LocalIndex, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "a")
    (tmp_path / "b" / "model.safetensors").write_bytes(b"no model")
    assert [r.status for r in recheck(index)] == [Status.UNREACHABLE] * 2
    assert all(r.why and r.finding is None for r in recheck(index))


def test_guarded_and_imported_ones(index: LocalIndex, tmp_path: Path) -> None:
    """What is private is not read. What was imported is read from where it says, and told to be imported."""
    index.add(mark_of(index, "a"), str(tmp_path / "a"), provenance=Provenance(by="lab", private=True))
    shutil.rmtree(tmp_path / "a")
    assert again(index, "a").status is Status.PRIVATE
    imported = Provenance(by="lab", origin="f" * 64)
    index.add(mark_of(index, "b"), str(tmp_path / "b"), replace=True, provenance=imported)
    assert (found := again(index, "b")).imported and (found.by, found.status) == ("lab", Status.CONFIRMED)
    index.add(mark_of(index, "b"), "", replace=True, provenance=imported)
    assert (found := again(index, "b")).status is Status.UNREACHABLE and "without saying where" in found.why
    forged = replace(mark_of(index, "b"), digest="0" * 40)
    index.add(forged, "/elsewhere/b", replace=True, provenance=Provenance(origin="f" * 64))
    assert again(index, "b").status is Status.UNREACHABLE


def test_a_commit_that_has_other_weights(hub: Hub, index: LocalIndex, folders: dict[str, Path]) -> None:
    hub.add("org/a", folder_files(folders["a"]))
    enrol("org/a", index, "org/a")
    entry = index.get("org/a")
    assert entry is not None and pinned(entry.location)
    assert again(index, "org/a").status is Status.CONFIRMED
    forged = replace(entry.fingerprint, digest="0" * 40, code=mark_of(index, "b").code)
    index.add(forged, entry.location, replace=True)
    found = again(index, "org/a")
    assert found.status is Status.MISMATCH and "at that commit" in found.why and "that of b" in found.why
    assert found.finding is not None and found.finding.level is Level.ERROR
    index.add(forged, "hf:org/a@main", replace=True)  # a branch may have moved, but not to what b is
    assert (found := again(index, "org/a")).finding is not None and found.finding.level is Level.WARNING


def test_a_name_that_is_another_repositorys(hub: Hub, index: LocalIndex, folders: dict[str, Path]) -> None:
    hub.add("evil/copy", folder_files(folders["a"]))
    hub.add("lab/model", folder_files(folders["b"]))
    hub.add("lab/same", folder_files(folders["a"]))
    for name in ("lab/model", "lab/same", "lab/gone"):
        enrol("evil/copy", index, name)
    found = {r.name: r for r in recheck(index, ["lab/model", "lab/same", "lab/gone"])}
    assert {name: r.status for name, r in found.items()} == {
        "lab/model": Status.MISNAMED,
        "lab/same": Status.CONFIRMED,
        "lab/gone": Status.MISNAMED,
    }
    assert "are other weights" in found["lab/model"].why and "could not be read" in found["lab/gone"].why
    assert all(r.finding is None or r.finding.level is Level.WARNING for r in found.values())


def test_a_local_folder_is_never_sought_on_a_hub(hub: Hub, index: LocalIndex, tmp_path: Path) -> None:
    enrol(str(tmp_path / "a"), index, "lab/a", effort="quick")
    found = again(index, "lab/a")
    assert found.status is Status.CONFIRMED and "is the word of who added it" in found.why
    assert not hub.log


@pytest.mark.parametrize(
    "forged, words",
    [
        ({"base_models": ("lab/base",)}, "the base models are none, not lab/base"),
        ({"licence": "mit"}, "the licence is apache-2.0, not mit"),
        ({"from_scratch": True}, "training from scratch is not claimed"),
    ],
)
def test_papers_that_say_otherwise_are_a_note(
    index: LocalIndex, tmp_path: Path, forged: dict[str, Any], words: str
) -> None:
    """Somebody's entry of the right weights may still carry a licence that the model never had."""
    said = replace(mark_of(index, "a").declared, **forged)
    index.add(replace(mark_of(index, "a"), declared=said), str(tmp_path / "a"), replace=True)
    found = again(index, "a")
    assert found.status is Status.CHANGED and "the same weights" in found.why and words in found.why
    assert found.finding is not None and found.finding.level is Level.NOTE


def test_a_tower_that_is_not_the_models_is_found(index: LocalIndex, tmp_path: Path) -> None:
    folder = around(tmp_path / "whole", 5, prefixed(tower("clip", 1), "vision_tower.vision_model."))
    enrol(str(folder), index, "whole", effort="quick")
    assert again(index, "whole").status is Status.CONFIRMED
    mine = mark_of(index, "whole")
    swapped = replace(mine.towers[0], code=replace(mine.towers[0].code, bits=~mine.towers[0].code.bits))
    index.add(replace(mine, towers=(swapped,)), str(folder), replace=True)
    found = again(index, "whole")
    assert found.status is Status.MISMATCH and "the code that is stored of it is another" in found.why
    index.add(replace(mark_of(index, "a"), towers=(swapped,)), str(tmp_path / "a"), replace=True)
    assert "none is in its files" in again(index, "a").why
    index.add(replace(mine, towers=()), str(folder), replace=True)  # as an older version kept it
    assert again(index, "whole").status is Status.CONFIRMED


def test_a_lot_that_can_be_drawn_again(index: LocalIndex) -> None:
    drawn = [audit_fingerprints(index, sample=1, seed=seed) for seed in range(8)]
    names = [found.rechecked[0].name for found in drawn]
    assert set(names) == {"a", "b"} and names[3] == audit_fingerprints(index, sample=1, seed=3).rechecked[0].name
    check_document(drawn[0].to_json())
    with pytest.raises(UsageError, match="not in the index"):
        audit_fingerprints(index, ["c"])
