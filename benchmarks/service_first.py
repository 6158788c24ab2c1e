"""How soon the bundled example is answered, from the press of the button:   python service_first.py [--rounds 5]

A server is started as the command starts it. A browser signs in, presses *See the example*, and waits. Told are the
first contentful paint of the page that comes then, the answer (the page with the verdicts, however it got there), and
the first contentful paint of the answer's page and of its report, opened anew. Needs playwright (pip) and Chromium
(``FOREBEAR_CHROMIUM``).
"""

from __future__ import annotations

import argparse
import signal
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from service_kill import free_ports

from forebear.web.store import open_store
from forebear.web.tokens import make_token
from looks import CHROMIUM
from serving import Command

PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
"""Milliseconds; nothing is painted at 0."""


def round_of(page: Any, url: str, times: dict[str, list[float]]) -> None:
    """Press the button once; milliseconds go to ``times``."""
    page.goto(f"{url}/")
    began = time.perf_counter()
    page.get_by_role("button", name="See the example").click()
    page.wait_for_url(f"{url}/jobs/*")
    page.wait_for_function(PAINT)
    times["first paint after the press"].append(page.evaluate(PAINT))
    page.wait_for_selector("p.answer")
    times["answer"].append(1000 * (time.perf_counter() - began))
    job = page.url
    for what, place in (("the answer's page anew", job), ("its report", f"{job}/report")):
        page.goto(place)
        page.wait_for_function(PAINT)
        times[what].append(page.evaluate(PAINT))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    from playwright.sync_api import sync_playwright

    times: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        home = Path(folder) / "home"
        Path(folder).chmod(0o755)  # the server runs as another user
        server = Command(home, free_ports(1)[0], ("--workers", "2"))
        store = open_store(home / "service", "")
        token, text = make_token("ann", ("read", "submit"))
        store.add_token(token)
        store.close()
        server.start()
        try:
            server.ready()
            chromium = play.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
            page = chromium.new_page()
            page.goto(f"{server.url}/sign-in")
            page.keyboard.type(text)  # the field has the focus
            page.keyboard.press("Enter")
            page.wait_for_url(f"{server.url}/")
            for _ in range(rounds):
                round_of(page, server.url, times)
            chromium.close()
        finally:
            server.kill(signal.SIGTERM)
    for what, each in times.items():
        print(f"{what}: first time {each[0]:.0f} ms, median of {len(each)} {statistics.median(each):.0f} ms")


if __name__ == "__main__":
    main()
