"""What only an index in PostgreSQL has: addresses, accounts, several processes, candidates, errors without secrets."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from dataclasses import replace as replaced
from pathlib import Path

import numpy as np
import pytest

from documents import check_document
from forebear.errors import ForebearError, IndexError_, MissingExtra, UsageError
from forebear.index import Addition, open_index
from forebear.index import open as opening
from forebear.signals.sign_code import CODE_BYTES, SignCode
from index.fingerprints import make_code, make_fingerprint, same

psycopg = pytest.importorskip("psycopg", reason="needs the [postgres] extra")

from forebear.index.postgres import PostgresIndex, candidates, database, migrations  # noqa: E402
from forebear.index.postgres.address import address_of  # noqa: E402
from forebear.index.postgres.bits import Bits, bits_of, opposite, row_from  # noqa: E402
from forebear.index.postgres.database import Database  # noqa: E402
from index.servers import Server  # noqa: E402

ROLES = Path(migrations.__file__).with_name("roles.sql")
SECRET = "pa55w0rd"


@pytest.fixture
def index(database: str) -> Iterator[PostgresIndex]:
    made = PostgresIndex(database)
    yield made
    made.close()


def refused(index: PostgresIndex, words: str, call: object = None) -> IndexError_:
    """One line that names the place, and no secret in what a traceback shows."""
    with pytest.raises(IndexError_, match=words) as raised:
        (call or index.count)()  # type: ignore[operator]
    error = raised.value
    assert error.exit_code == 4 and str(error).isprintable() and error.message.startswith(index.where)
    assert SECRET not in "".join(traceback.format_exception(error))
    return error


def turned(code: SignCode, share: float, seed: int) -> SignCode:
    """A code with a share of its coins turned."""
    flips = np.packbits(np.random.default_rng(seed).random(8 * CODE_BYTES) < share)
    rest = (code.layers, code.signature, code.groups, code.keyed_by, code.repeats)
    return SignCode((code.bits ^ flips) & code.valid, code.valid, *rest)


def whole_code(seed: int, blank: int = 0) -> SignCode:
    """A code with all its coins but those of the first stretches."""
    made = make_code(seed, 1.0)
    valid = made.valid.copy()
    valid[: 2 * blank] = 0
    return SignCode(made.bits & valid, valid, made.layers, made.signature, made.groups, made.keyed_by, made.repeats)


# -- addresses ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "where"),
    [
        (f"postgresql://me:{SECRET}@db.example:5433/models", "postgresql://me@db.example:5433/models"),
        (f"postgres://me@h/m?password={SECRET}&schema=team_a&sslmode=require", "postgresql://me@h/m?schema=team_a"),
        (f"postgresql://h1:1,h2:2/m?sslpassword={SECRET}", "postgresql://h1,h2:1,2/m"),
        (f"postgresql://me:{SECRET}?x@h/m", "postgresql://me@h/m"),
        (f"postgresql://me@h/m?password={SECRET}@/", "postgresql://me@h/m"),
        ("postgresql:///m?host=/var/run&search=approximate&timeout=5", "postgresql:///m?host=/var/run"),
    ],
)
def test_where_has_no_secret(given: str, where: str) -> None:
    address = address_of(given)
    assert address.where == where and SECRET not in repr(address)
    assert "schema=" not in address.libpq and "search=" not in address.libpq and "timeout=" not in address.libpq
    assert PostgresIndex(given).address == given


@pytest.mark.parametrize(
    "given",
    [
        f"postgresql://me:{SECRET}@h/m?nonsense={SECRET}",
        f"postgresql://me:{SECRET}%zz@h/m",
        f"postgresql://me:p@{SECRET}@h/m",
        f"postgresql://me:1@{SECRET}/m@h/m",
        f"postgresql://me:{SECRET}/x@h/m",
        f"postgresql://me:12/{SECRET}@h/m",
        f"postgresql://me:p?a@{SECRET}@h/m",
        f"postgresql:/me:{SECRET}@h/m",
        f"host=h password={SECRET} dbname=m",
        "postgresql://h/m?schema=a;drop",
        "postgresql://h/m?schema=pg_catalog",
        "postgresql://h/m?search=fast",
        "postgresql://h/m?timeout=-1",
    ],
)
def test_addresses_that_cannot_be_read(given: str) -> None:
    with pytest.raises(UsageError) as raised:
        open_index(given)
    assert SECRET not in "".join(traceback.format_exception(raised.value))


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    for call in (opening.open_index, opening.open_records):
        with pytest.raises(MissingExtra, match=r"forebear\[postgres\]"):
            call("postgresql://h/m")
    with pytest.raises(UsageError, match="mysql"):
        open_index("mysql://h/m")


def test_no_server_there(tmp_path: Path) -> None:
    refused(PostgresIndex(f"postgresql://me:{SECRET}@/m?host={tmp_path}"), "connection")


def test_what_libpq_says_is_told_without_the_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise psycopg.OperationalError(f"refused: password '{SECRET}' of me")

    monkeypatch.setattr("forebear.index.postgres.database.psycopg.connect", fail)
    refused(PostgresIndex(f"postgresql://me:{SECRET}@/m?host={tmp_path}"), "password '…' of me")


# -- schema -------------------------------------------------------------------------------------------------------


def test_codes_survive_their_form() -> None:
    row = make_code(1).bits.tobytes() + make_code(1).valid.tobytes()
    assert row_from(bits_of(row)) == row and opposite(opposite(bits_of(row))) == bits_of(row)
    assert bits_of(row) == Bits(row[:512] + bytes(v & ~b for b, v in zip(row[:512], row[512:], strict=True)))
    with pytest.raises(ValueError, match="length"):
        row_from(b"x")


def test_a_newer_schema_is_refused(index: PostgresIndex, database: str) -> None:
    index.add(make_fingerprint("a", 1), "/a")
    index._db.write(lambda cursor: cursor.execute("UPDATE version SET version = 99"))
    later = PostgresIndex(database)
    assert "upgrade" in refused(later, f"has version 99, this Forebear knows up to {migrations.VERSION}").hint
    refused(later, "99", lambda: later.add(make_fingerprint("b", 2), "/b"))
    later.close()


def test_an_older_schema_is_brought_up_to_date(index: PostgresIndex, database: str) -> None:
    index.add(make_fingerprint("a", 1), "/a")
    later = PostgresIndex(database)
    steps = (*migrations.STEPS, "CREATE TABLE extra (x integer); SELECT 1")
    later._db = Database(later._db.address, replaced(migrations.INDEX, steps=steps))
    assert later.count() == 1
    assert later._db.read(lambda cursor: cursor.execute("SELECT * FROM extra").fetchall()) == []
    later.close()


def test_tables_that_are_gone_or_damaged(index: PostgresIndex) -> None:
    index.add(make_fingerprint("a", 1), "/a")
    index._db.write(lambda cursor: cursor.execute("UPDATE records SET record = '{}'"))
    assert "--replace" in refused(index, "the record of a is damaged", lambda: index.get("a")).hint
    refused(index, "damaged", lambda: list(index.entries()))
    assert index.add(make_fingerprint("a", 1), "/a", replace=True) and index.get("a") is not None
    index._db.write(lambda cursor: cursor.execute("DROP TABLE codes CASCADE"))
    refused(index, "is no index any more", lambda: index.search(make_code(1)))


# -- accounts -----------------------------------------------------------------------------------------------------


def test_readers_writers_and_owners(server: object) -> None:
    assert isinstance(server, Server)
    owner = PostgresIndex(server.url("plain"))
    with psycopg.connect(server.url("plain"), autocommit=True) as db:
        for _ in range(2):  # before there is an index, and again afterwards
            db.execute(ROLES.read_text())
            owner.add(make_fingerprint("a", 1), "/a")
        for name, role in (("ann", "forebear_reader"), ("bob", "forebear_writer"), ("eve", None)):
            db.execute(f"CREATE ROLE {name} LOGIN")
            if role:
                db.execute(f"GRANT {role} TO {name}")
    ann, bob, eve = (PostgresIndex(server.url("plain", name)) for name in ("ann", "bob", "eve"))
    assert [i.info()["role"] for i in (owner, bob, ann)] == ["owner", "writer", "reader"]
    assert ann.get("a") is not None and ann.search(make_code(1), 1)[0].name == "a"
    assert "forebear_writer" in refused(ann, "may not", lambda: ann.add(make_fingerprint("b", 2), "/b")).hint
    refused(ann, "may not", lambda: ann.remove("a"))
    refused(eve, "may not")
    assert bob.add(make_fingerprint("b", 2), "/b") and bob.remove("b") and bob.build_candidates() == 0
    refused(bob, "may not", lambda: bob._db.write(lambda c: c.execute("UPDATE version SET version = 9")))
    other = PostgresIndex(server.url("plain", "ann", schema="none"))
    assert other.count() == 0
    refused(other, "may not make the tables", lambda: other.add(make_fingerprint("b", 2), "/b"))
    for one in (owner, ann, bob, eve, other):
        one.close()


# -- several at once ----------------------------------------------------------------------------------------------


def test_writers_at_once_lose_nothing(database: str) -> None:
    """Threads with connections of their own, on a schema that none of them has made: every name once, one winner."""
    marks = [make_fingerprint(f"m{k}", k) for k in range(12)]
    rivals = [make_fingerprint(f"m{k}", 100 + k) for k in range(12)]
    errors: list[ForebearError] = []
    added: list[tuple[str, int]] = []
    start = threading.Barrier(4)

    def write(turn: int) -> None:
        index = PostgresIndex(database)
        start.wait()
        for k in np.random.default_rng(turn).permutation(12):
            mark = (marks if turn % 2 else rivals)[k]
            try:
                index.add_many([Addition(mark, f"/{turn}"), Addition(make_fingerprint(f"t{turn}", turn), "/")])
                added.append((mark.name, turn))
            except UsageError as error:
                errors.append(error)
        index.close()

    threads = [threading.Thread(target=write, args=(turn,)) for turn in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    index = PostgresIndex(database)
    assert [e.name for e in index.entries()] == sorted({name for name, _ in added} | {f"t{turn}" for _, turn in added})
    for k in range(12):
        entry = index.get(f"m{k}")
        assert entry is not None and (same(entry.fingerprint, marks[k]) or same(entry.fingerprint, rivals[k]))
    assert {name for name, _ in added} == {f"m{k}" for k in range(12)} and len(added) + len(errors) == 48
    assert (
        len(added) == len(errors) == 24
    )  # of each name both threads of one side came through, and neither of the other
    assert all("another model" in str(error) for error in errors)
    index.close()


WRITER = """
import os, signal, sys
sys.path.insert(0, sys.argv[2])
from forebear.index import Addition, open_index
from forebear.index.postgres import writing
from index.fingerprints import make_fingerprint
index = open_index(sys.argv[1])
index.add(make_fingerprint("first", 1), "/")
writing._put_towers = lambda *_: (print("writing", flush=True), signal.pause())
index.add_many([Addition(make_fingerprint(f"m{k}", k), "/") for k in range(50)])
"""


def test_killed_in_the_middle(index: PostgresIndex, database: str, deadline: None) -> None:
    tests = str(Path(__file__).parents[1])
    command = [sys.executable, "-c", WRITER, database, tests]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None and writer.stdout.readline() == "writing\n"
        assert index.count() == 1  # nobody sees half of it
        writer.send_signal(signal.SIGKILL)
    assert index.add_many([Addition(make_fingerprint(f"m{k}", k), "/") for k in range(3)]) == (True,) * 3
    assert [e.name for e in index.entries()] == ["first", "m0", "m1", "m2"]


def test_a_connection_that_broke_is_made_again(index: PostgresIndex, server: object) -> None:
    assert isinstance(server, Server)
    index.add(make_fingerprint("a", 1), "/a")
    connection = index._db._connection
    assert connection is not None
    with psycopg.connect(server.url("plain"), autocommit=True) as db:
        db.execute("SELECT pg_terminate_backend(%s, 5000)", (connection.info.backend_pid,))
    assert index.count() == 1


def test_a_child_process_makes_its_own_connection(index: PostgresIndex) -> None:
    index.add(make_fingerprint("a", 1), "/a")
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, str(index.count()).encode())
        index.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 9) == b"1" and index.count() == 1
    os.close(read)
    os.close(write)


def test_what_takes_too_long_is_cut_off(index: PostgresIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    index.add(make_fingerprint("a", 1), "/a")
    slow = PostgresIndex(f"{index.address}&timeout=1")
    hint = refused(slow, "statement timeout", lambda: slow._db.read(lambda c: c.execute("SELECT pg_sleep(9)"))).hint
    assert "timeout=SECONDS" in hint and slow.count() == 1
    monkeypatch.setattr(database_module(), "LOCK_SECONDS", 0.05)

    def hold(cursor: database.Cursor) -> None:
        cursor.execute("SELECT * FROM models FOR UPDATE")
        refused(slow, "locked", lambda: slow.remove("a"))

    index._db.write(hold)
    slow.close()


def database_module() -> object:
    return sys.modules["forebear.index.postgres.database"]


def test_an_interrupted_add_changes_nothing(index: PostgresIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    index.add(make_fingerprint("a", 1), "/a")
    for moment in ("record_of", "created", "whole", "_put_towers"):
        with monkeypatch.context() as patch:
            patch.setattr(f"forebear.index.postgres.writing.{moment}", lambda *_: (_ for _ in ()).throw(SystemExit))
            with pytest.raises(SystemExit):
                index.add_many(
                    [Addition(make_fingerprint("b", 2), "/b"), Addition(make_fingerprint("a", 3), "/")], True
                )
        assert [e.name for e in index.entries()] == ["a"]
    entry = index.get("a")
    assert entry is not None and same(entry.fingerprint, make_fingerprint("a", 1))


def test_a_digest_that_cannot_be_kept(index: PostgresIndex) -> None:
    for digest, words in (("a\0", "NUL|0x00"), ("\ud800", "surrogates"), ("x" * 201, "check")):
        refused(index, words, lambda d=digest: index.add(make_fingerprint("a", 1, digest=d), "/a"))
    assert index.count() == 0 and index.holding("a\0") == index.holding("\ud800") == ()


# -- candidates ---------------------------------------------------------------------------------------------------


def test_candidates_find_relatives_and_count_them_exactly(
    index: PostgresIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is approximate is who is counted: built, sparse, added later, in several segments; never the counts."""
    monkeypatch.setattr(candidates, "SEGMENT", 60)
    near = PostgresIndex(f"{index.address}&search=approximate")
    index.add_many([Addition(make_fingerprint(f"m{k}", k, code=whole_code(k, k % 3)), "/") for k in range(100)])
    index.add(make_fingerprint("sparse", 200, code=whole_code(200, 100)), "/")
    assert near.search(whole_code(7), 101) == index.search(whole_code(7), 101)  # nothing is built: all are counted
    assert index.build_candidates() == 100 and index.build_candidates() == 0
    index.add(make_fingerprint("late", 201, code=whole_code(201)), "/")
    index.remove("m8")
    for seed, name in [(7, "m7"), (50, "m50"), (99, "m99"), (200, "sparse"), (201, "late")]:
        query = turned(whole_code(seed), 0.05, seed)
        assert near.search(query, 1) == index.search(query, 1) and near.search(query, 1)[0].name == name
        found = near.search(query, 200)
        assert {h.name for h in found} >= {name, "sparse", "late"} and len(found) < 60
        assert set(found) <= set(index.search(query, 200))
    assert index.build_candidates() == 1
    assert "m8" not in {h.name for h in near.search(whole_code(8), 200)}
    sparse = whole_code(7, 100)
    assert near.search(sparse, 200) == index.search(sparse, 200)  # a query with few stretches is searched exactly
    near.close()


