"""Short pauses and a deadline for all tests of endpoints; real servers for those that want one."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from api.served import Served, byte_level_tokenizer, missing, served, tiny_model
from forebear.endpoints import live
from shared import shared


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch, deadline: None) -> None:
    monkeypatch.setattr(live, "FIRST_PAUSE", 0.01)


@pytest.fixture(scope="session")
def real_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """``transformers serve`` with a tiny model and a tokenizer of ours."""
    if reason := missing():
        pytest.skip(reason)
    with served(tiny_model(tmp_path_factory.mktemp("own"), byte_level_tokenizer())) as server:
        yield server


@pytest.fixture(scope="session")
def real_tokenizer_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The same with GPT-2's tokenizer."""
    if reason := missing():
        pytest.skip(reason)
    tokenizer = json.loads((shared("artefacts") / "tokenizers" / "gpt2" / "tokenizer.json").read_text())
    with served(tiny_model(tmp_path_factory.mktemp("gpt2"), tokenizer)) as server:
        yield server
