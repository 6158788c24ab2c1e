from __future__ import annotations

import hashlib
import json
import stat
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from forebear.endpoints.base import Budget, Exchange
from forebear.endpoints.log import SCHEMA, Header, LogWriter, read_log
from forebear.errors import FormatError, InputError, UsageError

HEADER = Header("https://h", "m", 7, {"effort": "quick"})
BUDGET = Budget(10, 1_000, 0.5, 1.5)


def exchange(number: int, body: bytes = b'{"a": "\xc3\xbc"}', final: bool = True) -> Exchange:
    return Exchange(
        number,
        "POST",
        "/v1/x",
        {"n": number},
        {"a": "b"},
        200,
        {"content-type": "application/json"},
        body,
        ((3, 1), (9, 2)),
        12,
        "",
        final,
    )


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "evidence.jsonl"
    with LogWriter(path, HEADER, BUDGET) as writer:
        for number in (1, 2, 3):
            writer.append(exchange(number, final=number != 2))
    return path


def test_what_was_written_is_read(log: Path) -> None:
    found = read_log(log)
    assert (found.header.url, found.header.model, found.header.seed) == ("https://h", "m", 7)
    assert dict(found.header.settings) == {"effort": "quick"}
    assert found.budget == BUDGET
    assert found.exchanges == tuple(replace(exchange(n, final=n != 2), replayed=True) for n in (1, 2, 3))
    assert not found.cut
    assert found.whole == log.stat().st_size
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_bodies_of_any_bytes_are_kept(tmp_path: Path) -> None:
    bodies = [b"", b"\xff\x00\n", "\u2028 \x00 ü".encode(), b"\xed\xa0\x80"]
    path = tmp_path / "log"
    with LogWriter(path, HEADER, BUDGET) as writer:
        for number, body in enumerate(bodies, 1):
            writer.append(exchange(number, body))
    assert [e.body for e in read_log(path).exchanges] == bodies


def test_every_line_is_bound_to_the_one_before(log: Path) -> None:
    lines = log.read_bytes().splitlines()
    assert json.loads(lines[0])["schema"] == SCHEMA
    for before, line in pairwise(lines):
        assert json.loads(line)["previous"] == hashlib.blake2b(before, digest_size=32).hexdigest()
    assert read_log(log).digest == hashlib.blake2b(lines[-1], digest_size=32).hexdigest()


@pytest.mark.parametrize("line", [0, 1, 2, 3])
def test_a_changed_line_is_noticed(log: Path, line: int) -> None:
    lines = log.read_bytes().splitlines(keepends=True)
    lines[line] = lines[line].replace(b":7", b":8").replace(b'"status":200', b'"status":201').replace(b":10,", b":11,")
    log.write_bytes(b"".join(lines))
    with pytest.raises(FormatError, match=f"line {line + 2} does not follow"):
        read_log(log)


@pytest.mark.parametrize("change", ["left out", "put in", "turned round"])
def test_lines_cannot_be_moved(log: Path, change: str) -> None:
    lines = log.read_bytes().splitlines(keepends=True)
    moved = {"left out": [0, 1, 3, 4], "put in": [0, 1, 2, 2, 3, 4], "turned round": [0, 1, 3, 2, 4]}[change]
    log.write_bytes(b"".join(lines[i] for i in moved))
    with pytest.raises(FormatError, match="does not follow"):
        read_log(log)


def test_a_line_that_was_cut_off_is_dropped_and_written_again(log: Path) -> None:
    whole = log.read_bytes()
    log.write_bytes(whole[:-20])
    found = read_log(log)
    assert found.cut
    assert [e.number for e in found.exchanges] == [1, 2]
    with LogWriter(log, HEADER, BUDGET) as writer:
        assert [e.number for e in writer.recorded] == [1, 2]
        writer.append(exchange(3))
    assert [e.number for e in read_log(log).exchanges] == [1, 2, 3]


def test_each_exchange_is_on_the_disk_before_the_next(tmp_path: Path) -> None:
    path = tmp_path / "log"
    writer = LogWriter(path, HEADER, BUDGET)
    writer.append(exchange(1))
    assert len(read_log(path).exchanges) == 1
    assert writer.digest == read_log(path).digest
    writer.close()


@pytest.mark.parametrize(
    ("part", "other"),
    [
        ("url", replace(HEADER, url="https://other")),
        ("model", replace(HEADER, model="n")),
        ("seed", replace(HEADER, seed=8)),
        ("settings", replace(HEADER, settings={})),
    ],
)
def test_the_log_of_another_probe_is_left_alone(log: Path, part: str, other: Header) -> None:
    before = log.read_bytes()
    with pytest.raises(UsageError, match=f"another probe \\({part} differs"):
        LogWriter(log, other, BUDGET)
    assert log.read_bytes() == before


def test_another_budget_is_noted_and_the_last_one_holds(log: Path) -> None:
    with LogWriter(log, HEADER, Budget(20, 5)) as writer:
        writer.append(exchange(4))
    found = read_log(log)
    assert found.budget == Budget(20, 5)
    assert len(found.exchanges) == 4


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a log"),
        (b"{}\n", "not a log"),
        (b"[1]\n", "not an object"),
        (b"\xff\n", "not UTF-8"),
        (b'{"schema": "forebear.exchanges/2"}\n', "newer Forebear"),
        (b'{"schema": "forebear.exchanges/1"}\n', "lacks something"),
        (
            b'{"schema": "forebear.exchanges/1", "settings": {}, "url": "u", "model": "m", "seed": 1e999}\n',
            "lacks something",
        ),
        (b'{"schema": "forebear.exchanges/1", "schema": 1}\n', "twice"),
        (b'{"a":' * 50_000 + b"\n", "nested too deeply|not valid JSON"),
    ],
)
def test_files_that_are_no_logs_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "log"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=message):
        read_log(path)


@pytest.mark.parametrize(
    "bad", [{"status": None}, {"pieces": [1]}, {"headers": []}, {"body": 5}, {"number": 9}, {"request": [3]}]
)
def test_lines_that_are_no_exchanges_are_refused(log: Path, bad: dict[str, object]) -> None:
    lines = log.read_bytes().splitlines(keepends=True)
    lines[-1] = json.dumps(json.loads(lines[-1]) | bad).encode() + b"\n"
    log.write_bytes(b"".join(lines))
    with pytest.raises(FormatError, match="line 5 is not"):
        read_log(log)


def test_a_file_that_cannot_be_had_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_log(tmp_path / "absent")
    with pytest.raises(InputError, match="cannot be written"):
        LogWriter(tmp_path / "no" / "folder", HEADER, BUDGET)


def test_two_probes_do_not_write_to_one_log(log: Path) -> None:
    with LogWriter(log, HEADER, BUDGET):
        with pytest.raises(UsageError, match="another probe writes"):
            LogWriter(log, HEADER, BUDGET)
        assert len(read_log(log).exchanges) == 3
    LogWriter(log, HEADER, BUDGET).close()