@pytest.mark.parametrize("share", [0.75, 0.65])
def test_the_share_that_is_missed_is_the_one_that_is_said(index: PostgresIndex, share: float) -> None:
    """Of 400 relatives, within four standard deviations, as many as meet in a segment that looks at fewer bits."""
    code = whole_code(1)
    index.add_many([Addition(make_fingerprint(f"m{k}", k, code=turned(code, 1 - share, k)), "/") for k in range(400)])
    index.build_candidates()
    found = index._db.read(lambda c: candidates.candidates(c, bits_of(code.bits.tobytes() + code.valid.tobytes())))
    bits = index._db.read(lambda c: c.execute("SELECT bits FROM segments").fetchall())[0]["bits"]
    n = candidates.AFTER
    chances = [math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(candidates.ALIKE, n + 1)]
    expected = 1 - (1 - share**bits * sum(chances)) ** 256
    assert abs(len(found) / 400 - expected) < 4 * (expected * (1 - expected) / 400) ** 0.5


def test_who_meets_the_query(index: PostgresIndex) -> None:
    """By hand: a stretch of sixteen in common, and as many of the coins that follow as it takes, or one fewer."""
    query = whole_code(1)
    signs = np.unpackbits(query.bits)

    def one(place: int, alike: int) -> SignCode:
        """Every coin turned, but a stretch and so many of those that follow, the last ones first."""
        after = 16 + np.arange(candidates.AFTER)[candidates.AFTER - alike :]
        kept = (16 * place + np.concatenate([np.arange(16), after])) % signs.size
        other = 1 - signs
        other[kept] = signs[kept]
        return replaced(query, bits=np.packbits(other))

    asked = {f"{place}-{alike}": (place, alike) for place in (0, 100, 254, 255) for alike in range(16)}
    index.add_many([Addition(make_fingerprint(n, k, code=one(*asked[n])), "/") for k, n in enumerate(asked)])
    index.build_candidates()
    met = index._db.read(lambda c: candidates.candidates(c, bits_of(query.bits.tobytes() + query.valid.tobytes())))
    assert {list(asked)[row] for row in met} == {n for n, (_, alike) in asked.items() if alike >= candidates.ALIKE}


