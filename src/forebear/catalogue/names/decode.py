"""From an identifier to what it says: the place, the name, and whether the words bear the family out.

A family is named only where the words carry it. A word in a field that names a model is weaker than a path that only
one host has, and in free text more has to stand beside a family's name than in either: ``mistral-16.0.0`` is a
program, ``falcon-9`` a rocket, ``claude-code`` a tool.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from forebear.catalogue.names import explain
from forebear.catalogue.names import vocabulary as v
from forebear.catalogue.names.families import Family, owners, spellings
from forebear.catalogue.names.grades import confidence, grade
from forebear.catalogue.names.grammar import Reading, read
from forebear.catalogue.names.name import ModelName
from forebear.catalogue.names.places import Place, locate

LONGEST = 512
"""Characters of an identifier; a longer text is none, and of a longer field only these are kept."""
_WRITTEN = re.compile(r"[A-Za-z0-9._:/@#+~\-]+")  # the signs of an identifier
_DISPLAYED = re.compile(r"[A-Za-z0-9. :()\-]+")  # and of a name for people
_HASH = re.compile(r"[0-9a-f]{7,64}")
_ENDING = re.compile(r"\.([a-z][a-z0-9]{1,4})$")
_MOST_UNKNOWN = 4  # words beside an identifier in free text that say nothing to us


def decode(text: str, *, named: bool = False) -> ModelName | None:
    """What an identifier says.

    Args:
        text: the identifier, an address or a path with it, or any other text.
        named: it stood in a field that names a model; then every text that is not blank is one, of unknown family at
            worst.

    Returns:
        None where the text is no identifier of a model.
    """
    text = text.strip()
    if not text or (len(text) > LONGEST and not named):
        return None
    return _decode(text[:LONGEST], named)


@lru_cache(maxsize=4096)
def _decode(text: str, named: bool) -> ModelName | None:
    understood = understand(text, named=named)
    return said(*understood) if understood else None


def understand(text: str, *, named: bool = False) -> tuple[Place, Reading] | None:
    """Where a name stands and what its words say, before it is put into one value; None as of ``decode``."""
    place = locate(text)
    reading = read_at(place)
    if not bears_out(reading, place, named=named):
        reading.family = None
    sure = named or (place.certain and (reading.family is not None or not place.weak))
    if (reading.family is None and not sure) or (text[0] == "-" and not named):
        return None
    return place, reading


def read_at(place: Place) -> Reading:
    """What the name says, and of its revision the step, the date and the number format, where the name has none."""
    reading = read(place.name)
    if place.revision and (place.revision.isdigit() or not _HASH.fullmatch(place.revision)):
        cut = read(place.revision)
        reading.date = reading.date or cut.date
        reading.step = cut.step if reading.step is None else reading.step
        reading.quantization = reading.quantization or cut.quantization
    return reading


def said(place: Place, reading: Reading) -> ModelName:
    """Place and reading as one value; without a family only what needs none."""
    family = reading.base or reading.family if reading.family else None
    version = reading.base_version if reading.base else reading.version
    level = grade(place, reading)
    return ModelName(
        identifier=place.identifier,
        family=(family.house or family.name) if family else None,
        version=version if family else None,
        size=reading.size,
        stage="+".join(reading.stages) or None,
        date=reading.date,
        step=reading.step,
        variant="+".join(reading.variants) or None,
        quantization="+".join(reading.quantization) or None,
        provider=place.provider,
        account=place.account,
        developer=family.developer if family else None,
        revision=place.revision or "+".join(reading.cuts) or None,
        line=_line(reading),
        base=family.base_of(version) if family else None,
        confidence=confidence(level),
        explanation=explain.sentence(place, reading, level),
    )


def _line(reading: Reading) -> str | None:
    """The name of its own that a descendant or a line of a house has."""
    family = reading.family
    if family is None or not (reading.base or family.house):
        return None
    return f"{family.name} {reading.version}" if reading.base and reading.version else family.name


def bears_out(reading: Reading, place: Place, *, named: bool) -> bool:
    """Whether the words of a name carry the family that one of them spells."""
    family = reading.family
    if family is None:
        return False
    words = set(reading.words)
    plain = "-".join(reading.words)
    if any(f"-{'-'.join(phrase.replace('.', ' ').split())}-" in f"-{plain}-" for phrase in family.never):
        return False
    publishers = owners().get(place.owner)
    published = publishers is not None and family.name in publishers[1]
    owned = published or named or place.certain or place.hosted
    if place.name.lower().replace("_", "-") in _whole(family):
        return owned or len(reading.words) > 1 or (len(plain) > 3 and plain[-1].isdigit())
    evidence = _evidence(reading)
    if not _WRITTEN.fullmatch(place.name) and not place.certain:
        return named and _is_display_name(reading, place.name, family)
    if _is_program_version(reading, family) or (_is_file(place) and not place.certain):
        return False
    if words & (v.SOFTWARE - set(family.variants)) and (not owned or evidence < 2 or family.ambiguous):
        return False
    if not place.certain and words & v.PROSE and (not owned or evidence < 2 or len(words & v.PROSE) > 1):
        return False
    if family.ambiguous:
        return _stands_alone(reading, family, evidence, owned=owned, published=published)
    if owned:
        return evidence > 0 or published or _is_deployment(reading)
    numbers = reading.version or reading.size or reading.quantization or reading.date or reading.step is not None
    if not numbers and not _is_tier(reading, family):
        return False  # gpt-code-search
    if evidence > 1:
        return len(reading.unknown) <= _MOST_UNKNOWN
    if reading.unknown or not evidence:
        return False
    return reading.version is None or family.plausible(reading.version)


def _is_display_name(reading: Reading, name: str, family: Family) -> bool:
    """``Claude 3.5 Sonnet``: with spaces, every word understood and the version a known one."""
    return bool(_DISPLAYED.fullmatch(name)) and not reading.unknown and (reading.version or "-") in family.versions


def _is_deployment(reading: Reading) -> bool:
    """Nothing beside the family but words that people add when they name a deployment (``my-claude``)."""
    stem = set(re.split(r"[ .]", reading.stem))
    beside = set(reading.words) - stem - {"".join(reading.stem.split())}
    return beside <= v.DEPLOYMENT | v.VENDORS | v.CUTS


def _is_file(place: Place) -> bool:
    """The name, or the revision behind an @, ends as files and hosts do."""
    if v.FILES.search(place.name.lower()) or v.FILES.search(f".{place.revision or ''}".lower()):
        return True
    ending = _ENDING.search(place.name.lower())
    if not ending or place.form == "Bedrock model id":
        return False
    return not (v.is_word(ending[1]) or ending[1] in spellings())


@cache
def _whole(family: Family) -> frozenset[str]:
    return frozenset(name.replace("_", "-") for name in family.whole)


def _evidence(reading: Reading) -> int:
    """How many kinds of things besides the family the name says."""
    variants = set(reading.variants) - (v.LANGUAGES if reading.unknown else frozenset())  # claude-3-rue-de-rivoli
    words = len(reading.stages) + len(variants) - reading.implied
    parts = (reading.version, reading.size, reading.quantization, reading.date, reading.context, reading.base)
    return sum(map(bool, parts)) + (reading.step is not None) + min(words, 2)


def _stands_alone(reading: Reading, family: Family, evidence: int, *, owned: bool, published: bool) -> bool:
    """A word of another meaning: nothing unknown beside it, and what only models have."""
    if published:
        told = evidence - bool(reading.context)  # data sets have numbers of thousands, too
        return told > 1 or (told > 0 and len(reading.unknown) <= 1)
    if set(reading.unknown) - (v.DEPLOYMENT if owned else frozenset()):
        return owned and bool(reading.size) and evidence > 1
    if reading.size or reading.quantization or (family.derivative and reading.base and not reading.base.ambiguous):
        return True
    versioned = reading.version is not None and family.plausible(reading.version)
    if versioned and (_is_tier(reading, family) or reading.stages or reading.date or reading.context):
        return True
    return owned and (versioned or _is_tier(reading, family))


def _is_tier(reading: Reading, family: Family) -> bool:
    return bool(set(reading.variants) & set(family.variants))


def _is_program_version(reading: Reading, family: Family) -> bool:
    """Three numbers are the version of a program, unless the family is known to count so."""
    version = reading.version or ""
    return version.count(".") > 1 and version not in family.versions
