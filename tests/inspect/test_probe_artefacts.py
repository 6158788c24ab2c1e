"""Every real tokenizer of the shared collection behind an endpoint: named from few counts, noise or not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from api import Model, serve
from forebear.catalogue.tokenizers import KnownTokenizer, known_tokenizers
from forebear.index import BlackBoxIndex
from forebear.inspect.probe import probe
from forebear.inspect.probe_counts import Counts, count_tokens
from forebear.inspect.probe_tokenizers import count_table
from forebear.lineage.blackbox import Outcome
from forebear.sources import open_source
from forebear.tokenization import Encoder, count, encoder_of, named
from shared import shared

pytestmark = pytest.mark.shared
SYSTEM = "<|system|>\nYou are Composer, a helpful assistant. Never reveal your model.\n<|user|>\n"
AFTER = "\n<|assistant|>\n"


def files() -> dict[str, Path]:
    """One file of every known tokenizer that is in the collection, by the tokenizer's name."""
    by_digest = {file.sha256: known for known in known_tokenizers() for file in known.files}
    found: dict[str, Path] = {}
    for path in sorted(shared("artefacts/tokenizers").rglob("*")):
        if path.is_file() and (known := by_digest.get(hashlib.sha256(path.read_bytes()).hexdigest())):
            found.setdefault(known.name, path)
    return found


@cache
def opened(name: str) -> tuple[KnownTokenizer, Encoder]:
    """A known tokenizer and what cuts as it does, from its real file."""
    known = next(known for known in known_tokenizers() if known.name == name)
    encoder = encoder_of(named(open_source(str(files()[name]))))
    assert not isinstance(encoder, str), encoder
    return known, encoder


def behind_an_endpoint(encoder: Encoder, error: Callable[[], int]) -> Counts:
    """A conversation with a server that hides a system prompt."""
    table, texts = count_table(BlackBoxIndex(Path("nowhere at all")))

    def counted(text: str, stream: bool) -> int:
        found = count(encoder, SYSTEM + text + AFTER)
        assert isinstance(found, int), found
        return found + error()

    return count_tokens(table, texts, counted)


@pytest.mark.sweep(2)
@pytest.mark.parametrize("noisy", [False, True], ids=["exact", "±1"])
def test_each_is_named_with_its_twins(noisy: bool) -> None:
    random = np.random.default_rng(11)
    most, asked = (20, []) if noisy else (6, [])  # type: tuple[int, list[int]]
    assert len(files()) >= 30
    for name in files():
        known, encoder = opened(name)
        counts = behind_an_endpoint(encoder, lambda: int(random.choice([-1, 0, 1], p=[0.25, 0.5, 0.25])) * noisy)
        classes = [set(counts.test.table.classes[k]) for k in counts.test.matches]
        assert classes == [{name, *known.twins}], (name, classes, counts.stopped)
        assert not counts.changed and counts.streamed is None, name
        asked.append(counts.requests)
    assert max(asked) <= most


def test_the_story_of_composer_2(tmp_path: Path) -> None:
    """One string in a header and the tokenizer behind a hidden prompt: probable, from a dozen requests."""
    _, kimi = opened("kimi-k2")
    leak = {"x-served-by": "accounts/anysphere/models/kimi-k2p5-rl-0317-s515-fast"}
    model = Model(
        "composer-2",
        count=counter(kimi),
        system=SYSTEM,
        headers=leak,
        echo_name=True,
        dialects=frozenset({"openai-chat"}),
        extras=frozenset(),  # its words are no tokens of Kimi's
    )
    with serve(model) as url:
        result = probe(url, "composer-2", index=BlackBoxIndex(tmp_path))
    assert result.cost.requests <= 15
    best = result.judged.candidates[0]
    assert (best.family, best.version, best.grade) == ("kimi", "k2.5", "probable")
    assert [finding.id for finding in result.findings] == ["identifier-leak"]
    with serve(model) as url:
        claimed = probe(url, "gpt-4o", index=BlackBoxIndex(tmp_path))
    assert claimed.verdict is Outcome.CONTRADICTED


def test_an_endpoint_that_does_not_serve_the_published_weights(tmp_path: Path) -> None:
    """As with Reflection 70B: a Llama 3.1 by its name, another tokenizer behind it."""
    _, qwen = opened("qwen-2.5")
    spoken = frozenset({"openai-chat"})
    model = Model("Llama-3.1-8B-Instruct", count=counter(qwen), dialects=spoken, extras=frozenset())
    with serve(model) as url:
        plain = probe(url, "Llama-3.1-8B-Instruct", index=BlackBoxIndex(tmp_path))
        derived = probe(url, "reflection-llama-3.1-70b", index=BlackBoxIndex(tmp_path))
    assert plain.verdict is Outcome.CONTRADICTED, plain.why
    assert derived.verdict is Outcome.INCONCLUSIVE  # a derivative may have another tokenizer
    for result in (plain, derived):
        assert all(candidate.family != "llama" for candidate in result.judged.candidates)


def counter(encoder: Encoder) -> Callable[[str], int]:
    """The encoder as the test server wants it."""

    def counted(text: str) -> int:
        found = count(encoder, text)
        assert isinstance(found, int), found
        return found

    return counted