def test_many_that_are_alike_are_all_found(index: PostgresIndex) -> None:
    """Rows of postings that are too long for a page, as those of a base with hundreds of descendants."""
    code = whole_code(1)
    index.add_many([Addition(make_fingerprint(f"m{k}", k, code=turned(code, 0.01, k)), "/") for k in range(700)])
    assert index.build_candidates() == 700
    longest = index._db.read(lambda c: c.execute("SELECT max(length(entries)) AS n FROM postings").fetchall())[0]["n"]
    assert longest > 3_000
    near = PostgresIndex(f"{index.address}&search=approximate")
    assert near.search(code, 700) == index.search(code, 700) and len(near.search(code, 700)) == 700
    near.close()


def test_candidates_of_an_older_forebear_are_built_anew(index: PostgresIndex) -> None:
    """Their postings have no coins that follow."""
    index.add_many([Addition(make_fingerprint(f"m{k}", k, code=whole_code(k)), "/") for k in range(3)])
    assert index.build_candidates() == 3
    index._db.write(lambda c: c.execute("UPDATE version SET version = 2"))
    later = PostgresIndex(f"{index.address}&search=approximate")
    assert later.add(make_fingerprint("m3", 3, code=whole_code(3)), "/")
    assert len(later.search(whole_code(1), 10)) == 4
    assert later.build_candidates() == 4
    later.close()


