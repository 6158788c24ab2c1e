"""What a tokenizer says of a claim: who is known to have which, whose counts they are, and what follows.

A claim is contradicted only where all of it is certain: that the claimed model has another tokenizer (a source says so,
of this model and not of its family), that the counts are the model's own, and that another tokenizer agrees with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from forebear.catalogue import known_models
from forebear.catalogue.names import ModelName, decode
from forebear.lineage.blackbox_types import Counted, Outcome, Vocabulary

WHOLE = 0.9
"""Confidence of a name all of whose words are explained (docs/names.md)."""
PLAIN_STAGES = frozenset({"instruct", "chat", "base", "it", "thinking", "sft", "dpo", "rl", "rlhf", "preview"})
"""Stages of training that keep the tokenizer and name no other line of models."""
PLAIN_VARIANTS = frozenset({"turbo", "fast", "free", "nitro", "highspeed", "latest", "hf"})
"""Words of providers that say nothing about the model."""


@dataclass(frozen=True)
class Expected:
    """The tokenizers that a claimed model may have.

    Attributes:
        names: of them; those of one digest are one.
        close: whether they are those of its version (or of the model it comes from), and not just of its family.
        certain: whether a source says that this very model has one of them.
        whose: in words.
    """

    names: frozenset[str] = frozenset()
    close: bool = False
    certain: bool = False
    whose: str = ""


def expected(text: str, vocabularies: Iterable[Vocabulary]) -> Expected:
    """The tokenizers of a model by its name, as somebody claims it."""
    known = tuple(vocabularies)
    plain = text.casefold().rpartition("/")[2]
    literal = {v.name for v in known if any(m.casefold().rpartition("/")[2] == plain for m in v.models)}
    sourced = {v.name for v in known if any(m.casefold().rpartition("/")[2] == plain for m in v.sourced)}
    if literal:
        return _of(literal, known, True, bool(sourced), text)
    claimed = decode(text, named=True)
    if claimed is None or claimed.family is None:
        return Expected()
    members = [
        (v, m, name)
        for v in known
        for m in v.models
        if (name := decode(m, named=True)) and name.family == claimed.family
    ]
    who = " ".join(filter(None, (claimed.family, claimed.version)))
    version = {v.name for v, _, name in members if name.version is not None and name.version == claimed.version}
    if version:
        certain = any(m in v.sourced and v.name in version and _same(claimed, name) for v, m, name in members)
        return _of(version, known, True, certain, who)
    if claimed.base and (base := decode(claimed.base, named=True)) and base.family:
        origin = expected(claimed.base, known)
        return _of(origin.names, known, origin.close, False, f"{who}, which comes from {claimed.base},")
    return _of({v.name for v, _, _ in members}, known, False, False, claimed.family)


def _of(names: Iterable[str], known: Sequence[Vocabulary], close: bool, certain: bool, whose: str) -> Expected:
    """With all tokenizers that cut the same vocabulary otherwise: a server may cut either way."""
    own = set(names)
    digests = {v.digest for v in known if v.name in own and v.digest}
    return Expected(frozenset(own | {v.name for v in known if v.digest in digests}), close, certain, whose)


def _same(claimed: ModelName, member: ModelName) -> bool:
    """Whether a name can only be that of the member: no word is left over, and the size is one that the version has."""
    stages = set((claimed.stage or "").split("+")) - {""} - PLAIN_STAGES
    ours = set((claimed.variant or "").split("+")) - {""} - PLAIN_VARIANTS
    theirs = set((member.variant or "").split("+")) - {""} - PLAIN_VARIANTS
    if stages or ours != theirs or claimed.line or claimed.base:
        return False
    if claimed.confidence is not None and claimed.confidence < WHOLE:
        return False
    sized = claimed.size is None or claimed.size == member.size
    return sized or (claimed.family, claimed.version, claimed.size) in _sizes()


@cache
def _sizes() -> frozenset[tuple[str | None, str | None, str | None]]:
    """Family, version and size of every base model in the catalogue."""
    names = (decode(model.name, named=True) for model in known_models())
    return frozenset((name.family, name.version, name.size) for name in names if name is not None and name.size)


def by_tokenizer(text: str, counted: Counted | None, vocabularies: Mapping[str, Vocabulary]) -> tuple[Outcome, str]:
    """What the counts say of a claim, and why."""
    if counted is None:
        return Outcome.INCONCLUSIVE, "there are no token counts that could be used"
    if counted.swapped is not None:
        return Outcome.INCONCLUSIVE, "the token counts changed during the run: it is not one model all the time"
    if not counted.settled:
        return Outcome.INCONCLUSIVE, "the token counts did not settle which tokenizer it is"
    wanted = expected(text, vocabularies.values())
    fits = f"the token counts are those of {listed(counted.matches)}"
    matched = set(counted.matches) - set(counted.misspelt)
    if wanted.names & matched:
        if wanted.close:
            return Outcome.CONSISTENT, f"{fits}: a tokenizer of {wanted.whose} and perhaps of others"
        return Outcome.INCONCLUSIVE, f"{fits}, a tokenizer of {wanted.whose}; that of {text} itself is not known here"
    if not counted.matches:
        near = f"; most agree with {listed(counted.related)}" if counted.related else ""
        also = f", also not that of {wanted.whose}" if wanted.names else ""
        return Outcome.UNKNOWN, f"the token counts fit no known tokenizer{also}{near}"
    if doubt := _doubt(counted, wanted, vocabularies):
        return Outcome.INCONCLUSIVE, doubt
    if not wanted.names:
        return Outcome.INCONCLUSIVE, f"{fits}; no tokenizer of {text} is known here"
    if not wanted.certain:
        return Outcome.INCONCLUSIVE, f"{fits} and not of {wanted.whose}; but no source says that {text} has that one"
    if not _own(counted, wanted, vocabularies):
        return (
            Outcome.INCONCLUSIVE,
            f"{fits} and not of {wanted.whose}; but nothing shows that the model itself counted",
        )
    if counted.doubt:
        return Outcome.INCONCLUSIVE, f"{fits} and not of {wanted.whose}; but {counted.doubt}"
    return Outcome.CONTRADICTED, f"{fits}, and exclude the tokenizer of {wanted.whose}"


def counts_are_own(counted: Counted, vocabularies: Mapping[str, Vocabulary]) -> bool:
    """Whether no sign was found that somebody else than the model counts."""
    return counted.settled and counted.swapped is None and not _doubt(counted, Expected(), vocabularies)


def excluded(key: tuple[str, str | None], counted: Counted, vocabularies: Mapping[str, Vocabulary]) -> bool:
    """Whether the counts speak against a line of models whose tokenizer is known by its version."""
    wanted = expected("-".join(filter(None, key)), vocabularies.values())
    return wanted.close and not wanted.names & set(counted.matches)


def _doubt(counted: Counted, wanted: Expected, vocabularies: Mapping[str, Vocabulary]) -> str:
    """Why the counts may not be the model's own; empty where nothing speaks for that."""
    names = listed(counted.matches) or "no known tokenizer"
    if any(name in vocabularies and vocabularies[name].estimate for name in counted.matches):
        return f"the token counts are no tokenizer's, but estimates by length ({names})"
    if counted.matches and set(counted.matches) <= set(counted.misspelt):
        return (
            f"the token counts are those of {names}, but the tokens of an answer are not in its vocabulary: somebody "
            "else counts"
        )
    if counted.streamed is None:
        return ""
    if wanted.names & set(counted.streamed):
        return (
            f"the token counts are those of {names}, but in a stream they are those of the tokenizer of {wanted.whose}"
        )
    if _as_gateways(counted.streamed, vocabularies) and not _as_gateways(counted.matches, vocabularies):
        return ""  # a gateway that recounts streams and passes the others on
    return f"the token counts are those of {names}, but in a stream they are others"


def _own(counted: Counted, wanted: Expected, vocabularies: Mapping[str, Vocabulary]) -> bool:
    """Whether something shows that the model itself counts: the strings of its tokens, or its answer's length.

    The length alone does not do where gateways count with that tokenizer: English has nearly as many tokens in most.
    """
    if set(counted.matches) & set(counted.spelt) and wanted.names <= set(counted.misspelt):
        return True
    return counted.engine is True and not _as_gateways(counted.matches, vocabularies)


def _as_gateways(names: Sequence[str], vocabularies: Mapping[str, Vocabulary]) -> bool:
    """Whether gateways count as these do."""
    return bool(names) and all(name in vocabularies and vocabularies[name].gateway for name in names)


def listed(names: Sequence[str], most: int = 4) -> str:
    """Names in words, the first few."""
    shown = list(names[:most])
    if more := len(names) - len(shown):
        return f"{', '.join(shown)} and {more} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 2 else shown)
