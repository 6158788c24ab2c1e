"""What follows from a scan of a model whose ancestor is a reference under a name of the user's own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import forebear
from documents import check_document
from forebear.index import LocalIndex
from forebear.inspect import scan
from forebear.inspect.enrol import enrol
from forebear.report.words import follows
from forebear.types import Level

DEMO = Path(forebear.__file__).parent / "data" / "demo"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> LocalIndex:
    index = LocalIndex(tmp_path_factory.mktemp("index"))
    enrol(str(DEMO / "base"), index, "myorg/Llama-3.1-8B")
    return index


def test_the_licence_of_an_ancestor_is_its_own_cards_and_never_that_of_a_name(index: LocalIndex) -> None:
    scanned = scan(str(DEMO / "finetune"), index=index)
    assert [a.licence for a in scanned.ancestors] == ["apache-2.0"]
    assert scanned.licence is not None and scanned.origin is not None
    said = {"ancestor": "myorg/Llama-3.1-8B", "licence": "apache-2.0", "standing": "possible", "said_by": "papers"}
    assert scanned.licence["inherited"] == [said] and scanned.licence["conflicts"] == []
    assert scanned.origin["controlled_from"] == []
    told = follows(scanned.licence, scanned.origin)[0]
    assert told == "Licences inherited: Apache License 2.0 of myorg/Llama-3.1-8B (possible, by its own card)"
    check_document(scanned.to_json())


def test_a_card_that_names_the_reference_otherwise_is_not_told_to_name_it(index: LocalIndex, tmp_path: Path) -> None:
    """Which of two names is the other's nobody here can tell: what would clear it begins with that."""
    model = shutil.copytree(DEMO / "finetune", tmp_path / "mine")
    (model / "README.md").write_text("---\nbase_model: zoo/bramble\n---\n")
    (finding,) = (f for f in scan(str(model), index=index).findings if f.id == "ancestor-undeclared")
    assert "its card names zoo/bramble" in finding.message and finding.level is Level.NOTE
    assert finding.clears.startswith("If myorg/Llama-3.1-8B is what the card calls zoo/bramble, add it to the index")
