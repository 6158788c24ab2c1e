"""What a model says of its licence: the card's header, its file's metadata, its config, plain sentences of its card.

Values are kept as written. A sentence counts only if its subject is the model itself: what a card says about its base,
its code or its data is another statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from itertools import product
from typing import Any

from forebear.artifacts.documents import CARD, Documents
from forebear.catalogue.expression import alternatives
from forebear.catalogue.licences import KnownLicence
from forebear.errors import one_line
from forebear.licences.answer import Conflict, DeclaredLicence
from forebear.lineage.chain import Standing

MAX_VALUES = 20
MAX_VALUE = 300
OTHER = "other"
NOTHING = frozenset({"", "unknown", "none", "n/a", "unlicensed?", "null"})
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n\s*\n|\n(?=[#*|>-])")
_UNDER = re.compile(
    r"\b(?:licen[cs]ed|released?|distributed?|published?|provided|(?:made )?available)\s+"
    r"(?:(?:it|them|(?:this|the|our)\s+(?:models?|weights))\s+)?under\s+(?:the\s+)?(.{2,80})",
    re.IGNORECASE,
)
_ITSELF = re.compile(
    r"^\W*(?:we\s+(?:release|publish)\b|licen[cs]ed\s+under|(?:this|our|the)\s+"
    r"(?:\w+\s+)?(?:model|models|weights|checkpoint|repository|repo|release|model\s+weights)\b)",
    re.IGNORECASE,
)
_ELSE = re.compile(
    r"\b(?:originally|previously|formerly|base model|derived from|based on|built (?:on|with)|dataset|data|code|"
    r"not|never|neither|nor|no longer)\b|n['\u2019]t\b",
    re.IGNORECASE,
)
_COMPONENTS = ("vision", "audio", "encoder", "tokenizer", "projector", "vae", "unet", "text_encoder", "tower")


class Names:
    """Which licence a value means: by the catalogue's identifiers, SPDX, the hub's, and titles."""

    def __init__(self, known: Mapping[str, KnownLicence]) -> None:
        self._known = known
        self._by_name: dict[str, set[str]] = {}
        for licence in known.values():
            for name in (licence.id, licence.spdx, licence.name, *licence.hub_ids):
                self._by_name.setdefault(_plain(name), set()).add(licence.id)
        self._by_license_name: dict[str, set[str]] = {}
        for licence in known.values():
            for name in licence.license_names:
                self._by_license_name.setdefault(_plain(name), set()).add(licence.id)

    def meant(self, value: str, license_name: str = "") -> tuple[KnownLicence, ...]:
        """Every licence that a value can mean; empty for one that is not known, or that says nothing."""
        found = self._by_license_name.get(_plain(license_name), set()) if license_name else set()
        found = found or (self._by_name.get(_plain(license_name), set()) if license_name else set())
        if not found and _plain(value) not in (OTHER, *NOTHING):
            found = self._by_name.get(_plain(value), set())
        return tuple(self._known[i] for i in sorted(found))

    def nearest(self, value: str) -> str:
        """The known name that an unknown value is most like, "" where none is close."""
        names = [n for n in (*self._by_name, *self._by_license_name) if n]
        close = get_close_matches(_plain(value)[:80], names, 1, 0.75)
        if not close:
            return ""
        found = self._by_name.get(close[0]) or self._by_license_name[close[0]]
        return sorted(found)[0]


def names_of(known: Mapping[str, KnownLicence]) -> Names:
    """The names of a catalogue's licences, made once for a catalogue and not for every model."""
    if not _made or _made[0][0] is not known:
        _made[:] = [(known, Names(known))]
    return _made[0][1]


_made: list[tuple[Mapping[str, KnownLicence], Names]] = []


def declared(
    documents: Documents | None,
    config: Mapping[str, Any],
    metadata: Mapping[str, Any],
    names: Names,
    card: str = CARD,
) -> tuple[DeclaredLicence, ...]:
    """Every statement of a model about its licence, in the order card, file, config, sentences, components.

    Args:
        documents: card and licence files; None where they cannot be seen.
        config: ``config.json``.
        metadata: of a GGUF file (``general.license``).
        names: which licence a value means.
        card: where the header stands; a file's metadata stands in for a card that is not there.
    """
    found: list[DeclaredLicence] = []
    if documents is not None:
        front = documents.front_matter
        found += _stated(front.get("license"), front.get("license_name"), f"{card}: license", names)
    file = (metadata.get("general.license"), metadata.get("general.license.name"))
    found += _stated(*file, "model.gguf: general.license", names)
    found += _stated(config.get("license"), config.get("license_name"), "config.json: license", names)
    found += _components(config, names)
    if documents is not None:
        found += _sentences(documents.card, names)
    return tuple(dict.fromkeys(found))[: 4 * MAX_VALUES]


