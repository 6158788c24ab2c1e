"""The pages in a real browser: keyboard, progress by htmx under the strict policy, and WCAG AA by axe-core."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from looks import AXE, CHROMIUM, Site, sign_in, site, violations

pytest.importorskip("playwright.sync_api", reason="needs playwright")
if not CHROMIUM.exists():
    pytest.skip(f"needs Chromium at {CHROMIUM} (FOREBEAR_CHROMIUM)", allow_module_level=True)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOREBEAR_HOME", str(home))
        patch.setenv("FOREBEAR_CACHE", str(home / "cache"))
        with site(home) as found:
            yield found


@pytest.fixture(scope="module")
def page(served: Site) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 390, "height": 844})
        found = context.new_page()
        found.set_default_timeout(60_000)
        sign_in(found, served)  # by keys alone
        yield found
        browser.close()


def test_progress_comes_by_itself_and_nothing_breaks_the_policy(served: Site, page: Any) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(served.address + served.pages["job-running"])
    with page.expect_response(lambda answer: answer.url.endswith("/progress")) as answer:
        pass
    assert answer.value.status == 200
    page.goto(f"{served.address}/references")
    page.fill("#q", "twin")
    page.wait_for_selector("#rows tbody tr:only-child")  # waiting for an expression would need eval, which is refused
    page.wait_for_url("**/references?q=twin**")
    assert said == []


def test_pages_fit_a_phone_and_the_keyboard_reaches_what_scrolls(served: Site, page: Any) -> None:
    for name in ("home", "tree", "job-hostile", "policy"):
        page.goto(served.address + served.pages[name])
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.goto(f"{served.address}/tree")
    assert page.evaluate("[...document.querySelectorAll('.wide')].every(box => box.tabIndex === 0)")


@pytest.mark.skipif(not AXE.exists(), reason=f"needs axe-core at {AXE} (FOREBEAR_AXE; npm install axe-core)")
def test_axe_finds_nothing_on_any_page(served: Site, page: Any) -> None:
    axe = AXE.read_text("utf-8")
    found = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        names = served.pages if scheme == "light" else ("home", "job-scan")
        for name in names:
            page.goto(served.address + served.pages[name])
            if problems := violations(page, axe):
                found[name, scheme] = problems
    assert found == {}
