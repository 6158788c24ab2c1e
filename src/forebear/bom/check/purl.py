"""Package URLs, held against the specification (ECMA-427): what is wrong with one, in words.

https://github.com/package-url/purl-spec; the rules of the ``huggingface`` type: the namespace (owner) and the name are
as the hub writes them, the version is the commit in hexadecimal, lower case.
"""

from __future__ import annotations

import re

from forebear.errors import one_line

MAX = 4_000
_TYPE = re.compile(r"[a-z.\-][a-z0-9.\-]*", re.ASCII)
_KEY = re.compile(r"[a-z.\-_][a-z0-9.\-_]*", re.ASCII)
_ENCODED = re.compile(r"(?:[A-Za-z0-9.\-_~:!$&'()*+,;=/?]|%[0-9A-Fa-f]{2})*", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{7,40}", re.ASCII)


def defect(purl: str) -> str:
    """What is wrong with a package URL, "" where nothing is."""
    if len(purl) > MAX:
        return f"it has more than {MAX:,} characters"
    rest, _, subpath = purl.partition("#")
    rest, _, qualifiers = rest.partition("?")
    scheme, colon, rest = rest.partition(":")
    if not colon or scheme.lower() != "pkg":
        return "it does not start with pkg:"
    rest = rest.strip("/")
    kind, _, rest = rest.partition("/")
    if not _TYPE.fullmatch(kind.lower()):
        return "its type is missing or holds other characters than letters, digits, dots and dashes"
    path, at, version = _versioned(rest)
    parts = path.split("/")
    if not parts[-1]:
        return "it has no name"
    if any(not part for part in parts[:-1]):
        return "a part of its namespace is empty"
    if at and not version:
        return "its version is empty"
    for what, text in (("namespace or name", path), ("version", version), ("subpath", subpath)):
        if not _ENCODED.fullmatch(text):
            return f"its {what} holds characters that have to be percent-encoded"
    if any(part in (".", "..") for part in subpath.strip("/").split("/")):
        return "its subpath holds . or .."
    return _qualified(qualifiers) or _typed(kind.lower(), parts, version)


def _versioned(rest: str) -> tuple[str, str, str]:
    """Path, ``@`` and version: the last @ behind the last slash; one that opens a namespace belongs to it (npm)."""
    cut = rest.rfind("@")
    return (rest, "", "") if cut <= 0 or "/" in rest[cut:] else (rest[:cut], "@", rest[cut + 1 :])


def _qualified(qualifiers: str) -> str:
    seen = set()
    for pair in qualifiers.split("&") if qualifiers else ():
        key, equals, value = pair.partition("=")
        if not equals or not _KEY.fullmatch(key.lower()):
            return f"its qualifier {one_line(pair, 40)} is no key with a value"
        if key.lower() in seen:
            return f"its qualifier {key.lower()} occurs twice"
        if not _ENCODED.fullmatch(value):
            return f"its qualifier {key.lower()} holds characters that have to be percent-encoded"
        seen.add(key.lower())
    return ""


def _typed(kind: str, parts: list[str], version: str) -> str:
    if kind != "huggingface":
        return ""
    if len(parts) > 2:
        return "a model of the hub has one owner and one name"
    if version and not _COMMIT.fullmatch(version):
        return "the version of a model of the hub is a commit in lower-case hexadecimal"
    return ""
