"""Known tokenizers by how many tokens they make of a fixed battery of short texts.

A count says nothing about a text's tokens but their number, and that is what any endpoint tells. Every text is sent
between guards (:func:`guarded`), so that what stands around it, the template of a chat or a hidden system prompt, cuts
the same way for all of them and drops out of differences. Counts are facts, made by ``benchmarks/token_catalogue.py``
from files that are not shipped; what a tokenizer is called, and who uses it, is written by hand with its sources.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from forebear.catalogue.models import CONFIDENCES

BATTERY = "counts-1.json"
"""The battery in use; another text is another file."""
BASELINE = "."
"""The text between the guards of the request that all others are compared with."""
_GUARDS = ("Count:\n", "\nEnd.")


@dataclass(frozen=True)
class CountProbe:
    """One text of the battery: a short id, its kind (a script, ``digits``, ``code``, …) and the text itself."""

    id: str
    kind: str
    text: str

    @property
    def guarded(self) -> str:
        """What is sent and counted."""
        return guarded(self.text)


@dataclass(frozen=True)
class Battery:
    """Texts in a fixed order.

    Attributes:
        probes: in the order of every count vector.
        digest: BLAKE2b over guards, baseline, ids and texts: counts of another battery are never compared.
    """

    probes: tuple[CountProbe, ...]
    digest: str


@dataclass(frozen=True)
class Member:
    """A model that uses a tokenizer.

    Attributes:
        name: of the base model or family.
        source: where that is said.
        confidence: ``retrieved`` where a file that was read says it, ``unverified`` where it is only known.
    """

    name: str
    source: str
    confidence: str


@dataclass(frozen=True)
class TokenizerFile:
    """A file that a tokenizer was counted from: its format, SHA-256, where it came from, and its licence as stated."""

    kind: str
    sha256: str
    origin: str
    licence: str


@dataclass(frozen=True)
class KnownTokenizer:
    """A tokenizer.

    Attributes:
        name: short, for people and for ``--expect``.
        model: how it cuts: ``BPE``, ``Unigram``, ``WordPiece``, ``Trie``, ``WordLevel``.
        vocabulary: number of different ids, added tokens included.
        digest: of its tokens and ids (:attr:`forebear.artifacts.tokenizers.Tokenizer.digest`).
        baseline: tokens of the guarded baseline.
        counts: tokens of every guarded text, in the battery's order.
        members: which models use it; none is known for some.
        files: what it was counted from; all of them give these counts.
        twins: names of others with the same :attr:`deltas`, which no count can tell apart.
    """

    name: str
    model: str
    vocabulary: int
    digest: str
    baseline: int
    counts: tuple[int, ...]
    members: tuple[Member, ...]
    files: tuple[TokenizerFile, ...]
    twins: tuple[str, ...] = ()

    @property
    def deltas(self) -> tuple[int, ...]:
        """Counts less that of the baseline: what is left of them where something unknown stands around every text."""
        return tuple(count - self.baseline for count in self.counts)


def guarded(text: str) -> str:
    """A text between the guards."""
    return _GUARDS[0] + text + _GUARDS[1]


@cache
def battery() -> Battery:
    """The battery in use.

    Raises:
        ValueError: the data file is wrong (a bug of ours).
    """
    file = resources.files("forebear") / "data" / "probes" / BATTERY
    return parse_battery(file.read_text("utf-8"))


def parse_battery(text: str) -> Battery:
    """A battery from its file; ``ValueError`` that names the probe where it is wrong."""
    probes: list[CountProbe] = []
    for entry in json.loads(text)["probes"]:
        if not isinstance(entry, dict) or set(entry) != {"id", "kind", "text"} or not all(entry.values()):
            raise ValueError(f"{BATTERY}: a probe is no id, kind and text: {str(entry)[:80]}")
        probes.append(CountProbe(**entry))
    for what in ("id", "text"):
        values = [getattr(probe, what) for probe in probes]
        if twice := {value for value in values if values.count(value) > 1}:
            raise ValueError(f"{BATTERY}: the {what} {min(twice)!r} stands twice")
    state = hashlib.blake2b(digest_size=20)
    for part in (*_GUARDS, BASELINE, *(part for probe in probes for part in (probe.id, probe.text))):
        raw = part.encode()
        state.update(len(raw).to_bytes(4, "big") + raw)
    return Battery(tuple(probes), state.hexdigest())


@cache
def known_tokenizers() -> tuple[KnownTokenizer, ...]:
    """Every known tokenizer, by name.

    Raises:
        ValueError: a data file is wrong (a bug of ours).
    """
    folder = resources.files("forebear") / "data" / "tokenizers"
    return parse((folder / "known.toml").read_text("utf-8"), (folder / "counts.json").read_text("utf-8"), battery())


def parse(facts: str, counts: str, probes: Battery) -> tuple[KnownTokenizer, ...]:
    """Tokenizers from what is written by hand and what was counted.

    Args:
        facts: TOML, see :func:`parse_facts`.
        counts: JSON, an object of names with ``model``, ``vocabulary``, ``digest``, ``baseline`` and ``counts``.
        probes: the battery that the counts have to be of.

    Raises:
        ValueError: the two do not fit together, or one of them is wrong; the file and the entry are named.
    """
    known = parse_facts(facts)
    data = json.loads(counts)
    if data.get("battery") != probes.digest:
        raise ValueError("counts.json: counted with another battery")
    measured: Mapping[str, Any] = data.get("tokenizers", {})
    if missing := set(known) ^ set(measured):
        raise ValueError(f"known.toml and counts.json: {min(missing)} stands in one of them only")
    found = [_tokenizer(name, known[name], measured[name], len(probes.probes)) for name in sorted(known)]
    same: dict[tuple[int, ...], list[str]] = {}
    for each in found:
        same.setdefault(each.deltas, []).append(each.name)
    return tuple(_with_twins(each, same[each.deltas]) for each in found)


@dataclass(frozen=True)
class Facts:
    """What is written by hand about one tokenizer.

    Attributes:
        members: see :class:`KnownTokenizer`.
        files: see :class:`KnownTokenizer`.
        split: how text is cut first where the files do not say it, "" where they do.
    """

    members: tuple[Member, ...]
    files: tuple[TokenizerFile, ...]
    split: str = ""


def parse_facts(text: str) -> Mapping[str, Facts]:
    """The hand-written entries by name; ``ValueError`` that names the entry where one is wrong."""
    found: dict[str, Facts] = {}
    seen: dict[str, str] = {}
    for entry in tomllib.loads(text).get("tokenizer", []):
        name = entry.get("name")
        where = f"known.toml: {name or 'an entry without a name'}"
        if not isinstance(name, str) or not name or name in found:
            raise ValueError(f"{where} has no name of its own")
        members = tuple(Member(**_texts(member, Member, where)) for member in entry.get("member", []))
        files = tuple(TokenizerFile(**_texts(file, TokenizerFile, where)) for file in entry.get("file", []))
        if not files:
            raise ValueError(f"{where} has no file")
        if odd := [member.name for member in members if member.confidence not in CONFIDENCES]:
            raise ValueError(f"{where}: confidence of {odd[0]} is one of {', '.join(CONFIDENCES)}")
        for file in files:
            if seen.setdefault(file.sha256, name) != name:
                raise ValueError(f"{where}: {file.sha256[:12]} is a file of {seen[file.sha256]}")
        found[name] = Facts(members, files, entry.get("split", ""))
    return found


def _texts(entry: Any, kind: type, where: str) -> dict[str, str]:
    names = set(kind.__dataclass_fields__)  # type: ignore[attr-defined]
    if not isinstance(entry, dict) or set(entry) != names or not all(isinstance(v, str) and v for v in entry.values()):
        raise ValueError(f"{where}: a {kind.__name__} needs {', '.join(sorted(names))}")
    return entry


def _tokenizer(name: str, facts: Facts, measured: Mapping[str, Any], length: int) -> KnownTokenizer:
    counts = measured.get("counts")
    numbers = [*_listed(counts), measured.get("baseline"), measured.get("vocabulary")]
    if len(numbers) != length + 2 or not all(type(number) is int and number > 0 for number in numbers):
        raise ValueError(f"counts.json: {name} has no {length} counts, baseline and vocabulary above zero")
    if not all(isinstance(measured.get(key), str) for key in ("model", "digest")):
        raise ValueError(f"counts.json: {name} has no model and digest")
    return KnownTokenizer(
        name,
        measured["model"],
        measured["vocabulary"],
        measured["digest"],
        measured["baseline"],
        tuple(numbers[:length]),
        facts.members,
        facts.files,
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _with_twins(each: KnownTokenizer, names: Iterable[str]) -> KnownTokenizer:
    fields = {name: getattr(each, name) for name in each.__dataclass_fields__}
    return KnownTokenizer(**{**fields, "twins": tuple(name for name in names if name != each.name)})
