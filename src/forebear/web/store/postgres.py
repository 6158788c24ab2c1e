"""The store in PostgreSQL, which several servers use at once. Needs the extra ``[postgres]``.

A job is claimed under ``FOR UPDATE SKIP LOCKED``: two servers never wait for one another there and never take one job.
Whatever changes a job locks its row first, so that its events are numbered in one order. Times of life are those of the
database's clock.
"""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from forebear.errors import one_line
from forebear.index.postgres.address import address_of
from forebear.index.postgres.database import Cursor, Database
from forebear.types import created
from forebear.web.store.base import MOST_EVENTS, Event, Job, Session, State, Token, Upload
from forebear.web.store.postgres_tables import TABLES

T = TypeVar("T")
SCHEMA = "forebear_service"
"""Of the tables, unless the address says ``schema=``: roles that read an index have no right to it."""
CONNECTIONS = 8
"""That one server uses at a time; further threads wait for one of them."""
JOB = "id, owner, kind, request, state, attempts, created, started, ended, error"
TOKEN = "id, name, scopes, salt, digest, created, expires, revoked"
UPLOAD = "id, owner, name, made, bytes, files"
CLAIMED = "id = %s AND attempts = %s AND state = 'running'"
LIVING = "(SELECT name FROM servers)"
OWNERS = """
    WITH RECURSIVE owners (owner) AS (
        (SELECT owner FROM jobs WHERE state = 'queued' ORDER BY owner LIMIT 1)
        UNION ALL
        SELECT (SELECT owner FROM jobs WHERE state = 'queued' AND owner > o.owner ORDER BY owner LIMIT 1)
        FROM owners AS o WHERE o.owner IS NOT NULL
    )
    SELECT owner, number, (SELECT count(*) FROM jobs AS r WHERE r.state = 'running' AND r.owner = owners.owner) AS n
    FROM owners, LATERAL (
        SELECT number FROM jobs AS j WHERE j.state = 'queued' AND j.owner = owners.owner AND j.server IN ('', %s)
        ORDER BY number LIMIT 1
    ) AS first WHERE owner IS NOT NULL
"""
"""Whose jobs wait, the first of each and how many of his run: the index is asked for each owner, not for each job."""
NEXT = f"""
    UPDATE jobs SET state = 'running', attempts = attempts + 1, started = %s, server = %s
    WHERE number = (
        SELECT number FROM jobs WHERE state = 'queued' AND owner = %s AND server IN ('', %s)
        ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED
    ) RETURNING {JOB}
"""


