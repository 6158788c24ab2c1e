"""Every link inside the documentation leads somewhere: files, headings, pictures; and the site has every page."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from regenerate import DOCS, ROOT, pages
from typer.core import TyperGroup
from typer.main import get_command

from forebear.cli import app

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.DOTALL | re.MULTILINE)


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site make them."""
    found = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", h)).strip().lower() for h in found)
    return {h.replace(" ", "-") for h in plain}


def links(page: Path) -> list[str]:
    return LINK.findall(CODE.sub("", page.read_text("utf-8")))


def test_links_lead_to_files_and_headings() -> None:
    count = 0
    for page in [*pages(), ROOT / "CONTRIBUTING.md", ROOT / "examples" / "plugin" / "README.md"]:
        for link in links(page):
            if re.match(r"[a-z]+:", link):
                assert link.startswith(("https://", "mailto:")), f"{page.name}: {link}"
                continue
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            assert target.exists() and target.is_relative_to(ROOT), f"{page.relative_to(ROOT)}: {link} leads nowhere"
            if anchor:
                assert anchor in anchors(target.read_text("utf-8")), f"{page.relative_to(ROOT)}: no heading for {link}"
            count += 1
    assert count > 150


def test_every_page_is_in_the_navigation_once() -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]
    named = [n for part in nav for n in ([part] if isinstance(part, str) else _pages(part))]
    ours = {p.relative_to(DOCS).as_posix() for p in pages() if DOCS in p.parents}
    deeper = {p for p in ours if "/" in p and not p.startswith(("start/", "standard/README"))}
    assert sorted(named) == sorted(ours - deeper)


def _pages(part: dict[str, list[dict[str, str]]]) -> list[str]:
    return [file for entries in part.values() for entry in entries for file in entry.values()]


def test_the_examples_of_the_first_page_are_of_a_person_each() -> None:
    starts = {p.name for p in (DOCS / "start").iterdir()}
    assert starts == {"procurement.md", "security.md", "platform.md", "lab.md", "auditor.md", "hub.md"}
    first = (DOCS / "index.md").read_text("utf-8")
    assert all(f"start/{one}" in first for one in starts)


def test_options_that_pages_name_are_there() -> None:
    """In running text as in blocks: what is typed as ``forebear COMMAND … --option`` is an option of that command."""
    count = 0
    for page in pages():
        for line in re.findall(r"(?:`|^(?:    |\$ )?)forebear ([^`\n|&;#]*)", page.read_text("utf-8"), re.MULTILINE):
            command, words = get_command(app), line.split()
            while isinstance(command, TyperGroup) and words and words[0] in command.commands:
                command = command.commands[words.pop(0)]
            if isinstance(command, TyperGroup) and "write" in command.commands:  # forebear bom TARGET
                command = command.commands["write"]
            known = {option for p in command.params for option in (*p.opts, *p.secondary_opts)} | {"--help"}
            for option in (w.partition("=")[0] for w in words if re.match(r"--[a-z]", w)):
                assert option in known, f"{page.relative_to(ROOT)}: forebear {line}: no {option}"
                count += 1
    assert count > 100
