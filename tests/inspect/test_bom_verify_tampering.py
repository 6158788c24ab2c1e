"""Every leaf of a bill changed, with the model at hand: told, or in the list of what only a signature protects."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from bills import base, record_of, written
from edits import drifted, move_gains
from forebear.bom.check.walk import leaves
from forebear.bom.record import Record
from forebear.bom.verification import Outcome
from forebear.errors import ForebearError
from forebear.index import LocalIndex
from forebear.inspect import bom_verify, enrol
from forebear.inspect.scan import scan
from models import tiny_llama

ONLY_SIGNED = (
    "/tool/",  # a bill of another program, or version, is not written again to be compared
    "/created",
    "/notes",
    "/said/",  # who says something, and in what words
    "/declared_in",
    "/attributions/0/fields/",
    "/why",
    "/claim_why",
    "/summary",  # words of an observation; its numbers are measured again
    "/role",
    "/hashes_of",
    "/log10_e",  # follows from the number of references in the author's index
    "/sizes/",  # the name of a size that nothing here measures; of the others the numbers are
)
"""Fields that can be changed by whoever writes the bill anew: nothing in the model's files says what they were."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, LocalIndex, Record]:
    """A child of an indexed base, and its true bill: one relative measured, one declared."""
    folder = tmp_path_factory.mktemp("tampering")
    index = LocalIndex(folder / "home")
    for name, seed in (("base", 1), ("other", 2)):
        move_gains(tiny_llama(folder / name, seed=seed), seed)
    enrol(str(folder / "base"), index, "org/base")
    child = drifted(folder / "base", "child", 0.1)
    record = record_of(child, index)
    measured = record.relatives[0]
    stated = base("org/base", declared_relation="finetune").model_dump(include={"declared_in", "declared_relation"})
    return child, index, record.model_copy(update={"relatives": (measured.model_copy(update=stated),)})


@pytest.fixture
def verdict(
    model: tuple[Path, LocalIndex, Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Path], str]:
    """The verdict on a bill. The target stays the same, so it is scanned once; everything else is done every time."""
    child, index, _ = model
    kept: dict[str, Any] = {}

    def once(*arguments: Any, **more: Any) -> Any:
        if not kept:
            kept["scan"] = scan(*arguments, **more)
        return kept["scan"]

    monkeypatch.setattr(bom_verify, "scan", once)

    def ask(path: Path) -> str:
        try:
            return bom_verify.verify_bom(path, str(child), index).verdict.value
        except ForebearError:
            return "unreadable"

    return ask


def other(value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int | float):
        return value + 1 if value >= 0 else value + 0.5
    if isinstance(value, str) and value:
        return value[:-1] + ("0" if value[-1] != "0" else "1")
    return "x"


def put(document: Any, pointer: str, value: Any) -> Any:
    """A copy with another value at a pointer."""
    changed = copy.deepcopy(document)
    *way, last = (part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])
    inner = changed
    for part in way:
        inner = inner[int(part)] if isinstance(inner, list) else inner[part]
    inner[int(last) if isinstance(inner, list) else last] = value
    return changed


def test_every_leaf_of_the_document(
    model: tuple[Path, LocalIndex, Record], verdict: Callable[[Path], str], tmp_path: Path
) -> None:
    path = written(model[2], tmp_path / "bill.json")
    assert verdict(path) == Outcome.VERIFIED
    document = json.loads(path.read_text())
    missed = []
    for pointer, value in leaves(document):
        path.write_text(json.dumps(put(document, pointer, other(value))))
        if verdict(path) == Outcome.VERIFIED:
            missed.append(pointer)
    assert all(pointer.startswith("/metadata/tools/components/0/") for pointer in missed), missed


def test_every_field_of_a_record_that_is_written_anew(
    model: tuple[Path, LocalIndex, Record], verdict: Callable[[Path], str], tmp_path: Path
) -> None:
    """A forger writes a whole new bill: hashes, names, sizes, lineage, measurements are told all the same."""
    plain = model[2].model_dump(mode="json")
    missed, tried = [], 0
    for pointer, value in leaves(plain):
        if value in ("", None, []):
            continue  # additions are other lies than changes: see the next test
        try:
            record = Record.model_validate(put(plain, pointer, other(value)))
        except ValidationError:
            continue
        tried += 1
        if verdict(written(record, tmp_path / "bill.json")) == Outcome.VERIFIED:
            missed.append(pointer)
    assert tried > 80
    assert [p for p in missed if not any(part in p for part in ONLY_SIGNED)] == []


@pytest.mark.parametrize(
    "added",
    [
        {"relatives": [base("org/secret").model_dump(mode="json")]},
        {"claims": [{"claim": "trained from scratch"}]},
        {"files": [{"path": "ghost.bin"}]},
        {"verdict": "derived"},
        {"stages": [{"kind": "sft", "inputs": [{"kind": "model", "name": "org/secret"}]}]},
        {"licences": [{"spdx": "MIT", "file": "LICENSE-OF-NOBODY"}]},
    ],
    ids=lambda added: next(iter(added)),
)
def test_additions(
    added: dict[str, Any], model: tuple[Path, LocalIndex, Record], verdict: Callable[[Path], str], tmp_path: Path
) -> None:
    plain = model[2].model_dump(mode="json")
    more = {k: [*plain[k], *v] if isinstance(v, list) else v for k, v in added.items()}
    record = Record.model_validate({**plain, **more})
    assert verdict(written(record, tmp_path / "bill.json")) != Outcome.VERIFIED


@pytest.mark.parametrize("field", ["relatives", "files"])
def test_omissions(
    field: str, model: tuple[Path, LocalIndex, Record], verdict: Callable[[Path], str], tmp_path: Path
) -> None:
    record = model[2].model_copy(update={field: ()})
    assert verdict(written(record, tmp_path / "bill.json")) != Outcome.VERIFIED