class PostgresStore:
    """A :class:`~forebear.web.store.base.Store` in PostgreSQL 14 or newer; the tables are made on first use.

    Args:
        address: ``postgresql://user@host:port/database``, with options of libpq's, and of ours ``schema`` (default
            ``forebear_service``) and ``timeout`` (seconds a statement may take).

    Raises:
        UsageError: the address cannot be read.
        IndexError_: the server cannot be reached, or what is there is no service's or of a newer version.
    """

    shared = True

    def __init__(self, address: str) -> None:
        self._address = address_of(address, SCHEMA)
        self._all = [Database(self._address, TABLES) for _ in range(CONNECTIONS)]
        self._free: queue.LifoQueue[Database] = queue.LifoQueue()
        for database in self._all:
            self._free.put(database)
        self._change(lambda cursor: cursor.execute("SELECT 1 FROM jobs LIMIT 0"))

    @property
    def where(self) -> str:
        """See :class:`Store`."""
        return self._address.where

    def add_job(self, job: Job, server: str = "") -> None:
        """See :class:`Store`."""
        row = (job.id, job.owner, job.kind, json.dumps(job.request), job.state, job.attempts, job.created or created())

        def add(cursor: Cursor) -> None:
            cursor.execute(
                "INSERT INTO jobs (id, owner, kind, request, state, attempts, created, server)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
                (*row, server),
            )
            _note(cursor, job.id, "state", job.state)

        self._change(add)

    def job(self, id: str) -> Job | None:
        """See :class:`Store`."""
        found = self._rows(f"SELECT {JOB} FROM jobs WHERE id = %s", id)
        return _job(found[0]) if found else None

    def jobs(self, owner: str | None, limit: int, before: str = "") -> list[Job]:
        """See :class:`Store`."""
        terms, values = ["true"], []
        if owner is not None:
            terms.append("owner = %s")
            values.append(owner)
        if before:
            terms.append("number < (SELECT number FROM jobs WHERE id = %s)")
            values.append(before)
        query = f"SELECT {JOB} FROM jobs WHERE {' AND '.join(terms)} ORDER BY number DESC LIMIT {int(limit)}"
        return [_job(row) for row in self._rows(query, *values)]

    def unfinished(self, owner: str) -> int:
        """See :class:`Store`."""
        query = "SELECT count(*) AS n FROM jobs WHERE owner = %s AND state IN ('queued', 'running')"
        return int(self._rows(query, owner)[0]["n"])

    def kept(self, owner: str) -> int:
        """See :class:`Store`."""
        found = self._rows("SELECT bytes FROM kept WHERE owner = %s", owner)
        return int(found[0]["bytes"]) if found else 0

    def claim(self, server: str) -> Job | None:
        """See :class:`Store`; of owners whose jobs are claimed at the very moment the count may be one too low."""

        def claim(cursor: Cursor) -> Job | None:
            waiting = cursor.execute(OWNERS, (server,)).fetchall()
            for one in sorted(waiting, key=lambda row: (row["n"], row["number"])):
                row = cursor.execute(NEXT, (created(), server, one["owner"], server)).fetchone()
                if row is not None:  # else others are just taking all that this owner has
                    _note(cursor, row["id"], "state", State.RUNNING)
                    return _job(row)
            return None

        return self._change(claim)

    def tell(self, job: Job, text: str) -> None:
        """See :class:`Store`."""

        def tell(cursor: Cursor) -> None:
            query = f"SELECT 1 FROM jobs WHERE {CLAIMED} FOR NO KEY UPDATE"
            if cursor.execute(query, (job.id, job.attempts)).fetchone():
                _note(cursor, job.id, "step", one_line(text, 300))

        self._change(tell)

    def finish(self, job: Job, state: State, result: bytes | None, error: Mapping[str, Any] | None) -> bool:
        """See :class:`Store`."""
        told = None if error is None else json.dumps(error)
        values = (state, created(), result, told, job.id, job.attempts)
        change = f"UPDATE jobs SET state = %s, ended = %s, result = %b, error = %s WHERE {CLAIMED}"
        return self._turn(job.id, state, change, values)

    def again(self, job: Job, server: str = "") -> bool:
        """See :class:`Store`."""
        change = f"UPDATE jobs SET state = 'queued', started = '', server = %s WHERE {CLAIMED}"
        return self._turn(job.id, State.QUEUED, change, (server, job.id, job.attempts))

    def cancel(self, id: str) -> bool:
        """See :class:`Store`."""
        change = "UPDATE jobs SET state = 'cancelled', ended = %s WHERE id = %s AND state IN ('queued', 'running')"
        return self._turn(id, State.CANCELLED, change, (created(), id))

    def remove(self, id: str) -> bool:
        """See :class:`Store`."""
        query = "DELETE FROM jobs WHERE id = %s AND state NOT IN ('queued', 'running')"
        return self._changed(query, id) == 1

    def result(self, id: str) -> bytes | None:
        """See :class:`Store`."""
        found = self._rows("SELECT result FROM jobs WHERE id = %s AND state = 'done'", id)
        return bytes(found[0]["result"]) if found and found[0]["result"] is not None else None

    def events(self, id: str, after: int = 0) -> list[Event]:
        """See :class:`Store`."""
        query = "SELECT seq, at, kind, text FROM events WHERE job = %s AND seq > %s ORDER BY seq"
        return [Event(**row) for row in self._rows(query, id, min(after, 1 << 62))]

    def expire(self, before: str) -> int:
        """See :class:`Store`."""
        query = "DELETE FROM jobs WHERE ended <> '' AND ended < %s AND state NOT IN ('queued', 'running')"
        return self._changed(query, before)

    def beat(self, server: str, seconds: float, held: Iterable[str], home: str) -> int:
        """See :class:`Store`."""
        kept = list(held)

        def beat(cursor: Cursor) -> int:
            cursor.execute("DELETE FROM servers WHERE until < clock_timestamp() AND name <> %s", (server,))
            cursor.execute(
                "INSERT INTO servers VALUES (%s, clock_timestamp() + make_interval(secs => %s), %s)"
                " ON CONFLICT (name) DO UPDATE SET until = excluded.until, home = excluded.home",
                (server, float(seconds), home),
            )
            return _put_back(cursor, server, kept)

        return self._change(beat)

    def leave(self, server: str) -> int:
        """See :class:`Store`."""

        def leave(cursor: Cursor) -> int:
            cursor.execute("DELETE FROM servers WHERE name = %s", (server,))
            return _put_back(cursor)

        return self._change(leave)

    def servers(self) -> dict[str, str]:
        """See :class:`Store`."""
        rows = self._rows("SELECT name, home FROM servers WHERE until >= clock_timestamp()")
        return {row["name"]: row["home"] for row in rows}

    def add_token(self, token: Token) -> None:
        """See :class:`Store`."""
        scopes = " ".join(sorted(token.scopes))
        row = (token.id, token.name, scopes, token.salt, token.digest, token.created or created(), token.expires)
        self._changed(f"INSERT INTO tokens ({TOKEN}) VALUES (%s, %s, %s, %b, %b, %s, %s, '')", *row)

    def token(self, id: str) -> Token | None:
        """See :class:`Store`."""
        found = self._rows(f"SELECT {TOKEN} FROM tokens WHERE id = %s", id)
        return _token(found[0]) if found else None

    def tokens(self) -> list[Token]:
        """See :class:`Store`."""
        return [_token(row) for row in self._rows(f"SELECT {TOKEN} FROM tokens ORDER BY number")]

    def revoke(self, id: str) -> bool:
        """See :class:`Store`."""
        return self._changed("UPDATE tokens SET revoked = %s WHERE id = %s AND revoked = ''", created(), id) == 1

    def add_session(self, session: Session, most_of_token: int, most: int) -> None:
        """See :class:`Store`; of a token that signs in twice at the very moment there may be one more."""
        older = "DELETE FROM sessions WHERE number IN (SELECT number FROM sessions {} ORDER BY number DESC OFFSET %s)"

        def add(cursor: Cursor) -> None:
            cursor.execute("DELETE FROM sessions WHERE ends <= %s", (time.time(),))
            cursor.execute(older.format("WHERE token = %s"), (session.token, most_of_token - 1))
            cursor.execute(older.format(""), (most - 1,))
            values = (session.id, session.token, float(session.ends))
            cursor.execute("INSERT INTO sessions (id, token, ends) VALUES (%s, %s, %s)", values)

        self._change(add)

    def session(self, id: str) -> Session | None:
        """See :class:`Store`."""
        found = self._rows("SELECT id, token, ends FROM sessions WHERE id = %s", id)
        return Session(**found[0]) if found else None

    def end_session(self, id: str) -> None:
        """See :class:`Store`."""
        self._changed("DELETE FROM sessions WHERE id = %s", id)

    def take_form(self, session: str, once: str, most: int) -> str | None:
        """See :class:`Store`; the row of the session is locked, so that its forms are taken one after the other."""

        def take(cursor: Cursor) -> str | None:
            if not cursor.execute("SELECT 1 FROM sessions WHERE id = %s FOR UPDATE", (session,)).fetchone():
                return ""
            key = (session, once)
            if found := cursor.execute("SELECT led FROM forms WHERE session = %s AND once = %s", key).fetchone():
                return str(found["led"])
            cursor.execute("INSERT INTO forms (session, once, led) VALUES (%s, %s, '')", key)
            cursor.execute(
                "DELETE FROM forms WHERE session = %s AND number IN"
                " (SELECT number FROM forms WHERE session = %s ORDER BY number DESC OFFSET %s)",
                (session, session, most),
            )
            return None

        return self._change(take)

    def lead_form(self, session: str, once: str, address: str) -> None:
        """See :class:`Store`."""
        change, said = ("UPDATE forms SET led = %s", [address]) if address else ("DELETE FROM forms", [])
        self._changed(f"{change} WHERE session = %s AND once = %s", *said, session, once)

    def add_upload(self, upload: Upload) -> None:
        """See :class:`Store`."""
        row = (upload.id, upload.owner, upload.name, float(upload.made), upload.bytes, upload.files)
        self._changed(f"INSERT INTO uploads ({UPLOAD}) VALUES (%s, %s, %s, %s, %s, %s)", *row)

    def upload(self, id: str) -> Upload | None:
        """See :class:`Store`."""
        found = self._rows(f"SELECT {UPLOAD} FROM uploads WHERE id = %s", id)
        return Upload(**found[0]) if found else None

    def uploads(self, owner: str | None = None) -> list[Upload]:
        """See :class:`Store`."""
        where, values = ("", ()) if owner is None else ("WHERE owner = %s", (owner,))
        return [Upload(**row) for row in self._rows(f"SELECT {UPLOAD} FROM uploads {where} ORDER BY made", *values)]

    def grow(self, id: str, size: int) -> None:
        """See :class:`Store`."""
        self._changed("UPDATE uploads SET bytes = bytes + %s, files = files + 1 WHERE id = %s", size, id)

    def drop_upload(self, id: str) -> None:
        """See :class:`Store`."""
        self._changed("DELETE FROM uploads WHERE id = %s", id)

    def close(self) -> None:
        """See :class:`Store`."""
        for database in self._all:
            database.close()

    def _with(self, work: Callable[[Database], T]) -> T:
        database = self._free.get()
        try:
            return work(database)
        finally:
            self._free.put(database)

    def _change(self, work: Callable[[Cursor], T]) -> T:
        """One transaction, whole or not at all."""
        return self._with(lambda database: database.write(work))

    def _changed(self, query: str, *values: Any) -> int:
        return self._change(lambda cursor: cursor.execute(query, values).rowcount)

    def _rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        return self._with(lambda database: database.read(lambda cursor: cursor.execute(query, values).fetchall()))

    def _turn(self, id: str, state: State, change: str, values: tuple[Any, ...]) -> bool:
        def turn(cursor: Cursor) -> bool:
            changed = cursor.execute(change, values).rowcount == 1
            if changed:
                _note(cursor, id, "state", state)
            return changed

        return self._change(turn)


