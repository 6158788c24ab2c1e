"""The cache on disk: right or silent, bounded, safe between processes, and nothing of others is touched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from forebear.sources import RangeCache
from forebear.sources.cache import Contents, cache_home

DATA = bytes(range(256)) * 40


@pytest.fixture
def cache(tmp_path: Path) -> RangeCache:
    return RangeCache(tmp_path)


def entries(cache: RangeCache) -> list[Path]:
    return sorted(p for p in cache.folder.rglob("*") if p.is_file())


def test_what_was_put_is_found_and_every_part_of_it(cache: RangeCache) -> None:
    assert cache.find("hash", 0, 10) is None
    cache.put("hash", 1_000, DATA)
    for start, stop in ((1_000, 1_000 + len(DATA)), (1_500, 1_600), (1_000, 1_001)):
        assert cache.find("hash", start, stop) == (1_000, DATA)
    for start, stop in ((999, 1_010), (1_000, 1_001 + len(DATA)), (0, 1)):
        assert cache.find("hash", start, stop) is None
    assert cache.contents() == Contents(1, len(DATA) + 40)


def test_only_the_same_content_is_the_same(cache: RangeCache) -> None:
    cache.put("a", 0, DATA)
    assert cache.find("b", 0, 10) is None
    cache.put("", 0, DATA)  # what cannot be told from other versions is not kept
    assert cache.find("", 0, 10) is None and cache.contents().entries == 1


@pytest.mark.parametrize("damage", ["flip", "cut", "grow", "empty", "swap"])
def test_a_damaged_entry_is_dropped(cache: RangeCache, damage: str) -> None:
    cache.put("a", 0, DATA)
    cache.put("b", 0, DATA[::-1])
    first = cache._place("a") / f"0-{len(DATA)}"
    raw = first.read_bytes()
    other = (cache._place("b") / f"0-{len(DATA)}").read_bytes()
    changed = {"flip": raw[:-1] + b"?", "cut": raw[:-1], "grow": raw + b"x", "empty": b"", "swap": other}
    first.write_bytes(changed[damage])
    assert cache.find("a", 0, 10) is None
    assert not first.exists()
    assert cache.find("b", 0, 10) == (0, DATA[::-1])


def test_it_is_bounded_and_the_oldest_go_first(tmp_path: Path) -> None:
    cache = RangeCache(tmp_path, limit=100_000)
    for k in range(60):
        cache.put(f"content {k}", 0, bytes([k]) * 5_000)
        place = cache._place(f"content {k}") / "0-5000"
        os.utime(place, (k, k))
        assert cache.contents().bytes <= 100_000
    kept = [k for k in range(60) if cache.find(f"content {k}", 0, 5_000) is not None]
    assert kept == list(range(kept[0], 60)) and len(kept) >= 10
    assert len(list(cache.folder.iterdir())) == len(kept)  # no empty folders stay behind
    cache.put("large", 0, bytes(50_000))
    assert cache.find("large", 0, 1) is None  # one entry does not empty the rest


def test_not_every_model_of_a_crawl_takes_a_walk_over_all_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    monkeypatch.setattr(RangeCache, "_trim", lambda self, most: looks.append(most))
    for k in range(200):
        RangeCache(tmp_path, limit=16_000_000).put(f"content {k}", 0, bytes(8_000))
    assert len(looks) == 4  # at first, when nothing is known, and whenever half a million bytes have come in


def test_processes_share_it(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from forebear.sources import RangeCache\n"
        "c = RangeCache(pathlib.Path(sys.argv[1]), limit=400_000)\n"
        "for k in range(150):\n"
        "    n = str(k % 40)\n"
        "    c.put(n, 0, n.encode() * 3_000)\n"
        "    f = c.find(n, 0, 10)\n"
        "    assert f is None or f == (0, n.encode() * 3_000)\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", program, tmp_path]) for _ in range(4)]
    assert [p.wait(60) for p in running] == [0] * 4
    cache = RangeCache(tmp_path, limit=400_000)
    found = [cache.find(str(k), 0, 10) for k in range(40)]
    assert all(f in (None, (0, str(k).encode() * 3_000)) for k, f in enumerate(found)) and any(found)
    assert not [p for p in entries(cache) if p.suffix == ".part"]
    assert cache.contents().bytes <= 400_000 + 4 * 400_000 // 32


def test_writes_that_were_given_up_are_removed(cache: RangeCache) -> None:
    cache.put("a", 0, DATA)
    for name, age in (("0.1.2.part", 1.0), ("0.1.3.part", None)):
        (cache._place("a") / name).write_bytes(b"half")
        if age is not None:
            os.utime(cache._place("a") / name, (age, age))
    RangeCache(cache.folder.parent, limit=320_000).put("b", 0, DATA)
    assert sorted(p.name for p in cache._place("a").iterdir()) == ["0-10240", "0.1.3.part"]


def test_clearing_takes_what_is_its_own_and_nothing_else(cache: RangeCache, tmp_path: Path) -> None:
    cache.put("a", 0, DATA)
    cache.put("a", 20_000, DATA)
    for mine in (tmp_path / "notes", cache.folder / "notes", cache._place("a") / "notes"):
        mine.write_text("mine")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "0-5").write_text("mine")
    (cache.folder / ("0" * 64)).symlink_to(tmp_path / "elsewhere")
    assert cache.clear() == Contents(2, 2 * (len(DATA) + 40))
    assert cache.contents() == Contents(0, 0) == cache.clear()
    assert [p.read_text() for p in sorted(tmp_path.rglob("notes"))] == ["mine"] * 3
    assert (tmp_path / "elsewhere" / "0-5").exists()


def test_a_folder_that_cannot_be_used_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for folder in (tmp_path / "file", Path("/proc/forebear")):
        cache = RangeCache(folder)
        cache.put("a", 0, DATA)
        assert cache.find("a", 0, 10) is None
        assert cache.contents() == cache.clear() == Contents(0, 0)


def test_nobody_else_may_look(cache: RangeCache) -> None:
    cache.put("a", 0, DATA)
    assert cache._place("a").stat().st_mode & 0o077 == 0


def test_it_lives_where_the_user_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FOREBEAR_CACHE", str(tmp_path / "x"))
    assert cache_home() == tmp_path / "x"
    monkeypatch.setenv("FOREBEAR_CACHE", "")
    assert "forebear" in str(cache_home())
