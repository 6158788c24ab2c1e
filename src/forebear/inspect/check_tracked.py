"""The files that git tracks: an ignore file does not hide those. Nothing that the repository configures is run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from forebear.errors import InputError, UsageError, one_line
from forebear.inspect.changed import git

_UNTOLD = "files that .gitignore names were passed over, although git may track them"


def tracked_files(root: str) -> tuple[frozenset[str], str]:
    """What the index of a repository lists, and why it could not be told, "" where it could.

    Args:
        root: a folder of the repository.

    Returns:
        Paths relative to ``root``; none where it is no repository. That a repository is within it is no problem: its
        own path is listed.
    """
    top = Path(root).resolve()
    if not any(os.path.lexists(folder / ".git") for folder in (top, *top.parents)):
        return frozenset(), ""
    if shutil.which("git") is None:
        return frozenset(), f"{_UNTOLD}: git is not installed"
    try:
        listed = git(root, "ls-files", "-z")
    except (InputError, UsageError) as error:
        said = one_line(str(error), 300).replace("--changed-since: ", "")
        return frozenset(), f"{_UNTOLD}: {said}"
    return frozenset(filter(None, listed.split("\0"))), ""
