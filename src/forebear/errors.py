"""Everything Forebear raises on purpose.

    ForebearError                 one line for a person, a hint, and an exit code
    ├── UsageError                the call is unusable                        exit 2
    │   ├── MissingExtra          an optional part is not installed           exit 2
    │   └── PluginError           a part of another package does not work     exit 2
    └── InputError                an input could not be read                  exit 4
        ├── FormatError           a file is damaged or lies about itself
        └── IndexError_           the index is damaged or from a newer version

Only the command line turns these into text and exit codes; the library lets them rise.
"""

from __future__ import annotations


class ForebearError(Exception):
    """Root of the tree: what is wrong, and what to do about it.

    Attributes:
        message: one line, naming the file or argument.
        hint: one line of advice; may be empty.
        exit_code: what the command line exits with.
    """

    exit_code = 4

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = one_line(message)
        self.hint = one_line(hint)

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class UsageError(ForebearError):
    """The call cannot be carried out as written."""

    exit_code = 2


class MissingExtra(UsageError):
    """A part that is not in the default install is needed.

    Args:
        extra: the name between the brackets of ``forebear[extra]``.
        purpose: what needs it.
    """

    def __init__(self, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs an optional part", f"pip install 'forebear[{extra}]'")
        self.extra = extra


class PluginError(UsageError):
    """A plugin of another package cannot be imported, raises, or returns what it must not."""


class InputError(ForebearError):
    """An input could not be read, or its integrity failed."""

    exit_code = 4


class FormatError(InputError):
    """A file is damaged, truncated or contradicts itself.

    Args:
        path: the file, as the user would recognise it.
        problem: what is wrong with it.
        hint: what to do.
    """

    def __init__(self, path: str, problem: str, hint: str = "") -> None:
        super().__init__(f"{path}: {problem}", hint)
        self.path = path
        self.problem = problem


class IndexError_(InputError):
    """The index on disk is damaged, locked for too long, or was written by a newer Forebear."""


def one_line(text: str, limit: int = 600) -> str:
    """Text from strangers made safe for one terminal line: no control characters, bounded length."""
    if len(text) <= limit and text.isprintable() and text == " ".join(text.split()):
        return text  # most are clean
    flat = "".join(ch if ch.isprintable() else " " for ch in text)
    flat = " ".join(flat.split())
    if len(flat) <= limit:
        return flat
    return flat[: limit // 2] + "…" + flat[-(limit - limit // 2 - 1) :]  # the reason stands at the end
