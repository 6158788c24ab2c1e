"""Token buckets: their arithmetic, and that all processes share one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from forebear.crawl.limits import BURST, LONGEST_HOLD, MOST_HOSTS, POLITE, Buckets, SharedPace, rates_of
from forebear.errors import UsageError
from forebear.sources.http import Client
from forebear.sources.pace import Unpaced, pace, paced
from hub import Fault, Hub
from models import refused


def test_a_burst_then_the_rate() -> None:
    buckets = Buckets({"h": 4.0})
    waits = [buckets.turn("h", 100.0) for _ in range(BURST + 4)]
    assert waits[:BURST] == [0.0] * BURST
    assert waits[BURST:] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert buckets.turn("other", 100.0) == 0.0
    assert [buckets.turn("h", 1_000.0) for _ in range(BURST)] == [0.0] * BURST  # full again after a rest


def test_in_the_long_run_no_more_than_the_rate() -> None:
    buckets, now, sent = Buckets({"h": 5.0}), 0.0, 0
    while now < 60:
        now += buckets.turn("h", now)
        sent += 1
    assert 60 * 5 <= sent <= 60 * 5 + BURST + 1


def test_a_host_that_said_wait_is_waited_for_by_all() -> None:
    buckets = Buckets({"h": 100.0})
    buckets.hold("h", 30, 0.0)
    buckets.hold("h", 10, 0.0)  # a shorter one does not shorten it
    assert buckets.turn("h", 5.0) == 25.0 and buckets.turn("h", 31.0) == 0.0
    buckets.hold("h", 1e12, 40.0)
    assert buckets.turn("h", 40.0) == LONGEST_HOLD
    assert buckets.turn("h", 40.0 - 9e9) <= LONGEST_HOLD + 1  # a clock that was set back


def test_what_has_passed_is_forgotten_and_the_file_stays_small(tmp_path: Path) -> None:
    clock = [0.0]
    shared = SharedPace(tmp_path / "pace", {}, lambda: clock[0])
    for k in range(3 * MOST_HOSTS):
        shared.hold(f"{'x' * 300}{k}"[::-1], 100 + k)
    free, held = json.loads((tmp_path / "pace").read_bytes())
    assert free == {} and len(held) == MOST_HOSTS and (tmp_path / "pace").stat().st_size == 8_192
    clock[0] = 1e6
    shared.hold("h", 5)
    assert list(json.loads((tmp_path / "pace").read_bytes())[1]) == ["h"]


def test_a_damaged_file_is_an_empty_one(tmp_path: Path) -> None:
    for content in (b"", b"[[", b'["a", 1]', b"\xff" * 9_000, b'[{"h": "x"}, {}]'):
        (tmp_path / "pace").write_bytes(content)
        assert SharedPace(tmp_path / "pace", {"h": 1.0}).turn("h") == 0.0
    with refused("cannot be written", code=2):
        SharedPace(tmp_path / "nowhere" / "pace", {})


def test_processes_share_the_buckets(tmp_path: Path) -> None:
    """Two processes take 40 turns each at a host of one turn a second: together they are sent away as far as 80."""
    program = (
        "import sys; from pathlib import Path; from forebear.crawl.limits import SharedPace\n"
        "p = SharedPace(Path(sys.argv[1]), {'h': 1.0}, lambda: 1000.0)\n"
        "print(*(p.turn('h') for _ in range(40)))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "pace")], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    waits = sorted(float(x) for each in running for x in each.communicate(timeout=60)[0].split())
    assert waits == [max(0.0, k - BURST + 1.0) for k in range(80)]


def test_requests_pass_the_pace(hub: Hub) -> None:
    """Every request takes a turn, and what a server says of waiting is passed on."""

    class Noted(Unpaced):
        def __init__(self) -> None:
            self.turns: list[str] = []
            self.holds: list[tuple[str, float]] = []
            self.wait = 0.0

        def turn(self, host: str) -> float:
            self.turns.append(host)
            return self.wait

        def hold(self, host: str, seconds: float) -> None:
            self.holds.append((host, seconds))

    noted, before = Noted(), pace()
    client = Client(hub.endpoint)
    with paced(noted):
        hub.fault(Fault("/api/models", status=429, headers={"Retry-After": "0"}))
        hub.fault(Fault("/api/models", skip=1, status=429, headers={"RateLimit": '"api";r=0;t=0'}))
        client.document(f"{hub.endpoint}/api/models", "list")
        assert noted.turns == ["127.0.0.1"] * 3 and noted.holds == [("127.0.0.1", 0.0)] * 2
        noted.wait = 1_000.0
        with refused("does not want to be asked yet", "1,000 seconds"):
            client.document(f"{hub.endpoint}/api/models", "list")
    assert pace() is before and len(hub.log) == 3


def test_rates_as_they_are_written() -> None:
    assert rates_of([]) == POLITE
    assert rates_of(["h=5/s", "Other.org=30/m", "huggingface.co=2"]) == {
        "h": 5.0,
        "other.org": 0.5,
        "huggingface.co": 2.0,
    }
    for wrong in ("h", "=5/s", "h=0/s", "h=-1", "h=x/s", "h=5/d", "h=nan", "h=inf/s", ""):
        with pytest.raises(UsageError, match="not a rate"):
            rates_of([wrong])
