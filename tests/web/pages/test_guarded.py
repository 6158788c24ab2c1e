"""Guarded references: on no page, in no tree and in no search, whoever asks."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from browsers import browser
from forebear.index import LocalIndex
from forebear.inspect import enrol
from forebear.inspect.enrol import Private
from forebear.inspect.index_tree import index_tree
from forebear.web.crew import Crew
from forebear.web.work import WORK
from services import served

MODELS = resources.files("forebear") / "data" / "demo"


def test_a_guarded_reference_is_shown_to_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREBEAR_HOME", str(tmp_path))
    monkeypatch.setenv("FOREBEAR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(Crew, "_work", lambda self: self._stopping.wait())
    index = LocalIndex(tmp_path)
    enrol(str(MODELS / "base"), index, "org/open")
    enrol(str(MODELS / "finetune"), index, "guarded/secret", private=Private())
    with served(tmp_path / "service") as service:
        ann = browser(service, "read", "submit")
        shown = ann.get("/references").text
        assert "org/open" in shown and "guarded" not in shown
        assert ann.get("/model?name=guarded/secret").status_code == 404
        assert "guarded" not in ann.get("/model?name=org/open").text
    tree = index_tree(index)
    assert [m.name for m in tree.members] == ["org/open"] and not tree.edges
    found = WORK["search"].run({"target": str(MODELS / "finetune"), "limit": 5}, "", lambda _: None)
    assert [h["name"] for h in found["hits"]] == ["org/open"]