def _stated(value: Any, name: Any, where: str, names: Names) -> Iterator[DeclaredLicence]:
    """The statements of one place: a value, a list of values, or an expression; a name goes with ``other``."""
    called = one_line(name, MAX_VALUE) if isinstance(name, str) else ""
    values = [one_line(v, MAX_VALUE) for v in (value if isinstance(value, list) else [value]) if isinstance(v, str)]
    values = [v for v in dict.fromkeys(values) if _plain(v) not in NOTHING][:MAX_VALUES]
    if not values and called:
        values = [OTHER]
    for one in values:
        is_other = _plain(one) == OTHER
        written = f"{one} (license_name: {called})" if called and (is_other or len(values) == 1) else one
        yield from _meant(written, one, called if is_other or len(values) == 1 else "", where, names)


def _meant(written: str, value: str, called: str, where: str, names: Names) -> Iterator[DeclaredLicence]:
    found = names.meant(value, called)
    if found:
        only = found[0] if len(found) == 1 else None
        spdx = (only.spdx or None) if only else None
        candidates = () if only else tuple(k.id for k in found)
        yield DeclaredLicence(written, where, only.id if only else None, spdx, candidates=candidates)
        return
    ways = alternatives(value) or ()
    parts = dict.fromkeys(part for way in ways for part in way)
    if len(parts) > 1:
        for part in parts:
            for one in _meant(part, part, "", where, names):
                yield replace(one, value=written, choice=len(ways) > 1)
        return
    near = "" if _plain(value) == OTHER and not called else names.nearest(called or value)
    yield DeclaredLicence(written, where, nearest=near)


def _components(config: Mapping[str, Any], names: Names) -> Iterator[DeclaredLicence]:
    """Licences that a config states for its parts: ``vision_config: {license: …}``."""
    for key, part in list(config.items())[:200]:
        if isinstance(part, Mapping) and any(word in str(key).lower() for word in _COMPONENTS):
            component = str(key).removesuffix("_config").replace("_", " ")[:80]
            for one in _stated(
                part.get("license"), part.get("license_name"), f"config.json: {key}.license"[:200], names
            ):
                yield replace(one, component=component)


def _sentences(card: str, names: Names) -> Iterator[DeclaredLicence]:
    """Licences that the card states for the model in plain words."""
    for sentence in _SENTENCE.split(card[:500_000]):
        text = " ".join(sentence.split())
        match = _UNDER.search(text)
        if not match or not _ITSELF.search(text) or _ELSE.search(text[: match.start()]):
            continue
        words = re.sub(r"[\[\]*_`]|\(https?://[^)\s]*\)", "", match[1])
        for value in _beginnings(words):
            if found := names.meant(value):
                only = found[0] if len(found) == 1 else None
                candidates = () if only else tuple(k.id for k in found)
                yield DeclaredLicence(
                    one_line(text, MAX_VALUE),
                    CARD,
                    only.id if only else None,
                    (only.spdx or None) if only else None,
                    candidates=candidates,
                )
                break


def _beginnings(words: str) -> Iterator[str]:
    """What may be the name at the start of some words, the longest first."""
    parts = re.split(r"[;,()]|\.(?:\s|$)", words)[0].split()[:10]
    for length in range(len(parts), 0, -1):
        yield " ".join(parts[:length])


def differing(found: tuple[DeclaredLicence, ...], known: Mapping[str, KnownLicence]) -> tuple[Conflict, ...]:
    """Places that state licences of which none agrees with any of another place's."""
    places: dict[str, list[DeclaredLicence]] = {}
    for one in found:
        if not one.component and meanings(one):
            places.setdefault(one.where, []).append(one)
    out = []
    listed = list(places.items())
    for k, (where, ours) in enumerate(listed):
        for other, theirs in listed[k + 1 :]:
            if not any(same_terms(known[a], known[b]) for x, y in product(ours, theirs) for a, b in _pairs(x, y)):
                why = f"{where} states {ours[0].value}, and {other} states {theirs[0].value}."
                out.append(Conflict("declarations_differ", (where, other), one_line(why), Standing.DECLARED))
    return tuple(out)


def meanings(one: DeclaredLicence) -> tuple[str, ...]:
    """The licences of the catalogue that a statement can mean."""
    return (one.licence,) if one.licence else one.candidates


def same_terms(a: KnownLicence, b: KnownLicence) -> bool:
    """Whether two licences answer to one name, so that stating one does not contradict the other."""
    return a.id == b.id or bool(
        {*a.hub_ids} & {*b.hub_ids} - {OTHER}
        or {*a.license_names} & {*b.license_names}
        or (a.spdx and a.spdx == b.spdx)
    )


def _pairs(a: DeclaredLicence, b: DeclaredLicence) -> Iterator[tuple[str, str]]:
    return product(meanings(a), meanings(b))


def _plain(value: str) -> str:
    """A name as it is compared: lower case, no article, no word for licence at its end, one kind of joint."""
    text = re.sub(r"[\s_,/-]+", "-", value.strip().lower()).strip("-.\"'")
    text = re.sub(r"^the-", "", text)
    text = re.sub(r"-(?:licen[cs]e|license-agreement|agreement|terms-of-use)$", "", text) or text
    return re.sub(r"-(?:version|v)-?(?=\d)", "-", text)
