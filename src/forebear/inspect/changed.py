"""The files of a repository that changed since a commit, by git; nothing that the repository configures is run."""

from __future__ import annotations

import os
import subprocess

from forebear.errors import InputError, UsageError, one_line

SECONDS = 120
_SAFE = (
    *("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.pager=cat"),
    *("-c", "protocol.allow=never", "-c", "diff.external="),
)
"""A repository's own settings name programs that git runs; none of them is for us."""


def changed_since(root: str, ref: str) -> frozenset[str]:
    """Paths, relative to ``root``, that differ between the index and the point where its history left a commit.

    What is neither committed nor staged is not looked at: to compare it, git would run the filters that the repository
    configures. Deleted files are left out.

    Args:
        root: a folder of the repository.
        ref: a commit, branch or tag.

    Raises:
        UsageError: it is no repository, or has no such commit.
        InputError: git is not there, or takes too long.
    """
    if not ref or ref.startswith("-"):
        raise UsageError(f"--changed-since {ref}: not the name of a commit", "give a commit, a branch or a tag")
    base = git(root, "merge-base", ref, "HEAD").strip() or ref
    listed = git(
        root, "diff-index", "--cached", "--name-only", "-z", "--no-renames", "--diff-filter=d", "--relative", base, "--"
    )
    return frozenset(filter(None, listed.split("\0")))


def git(root: str, *arguments: str) -> str:
    """What a question to git prints; nothing that the repository's own settings name is run.

    Raises:
        UsageError: git refuses.
        InputError: git is not installed, or takes too long.
    """
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(
            ["git", "-C", root, *_SAFE, *arguments],
            capture_output=True,
            timeout=SECONDS,
            env=environment,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        raise InputError("--changed-since needs git, which is not installed") from None
    except subprocess.TimeoutExpired:
        raise InputError(f"git {arguments[0]} took more than {SECONDS} s") from None
    if done.returncode:
        said = one_line(done.stderr.decode("utf-8", "replace"), 200).removeprefix("fatal: ")
        raise UsageError(f"--changed-since: {said or 'git refuses'}", "is it a repository, and its history fetched?")
    return done.stdout.decode("utf-8", "surrogateescape")
