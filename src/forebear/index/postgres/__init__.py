"""The index in PostgreSQL: what a team, or a hub, shares. Needs the extra ``[postgres]``."""

from forebear.index.postgres.index import PostgresIndex
from forebear.index.postgres.records import PostgresRecords

__all__ = ["PostgresIndex", "PostgresRecords"]
