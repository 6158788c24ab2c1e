"""What the documentation shows is what the program does: its commands are run, its lists are written anew."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest
from regenerate import BLOCK, DOCS, ROOT, pages, pictures, regenerated, same, world
from written_lists import LISTS, every_command, examples

import forebear

RUN = [p for p in pages() if BLOCK.search(p.read_text("utf-8"))]
LISTED = [p for p in pages() if p not in RUN and "<!-- generated: " in p.read_text("utf-8")]
FENCE = re.compile(r"^```([a-z]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.sweep(2)
@pytest.mark.parametrize("page", RUN + LISTED, ids=name)
def test_pages_are_up_to_date(page: Path) -> None:
    """``python docs/regenerate.py`` mends it."""
    assert regenerated(page).splitlines() == page.read_text("utf-8").splitlines()


def test_pictures_are_as_their_commands_draw_them() -> None:
    drawn = [(file, text) for page in pages() for file, text in pictures(page)]
    assert drawn and all(same(file.read_text("utf-8"), text) for file, text in drawn)


def test_every_list_stands_somewhere_and_every_start_runs_something() -> None:
    text = "".join(p.read_text("utf-8") for p in pages())
    assert all(f"<!-- generated: {one} -->" in text for one in LISTS)
    assert {p.name for p in RUN} >= {p.name for p in (DOCS / "start").iterdir()} | {"README.md", "verdict.md"}


def test_outputs_that_are_not_run_say_why() -> None:
    for page in pages():
        text = page.read_text("utf-8")
        for block in FENCE.finditer(text):
            if block[1] in ("console", "text") or (not block[1] and re.search(r"^\$ ", block[2], re.MULTILINE)):
                above = text[: block.start()].rstrip("\n").rpartition("\n")[2]
                reason = re.fullmatch(r"<!-- (run|not run: \S.+) -->", above)
                assert reason, f"{name(page)}: {block[2].splitlines()[0]!r} is neither run nor says why not"


def test_a_changed_output_is_seen_and_a_changed_time_is_not() -> None:
    shown = "$ forebear x\nfound 3 of 4\nother\n2.1 MB in 132 reads · 0.46 s · 76.7 MB memory\n"
    assert same(shown, shown.replace("0.46", "9.99").replace("76.7", "80.1"))
    assert not same(shown, shown.replace("3 of 4", "4 of 4")) and not same(shown, f"{shown}more\n")
    part = "$ forebear x\n[…]\nother\n[…]\n"
    assert same(part, shown) and not same(part, shown.replace("other", "another"))
    assert not same("$ forebear x\n[…]\nfound\n[…]\n", shown)  # whole lines


def test_only_what_is_understood_is_run() -> None:
    with world() as run, pytest.raises(ValueError, match="only forebear"):
        run("rm -rf base")


def test_the_python_page_runs() -> None:
    text = (DOCS / "api.md").read_text("utf-8").replace("\n```", "\n\n```")
    case = doctest.DocTestParser().get_doctest(text, {}, "docs/api.md", "docs/api.md", 0)
    assert len(case.examples) > 20
    report: list[str] = []
    with world():
        doctest.DocTestRunner(verbose=False).run(case, out=report.append)
    assert not report, "".join(report)


def test_the_python_page_has_every_public_name() -> None:
    text = (DOCS / "api.md").read_text("utf-8")
    told = set(re.findall(r"^#### (\w+)$", text, re.MULTILINE)) | set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    assert told == set(forebear.__all__) - {"__version__"}
    for public in told:
        assert (getattr(forebear, public).__doc__ or "").strip(), f"{public} has no docstring"


@pytest.mark.parametrize(("command", "found"), list(every_command()), ids=lambda x: x if isinstance(x, str) else "")
def test_the_help_of_every_command_has_an_example_that_could_be_typed(command: str, found: object) -> None:
    from typer.core import TyperCommand

    lines = examples(found)  # type: ignore[arg-type]
    assert lines and all(line.startswith("forebear ") for line in lines), f"{command} --help has no Example:"
    own = command.split()
    assert any(line.split()[: len(own)] == own for line in lines) or command in ("forebear bom", "forebear bom write")
    if isinstance(found, TyperCommand):
        known = {name for one in found.params for name in (*one.opts, *one.secondary_opts)}
        used = {w.partition("=")[0] for line in lines for w in line.split() if re.fullmatch(r"--?[a-z].*", w)}
        assert used <= known or command == "forebear serve", f"{command}: {used - known}"
