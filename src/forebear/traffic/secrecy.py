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
_GROUPS = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
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
    if _GROUPS.search(value) or any(_is_random(run) for run in _RUN.findall(value)):
        return RANDOM
    bare = re.sub(r"[_\-]", "", value)  # base 64 for addresses
    unknown = len(bare) >= 24 and bare.isalnum() and not _spelling().search(value.lower())
    return RANDOM if unknown and _haste(bare) > HASTE else ""


def _is_random(run: str) -> bool:
    return len(run) >= 40 or (len(run) >= 32 and any(ch.isdigit() for ch in run)) or looks_random(run)


def looks_random(run: str) -> bool:
    """Whether ten or more letters and digits without a separator change their kind as often as those of a key."""
    known = len(run) < 16 or _spelling().search(run.lower()) is not None
    return _haste(run) > (HASTE if known else HASTE_UNKNOWN)


def _haste(run: str) -> float:
    """Changes of kind per character; a capital before small letters is none."""
    kinds = ["d" if ch.isdigit() else "u" if ch.isupper() else "l" for ch in run]
    return sum(a != b and (a, b) != ("u", "l") for a, b in pairwise(kinds)) / len(run)


@cache
def _spelling() -> re.Pattern[str]:
    return re.compile("|".join(re.escape(stem) for stem in names.stems() if len(stem) >= 4))


def shortened(value: str) -> str:
    """A value of which random runs are left out, ``…`` in their place: a revision behind a name, most often."""
    bare = _GROUPS.sub("…", value)
    return _RUN.sub(lambda run: "…" if _is_random(run[0]) else run[0], bare)


def is_fingerprint(value: str) -> bool:
    """Whether a ``system_fingerprint`` has the form that servers give it, and so may be shown."""
    return _FINGERPRINT.fullmatch(value) is not None
