"""Who is signed in: kept in this process alone, found by a cookie that says nothing.

A session is a random secret in the browser's cookie; the server keeps its hash, whose token it is and when it ends.
Signing out forgets it, and so does the end of the server. Nothing of a token's secret is in it, and the token's row is
read at every request, so that a revoked token ends its sessions.
"""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import sha256

COOKIE = "forebear-session"
FORM_COOKIE = "forebear-form"
SESSION_SECONDS = 12 * 3_600.0
MOST = 10_000
MOST_OF_TOKEN = 50
"""Sessions; the oldest go first."""
MOST_FORMS = 500
"""Forms of a session whose answers are remembered."""


@dataclass
class Session:
    """One browser that is signed in.

    Attributes:
        token: public part of the token.
        csrf: what every form of this session has in it.
        ends: on the monotonic clock.
        sent: forms that were sent, and where each led; "" while it is still looked at.
    """

    token: str
    csrf: str
    ends: float
    sent: OrderedDict[str, str] = field(default_factory=OrderedDict)


class Sessions:
    """All sessions of this server; safe to use from several threads."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()
        self._lock = threading.Lock()
        self._key = secrets.token_bytes(32)

    def open(self, token: str) -> str:
        """A new session of a token; what the cookie holds."""
        secret = secrets.token_urlsafe(32)
        now = time.monotonic()
        with self._lock:
            for key in [k for k, s in self._sessions.items() if s.ends <= now]:
                del self._sessions[key]
            own = [k for k, s in self._sessions.items() if s.token == token]
            for key in own[: max(0, len(own) - MOST_OF_TOKEN + 1)]:
                del self._sessions[key]
            while len(self._sessions) >= MOST:
                self._sessions.popitem(last=False)
            self._sessions[_hash(secret)] = Session(token, secrets.token_urlsafe(32), now + SESSION_SECONDS)
        return secret

    def find(self, secret: str) -> Session | None:
        """The session of a cookie; None for a forged, closed or ended one."""
        with self._lock:
            found = self._sessions.get(_hash(secret))
        return found if found is not None and found.ends > time.monotonic() else None

    def close(self, secret: str) -> None:
        """Sign out."""
        with self._lock:
            self._sessions.pop(_hash(secret), None)

    def take(self, session: Session, once: str) -> str | None:
        """None where a form is sent for the first time, and is taken; else where it led before."""
        with self._lock:
            if once in session.sent:
                return session.sent[once]
            while len(session.sent) >= MOST_FORMS:
                session.sent.popitem(last=False)
            session.sent[once] = ""
        return None

    def lead(self, session: Session, once: str, address: str) -> None:
        """Remember where a form led; with "" it may be sent again."""
        with self._lock:
            if address:
                session.sent[once] = address
            else:
                session.sent.pop(once, None)

    def mark(self, nonce: str) -> str:
        """What a form for those who are not signed in holds beside the cookie ``nonce``: no other site knows it."""
        return hmac.new(self._key, nonce.encode(), sha256).hexdigest()


def _hash(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "replace")).digest()
