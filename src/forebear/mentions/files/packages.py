"""Requirements and package files: packages that hold weights, or fetch them as soon as they are used."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources

from forebear.mentions.base import FileReader, Hit, Kind, Position

_LINE = re.compile(
    r"""^[ \t]{0,40}["']?(?P<name>[A-Za-z@][A-Za-z0-9._\-/]{1,100})(?:\[[\w,\- ]{0,100}\])?["']?"""
    r"""(?:[ \t]{0,10}(?:[<>=!~;@,:#"'^]|$))"""
)
_LISTED = re.compile(
    r"""["'](?P<name>[A-Za-z@][A-Za-z0-9._\-/]{1,100})(?:\[[\w,\- ]{0,100}\])?"""
    r"""[ \t]{0,4}(?:[<>=!~;@^][^"']{0,200})?["']"""
)
_PINNED = re.compile(r"==[ \t]{0,4}(?P<version>[\w.\-+]{1,40})")


@cache
def known() -> Mapping[str, str]:
    """Packages by name (``*`` for any ending), and what they bring."""
    text = (resources.files("forebear") / "data" / "mentions" / "packages.toml").read_text("utf-8")
    found: dict[str, str] = tomllib.loads(text)["packages"]
    return found


def read(text: str) -> Iterator[Hit]:
    """Packages that bring models; the rest of a file of requirements is passed over."""
    for number, row in enumerate(text.split("\n"), 1):
        seen = set[int]()
        line = _LINE.match(row[:1_000])
        for match in ([line] if line else []) + list(_LISTED.finditer(row[:1_000])):
            name = match["name"].lower().replace("_", "-")
            brings = _brings(name)
            if brings and match.start("name") not in seen:
                seen.add(match.start("name"))
                pinned = _PINNED.search(row, match.end("name"), match.end("name") + 100)
                revision = pinned["version"] if pinned else ""
                how = f"package: {brings}"
                yield Hit(number, match.start("name") + 1, name, how, Position.LOADER, Kind.PACKAGE, revision)


def _brings(name: str) -> str:
    exact = known().get(name)
    return exact or next((v for k, v in known().items() if "*" in k and fnmatchcase(name, k)), "")


_NAMES = ("pyproject.toml", "setup.cfg", "pipfile", "package.json", "environment.yml", "environment.yaml", "conda.yaml")


def _handles(path: str) -> bool:
    name = path.rsplit("/", 1)[-1]
    listed = "requirements" in path and path.endswith((".txt", ".in"))
    return name in _NAMES or listed or (name.startswith("constraints") and name.endswith(".txt"))


READER = FileReader("packages", _handles, read)
