"""From what a card or an identifier calls something to entries of the catalogue.

Nothing here guesses: a name that leads to several models gives all of them, a value that leads to two licences gives
none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache

from forebear.catalogue.collection import Collection
from forebear.catalogue.developers import Developer, PublishedModel
from forebear.catalogue.licences import KnownLicence
from forebear.catalogue.names import ModelName, decode
from forebear.catalogue.names.families import families

LONGEST = 512
"""Characters of a name that is looked up."""
OF_THEIR_OWN = frozenset(
    {
        *("vl", "vision", "omni", "audio", "asr", "tts", "voice", "speech", "ocr", "image", "video", "multimodal"),
        *("embed", "embedding", "embeddings", "rerank", "reranker", "guard", "safeguard", "reward"),
        *("coder", "code", "math", "distill", "deep", "medical", "law"),
    }
)
"""Words of a name that make it another model than the one that lacks them; tiers and formats do not."""
TIERS = frozenset(
    {
        *("air", "flash", "lite", "pro", "plus", "max", "ultra"),
        *("nano", "micro", "mini", "tiny", "small", "medium", "large"),
    }
)
"""Tiers that models of one family are told apart by."""


def developer_of(text: str, facts: Collection) -> Developer | None:
    """The developer that an identifier, a name, an account or ``account/name`` of the hub means."""
    word = _plain(text)
    found = _developers(facts).get(word)
    return found or (_accounts(facts).get(word.split("/")[0]) if "/" in word else None)


def find_models(text: str, facts: Collection) -> tuple[PublishedModel, ...]:
    """The models that a repository, a name or an identifier means; every one that its words leave open.

    An identifier is decoded (:func:`forebear.catalogue.names.decode`): family, line, version and size have to agree as
    far as both sides say them, and words that make another model (``vl``, ``coder``) have to be there on both. A
    descendant that names its base (Hermes 3 Llama 3.1 8B) is not its base. Nor is a tier another one: glm-4-plus is
    sold, and is not the GLM-4 that was published; beside a size it may be a way of serving. In its publisher's account
    a name is whole: 01-ai/Yi-6B, which says no version, is not Yi 1.5.
    """
    word = _plain(text)
    if not word:
        return ()
    exact = _by_name(facts).get(word)
    if exact is None and "/" in word:
        account, name = word.rsplit("/", 1)
        own = _accounts(facts).get(account)
        other = _by_name(facts).get(name)
        exact = other if other and own and other.developer == own.id else None
    if exact is not None:
        return (exact,)
    name_said = decode(text[:LONGEST], named=True)
    if name_said is None or name_said.family is None:
        return ()
    owner = _accounts(facts).get(word.rpartition("/")[0])
    return tuple(
        model
        for model, own in _decoded(facts)
        if _fits(name_said, own, model) and (owner is None or owner.id != model.developer or _as_whole(name_said, own))
    )


def licence_named(value: str, license_name: str, facts: Collection) -> KnownLicence | None:
    """The licence that a catalogue id, an SPDX id, a title or the hub's ``license`` with ``license_name`` means."""
    table = _licences(facts)
    for kind, word in (("name", license_name), ("value", value)):
        found = table.get((kind, _plain_licence(word)), frozenset()) if word else frozenset()
        if len(found) == 1:
            return facts.licences[next(iter(found))]
    return None


def _plain(text: str) -> str:
    """Lower case, without a scheme of targets and without a revision."""
    word = text[:LONGEST].strip().lower().removeprefix("hf:").removeprefix("https://huggingface.co/")
    return word.split("@")[0].rstrip("/")


def _plain_licence(text: str) -> str:
    return re.sub(r"[\s_]+", "-", text[:LONGEST].strip().lower())


@lru_cache(maxsize=8)
def _accounts(facts: Collection) -> Mapping[str, Developer]:
    return {account.lower(): d for d in facts.developers.values() for account in d.hub_accounts}


