"""What token counts are compared with: known tokenizers, the user's own, and guesses from the length of a text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from forebear.catalogue.tokenizers import BASELINE, battery, guarded, known_tokenizers
from forebear.index import BlackBoxIndex, UserTokenizer
from forebear.lineage.blackbox import Vocabulary
from forebear.signals.token_counts import CountTable

GATEWAYS = frozenset({"cl100k", "o200k", "p50k", "r50k", "llama-2", "llama-3", "claude-2", "mistral-v1", "command-r"})
"""With which gateways count, by a model's name or for all that they do not know (LiteLLM's choices among them)."""
ESTIMATES: Mapping[str, Callable[[str], int]] = {
    "characters / 4": lambda text: -(-len(text) // 4),
    "characters / 3": lambda text: -(-len(text) // 3),
    "characters": len,
    "bytes / 4": lambda text: -(-len(text.encode()) // 4),
    "bytes / 3": lambda text: -(-len(text.encode()) // 3),
    "bytes": lambda text: len(text.encode()),
    "words": lambda text: len(text.split()),
    "4 / 3 words": lambda text: -(-4 * len(text.split()) // 3),
}
"""What servers and gateways report that guess from a text's length; never more than that is said of them."""


def count_table(index: BlackBoxIndex) -> tuple[CountTable, tuple[str, ...]]:
    """Counts of all known tokenizers, the user's included, and the texts to send; the baseline is first in both."""
    probes = battery()
    texts = (BASELINE, *(probe.text for probe in probes.probes))
    vectors: list[tuple[str, Sequence[int]]] = [(t.name, (t.baseline, *t.counts)) for t in known_tokenizers()]
    vectors += [(t.name, t.counts) for t in _own(index)]
    vectors += [(name, [estimate(guarded(text)) for text in texts]) for name, estimate in ESTIMATES.items()]
    return CountTable.of(vectors, texts), tuple(guarded(text) for text in texts)


def _own(index: BlackBoxIndex) -> list[UserTokenizer]:
    """The user's tokenizers, those whose counts are of this battery: others are not tested, so nothing follows."""
    return [t for t in index.tokenizers() if t.battery == battery().digest]


def vocabularies(index: BlackBoxIndex) -> dict[str, Vocabulary]:
    """What is known of every tokenizer that counts are compared with."""
    known = {
        t.name: Vocabulary(
            t.name,
            tuple(m.name for m in t.members),
            frozenset(m.name for m in t.members if m.confidence == "retrieved"),
            t.digest,
            bool(GATEWAYS & {t.name, *t.twins}),
        )
        for t in known_tokenizers()
    }
    own = {t.name: Vocabulary(t.name, t.models, frozenset(t.models), t.digest) for t in _own(index)}
    estimates = {name: Vocabulary(name, gateway=True, estimate=True) for name in ESTIMATES}
    return {**known, **own, **estimates}
