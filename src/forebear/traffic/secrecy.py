"""What of a stranger's text may be shown as an identifier: never what looks like a secret, an address or prose.

A name stands where a program put it, and people paste the wrong thing into every field. So a value is shown only if it
is short, has no blanks, and no part of it looks like a credential or like chance.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

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
_RUN = re.compile(r"[A-Za-z0-9]{16,}")
_GROUPS = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_FINGERPRINT = re.compile(r"fp_[a-z0-9]{4,24}(?:_[a-z0-9]{1,12}){0,4}")
HASTE = 0.34
"""Changes between digit, capital and small letter per character. Random base 62 has about 0.45, hexadecimal 0.47;
``DeepSeekR1DistillQwen32B`` has 0.29."""


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
    runs = _RUN.findall(value)
    if _GROUPS.search(value) or any(len(run) >= 40 or looks_random(run) for run in runs):
        return RANDOM
    if any(len(run) >= 32 and any(ch.isdigit() for ch in run) for run in runs):
        return RANDOM
    bare = re.sub(r"[_\-]", "", value)
    return RANDOM if len(bare) >= 32 and _RUN.fullmatch(bare) and looks_random(bare) else ""


def looks_random(run: str) -> bool:
    """Whether letters and digits without a separator look like a key: 16 or more that change their kind too often."""
    kinds = ["d" if ch.isdigit() else "u" if ch.isupper() else "l" for ch in run]
    changes = sum(a != b and (a, b) != ("u", "l") for a, b in pairwise(kinds))
    return changes / len(run) > HASTE


def is_fingerprint(value: str) -> bool:
    """Whether a ``system_fingerprint`` has the form that servers give it, and so may be shown."""
    return _FINGERPRINT.fullmatch(value) is not None
