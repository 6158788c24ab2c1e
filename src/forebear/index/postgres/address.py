"""The address of an index in PostgreSQL: what libpq takes, and three options of ours that libpq would refuse."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import quote, unquote_plus

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from forebear.errors import UsageError, one_line

SCHEMA = "forebear"
"""Where the tables lie, unless the address says ``schema=``."""
SECONDS = 300
"""That one statement may take, unless the address says ``timeout=``; 0 for no limit."""
CONNECT_SECONDS = 10
"""That connecting may take, unless the address says ``connect_timeout=``."""
SEARCHES = ("exact", "approximate")


@dataclass(frozen=True)
class Address:
    """Where an index is, and how it is searched.

    Attributes:
        given: the address as it was given; may hold a password, so it is never printed.
        libpq: the same without options of ours; may hold one too.
        where: for people: user, host, port, database and schema, nothing else.
        schema: of the tables.
        search: ``exact``, or ``approximate`` where candidates come from an index.
        seconds: limit of a statement.
        connect_seconds: limit of connecting.
    """

    given: str = field(repr=False)
    libpq: str = field(repr=False)
    where: str
    schema: str = SCHEMA
    search: str = SEARCHES[0]
    seconds: int = SECONDS
    connect_seconds: int = CONNECT_SECONDS


def address_of(given: str, schema: str = SCHEMA) -> Address:
    """An address, taken apart.

    Args:
        given: ``postgresql://user@host:port/database?schema=…&search=…&timeout=…`` and whatever libpq takes.
        schema: where the tables lie, unless the address says so.

    Raises:
        UsageError: libpq cannot read it, or an option of ours is wrong. Its words are not repeated: they quote what
            could not be read, which may be the password.
    """
    base, _, query = given.partition("?")
    ours: dict[str, str] = {}
    rest = []
    for part in query.split("&") if query else ():
        key, _, value = part.partition("=")
        if key in ("schema", "search", "timeout"):
            ours[key] = unquote_plus(value)
        else:
            rest.append(part)
    libpq = base + ("?" + "&".join(rest) if rest else "")
    schema, search = ours.get("schema", schema), ours.get("search", SEARCHES[0])
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,50}", schema) or schema.startswith("pg_"):
        raise UsageError(f"{one_line(schema)[:60]!r} cannot be a schema", "lower-case letters, digits and _")
    if search not in SEARCHES:
        raise UsageError(f"search={one_line(search)[:40]} is not known", f"one of {', '.join(SEARCHES)}")
    seconds = ours.get("timeout", str(SECONDS))
    if not re.fullmatch(r"[0-9]{1,6}", seconds):
        raise UsageError(f"timeout={one_line(seconds)[:40]} is no number of seconds", "write timeout=30")
    hint = "postgresql://user@host:5432/database; special characters of a password as %XX"
    unreadable = UsageError("the address of the database cannot be read", hint)
    if _loose(libpq):
        raise unreadable
    try:
        parts = conninfo_to_dict(libpq)
    except (ProgrammingError, UnicodeError, ValueError):
        raise unreadable from None
    limit = str(parts.get("connect_timeout") or CONNECT_SECONDS)
    if not re.fullmatch(r"[0-9]{1,6}", limit):
        raise UsageError(f"connect_timeout={one_line(limit)[:40]} is no number of seconds", "write connect_timeout=10")
    return Address(given, libpq, _where(parts, schema), schema, search, int(seconds), int(limit))


def _loose(address: str) -> bool:
    """Whether a ``/`` or a second ``@`` stands in what was meant as a password: libpq takes the rest for a host."""
    rest = address.partition("://")[2]
    who = re.match("[^@/]*", rest)
    if who is not None and rest[who.end() : who.end() + 1] == "@":
        rest = rest[who.end() + 1 :]
    return "@" in rest.partition("?")[0]


def _where(parts: dict[str, str | int | None], schema: str) -> str:
    said = {key: str(parts.get(key) or "") for key in ("user", "host", "hostaddr", "port", "dbname")}
    host = said["host"] or said["hostaddr"]
    user = quote(said["user"], safe="") + "@" if said["user"] else ""
    port = f":{said['port']}" if said["port"] else ""
    place = "" if host.startswith("/") else host  # a folder of sockets goes into the query, as libpq wants it
    options = [f"host={host}"] * (place != host) + [f"schema={schema}"] * (schema != SCHEMA)
    return one_line(f"postgresql://{user}{place}{port}/{said['dbname']}" + ("?" + "&".join(options) if options else ""))