def _put_back(cursor: Cursor, server: str = "", held: Iterable[str] = ()) -> int:
    """Let jobs wait again that no living server runs; how many. Those that waited for a dead one wait for any."""
    cursor.execute(f"UPDATE jobs SET server = '' WHERE state = 'queued' AND server <> '' AND server NOT IN {LIVING}")
    lost = cursor.execute(  # what is locked is just changing; the next beat sees it
        f"SELECT id FROM jobs WHERE state = 'running' AND (server NOT IN {LIVING} OR (server = %s"
        " AND id <> ALL(%s::text[]))) ORDER BY number FOR UPDATE SKIP LOCKED",
        (server, list(held)),
    ).fetchall()
    for row in lost:
        cursor.execute("UPDATE jobs SET state = 'queued', started = '', server = '' WHERE id = %s", (row["id"],))
        _note(cursor, row["id"], "state", State.QUEUED)
    return len(lost)


def _note(cursor: Cursor, job: str, kind: str, text: str) -> None:
    """Append an event to a job whose row is locked; there is always room for a state."""
    cursor.execute(
        "INSERT INTO events SELECT %s, coalesce(max(seq), 0) + 1, %s, %s, %s FROM events WHERE job = %s"
        " HAVING %s OR coalesce(max(seq), 0) < %s",
        (job, created(), kind, str(text), job, kind == "state", MOST_EVENTS),
    )


def _job(row: Mapping[str, Any]) -> Job:
    told = None if row["error"] is None else json.loads(row["error"])
    return Job(**{**row, "request": json.loads(row["request"]), "state": State(row["state"]), "error": told})


def _token(row: Mapping[str, Any]) -> Token:
    found = {**row, "salt": bytes(row["salt"]), "digest": bytes(row["digest"])}
    return Token(**{**found, "scopes": frozenset(row["scopes"].split())})
