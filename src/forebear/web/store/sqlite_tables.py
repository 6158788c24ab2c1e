"""The tables of a service in SQLite, a step for each version."""

from __future__ import annotations

STEPS = (
    """
    CREATE TABLE jobs (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, kind TEXT NOT NULL,
        request TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL, created TEXT NOT NULL,
        started TEXT NOT NULL, ended TEXT NOT NULL, error TEXT, result BLOB
    ) STRICT;
    CREATE INDEX jobs_state ON jobs (state, owner);
    CREATE INDEX jobs_owner ON jobs (owner, number);
    CREATE TABLE events (
        job TEXT NOT NULL, seq INTEGER NOT NULL, at TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL,
        PRIMARY KEY (job, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE tokens (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, scopes TEXT NOT NULL, salt BLOB NOT NULL, digest BLOB NOT NULL,
        created TEXT NOT NULL, expires REAL NOT NULL, revoked TEXT NOT NULL
    ) STRICT;
    CREATE TABLE uploads (
        id TEXT PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL, made REAL NOT NULL, bytes INTEGER NOT NULL,
        files INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX uploads_owner ON uploads (owner, made);
    """,
    """
    ALTER TABLE jobs ADD COLUMN server TEXT NOT NULL DEFAULT '';
    CREATE TABLE servers (name TEXT PRIMARY KEY, until REAL NOT NULL, home TEXT NOT NULL) STRICT;
    """,
    """
    CREATE TABLE sessions (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, token TEXT NOT NULL, ends REAL NOT NULL
    ) STRICT;
    CREATE INDEX sessions_token ON sessions (token, number);
    CREATE INDEX sessions_ends ON sessions (ends);
    CREATE TABLE forms (
        number INTEGER PRIMARY KEY, session TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        once TEXT NOT NULL, led TEXT NOT NULL, UNIQUE (session, once)
    ) STRICT;
    """,
    """
    CREATE INDEX jobs_ended ON jobs (ended) WHERE ended <> '';
    CREATE INDEX jobs_keyed ON jobs (server) WHERE state = 'queued' AND server <> '';
    CREATE TABLE kept (owner TEXT PRIMARY KEY, bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO kept SELECT owner, sum(length(result)) FROM jobs WHERE result IS NOT NULL GROUP BY owner;
    CREATE TRIGGER jobs_keep AFTER UPDATE OF result ON jobs WHEN NEW.result IS NOT NULL OR OLD.result IS NOT NULL
    BEGIN
        INSERT INTO kept VALUES (NEW.owner, coalesce(length(NEW.result), 0) - coalesce(length(OLD.result), 0))
            ON CONFLICT (owner) DO UPDATE SET bytes = bytes + excluded.bytes;
    END;
    CREATE TRIGGER jobs_forget AFTER DELETE ON jobs WHEN OLD.result IS NOT NULL
    BEGIN
        UPDATE kept SET bytes = bytes - length(OLD.result) WHERE owner = OLD.owner;
    END;
    """,
)
"""Every step of the schema, oldest first; never edited once released, only added to."""
