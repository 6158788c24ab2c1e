"""Who is signed in: found by a cookie that says nothing, in the store, so that every server of it knows the browser.

A session is a random secret in the browser's cookie; the store keeps its hash, whose token it is and when it ends.
What a form of a session has in it is derived from the secret, which every server sees with the cookie, so that nothing
else has to be kept or shared. The token's row is read at every request: a revoked token ends its sessions.

A signed cookie would save one row by its key at each request (0.01 ms in a file, 0.5 ms in PostgreSQL). It would need
a key that all servers have and that a thief of the database could sign with, and signing out would need rows again.
"""

from __future__ import annotations

import hmac
import re
import secrets
import time
from hashlib import sha256

from forebear.web.store import Session, Store

COOKIE = "forebear-session"
FORM_COOKIE = "forebear-form"
SESSION_SECONDS = 12 * 3_600.0
MOST = 10_000
MOST_OF_TOKEN = 50
"""Sessions; the oldest go first."""
MOST_FORMS = 500
"""Forms of a session whose answers are remembered."""
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}\Z", re.ASCII)


class Sessions:
    """All sessions of a store; safe to use from several threads, and from several servers.

    Args:
        store: where they are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def open(self, token: str) -> str:
        """A new session of a token; what the cookie holds."""
        secret = secrets.token_urlsafe(32)
        session = Session(_hash(secret), token, time.time() + SESSION_SECONDS)
        self._store.add_session(session, MOST_OF_TOKEN, MOST)
        return secret

    def find(self, secret: str) -> Session | None:
        """The session of a cookie; None for a forged, closed or ended one."""
        found = self._store.session(_hash(secret)) if _SECRET.match(secret) else None
        return found if found is not None and found.ends > time.time() else None

    def close(self, secret: str) -> None:
        """Sign out."""
        if _SECRET.match(secret):
            self._store.end_session(_hash(secret))

    def take(self, session: Session, once: str) -> str | None:
        """None where a form is sent for the first time, and is taken; else where it led before, "" while it is open."""
        return self._store.take_form(session.id, once, MOST_FORMS)

    def lead(self, session: Session, once: str, address: str) -> None:
        """Remember where a form led; with "" it may be sent again."""
        self._store.lead_form(session.id, once, address)


def form_mark(secret: str) -> str:
    """What a form holds beside the cookie ``secret``: whoever does not know the cookie cannot make it."""
    return hmac.new(secret.encode("utf-8", "replace"), b"form", sha256).hexdigest()


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
