"""The probe set: short texts of our own that every model reads, so that all models have one sample axis.

About half is English (prose, dialogue, lists), the rest twelve other languages in seven scripts, code, numbers and
mathematics. A set is a file, ``data/probes/<version>.json``, and never changes: sketches made with different texts, or
different numbers of them, cannot be compared, so another text is another version.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

VERSION = 1
"""The set that is used where none is named."""


@dataclass(frozen=True)
class Probe:
    """One span: its kind (a language, ``code``, ``numbers``, …) and its text."""

    kind: str
    text: str


@dataclass(frozen=True)
class ProbeSet:
    """Probes in the order in which they are used.

    Attributes:
        version: names the file.
        probes: interleaved, so that the first N of any N hold every kind in its share, to within one.
    """

    version: int
    probes: tuple[Probe, ...]

    @property
    def digest(self) -> str:
        """BLAKE2b over kinds and texts in order; of a part of a set, it differs from the whole's."""
        state = hashlib.blake2b(digest_size=20)
        for probe in self.probes:
            for part in (probe.kind, probe.text):
                raw = part.encode()
                state.update(len(raw).to_bytes(4, "big") + raw)
        return state.hexdigest()

    def first(self, count: int) -> ProbeSet:
        """The first ``count`` probes; ``ValueError`` where there are not so many."""
        if not 1 <= count <= len(self.probes):
            raise ValueError(f"{count} of {len(self.probes)} probes")
        return ProbeSet(self.version, self.probes[:count])


@cache
def probe_set(version: int = VERSION) -> ProbeSet:
    """A whole set; ``ValueError`` for a version that does not exist."""
    file = resources.files("forebear") / "data" / "probes" / f"{version}.json"
    if not file.is_file():
        raise ValueError(f"there is no probe set {version}")
    data = json.loads(file.read_text("utf-8"))
    return ProbeSet(data["version"], interleaved(data["spans"]))


def interleaved(spans: Mapping[str, list[str]]) -> tuple[Probe, ...]:
    """Texts of all kinds in turn: next comes the kind that lags furthest behind its share, of equals the first."""
    total = sum(len(texts) for texts in spans.values())
    taken = dict.fromkeys(spans, 0)
    mixed: list[Probe] = []
    while len(mixed) < total:
        kind = max(spans, key=lambda kind: len(spans[kind]) * (len(mixed) + 1) - taken[kind] * total)
        mixed.append(Probe(kind, spans[kind][taken[kind]]))
        taken[kind] += 1
    return tuple(mixed)
