-- The two roles of an index, for somebody who may make roles. Run it before or after the index exists, once or again;
-- then give them to accounts:  GRANT forebear_writer TO crawler;  GRANT forebear_reader TO analyst;
-- The owner of the schema (whoever added the first model) alone may bring it to a newer version.
-- This is for the schema "forebear".
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'forebear_reader') THEN
        CREATE ROLE forebear_reader NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'forebear_writer') THEN
        CREATE ROLE forebear_writer NOLOGIN;
    END IF;
    IF EXISTS (SELECT FROM pg_namespace WHERE nspname = 'forebear') THEN
        GRANT USAGE ON SCHEMA forebear TO forebear_reader, forebear_writer;
        GRANT SELECT ON ALL TABLES IN SCHEMA forebear TO forebear_reader, forebear_writer;
        GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA forebear TO forebear_writer;
        REVOKE INSERT, UPDATE, DELETE ON forebear.version FROM forebear_writer;
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA forebear TO forebear_writer;
    END IF;
END $$;
