"""Bills held against an endpoint or a saved result: nothing there is more than probable."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import forebear
from bills import NOW, base, record_of, written
from documents import check_document
from edits import copy, drifted, edit, move_gains
from forebear.bom.checks import CheckStatus
from forebear.bom.record import ClaimRecord, Model, Record, Service, Status
from forebear.bom.verification import Outcome
from forebear.errors import InputError, UsageError
from forebear.index import LocalIndex
from forebear.inspect import bom_verify_elsewhere as elsewhere
from forebear.inspect import enrol, scan
from forebear.inspect.bom_verify_statements import statements_of
from forebear.types import Cost, Coverage
from models import tiny_llama

NAME = "acme-1"


def service(**more: Any) -> Record:
    """The bill of a product that is sold behind an API."""
    return Record(model=Model(name=NAME), created=NOW, services=(Service(name="chat", model=NAME),), **more)


def said(*claims: tuple[str, str]) -> Mapping[str, Any]:
    """A probe's document, as far as claims go."""
    given = [{"claim": f"it serves {n}", "source": "x", "status": s, "why": f"{s} it is"} for n, s in claims]
    return {"schema": "forebear.probe/1", "claims": given}


def probed(record: Record, *claims: tuple[str, str]) -> list[tuple[str, Status]]:
    found = elsewhere.by_probe(record, statements_of(record, {}), said(*claims))
    return [(c.claim, c.status) for c in found]


def test_what_an_endpoint_agrees_with_stays_open() -> None:
    record = service(relatives=(base("org/kimi-k9"),))
    assert probed(record, ("org/kimi-k9", "confirmed"), (NAME, "unverified")) == [
        ("base model: org/kimi-k9", Status.UNVERIFIED),
        (f"it serves {NAME}", Status.UNVERIFIED),
    ]


def test_another_tokenizer_contradicts_the_model_itself_and_no_base() -> None:
    """Whoever trains on may exchange the vocabulary; whoever quantises does not."""
    record = service(relatives=(base("org/kimi-k9"), base("org/q", relation="quantized")))
    found = probed(record, ("org/kimi-k9", "contradicted"), ("org/q", "contradicted"), (NAME, "contradicted"))
    assert [s for _, s in found] == [Status.UNVERIFIED, Status.CONTRADICTED, Status.CONTRADICTED]


def test_an_endpoint_is_asked_about_the_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    class Answer:
        coverage, cost, problems = Coverage(), Cost(), ()

        def to_json(self) -> Mapping[str, Any]:
            return said(("org/kimi-k9", "unverified"), (NAME, "unverified"))

    def probe(url: str, model: str, **more: Any) -> Answer:
        asked.append((url, model, more["expect"], more["effort"]))
        return Answer()

    monkeypatch.setattr(elsewhere, "probe", probe)
    path = written(service(relatives=(base("org/kimi-k9"),)), tmp_path / "b.json")
    result = forebear.verify_bom(path, f"api:https://host/v1#{NAME}", LocalIndex(tmp_path / "home"))
    check_document(result.to_json())
    assert asked == [("https://host/v1", NAME, "org/kimi-k9", "standard")]
    assert result.verdict is Outcome.INCONCLUSIVE
    assert next(c for c in result.checks if c.id == "hashes").status is CheckStatus.NOT_APPLICABLE


@pytest.mark.parametrize("target", ["api:", "api:https://host/v1", "api:#m"])
def test_an_endpoint_needs_both_parts(target: str) -> None:
    with pytest.raises(UsageError, match="api:URL#MODEL"):
        elsewhere.address(target)


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, LocalIndex, Path]:
    """A pruned copy of an indexed base, and a saved scan of it."""
    index = LocalIndex(tmp_path / "home")
    parent = tiny_llama(tmp_path / "base", seed=1)
    move_gains(parent, 1)
    enrol(str(parent), index, "org/base")
    target = copy(parent, "pruned")

    def prune(_: str, values: Any) -> Any:
        if values.ndim == 2:
            values[:, ::2] = 0
        return values

    edit(target, prune)
    path = tmp_path / "result.json"
    path.write_text(json.dumps(scan(str(target), index, fetch=False).to_json()))
    return target, index, path


def test_a_saved_scan_confirms_and_contradicts_nothing_by_itself(
    saved: tuple[Path, LocalIndex, Path], tmp_path: Path
) -> None:
    target, index, result = saved
    claims = (ClaimRecord(claim="trained from scratch"),)
    for record, word in ((record_of(target, claims=claims), "contradicted"), (record_of(target, index), "confirmed")):
        found = forebear.verify_bom(written(record, tmp_path / "b.json"), str(result), index)
        check_document(found.to_json())
        assert found.verdict is Outcome.INCONCLUSIVE
        assert found.claims[0].status is Status.UNVERIFIED
        assert f"by the saved result it is {word}, at most probable" in found.claims[0].why


def test_a_scan_reads_back_as_it_was(saved: tuple[Path, LocalIndex, Path]) -> None:
    target, index, path = saved
    result = scan(str(target), index, fetch=False)
    again = elsewhere.scan_of(json.loads(path.read_text()))
    assert again.verdict is result.verdict and again.claims == result.claims
    one, other = again.ancestors[0], result.ancestors[0]
    assert (one.name, one.verdict, one.log10_p, one.relation.kind) == (
        other.name,
        other.verdict,
        other.log10_p,
        other.relation.kind,
    )


@pytest.mark.parametrize(
    "break_it",
    [
        lambda d: d.pop("ancestors"),
        lambda d: d.update(ancestors=5),
        lambda d: d.update(verdict="guilty"),
        lambda d: d["ancestors"][0].update(relation=None),
        lambda d: d["ancestors"][0].update(log10_p="much"),
        lambda d: d.update(model=[]),
        lambda d: d.update(references_tested=math.inf),
        lambda d: d["ancestors"][0].update(log10_p=400.0),
        lambda d: d["ancestors"][0].update(log10_p=math.nan),
        lambda d: d["ancestors"][0].update(log10_e=10**400),
        lambda d: d["ancestors"][0]["evidence"][0].update(n=math.inf),
    ],
)
def test_a_damaged_result_is_one_line(break_it: Any, saved: tuple[Path, LocalIndex, Path], tmp_path: Path) -> None:
    target, index, path = saved
    document = json.loads(path.read_text())
    break_it(document)
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match="damaged"):
        forebear.verify_bom(written(record_of(target), tmp_path / "b.json"), str(path), index)


def test_other_documents_are_no_target(tmp_path: Path) -> None:
    child = drifted(tiny_llama(tmp_path / "m", seed=3), "child", 0.1)
    path = written(record_of(child), tmp_path / "b.json")
    with pytest.raises(UsageError, match="saved scan or probe"):
        forebear.verify_bom(path, str(path), LocalIndex(tmp_path / "home"))
