"""The tables of a service in PostgreSQL, a step for each version."""

from __future__ import annotations

from forebear.index.postgres.migrations import Tables

TABLES = Tables(
    "service",
    "service_version",
    (
        # 1: what is asked is JSON in ASCII, so no text here holds what PostgreSQL's cannot
        """
        CREATE TABLE jobs (
            number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            id text COLLATE "C" NOT NULL UNIQUE,
            owner text COLLATE "C" NOT NULL,
            kind text NOT NULL,
            request text NOT NULL,
            state text NOT NULL,
            attempts integer NOT NULL,
            created text NOT NULL,
            started text NOT NULL DEFAULT '',
            ended text COLLATE "C" NOT NULL DEFAULT '',
            error text,
            result bytea,
            server text NOT NULL DEFAULT ''
        );
        ALTER TABLE jobs ALTER result SET STORAGE EXTERNAL;
        CREATE INDEX jobs_open ON jobs (state, owner, number) WHERE state IN ('queued', 'running');
        CREATE INDEX jobs_owner ON jobs (owner, number);
        CREATE INDEX jobs_ended ON jobs (ended) WHERE ended <> '';
        CREATE TABLE events (
            job text COLLATE "C" REFERENCES jobs (id) ON DELETE CASCADE,
            seq bigint,
            at text NOT NULL,
            kind text NOT NULL,
            text text NOT NULL,
            PRIMARY KEY (job, seq)
        );
        CREATE TABLE tokens (
            number bigint GENERATED ALWAYS AS IDENTITY,
            id text COLLATE "C" PRIMARY KEY,
            name text NOT NULL,
            scopes text NOT NULL,
            salt bytea NOT NULL,
            digest bytea NOT NULL,
            created text NOT NULL,
            expires double precision NOT NULL,
            revoked text NOT NULL DEFAULT ''
        );
        CREATE TABLE uploads (
            id text COLLATE "C" PRIMARY KEY,
            owner text COLLATE "C" NOT NULL,
            name text NOT NULL,
            made double precision NOT NULL,
            bytes bigint NOT NULL,
            files integer NOT NULL
        );
        CREATE INDEX uploads_owner ON uploads (owner, made);
        CREATE TABLE servers (name text PRIMARY KEY, until timestamptz NOT NULL, home text NOT NULL);
        """,
        # 2: who is signed in, and where their forms led
        """
        CREATE TABLE sessions (
            number bigint GENERATED ALWAYS AS IDENTITY,
            id text COLLATE "C" PRIMARY KEY,
            token text COLLATE "C" NOT NULL,
            ends double precision NOT NULL
        );
        CREATE INDEX sessions_number ON sessions (number);
        CREATE INDEX sessions_token ON sessions (token, number);
        CREATE INDEX sessions_ends ON sessions (ends);
        CREATE TABLE forms (
            number bigint GENERATED ALWAYS AS IDENTITY,
            session text COLLATE "C" REFERENCES sessions (id) ON DELETE CASCADE,
            once text COLLATE "C",
            led text NOT NULL,
            PRIMARY KEY (session, once)
        );
        """,
        # 3: what each owner's results take, kept by a trigger so that servers of before count along, and jobs with keys
        """
        CREATE INDEX jobs_keyed ON jobs (server) WHERE state = 'queued' AND server <> '';
        CREATE TABLE kept (owner text COLLATE "C" PRIMARY KEY, bytes bigint NOT NULL);
        CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
        BEGIN
            IF TG_OP = 'DELETE' THEN
                UPDATE kept SET bytes = bytes - octet_length(OLD.result) WHERE owner = OLD.owner;
            ELSE
                INSERT INTO kept
                    VALUES (NEW.owner, coalesce(octet_length(NEW.result), 0) - coalesce(octet_length(OLD.result), 0))
                    ON CONFLICT (owner) DO UPDATE SET bytes = kept.bytes + excluded.bytes;
            END IF;
            RETURN NULL;
        END $$;
        CREATE TRIGGER jobs_keep AFTER UPDATE OF result ON jobs FOR EACH ROW
            WHEN (NEW.result IS NOT NULL OR OLD.result IS NOT NULL) EXECUTE FUNCTION keep();
        CREATE TRIGGER jobs_forget AFTER DELETE ON jobs FOR EACH ROW
            WHEN (OLD.result IS NOT NULL) EXECUTE FUNCTION keep();
        LOCK TABLE jobs IN SHARE MODE;
        INSERT INTO kept SELECT owner, sum(octet_length(result)) FROM jobs WHERE result IS NOT NULL GROUP BY owner;
        """,
    ),
    never_with="version",
)
"""Every step of the schema, oldest first; never edited once released, only added to."""
