"""Every model that the files of a repository name, with where, how and how surely."""

from __future__ import annotations

import os
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import cache

from forebear.catalogue.names import stems
from forebear.mentions.base import MAX_HITS, Hit, Kind, Mention, Position, Role, Surety, Unnamed, Unread
from forebear.mentions.files import READERS
from forebear.mentions.judge import judge
from forebear.mentions.roles import role_of
from forebear.mentions.walk import Walk, walk
from forebear.mentions.words import words

MAX_TEXT = 32_000_000
"""Bytes of a file that are read."""
_HEAD = 8_192
"""Bytes by which data is told from text."""
MAX_MENTIONS = 100_000
FIRST = 2_000
"""Characters by which an output of ours, or a bill of materials, is known."""
_JSON = (".json", ".sarif")
_OUTPUTS = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r'\{\s*"schema"\s*:\s*"forebear\.[a-z-]+/\d+"',
        r'\{.*"bomFormat"\s*:\s*"CycloneDX"',
        r'\{.*"spdxVersion"\s*:\s*"SPDX-',
        r'\{.*"@context"\s*:\s*"https://spdx\.org/rdf/',
        r'\{.*"runs"\s*:.*"driver"\s*:\s*\{\s*"name"\s*:\s*"Forebear"',
        r'\[\s*\{\s*"description"\s*:.*"check_name"\s*:.*"fingerprint"\s*:\s*"[0-9a-f]{32,64}"',
    )
)


@dataclass(frozen=True)
class Found:
    """What a repository names.

    Attributes:
        mentions: in order of paths and lines.
        walk: the files, folders and what could not be looked into.
        read: files that were read.
        skipped: files that a reader takes and that use no model, with the reason, one line each.
        complete: False where there are more mentions than are kept.
        unnamed: calls in code that load a model whose name is not written there.
        unread: files of which something was not looked at.
    """

    mentions: tuple[Mention, ...]
    walk: Walk
    read: int
    skipped: tuple[str, ...] = field(default=())
    complete: bool = True
    unnamed: tuple[Unnamed, ...] = ()
    unread: tuple[Unread, ...] = ()


def search(
    root: str,
    ignored_too: bool = False,
    only: Collection[str] | None = None,
    on_step: Callable[[str], None] = lambda _: None,
    tracked: Collection[str] = (),
    without: Collection[str] = (),
) -> Found:
    """Find every mention of a model below a folder; weights themselves are not among them.

    Args:
        root: the repository.
        ignored_too: look at what git ignores as well.
        only: paths of the files to read; None for all.
        on_step: told what is being done.
        tracked: paths that git tracks, which its ignore files do not hide.
        without: paths of files that are not to be read.

    Raises:
        UsageError: it is no folder, or has too many files.
        InputError: it cannot be listed.
    """
    on_step(f"looking through {root}")
    walked = walk(root, ignored_too, tracked)
    mentions: list[Mention] = []
    skipped: list[str] = []
    unnamed: list[Unnamed] = []
    unread: list[Unread] = []
    read = 0
    complete = True
    for number, entry in enumerate(walked.files):
        if number % 500 == 0:
            on_step(f"{number:,} of {len(walked.files):,} files")
        lower = entry.path.lower()
        readers = [r for r in READERS if r.handles(lower)]
        if entry.path in without or not readers or entry.link or (only is not None and entry.path not in only):
            continue  # what a link leads to is read where it lies
        try:
            text, cut = _text(os.path.join(root, entry.path))
        except OSError as error:
            unread.append(Unread(entry.path, f"cannot be read ({error.strerror})"))
            continue
        read += 1
        if text is None:
            skipped.append(f"{entry.path}: data, no text")
            continue
        if cut:
            unread.append(Unread(entry.path, f"{entry.size:,} bytes, of which the first {MAX_TEXT:,} were read"))
        if not _worth_reading(text, lower):
            continue
        if lower.endswith(_JSON) and any(pattern.match(text[:FIRST].lstrip()) for pattern in _OUTPUTS):
            skipped.append(f"{entry.path}: a bill of materials or an output of forebear, which uses no model")
            continue
        named, open_calls, cut = _looked_at(entry.path, text)
        if cut:
            unread.append(Unread(entry.path, f"more than {MAX_HITS:,} strings, of which the first were looked at"))
        mentions += named
        unnamed += open_calls
        if len(mentions) > MAX_MENTIONS or len(unnamed) > MAX_MENTIONS:
            complete = False
            skipped.append(f"files after {entry.path}: more than {MAX_MENTIONS:,} mentions came before them")
            break
    kept = tuple(mentions[:MAX_MENTIONS]), walked, read, tuple(skipped), complete
    return Found(*kept, tuple(unnamed[:MAX_MENTIONS]), tuple(unread))


