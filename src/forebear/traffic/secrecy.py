"""What of a stranger's text may be shown as an identifier: never what looks like a secret, an address or prose.

A name stands where a program put it, and people paste the wrong thing into every field. So a value is shown only if it
is short, has no blanks, and no part of it looks like a credential or like chance.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from typing import Final

from forebear.catalogue import names

MOST = 200
"""Characters of the longest identifier that is shown; provider paths are long."""
CREDENTIAL: Final = "credential"
EMAIL: Final = "e-mail address"
PROSE: Final = "text with blanks"
LONG: Final = "too long for a name"
RANDOM: Final = "random characters"
NUMBER: Final = "long number"
ADDRESS: Final = "address"
SYMBOLS: Final = "characters that names have not"

_CREDENTIAL = re.compile(
    r"(?:^|[^A-Za-z0-9])(?:"
    r"(?:sk|pk|rk)[-_][A-Za-z0-9]|sk-|gh[pousr]_|github_pat_|xox[abposr]-|xapp-|AKIA|ASIA|AIza|ya29\.|hf_[A-Za-z0-9]{8}"
    r"|eyJ[A-Za-z0-9_-]{6}|glpat-|gsk_|xai-[A-Za-z0-9]{16}|nvapi-|pplx-[a-f0-9]{8}|sess-|whsec_|npm_[A-Za-z0-9]{8}"
    r"|r8_|fw_[A-Za-z0-9]{8}|dop_v1|SG\.|bearer|basic[ _]|password|passwd|secret|api[-_]?key|token[-_=]"
    r"|-----BEGIN)",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"[^@\s/:]+(?:@|%40)[^@\s/:]+\.[a-z]{2,}", re.IGNORECASE)
_ALLOWED = re.compile(r"[\w.:/@+#\-]+")
_RUN = re.compile(r"[A-Za-z0-9]{10,}")
_HEX = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_GROUPS = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_DATE = re.compile(r"(?<!\d)20\d\d([-_.]?)(?:0[1-9]|1[0-2])\1(?:[0-2]\d|3[01])(?!\d)")
_NUMBERS = re.compile(r"\d+(?:[-_.:+]+\d+)*")
_OWNER = re.compile(
    r"(?:arn:aws[a-z-]{0,8}:[a-z-]{1,20}:[a-z0-9-]{0,20}:\d{12}|\bprojects/(?:gen-lang-client-)?\d{6,14}|\bendpoints/\d{6,20})(?=[:/]|\Z)"
)
"""Numbers that stand for an account or an endpoint at a provider."""
_HOST = re.compile(
    r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])"
    r"|(?<![\w.-])[\w-]+(?:\.[\w-]+)*\.(?:internal|intranet|corp|lan|local|example)(?:\.[\w-]+)*(?![\w-])",
    re.IGNORECASE,
)
"""A numeric address, or a host of somebody's own network."""
LONGEST_NUMBER = 8
"""Digits of the longest number in a name, a date; telephone, card and social security numbers have more."""
_FINGERPRINT = re.compile(r"fp_[a-z0-9]{4,24}(?:_[a-z0-9]{1,12}){0,4}")
HASTE, HASTE_UNKNOWN = 0.34, 0.2
"""Changes between digit, capital and small letter per character from which on a run is taken for random: of less than
16 characters, or with a family spelled in it; and any other. Random base 62 has about 0.45, hexadecimal 0.47, and
``DeepSeekR1DistillQwen32B`` 0.29."""


def withheld(value: str) -> str:
    """Why a value must not be shown as an identifier; "" where it may."""
    if not value or any(ch.isspace() for ch in value):
        return PROSE
    if len(value) > MOST:
        return LONG
    if _EMAIL.search(value):
        return EMAIL
    if _CREDENTIAL.search(value):
        return CREDENTIAL
    if "://" in value:
        return ADDRESS
    if not _ALLOWED.fullmatch(value):
        return SYMBOLS
    if _HOST.search(value):
        return ADDRESS
    if _GROUPS.search(value) or any(_is_random(run) for run in _RUN.findall(value)):
        return RANDOM
    bare = re.sub(r"[_\-]", "", value)  # base 64 for addresses
    least = 16 if len(set(map(_kind, bare))) == 3 else 24  # few names have capitals, small letters and digits
    unknown = len(bare) >= least and bare.isalnum() and not _spelling().search(value.lower())
    if unknown and _haste(bare) > HASTE:
        return RANDOM
    return NUMBER if "…" in _without_numbers(_OWNER.sub("", value)) else ""


def _without_numbers(value: str) -> str:
    """A value with ``…`` for what has more digits in a row, or parted by signs alone, than a date and a version."""
    return _NUMBERS.sub(lambda run: run[0] if _digits(run[0]) <= LONGEST_NUMBER else "…", value)


def _digits(run: str) -> int:
    return sum(map(str.isdigit, _DATE.sub("", run)))


def emails(text: str) -> list[tuple[int, int]]:
    """Where e-mail addresses, or users of an address, stand in a text."""
    return [match.span() for match in _EMAIL.finditer(text)] if "@" in text or "%40" in text else []


def _is_random(run: str) -> bool:
    digits = sum(map(str.isdigit, run))
    hexadecimal = len(run) >= 16 and 8 <= digits < len(run) and _HEX.fullmatch(run) is not None
    return len(run) >= 40 or (len(run) >= 32 and digits > 0) or hexadecimal or looks_random(run)


def looks_random(run: str) -> bool:
    """Whether ten or more letters and digits without a separator change their kind as often as those of a key."""
    known = len(run) < 16 or _spelling().search(run.lower()) is not None
    return _haste(run) > (HASTE if known else HASTE_UNKNOWN)


def _haste(run: str) -> float:
    """Changes of kind per character; a capital before small letters is none."""
    kinds = [_kind(ch) for ch in run]
    return sum(a != b and (a, b) != ("u", "l") for a, b in pairwise(kinds)) / len(run)


def _kind(ch: str) -> str:
    return "d" if ch.isdigit() else "u" if ch.isupper() else "l"


@cache
def _spelling() -> re.Pattern[str]:
    return re.compile("|".join(re.escape(stem) for stem in names.stems() if len(stem) >= 4))


def shortened(value: str) -> str:
    """A value of which random runs, numbers and hosts are left out, ``…`` for each: most often a revision."""
    bare = _GROUPS.sub("…", _HOST.sub("…", value))
    bare = _RUN.sub(lambda run: "…" if _is_random(run[0]) else run[0], bare)
    owner = _OWNER.search(bare)
    kept = owner.end() if owner else 0
    return bare[:kept] + _without_numbers(bare[kept:])


def is_fingerprint(value: str) -> bool:
    """Whether a ``system_fingerprint`` has the form that servers give it, and so may be shown."""
    return _FINGERPRINT.fullmatch(value) is not None
