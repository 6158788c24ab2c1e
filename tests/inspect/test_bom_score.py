"""A bill about several models: what is scored is what was verified."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bills import record_of
from forebear.bom import spdx
from forebear.bom.record import Record
from forebear.bom.score import State
from forebear.index import LocalIndex
from forebear.inspect.bom_score import score_bom
from models import tiny_llama


def graph(record: Record) -> list[dict[str, object]]:
    found: list[dict[str, object]] = spdx.write(record)["@graph"]
    return found


@pytest.mark.parametrize(("model", "expected"), [("acme/one", State.VERIFIED), ("acme/two", State.CONTRADICTED)])
def test_another_models_checks_verify_nothing(model: str, expected: State, tmp_path: Path) -> None:
    first, second = (record_of(tiny_llama(tmp_path / n, seed=k), name=f"acme/{n}") for k, n in ((1, "one"), (2, "two")))
    own = graph(first)
    known = {str(e.get("spdxId") or e.get("@id")) for e in own}
    more = [e for e in graph(second) if str(e.get("spdxId") or e.get("@id")) not in known]
    path = tmp_path / "both.spdx.json"
    path.write_text(json.dumps({**spdx.write(first), "@graph": own + more}))
    result = score_bom(path, "g7-ai", str(tmp_path / "one"), model=model, index=LocalIndex(tmp_path / "home"))
    states = {r.id: r.state for r in result.results}
    assert result.subject == model and states["model-hash"] is expected