def mentions_in(path: str, text: str) -> tuple[Mention, ...]:
    """The models that one text names; of several readings of a place the surest.

    Args:
        path: of the file, which says what kind of text it is and what it is for.
        text: its content.
    """
    return _looked_at(path, text)[0]


def _looked_at(path: str, text: str) -> tuple[tuple[Mention, ...], tuple[Unnamed, ...], bool]:
    """See :func:`mentions_in`; the calls of code whose model is not named there; and whether strings were left out."""
    lower, role = path.lower(), role_of(path)
    best: dict[tuple[int, int, str], Mention] = {}
    unnamed: list[Unnamed] = []
    cut = False
    for reader in READERS:
        if reader.handles(lower):
            for number, hit in enumerate(reader.read(text)):
                if number == MAX_HITS:
                    cut = True
                    break
                if not hit.value and hit.position is Position.LOADER and role is Role.CODE:
                    unnamed.append(Unnamed(path, hit.line, hit.how))
                mention = _mention(path, role, hit)
                if mention is None:
                    continue
                # The beginning stands for a place that is not known: what is named there is not the same place.
                unplaced = mention.model if (mention.line, mention.column) == (1, 1) else ""
                place = mention.line, mention.column, unplaced
                if place not in best or best[place].surety.rank < mention.surety.rank:
                    best[place] = mention
    return tuple(best[place] for place in sorted(best)), tuple(unnamed), cut


def _mention(path: str, role: Role, hit: Hit) -> Mention | None:
    judged = (Kind.PACKAGE, hit.value, Surety.POSSIBLE) if hit.kind is Kind.PACKAGE else judge(hit)
    if judged is None:
        return None
    kind, model, surety = judged
    revision = hit.revision or (hit.value.partition("@")[2] if kind is Kind.HUB else "")
    end = hit.column + len(hit.value)
    return Mention(path, hit.line, hit.column, end, model, kind, surety, role, hit.how, revision, hit.remote_code)


def _text(path: str) -> tuple[str | None, bool]:
    """The text of a file, None for what is none, and whether only its first :data:`MAX_TEXT` bytes were read.

    Text is UTF-8, or UTF-16 where the file begins with its mark, as some systems write lists of packages. A zero byte
    near the beginning is data: films and measurements have endings of source code too.
    """
    with open(path, "rb", opener=_without_links) as stream:
        head = stream.read(_HEAD)
        wide = head.startswith((BOM_UTF16_LE, BOM_UTF16_BE))
        if b"\0" in head and not wide:
            return None, False
        raw = head + stream.read(MAX_TEXT + 1 - len(head))
    text = raw[:MAX_TEXT].removeprefix(BOM_UTF8).decode("utf-16" if wide else "utf-8", "replace")
    return text.replace("\r\n", "\n"), len(raw) > MAX_TEXT


def _without_links(path: str, flags: int) -> int:
    """A file may have become a link, or a pipe that never ends, since it was listed."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


@cache
def _prefilter() -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, sorted({*words("worth_reading"), *stems()}))))


def _worth_reading(text: str, path: str) -> bool:
    """Whether a text holds any word without which nothing would be found in it."""
    if path.rsplit("/", 1)[-1].startswith(("modelfile", "requirements", "pyproject", "package", "setup.cfg")):
        return True
    return _prefilter().search(text.lower()) is not None
