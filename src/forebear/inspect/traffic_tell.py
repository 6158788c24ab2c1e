"""Traffic in words: what an identifier says, what a reader should know of it, and whether it is what was expected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from forebear.catalogue.explanations import raise_finding
from forebear.catalogue.names import decode
from forebear.catalogue.names.families import families
from forebear.errors import UsageError
from forebear.traffic import Kind, Role, Sighting
from forebear.traffic.differences import differ
from forebear.traffic.result import Capture, Identified, Traffic
from forebear.types import Finding

ACCOUNTS = frozenset({"fireworks", "together", "bedrock", "vertex", "azure", "sagemaker", "replicate", "openai"})
"""Providers whose paths hold the account of a customer."""


@dataclass
class Pair:
    """An answer that names another model than was asked for, while it is counted."""

    asked: str
    said: Sighting
    place: str
    count: int = 0


def place(file: str, record: int, part: str, pointer: str) -> str:
    """A place in words."""
    return f"{file}, record {record:,}, {part}{f' at {pointer}' if pointer else ''}"


def findings(pairs: Sequence[Pair], identifiers: Sequence[Identified]) -> Iterator[Finding]:
    """Answers that name another model than was asked for, and customers' accounts in names."""
    known = {(i.kind, i.identifier): i for i in identifiers}
    for pair in sorted(pairs, key=lambda p: (p.said.kind is not Kind.NAME, -p.count)):
        entry = known.get((pair.said.kind, pair.said.identifier))
        if entry is not None:
            yield raise_finding("identifier-leak", _told(pair, entry), (pair.place,))
    for entry in identifiers:
        if entry.kind is Kind.NAME and entry.account and entry.account != entry.provider and entry.provider in ACCOUNTS:
            at = entry.where[0]
            words = f"{entry.identifier} reveals the account {entry.account} at {entry.provider}"
            yield raise_finding("identifier-leak", words, (place(at.file, at.record, at.part, at.pointer),))


def _told(pair: Pair, entry: Identified) -> str:
    times = "" if pair.count == 1 else f" ({pair.count:,} times)"
    if entry.kind is Kind.MARKER:
        return (
            f"asked for {pair.asked}, a response holds {entry.identifier}{times}, a control token of the family "
            f"{entry.family}; a quotation of it looks the same"
        )
    said = "an error" if pair.said.role is Role.ERROR else "a response"
    return f"asked for {pair.asked}, {said} names {described(entry)}{times}"


def described(found: Identified) -> str:
    """An identifier and what it says, in a phrase.

    ``kimi-k2p5-rl-0317-s515-fast: Kimi K2.5 (Moonshot AI), reinforcement learning, step 515``.
    """
    if found.family is None:
        return f"{found.identifier}, which names no known family"
    title = _titles().get(found.family, found.family)
    version = found.version or ""
    line = f"{title} {version.upper() if version[0] in 'krmxzt' else version}" if version else title
    owner = f" ({found.developer})" if found.developer and found.developer != title else ""
    more = [
        f"as {found.line}" if found.line else None,
        found.size,
        "+".join(_STAGES.get(stage, stage) for stage in (found.stage or "").split("+")),
        f"step {found.step:,}" if found.step is not None else None,
        found.quantization,
    ]
    said = "".join(f", {word}" for word in more if word)
    return f"{found.identifier}: {line}{owner}{said}"


@cache
def _titles() -> dict[str, str]:
    return {family.name: family.title for family in families()}


_STAGES = {"rl": "reinforcement learning", "sft": "supervised fine-tuning", "dpo": "preference tuning"}


def summary(
    identifiers: Sequence[Identified],
    findings: Sequence[Finding],
    captures: Sequence[Capture],
    problems: Sequence[str] = (),
) -> str:
    """What was found, in a sentence."""
    names = [i for i in identifiers if i.kind is Kind.NAME]
    if not captures:
        return "No capture could be read."
    if not names:
        marks = sum(i.kind is Kind.MARKER for i in identifiers)
        files = f"{len(captures):,} capture{'s' if len(captures) != 1 else ''}"
        if problems and not identifiers:
            return f"No model is named in what could be read of {files}."
        return f"No model is named in {files}" + (f"; {marks} markers of templates stand there." if marks else ".")
    first = next((f for f in findings if f.message.startswith("asked for ") and " names " in f.message), None)
    if first is not None:
        asked, _, said = first.message.removeprefix("asked for ").partition(", ")
        return f"{said[0].upper()}{said[1:]}, though the client asked for {asked}."
    served = [i for i in names if "served" in i.roles]
    if served:
        many = len(served) - 1
        more = f", and {many:,} more" if many > 0 else ""
        told = "as it was asked for" if any("asked" in i.roles for i in names) else "as far as the capture tells"
        return f"Answers name {described(served[0])}{more}, {told}."
    more = f"; {len(names) - 1:,} more are named" if len(names) > 1 else ""
    return f"No answer names its model. {_VERB[next(iter(names[0].roles))]} {described(names[0])}{more}."


_VERB = {
    "error": "An error names",
    "listed": "A list of models has",
    "asked": "A client asks for",
    "logged": "A log names",
    "mentioned": "A text mentions",
}


def as_expected(result: Traffic, expected: str) -> bool | None:
    """Whether answers name the model that is expected: False where one names another, None where none tells.

    Raises:
        UsageError: nothing is expected.
    """
    wanted = decode(expected.strip(), named=True)
    if wanted is None:
        raise UsageError("--expect: no name of a model")
    served = [i for i in result.identifiers if i.kind is Kind.NAME and "served" in i.roles]
    names = [name for i in served if (name := decode(i.identifier, named=True)) is not None]
    same = [name for name in names if not differ(wanted, name)]
    if any(name.family is not None and differ(wanted, name) for name in names):
        return False
    return True if same else None
