"""Tokens: who may ask what. Only a salted scrypt of the secret is kept; the secret is shown once.

A token is ``fb_ID_SECRET``: the identifier finds the row, the secret of 256 bits proves it. scrypt with the
parameters of :data:`COST` takes tens of milliseconds and 16 MB, so that a stolen database is worth little; a token
that was proven is remembered for a while by a keyed hash in memory, so that only the first request pays.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable

from forebear.errors import UsageError, one_line
from forebear.types import created
from forebear.web.store.base import Store, Token

SCOPES = {
    "read": "see jobs, results and uploads of one's own",
    "submit": "upload files, start and cancel jobs",
    "probe": "start jobs that ask an endpoint, with a key that is given",
    "admin": "see, cancel and remove the jobs of all tokens",
}
"""What a token can allow; each stands for itself alone."""
COST = {"n": 1 << 14, "r": 8, "p": 1, "dklen": 32}
"""Of scrypt (RFC 7914): 16 MiB."""
REMEMBERED_SECONDS = 300.0
MOST_REMEMBERED = 10_000
_TOKEN = re.compile(r"fb_([0-9a-f]{16})_([A-Za-z0-9_-]{43})\Z", re.ASCII)


def make_token(name: str, scopes: Iterable[str], days: float = 0.0) -> tuple[Token, str]:
    """A new token, and the text that proves it, which is nowhere kept.

    Args:
        name: whose it is.
        scopes: of :data:`SCOPES`.
        days: after which it expires, 0 for never.

    Raises:
        UsageError: a scope is unknown, or there is none, or no name.
    """
    wanted = frozenset(scopes)
    if unknown := sorted(wanted - set(SCOPES)):
        raise UsageError(f"--scope {one_line(unknown[0], 40)}: unknown", f"give some of {', '.join(SCOPES)}")
    if not wanted:
        raise UsageError("a token without a scope allows nothing", f"give --scope: {', '.join(SCOPES)}")
    if not name.strip():
        raise UsageError("a token without a name", "say whose it is")
    id, secret, salt = secrets.token_hex(8), secrets.token_urlsafe(32), secrets.token_bytes(16)
    expires = time.time() + days * 86_400 if days else 0.0
    token = Token(id, one_line(name, 80), wanted, salt, _digest(secret, salt), created(), expires)
    return token, f"fb_{id}_{secret}"


class Keeper:
    """Tells tokens that are good from others; safe to use from several threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._key = secrets.token_bytes(32)
        self._proven: dict[bytes, float] = {}
        self._lock = threading.Lock()
        self._one = threading.BoundedSemaphore(2)  # forged tokens cannot take all cores and memory with scrypt

    def remembered(self, text: str) -> Token | None:
        """The token that a text has proven a while ago and that is still good; None where it has to be checked.

        The row is read every time, so that a revoked token is refused from the next request on.
        """
        match = _TOKEN.match(text)
        if match is None:
            return None
        with self._lock:
            known = self._proven.get(self._mark(text), 0.0) > time.monotonic()
        return self.standing(match[1]) if known else None

    def check(self, text: str, allowed: Callable[[], bool] = lambda: True) -> Token | None:
        """The token that a text proves; None for one that is forged, revoked or expired.

        Args:
            text: what was sent.
            allowed: asked once it is this text's turn, which may have taken a while: False for not to look at it.
        """
        match = _TOKEN.match(text)
        token = self.standing(match[1]) if match else None
        if match is None or token is None:
            return None
        if self.remembered(text) is not None:
            return token
        with self._one:
            if not allowed() or not hmac.compare_digest(_digest(match[2], token.salt), token.digest):
                return None
        with self._lock:
            if len(self._proven) >= MOST_REMEMBERED:
                self._proven.clear()
            self._proven[self._mark(text)] = time.monotonic() + REMEMBERED_SECONDS
        return token

    def _mark(self, text: str) -> bytes:
        return hmac.digest(self._key, text.encode(), "sha256")

    def standing(self, id: str) -> Token | None:
        """A token that is neither revoked nor expired, by its public part; whoever asks has proven it before."""
        token = self._store.token(id)
        return token if token and not token.revoked and not 0 < token.expires <= time.time() else None


def _digest(secret: str, salt: bytes) -> bytes:
    return hashlib.scrypt(secret.encode(), salt=salt, maxmem=1 << 26, **COST)