# -- the command line ---------------------------------------------------------------------------------------------


def test_commands_work_on_it(
    database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from forebear.cli import main

    def forebear(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["forebear", *words])
        with pytest.raises(SystemExit) as raised:
            main()
        out, err = capsys.readouterr()
        return int(raised.value.code or 0), out, err

    monkeypatch.setenv("FOREBEAR_INDEX", database)
    index = PostgresIndex(database)
    index.add(make_fingerprint("org/a", 1), "/a")
    code, out, _ = forebear("index", "info", "--format", "json")
    info = json.loads(out)
    check_document(info)
    assert (code, info["models"], info["role"], info["path"]) == (0, 1, "owner", index.where)
    assert info["search"] == "exact, without pgvector"
    assert json.loads(forebear("index", "list", "--format", "json")[1])["models"][0]["name"] == "org/a"
    assert json.loads(forebear("index", "path", "--format", "json")[1])["path"] == index.where
    code, out, _ = forebear("index", "build", "--format", "json")
    assert code == 0 and json.loads(out)["codes"] == 0  # its coins have gaps everywhere
    check_document(json.loads(out))
    assert forebear("index", "remove", "org/a")[0] == 0 and index.count() == 0
    monkeypatch.setenv("FOREBEAR_INDEX", f"postgresql://me:{SECRET}@/m?host=/nowhere")
    code, out, err = forebear("index", "list")
    assert code == 4 and "/nowhere" in err and SECRET not in out + err and err.count("\n") == 1
    code, out, _ = forebear("doctor", "--format", "json")
    assert SECRET not in out and "/nowhere" in out
    monkeypatch.delenv("FOREBEAR_INDEX")
    code, _, err = forebear("index", "build")
    assert code == 2 and "PostgreSQL" in err
    index.close()
