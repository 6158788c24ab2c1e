"""Traffic in words: what an identifier says, what a reader should know of it, and the answer in a few sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from forebear.catalogue.explanations import raise_finding
from forebear.catalogue.names import ModelName
from forebear.catalogue.names.families import families
from forebear.traffic import Kind, Role, Sighting
from forebear.traffic.result import Capture, Identified
from forebear.types import Finding

ACCOUNTS = frozenset({"fireworks", "together", "bedrock", "vertex", "azure", "sagemaker", "replicate", "openai"})
"""Providers whose paths hold the account of a customer."""
_DEPLOYMENT = "an Azure deployment, which its owner may call anything"
_ROUTER = re.compile(r"(?:^|[/_-])(?:auto|router)(?:[:@]|$)", re.IGNORECASE)


@dataclass
class Pair:
    """An answer that names another model than was asked for, while it is counted."""

    asked: str
    name: ModelName
    said: Sighting
    place: str
    count: int = 0


def place(file: str, record: int, part: str, pointer: str) -> str:
    """A place in words."""
    return f"{file}, record {record:,}, {part}{f' at {pointer}' if pointer else ''}"


def remarkable(pairs: Sequence[Pair], identifiers: Sequence[Identified]) -> list[tuple[Pair, Identified]]:
    """The pairs that a reader should know, names of known families first.

    Who asks for an Azure deployment or for a router's choice has named no model, so that an answer with the public name
    of one contradicts nothing; the path of somebody's account does say more than was asked.
    """
    known = {(i.kind, i.identifier): i for i in identifiers}
    out = [(pair, known[key]) for pair in pairs if (key := (pair.said.kind, pair.said.identifier)) in known]
    told = [(p, i) for p, i in out if i.kind is not Kind.NAME or not chosen_freely(p.name) or _account(i)]
    return sorted(told, key=lambda item: (item[1].kind is not Kind.NAME, item[1].family is None, -item[0].count))


def chosen_freely(name: ModelName | Identified) -> bool:
    """Whether a name is one that customers choose (an Azure deployment's), or leaves the choice to a router."""
    return name.family is None and (name.provider == "azure" or _ROUTER.search(name.identifier) is not None)


def _account(found: Identified) -> bool:
    """Whether a name holds a customer's account."""
    return bool(found.account) and found.account != found.provider and found.provider in ACCOUNTS


def findings(told: Sequence[tuple[Pair, Identified]], identifiers: Sequence[Identified]) -> Iterator[Finding]:
    """Answers that name another model than was asked for, and customers' accounts in names."""
    for pair, entry in told:
        if pair.said.role is Role.SERVED and is_another(pair.name, entry):
            asked = described(pair.name, pair.asked)
            words = f"asked for {asked}, a response names {described(entry)}{_times(pair)}"
            yield raise_finding("answer-names-another", words, (pair.place,))
        else:
            yield raise_finding("identifier-leak", _leak(pair, entry), (pair.place,))
    for entry in identifiers:
        if entry.kind is Kind.NAME and _account(entry):
            at = entry.where[0]
            words = f"{entry.identifier} reveals the account {entry.account} at {entry.provider}"
            yield raise_finding("identifier-leak", words, (place(at.file, at.record, at.part, at.pointer),))


def is_another(asked: ModelName, said: Identified) -> bool:
    """Whether an answer openly names the model of another family than was asked for, and not one behind its name."""
    if said.kind is not Kind.NAME or asked.family is None or said.family is None or _account(said):
        return False
    return said.family != asked.family and not descends(asked, said)


def descends(asked: ModelName, said: Identified) -> bool:
    """Whether the catalogue has what was asked for as a descendant of what the answer names."""
    family, _, version = (asked.base or "").partition(" ")
    return family == said.family and (not version or said.version is None or version == said.version)


def _leak(pair: Pair, entry: Identified) -> str:
    if entry.kind is Kind.MARKER:
        return (
            f"asked for {pair.asked}, a response holds {entry.identifier}{_times(pair)}, a control token of the family "
            f"{entry.family}; a quotation of it looks the same"
        )
    said = "an error" if pair.said.role is Role.ERROR else "a response"
    return f"asked for {pair.asked}, {said} names {described(entry)}{_times(pair)}"


def _times(pair: Pair) -> str:
    return "" if pair.count == 1 else f" ({pair.count:,} times)"


def described(found: Identified | ModelName, shown: str = "") -> str:
    """An identifier and what it says, in a phrase.

    ``kimi-k2p5-rl-0317-s515-fast: Kimi K2.5 by Moonshot AI, reinforcement learning, step 515``.
    """
    shown = shown or found.identifier
    return f"{shown}, which names no known family" if found.family is None else f"{shown}: {_said(found)}"


def _said(found: Identified | ModelName) -> str:
    """Family, version, who makes it, and what else the name says."""
    title = _titles().get(found.family or "", found.family or "")
    version = found.version or ""
    line = f"{title} {version.upper() if version[0] in 'krmxzt' else version}" if version else title
    more = [
        f"under the name {found.line}" if found.line else None,
        found.size,
        "+".join(_STAGES.get(stage, stage) for stage in (found.stage or "").split("+")),
        f"step {found.step:,}" if found.step is not None else None,
        found.quantization,
    ]
    owner = f" by {found.developer}" if found.developer and found.developer != title else ""
    return f"{line}{owner}" + "".join(f", {word}" for word in more if word)


@cache
def _titles() -> dict[str, str]:
    return {family.name: family.title for family in families()}


_STAGES = {"rl": "reinforcement learning", "sft": "supervised fine-tuning", "dpo": "preference tuning"}


def summary(
    identifiers: Sequence[Identified],
    told: Sequence[tuple[Pair, Identified]],
    captures: Sequence[Capture],
    problems: Sequence[str] = (),
) -> str:
    """What was found, in a sentence; where an answer names another model, in three."""
    names = [i for i in identifiers if i.kind is Kind.NAME]
    if not captures:
        return "No capture could be read."
    if not names:
        marks = sum(i.kind is Kind.MARKER for i in identifiers)
        files = f"{len(captures):,} capture{'s' if len(captures) != 1 else ''}"
        if problems and not identifiers:
            return f"No model is named in what could be read of {files}."
        stand = "1 marker of a template stands" if marks == 1 else f"{marks:,} markers of templates stand"
        return f"No model is named in {files}" + (f"; {stand} there." if marks else ".")
    first = next(((pair, entry) for pair, entry in told if entry.kind is Kind.NAME), None)
    if first is not None:
        return _story(*first)
    served = [i for i in names if "served" in i.roles]
    if served:
        many = len(served) - 1
        more = f", and {many:,} more" if many > 0 else ""
        return f"Answers name {described(served[0])}{more}, {_asked(names)}."
    many = len(names) - 1
    more = f"; {many:,} more {'are' if many > 1 else 'is'} named" if many else ""
    return f"No answer names its model. {_VERB[next(iter(names[0].roles))]} {described(names[0])}{more}."


def _story(pair: Pair, entry: Identified) -> str:
    """Who named what, whose model that is by the name, and how sure that is."""
    who = "An error" if pair.said.role is Role.ERROR else "A response"
    free = f" ({_DEPLOYMENT})" if pair.name.provider == "azure" else ""
    first = f"{who} names {entry.identifier}{_times(pair)}, though the client asked for {pair.asked}{free}."
    if entry.family is None:
        return f"{first} The name is of no known family."
    account = f", held in the account {entry.account} at {entry.provider}" if _account(entry) else ""
    second = f"By its name this is {_said(entry)}{account}"
    if descends(pair.name, entry):
        second += f"; the catalogue has {pair.asked} as a descendant of it, too"
    elif is_another(pair.name, entry):
        second += f", not {_said(pair.name)}; a router may openly answer from another model"
    read = f"{measured(entry.confidence)}, but " if entry.confidence is not None else ""
    sure = f"{read}a name does not show which model answered (forebear probe tests that)"
    return f"{first} {second}. How sure: {sure}."


def measured(confidence: float) -> str:
    """A measured confidence in words; a bound is rounded down."""
    return f"at least {int(confidence * 100)}% of such names are read rightly"


def _asked(names: Sequence[Identified]) -> str:
    """Whether what answers name was asked for."""
    asked = [i for i in names if "asked" in i.roles]
    free = next((i for i in asked if chosen_freely(i)), None)
    if free is not None and all(map(chosen_freely, asked)):
        kind = _DEPLOYMENT if free.provider == "azure" else "a router's choice"
        return f"asked for as {free.identifier.rpartition('/')[2]} ({kind})"
    return "as it was asked for" if asked else "as far as the capture tells"


_VERB = {
    "error": "An error names",
    "listed": "A list of models has",
    "asked": "A client asks for",
    "logged": "A log names",
    "mentioned": "A text mentions",
}
