"""Whole probes of ``transformers serve``: a published tokenizer is named, one that nobody knows is not."""

from __future__ import annotations

from pathlib import Path

from api.served import Served
from forebear.index import BlackBoxIndex
from forebear.inspect.probe import probe
from forebear.lineage.blackbox import Outcome


def test_a_published_tokenizer_is_named(real_tokenizer_server: Served, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    server = real_tokenizer_server
    result = probe(server.url, server.model, expect="gpt-2", log=log, index=BlackBoxIndex(tmp_path))
    assert result.tokenizer is not None
    assert set(result.tokenizer["matches"]) == {"gpt-2", "r50k"}
    assert result.tokenizer["requests"] <= 6
    assert result.cost.requests <= 15
    assert result.tokenizer["counts_its_own_tokens"]
    assert result.tokenizer["stream_compared"] and result.tokenizer["stream_counts"] is None
    assert result.verdict is Outcome.CONSISTENT
    again = probe(server.url, server.model, expect="gpt-2", replay=log, index=BlackBoxIndex(tmp_path))
    assert (again.tokenizer, again.verdict, again.why) == (result.tokenizer, result.verdict, result.why)


def test_counts_with_which_gateways_count_accuse_nobody(real_tokenizer_server: Served, tmp_path: Path) -> None:
    server = real_tokenizer_server
    result = probe(server.url, server.model, expect="kimi-k2", index=BlackBoxIndex(tmp_path))
    assert result.verdict is Outcome.INCONCLUSIVE
    assert "itself counted" in result.why


def test_a_tokenizer_that_nobody_knows(real_server: Served, tmp_path: Path) -> None:
    result = probe(real_server.url, real_server.model, index=BlackBoxIndex(tmp_path))
    assert result.tokenizer is not None
    assert result.tokenizer["unknown"], result.tokenizer["matches"]
    assert result.cost.requests <= 30
