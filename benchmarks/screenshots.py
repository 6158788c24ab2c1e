"""How the pages look: a screenshot of every page at three widths, light and dark, and what axe-core finds there.

    python screenshots.py SHOTS [--small]

Needs playwright (pip), Chromium (``FOREBEAR_CHROMIUM``) and axe-core (``FOREBEAR_AXE``: its axe.min.js).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from looks import AXE, CHROMIUM, WIDTHS, sign_in, site, violations


def main() -> int:
    """Take them; the exit code says whether anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shots", type=Path)
    parser.add_argument("--small", action="store_true", help="one width, light alone")
    parser.add_argument("--only", default="", help="names of pages, with commas")
    asked = parser.parse_args()
    asked.shots.mkdir(parents=True, exist_ok=True)
    from playwright.sync_api import sync_playwright

    axe = AXE.read_text("utf-8") if AXE.exists() else ""
    widths = {"laptop": 1280} if asked.small else WIDTHS
    found = 0
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        os.environ["FOREBEAR_HOME"] = folder
        chromium = play.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        with site(Path(folder)) as served:
            for scheme in ("light",) if asked.small else ("light", "dark"):
                for name, width in widths.items():
                    if name == "print" and scheme == "dark":
                        continue
                    context = chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 844})
                    page = context.new_page()
                    page.set_default_timeout(120_000)
                    said: list[str] = []
                    page.on("console", lambda m, said=said: said.append(f"console: {m.text}"))
                    page.on("pageerror", lambda e, said=said: said.append(f"error: {e}"))
                    page.goto(f"{served.address}/sign-in")
                    page.screenshot(path=asked.shots / f"sign-in-{name}-{scheme}.png", full_page=True)
                    sign_in(page, served)
                    if name == "print":
                        page.emulate_media(media="print")
                    for title, path in served.pages.items():
                        if asked.only and title not in asked.only.split(","):
                            continue
                        page.goto(served.address + path)
                        page.screenshot(path=asked.shots / f"{title}-{name}-{scheme}.png", full_page=True)
                        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
                        problems = violations(page, axe) if axe and name != "print" else []
                        problems += [f"wider than the window by {wide}"] if wide > 0 and name != "print" else []
                        problems += [line for line in said if "404" not in line]
                        said.clear()
                        for line in problems:
                            print(f"{title} {name} {scheme}: {line}", flush=True)
                        found += len(problems)
                    context.close()
        chromium.close()
    print(f"{found} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
