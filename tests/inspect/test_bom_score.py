"""A bill about several models: what is scored or called verified is what was verified."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bills import record_of
from forebear.bom import spdx
from forebear.bom.checks import CheckStatus
from forebear.bom.record import Record
from forebear.bom.score import State
from forebear.index import LocalIndex
from forebear.inspect.bom_score import score_bom
from forebear.inspect.bom_verify import verify_bom
from models import tiny_llama


def graph(record: Record) -> list[dict[str, object]]:
    found: list[dict[str, object]] = spdx.write(record)["@graph"]
    return found


@pytest.fixture
def both(tmp_path: Path) -> Path:
    """A bill about two models, beside them."""
    first, second = (record_of(tiny_llama(tmp_path / n, seed=k), name=f"acme/{n}") for k, n in ((1, "one"), (2, "two")))
    own = graph(first)
    known = {str(e.get("spdxId") or e.get("@id")) for e in own}
    more = [e for e in graph(second) if str(e.get("spdxId") or e.get("@id")) not in known]
    path = tmp_path / "both.spdx.json"
    path.write_text(json.dumps({**spdx.write(first), "@graph": own + more}))
    return path


@pytest.mark.parametrize(("model", "expected"), [("acme/one", State.VERIFIED), ("acme/two", State.CONTRADICTED)])
def test_another_models_checks_verify_nothing(model: str, expected: State, both: Path) -> None:
    result = score_bom(both, "g7-ai", str(both.parent / "one"), model=model, index=LocalIndex(both.parent / "home"))
    states = {r.id: r.state for r in result.results}
    assert result.subject == model and states["model-hash"] is expected


@pytest.mark.parametrize(("model", "status"), [("", CheckStatus.UNKNOWN), ("acme/one", CheckStatus.NOT_APPLICABLE)])
def test_that_one_of_two_models_was_verified_is_told_and_open_unless_it_was_asked_for(
    model: str, status: CheckStatus, both: Path
) -> None:
    index = LocalIndex(both.parent / "home")
    result = verify_bom(both, str(both.parent / "one"), index, model=model)
    (told,) = (c for c in result.checks if c.id == "models")
    assert told.status is status and f"Only {result.model} was" in told.message
    assert (told in result.open) is not bool(model)
