"""The rules of ``.gitignore``, matched in time that grows with rule and path, whatever a stranger wrote there.

A rule is a list of patterns, one for each part of a path, and ``**`` for any number of parts. Stars of a part are
matched by :mod:`fnmatch`, which never goes back behind one that has matched; ``**`` is matched the same way, so no rule
takes longer than the product of its length and the path's. Source: gitignore(5).
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

MAX_RULES = 2_000
"""Rules in force along one path."""
MAX_LINE = 1_000
"""Characters of a rule."""
MAX_WORK = 100_000_000
"""Tries of a rule on a path, the longer weighing more: some minutes at most for a whole repository."""
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True)
class Rule:
    """One line of an ignore file.

    Attributes:
        ignores: False where it takes a path back (``!``).
        folders: whether it is for folders alone.
        parts: a pattern for each part of a path; None for any number of parts.
        anywhere: whether the one part is for the last of the path, wherever that is.
        cost: what a try weighs.
    """

    ignores: bool
    folders: bool
    parts: tuple[re.Pattern[str] | None, ...]
    anywhere: bool
    cost: int

    def matches(self, path: Sequence[str]) -> bool:
        """Whether the rule is about a path, given by its parts from the ignore file's folder on."""
        if self.anywhere:
            return self.parts[0] is not None and self.parts[0].match(path[-1]) is not None
        at = part = 0
        again, any_number = 0, -1
        while at < len(path):
            pattern = self.parts[part] if part < len(self.parts) else None
            if pattern is not None and pattern.match(path[at]):
                at, part = at + 1, part + 1
            elif pattern is None and part < len(self.parts):
                again, any_number, part = at, part, part + 1
            elif any_number >= 0:
                again += 1
                at, part = again, any_number + 1
            else:
                return False
        return all(p is None for p in self.parts[part:])


@dataclass(frozen=True)
class Rules:
    """The rules of one ignore file, in its order, and the folder that it stands in ("" for the root)."""

    folder: str
    rules: tuple[Rule, ...]
    cost: int


@dataclass
class Ignored:
    """Decides on paths, and keeps count of the work; when that is spent, nothing more is ignored."""

    left: int = field(default_factory=lambda: MAX_WORK)

    def __call__(self, path: str, folder: bool, files: Sequence[Rules]) -> bool:
        """Whether git ignores a path whose folders it does not: the last rule of the innermost file decides."""
        for ignore_file in reversed(files):
            self.left -= ignore_file.cost * (1 + len(path) // 64)
            if self.left < 0:
                return False
            parts = path[len(ignore_file.folder) + 1 if ignore_file.folder else 0 :].split("/")
            for rule in reversed(ignore_file.rules):
                if (folder or not rule.folders) and rule.matches(parts):
                    return rule.ignores
        return False


def rules_of(folder: str, text: str, most: int) -> tuple[Rules, str]:
    """The rules of an ignore file, and why some are not honoured, "" where all are.

    Args:
        folder: that it stands in, relative to the root.
        text: its content.
        most: rules that are honoured at most.
    """
    found: list[Rule] = []
    problem = ""
    for line in text.split("\n"):
        rule = None
        if len(line) > MAX_LINE:
            problem = f"rules of more than {MAX_LINE:,} characters are not honoured"
        else:
            rule = _rule(line.rstrip("\r"))
        if rule is not None and len(found) >= max(0, most):
            problem = f"more than {MAX_RULES:,} rules along one path, of which the first are honoured"
            break
        found += [rule] if rule is not None else []
    return Rules(folder, tuple(found), sum(r.cost for r in found)), problem


def _rule(line: str) -> Rule | None:
    """A line as a rule; None for comments, blank lines and what can match nothing."""
    line = re.sub(r"(?<![\\ ]) +$", "", line) if line.strip(" ") else ""
    if not line or line.startswith("#"):
        return None
    ignores = not line.startswith("!")
    glob = line if ignores else line[1:]
    folders = glob.endswith("/")
    glob = glob.removesuffix("/")
    named = glob.removeprefix("/").split("/")
    if "/" not in glob:
        parts: list[re.Pattern[str] | None] = [_part(glob)] if glob else []
    else:
        parts = []
        for name in named:
            across = len(name) > 1 and not name.strip("*")
            if not across:
                parts.append(_part(name))
            elif not parts or parts[-1] is not None:
                parts.append(None)
        if parts[-1] is None:  # what is in a folder, and not the folder
            parts.append(_part("*"))
    if not parts:
        return None
    stars = 1 + len(line) // 8 if "*" in line else 1
    return Rule(ignores, folders, tuple(parts), "/" not in glob, stars * (len(parts) if None in parts else 1))


def _part(glob: str) -> re.Pattern[str]:
    """The pattern of one part of a path; escapes and ``[^`` as fnmatch writes them."""
    plain = _ESCAPED.sub(lambda m: f"[{m[1]}]" if m[1] in "*?[" else m[1], glob).replace("[^", "[!")
    return re.compile(fnmatch.translate(plain))
