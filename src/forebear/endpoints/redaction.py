"""Secrets never reach a log, an error or an answer: they are taken out of an exchange before anything else sees it.

Known secrets (the key, a password or a key in the address, cookies) are found in any of the spellings in which a
server may give them back; what looks like a key, a bearer token or a masked key is taken out wherever it stands.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from typing import Any

REDACTED = "[redacted]"
_HEADERS = re.compile(
    r"(?i)authorization|cookie|(api|access|auth|secret|subscription|account|functions?)[-_]?key"
    r"|token|secret|password|credential|signature|session"
)
_COUNTS = re.compile(r"(?i)tokens\b|token[-_](count|limit|usage|remaining)")
"""Headers about tokens of text, which are no secrets: ``x-ratelimit-remaining-tokens``."""
_LOOKS = re.compile(
    rb"(?i:bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"
    rb"|\b(?:sk|pk|rk|gsk|hf|xai|ghp|gho|glpat|tgp|fw|nvapi|csk|r8|pplx|AKIA|ASIA)[-_][A-Za-z0-9_-]{16,}"
    rb"|\bAIza[A-Za-z0-9_-]{30,}|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    rb"|(?<![\w-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"
    rb"|(?<![\w-])[A-Za-z0-9_-]{2,}\*{3,}[A-Za-z0-9_-]*"
)
"""Keys as well-known providers write them, and keys that a server has masked itself.

No part may start anywhere in a long run of its own characters: bodies come from strangers, and time has to be linear.
"""
_DELTA = re.compile(
    rb'("(?:content|text|delta|response|thinking|reasoning|reasoning_content|arguments|partial_json)"\s{0,4}:\s{0,4}")'
    rb'((?:[^"\\]|\\.){0,200})(")'
)
"""Pieces of a stream's text, which a secret may be spread over."""
_WORD = 8
"""Characters from which on a secret is taken out of the middle of words."""
_PREFIX = 10
"""A secret of 16 characters or more is also found by as many of its first or last ones: servers shorten what they
quote."""


class Redactor:
    """Takes secrets out of text, headers and JSON.

    Args:
        secrets: values that must not be seen; those with fewer than four characters are left to the header names.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known = sorted({s for s in secrets if len(s) >= 4}, key=len, reverse=True)
        patterns = [p for secret in self._known for p in _spellings(secret)]
        self._pattern = re.compile(b"|".join(patterns)) if patterns else None

    def also(self, secrets: Iterable[str]) -> Redactor:
        """One that knows more secrets."""
        return Redactor([*self._known, *secrets])

    def data(self, data: bytes) -> bytes:
        """Bytes of a body; the very same object where there is nothing to take out."""
        clean = self._pattern.sub(REDACTED.encode(), data) if self._pattern else data
        clean = _LOOKS.sub(REDACTED.encode(), clean)
        if self._pattern and self._pattern.search(b"".join(m[2] for m in _DELTA.finditer(clean))):
            clean = _DELTA.sub(lambda m: m[1] + REDACTED.encode() + m[3], clean)
        return data if clean == data else clean

    def text(self, text: str) -> str:
        """A string."""
        return self.data(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Headers, names in lower case; values whose names speak of secrets are replaced as a whole."""
        return {
            self.text(k.lower()): REDACTED if _HEADERS.search(k) and not _COUNTS.search(k) else self.text(v)
            for k, v in headers.items()
        }

    def json(self, value: Any) -> Any:
        """JSON, in every string and every name."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(k)): self.json(v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [self.json(v) for v in value]
        return value


def _spellings(secret: str) -> list[bytes]:
    """Expressions for a secret as it is, escaped for JSON, a URL or HTML, in base64 and in hexadecimal."""
    raw = secret.encode()
    if len(secret) < _WORD:
        return [rb"(?<![A-Za-z0-9])" + re.escape(raw) + rb"(?![A-Za-z0-9])"]
    plain = b"(?i:" + b"".join(_character(c) for c in secret) + b")"
    patterns = [plain, b"(?i:" + raw.hex().encode() + b")"]
    for before in range(3):  # where it starts within three bytes decides how base64 writes it
        coded = base64.b64encode(b"\0" * before + raw)
        start, stop = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        core = coded[start:stop]
        patterns.append(b"".join(_base64(bytes([c])) for c in core) + rb"[A-Za-z0-9+/_=-]{0,4}")
    if len(secret) >= 16:
        patterns.append(b"".join(_character(c) for c in secret[:_PREFIX]) + rb"[A-Za-z0-9_*.-]*")
        patterns.append(b"".join(_character(c) for c in secret[-_PREFIX:]))
    return patterns


def _character(char: str) -> bytes:
    """An expression for one character in the ways in which JSON, URLs and HTML may write it."""
    raw = char.encode()
    units = char.encode("utf-16-be")
    escaped = b"".join(rb"\\{1,8}u(?i:%s)" % units[i : i + 2].hex().encode() for i in range(0, len(units), 2))
    quoted = b"".join(b"%%(?i:%02x)" % b for b in raw)
    ways = [re.escape(raw), escaped, quoted, b"&#(?:%d|(?i:x0{0,6}%x));" % (ord(char), ord(char))]
    if char in '"\\/':
        ways.append(rb"\\{1,8}" + re.escape(raw))
    return b"(?:" + b"|".join(ways) + b")"


def _base64(char: bytes) -> bytes:
    return {b"+": rb"[+-]", b"/": rb"(?:\\{0,8}/|_)"}.get(char, re.escape(char))
