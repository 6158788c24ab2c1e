"""The schema in PostgreSQL, one step per version; the local index has steps of its own (`index/migrations`)."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import psycopg

from forebear.errors import IndexError_


@dataclass(frozen=True)
class Tables:
    """What stands in a schema, and how it came to be.

    Attributes:
        what: it is, in words.
        version: the table that says which step was the last.
        steps: every step, oldest first.
        roles: whether the roles of ``roles.sql`` may read and write it.
        never_with: the version table of what may not stand in the same schema.
    """

    what: str
    version: str
    steps: tuple[str, ...]
    roles: bool = False
    never_with: str = ""

    @property
    def newest(self) -> int:
        """The version that this Forebear knows."""
        return len(self.steps)


STEPS: tuple[str, ...] = (
    # 1: text that may hold what PostgreSQL's does not (NUL, bytes that are no UTF-8) is bytea; JSON is ASCII
    """
    CREATE SEQUENCE ids MINVALUE 0 START 0;
    CREATE TABLE models (
        id bigint PRIMARY KEY,
        name text COLLATE "C" NOT NULL UNIQUE,
        digest text COLLATE "C" NOT NULL CHECK (length(digest) <= 200),
        family bytea,
        width bigint,
        shape text NOT NULL,
        location bytea NOT NULL,
        added text NOT NULL
    );
    CREATE INDEX models_digest ON models (digest, id);
    CREATE INDEX models_width ON models (width);
    CREATE TABLE codes (
        id bigint PRIMARY KEY REFERENCES models ON DELETE CASCADE,
        n integer GENERATED ALWAYS AS (bit_count(code)) STORED,
        whole smallint NOT NULL,
        code bit(8192) NOT NULL
    );
    ALTER TABLE codes ALTER code SET STORAGE PLAIN;
    CREATE TABLE records (
        id bigint PRIMARY KEY REFERENCES models ON DELETE CASCADE,
        record text NOT NULL,
        signature bytea NOT NULL
    );
    ALTER TABLE records ALTER record SET STORAGE EXTERNAL, ALTER signature SET STORAGE EXTERNAL;
    CREATE TABLE sketches (
        id bigint PRIMARY KEY REFERENCES models ON DELETE CASCADE,
        spectra bytea,
        tokens bytea,
        activations bytea
    );
    ALTER TABLE sketches ALTER spectra SET STORAGE EXTERNAL, ALTER tokens SET STORAGE EXTERNAL,
        ALTER activations SET STORAGE EXTERNAL;
    CREATE TABLE towers (
        id bigint REFERENCES models ON DELETE CASCADE,
        place integer,
        kind bytea NOT NULL,
        record text NOT NULL,
        n integer GENERATED ALWAYS AS (bit_count(code)) STORED,
        code bit(8192) NOT NULL,
        signature bytea NOT NULL,
        PRIMARY KEY (id, place)
    );
    ALTER TABLE towers ALTER code SET STORAGE PLAIN, ALTER signature SET STORAGE EXTERNAL;
    CREATE INDEX towers_kind ON towers (kind);
    CREATE TABLE provenance (
        id bigint PRIMARY KEY REFERENCES models ON DELETE CASCADE,
        record text NOT NULL
    );
    CREATE TABLE listings (
        key bytea PRIMARY KEY,
        name bytea NOT NULL,
        revision bytea NOT NULL,
        seen bytea NOT NULL,
        record text NOT NULL
    );
    CREATE INDEX listings_name ON listings USING hash (name);
    CREATE TABLE tokenizers (name text COLLATE "C" PRIMARY KEY, version text NOT NULL, added text NOT NULL,
        record text NOT NULL);
    CREATE TABLE behaviours (name text COLLATE "C" PRIMARY KEY, version text NOT NULL, added text NOT NULL,
        record text NOT NULL);
    CREATE TABLE texts (name text PRIMARY KEY, content bytea NOT NULL);
    CREATE INDEX codes_sparse ON codes (id) WHERE whole < 192;
    CREATE TABLE segments (first bigint PRIMARY KEY, last bigint NOT NULL, bits integer NOT NULL);
    CREATE TABLE postings (
        first bigint REFERENCES segments ON DELETE CASCADE,
        place smallint,
        offsets bytea NOT NULL,
        ids bytea NOT NULL,
        PRIMARY KEY (first, place)
    );
    ALTER TABLE postings ALTER offsets SET STORAGE EXTERNAL, ALTER ids SET STORAGE EXTERNAL;
    """,
    # 2: which references changed when, and what is asked of all of them at once. Writers never wait for one another
    # here: each adds a row to the tally, and one in 32 adds up those that nobody is just writing. Triggers do it, so
    # that a process that began when there was no tally counts along
    """
    ALTER TABLE version ADD COLUMN born text NOT NULL DEFAULT gen_random_uuid()::text;
    ALTER TABLE models ADD COLUMN written xid8 NOT NULL DEFAULT '0';
    ALTER TABLE models ALTER written SET DEFAULT pg_current_xact_id();
    CREATE INDEX models_written ON models (written);
    CREATE TABLE removed (name text COLLATE "C" PRIMARY KEY, written xid8 NOT NULL);
    CREATE INDEX removed_written ON removed (written);
    CREATE TABLE tally (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        shape text NOT NULL,
        width bigint,
        family bytea,
        models bigint NOT NULL,
        changes bigint NOT NULL
    );
    CREATE FUNCTION count_models() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
    DECLARE
        sign integer := CASE TG_OP WHEN 'INSERT' THEN 1 WHEN 'DELETE' THEN -1 ELSE 0 END;
        due boolean;
    BEGIN
        WITH made AS (
            INSERT INTO tally (shape, width, family, models, changes)
            SELECT shape, width, family, sign * count(*), 1 FROM those GROUP BY shape, width, family RETURNING number
        ) SELECT bool_or(number % 32 = 0) INTO due FROM made;
        IF due THEN
            WITH old AS (
                DELETE FROM tally WHERE number = ANY(ARRAY(SELECT number FROM tally FOR UPDATE SKIP LOCKED)) RETURNING *
            ) INSERT INTO tally (shape, width, family, models, changes)
            SELECT shape, width, family, sum(models), sum(changes) FROM old GROUP BY shape, width, family;
        END IF;
        IF TG_OP = 'DELETE' THEN
            INSERT INTO removed SELECT name, pg_current_xact_id() FROM those ORDER BY name
            ON CONFLICT (name) DO UPDATE SET written = excluded.written;
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER models_come AFTER INSERT ON models REFERENCING NEW TABLE AS those
        FOR EACH STATEMENT EXECUTE FUNCTION count_models();
    CREATE TRIGGER models_go AFTER DELETE ON models REFERENCING OLD TABLE AS those
        FOR EACH STATEMENT EXECUTE FUNCTION count_models();
    CREATE TRIGGER models_change AFTER UPDATE ON models REFERENCING NEW TABLE AS those
        FOR EACH STATEMENT EXECUTE FUNCTION count_models();
    INSERT INTO tally (shape, width, family, models, changes)
        SELECT shape, width, family, count(*), 0 FROM models GROUP BY shape, width, family;
    """,
    # 3: postings that a lookup reads two pages of, with more of each code; to be built anew (`forebear index build`)
    """
    DROP TABLE postings;
    DROP TABLE segments;
    CREATE TABLE segments (first bigint PRIMARY KEY, last bigint NOT NULL, bits integer NOT NULL, low integer NOT NULL);
    CREATE TABLE postings (
        first bigint,
        place smallint,
        high smallint,
        edges bytea NOT NULL,
        entries bytea NOT NULL,
        PRIMARY KEY (first, place, high)
    );
    ALTER TABLE postings ALTER edges SET STORAGE PLAIN, ALTER entries SET STORAGE EXTERNAL;
    """,
)
"""Every step, oldest first; never edited once released, only added to."""

INDEX = Tables("index", "version", STEPS, roles=True)
VERSION = INDEX.newest
READER, WRITER = "forebear_reader", "forebear_writer"


def version_in(cursor: psycopg.Cursor[Any], schema: str, tables: Tables = INDEX) -> int | None:
    """The version of what is in a schema; None where there is none."""
    if not _there(cursor, schema, tables.version):
        return None
    row = cursor.execute(f'SELECT version FROM "{schema}".{tables.version}').fetchone()
    return int(row["version"]) if row is not None else 0


def _there(cursor: psycopg.Cursor[Any], schema: str, table: str) -> bool:
    sql = "SELECT 1 FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = %s AND relname = %s"
    return cursor.execute(sql, (schema, table)).fetchone() is not None


def migrate(cursor: psycopg.Cursor[Any], schema: str, tables: Tables = INDEX) -> None:
    """Bring a schema to the newest version, inside a transaction; processes that start at once wait for one another.

    Raises:
        IndexError_: something stands there that may not be beside it.
    """
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", (zlib.crc32(f"forebear {schema}".encode()),))
    known = cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,)).fetchone()
    if known is None:
        cursor.execute(f'CREATE SCHEMA "{schema}"')
    if tables.never_with and _there(cursor, schema, tables.never_with):
        raise IndexError_(f"the schema {schema} holds something else", "give another one: …?schema=NAME")
    version = version_in(cursor, schema, tables)
    if version is None:
        cursor.execute(f"CREATE TABLE {tables.version} (version integer NOT NULL)")
        cursor.execute(f"INSERT INTO {tables.version} VALUES (0)")
    for step in tables.steps[version or 0 :]:
        cursor.connection.execute(step.encode())  # many statements, which a binary cursor does not take
    cursor.execute(f"UPDATE {tables.version} SET version = %s", (tables.newest,))
    if tables.roles:
        _grant(cursor, schema)


def _grant(cursor: psycopg.Cursor[Any], schema: str) -> None:
    """What the roles may do, where the server has them; ``roles.sql`` makes them, before or after."""
    there = {row["rolname"] for row in cursor.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'forebear%'")}
    for role in sorted(there & {READER, WRITER}):
        cursor.execute(f'GRANT USAGE ON SCHEMA "{schema}" TO {role}')
        cursor.execute(f'GRANT SELECT ON ALL TABLES IN SCHEMA "{schema}" TO {role}')
    if WRITER in there:
        cursor.execute(f'GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "{schema}" TO {WRITER}')
        cursor.execute(f"REVOKE INSERT, UPDATE, DELETE ON version FROM {WRITER}")
        cursor.execute(f'GRANT USAGE ON ALL SEQUENCES IN SCHEMA "{schema}" TO {WRITER}')