@lru_cache(maxsize=8)
def _developers(facts: Collection) -> Mapping[str, Developer]:
    own = {name.lower(): d for d in facts.developers.values() for name in (d.id, d.name, *d.also)}
    return {**_accounts(facts), **own}


@lru_cache(maxsize=8)
def _by_name(facts: Collection) -> Mapping[str, PublishedModel]:
    names = {model.name.lower(): model for model in facts.models.values()}
    return {**{m.repository.lower(): m for m in facts.models.values() if m.repository}, **names}


@lru_cache(maxsize=8)
def _decoded(facts: Collection) -> tuple[tuple[PublishedModel, ModelName], ...]:
    pairs = ((model, decode(model.name, named=True)) for model in facts.models.values() if model.family)
    return tuple((model, name) for model, name in pairs if name is not None)


@lru_cache(maxsize=8)
def _licences(facts: Collection) -> Mapping[tuple[str, str], frozenset[str]]:
    """(``value`` or ``name``, a word): the licences that it can mean."""
    found: dict[tuple[str, str], set[str]] = {}
    for licence in facts.licences.values():
        values: Iterable[str] = (licence.id, licence.spdx, licence.name, *licence.hub_ids)
        for kind, words in (("value", values), ("name", licence.license_names)):
            for word in filter(None, words):
                found.setdefault((kind, _plain_licence(word)), set()).add(licence.id)
    return {key: frozenset(ids) for key, ids in found.items()}


def _fits(said: ModelName, own: ModelName, model: PublishedModel) -> bool:
    """Whether nothing that an identifier says contradicts a model."""
    if said.family != model.family or (said.line or "").split(" ")[0] != (own.line or "").split(" ")[0]:
        return False
    if said.line and own.line and " " in said.line and " " in own.line and said.line != own.line:
        return False
    if said.version and said.version != model.version:
        return False
    if said.size and not _same_size(said.size, model):
        return False
    if said.date and own.date and not _same_date(said.date, own.date):
        return False
    if said.size is None and _named_tiers(said) - {*(own.variant or "").split("+")}:
        return False
    return _own_words(said) == _own_words(own)


def _as_whole(said: ModelName, own: ModelName) -> bool:
    """Whether a publisher's own name for a model has the version, the date and the tier that the model's name has."""
    versioned = said.version is not None or own.version is None
    dated = said.date is None or own.date is not None
    return versioned and dated and _tiers(said) == _tiers(own)


def _tiers(name: ModelName) -> frozenset[str]:
    return frozenset((name.variant or "").split("+")) & TIERS


def _named_tiers(name: ModelName) -> frozenset[str]:
    """Tiers that a name says, those included that its family alone has (ernie-speed)."""
    return frozenset((name.variant or "").split("+")) & _tiers_of(name.family or "")


@cache
def _tiers_of(family: str) -> frozenset[str]:
    return TIERS.union(*(known.variants for known in families() if known.name == family))


def _same_date(one: str, other: str) -> bool:
    """Whether two dates may be the same day, as far as both are said; one without a year leaves it open."""
    return not (one[:2] == other[:2] == "20") or one.startswith(other) or other.startswith(one)


def _same_size(said: str, model: PublishedModel) -> bool:
    """Whether a size in an identifier can be a model's: by its own name, else by its parameters within a tenth."""
    if model.size:
        first = (said.split("-")[0], model.size.split("-")[0])
        return said == model.size or first[0] == first[1]
    number = re.fullmatch(r"(\d+(?:\.\d+)?)([mbt])", said.split("-")[0])
    if number is None or model.parameters is None:
        return True
    billions = float(number[1]) * {"m": 1e-3, "b": 1.0, "t": 1e3}[number[2]]
    return abs(billions - model.parameters) <= model.parameters / 10


def _own_words(name: ModelName) -> frozenset[str]:
    words = f"{name.variant or ''}+{name.stage or ''}".split("+")
    return frozenset(words) & OF_THEIR_OWN
