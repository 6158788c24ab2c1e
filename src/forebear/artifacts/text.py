"""Reading text files of strangers: bounded, UTF-8, JSON without duplicate keys or half characters."""

from __future__ import annotations

import json
import re
from typing import Any

from forebear.errors import FormatError
from forebear.sources import Source

LFS_POINTER = b"version https://git-lfs"
"""How the text file begins that stands for a large file in a git clone without ``git lfs``."""
_HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")


def read_whole(source: Source, path: str, limit: int) -> bytes:
    """All bytes of a small file.

    Raises:
        FormatError: it is larger than ``limit`` bytes.
        InputError: it cannot be read.
    """
    size = next((f.size for f in source.files() if f.path == path), 0)
    if size > limit:
        raise FormatError(path, f"{size:,} bytes, more than the {limit:,} that such a file may have")
    return source.read(path, 0, size)


def load_json(raw: bytes, path: str, what: str = "file") -> Any:
    """Strict JSON: UTF-8, no duplicate keys, no absurd nesting; ``FormatError`` otherwise."""
    if raw.startswith(LFS_POINTER):
        raise lfs_pointer(path)
    try:
        data = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_keep)
        if _HALF_CHARACTER.search(raw):  # escapes in pairs are fine, a single one could be neither printed nor stored
            json.dumps(data, ensure_ascii=False).encode("utf-8")
        return data
    except _Duplicate as error:
        raise FormatError(path, f"its {what} has the key {error} twice") from None
    except UnicodeDecodeError as error:
        raise FormatError(path, f"its {what} is not UTF-8 (byte {error.start:,})") from None
    except UnicodeEncodeError:
        raise FormatError(path, f"its {what} holds half a character (a lone surrogate)") from None
    except RecursionError:
        raise FormatError(path, f"its {what} is nested too deeply") from None
    except ValueError as error:
        text = getattr(error, "msg", None) or str(error)
        where = f" at character {error.pos:,}" if isinstance(error, json.JSONDecodeError) else ""
        raise FormatError(path, f"its {what} is not valid JSON ({text}{where})") from None


def lfs_pointer(path: str) -> FormatError:
    """The refusal of a Git LFS pointer."""
    return FormatError(path, "a Git LFS pointer, not the file itself", "run git lfs pull in its repository")


class _Duplicate(Exception):
    pass


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _Duplicate(key[:80])
            seen.add(key)
    return out


def _keep(constant: str) -> float:
    # Infinity and NaN are not JSON, but real configs carry them (e.g. time_step_limit); the value is kept.
    return float(constant)
