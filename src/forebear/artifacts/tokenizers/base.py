"""What a tokenizer knows, token strings and their ids; and what all of its formats share."""

from __future__ import annotations

import codecs
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from forebear.artifacts.text import LFS_POINTER, lfs_pointer, read_whole
from forebear.errors import FormatError
from forebear.sources import Source

MAX_TOKENIZER = 64_000_000
"""Bytes; the largest public ones are about 35 MB."""
MAX_ID = 4_000_000
"""Ids, and so tokens, stay below; the largest public vocabularies have about 1,000,000."""
_MAX_DIGITS = len(str(MAX_ID))
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Tokenizer:
    """A vocabulary.

    Attributes:
        model: how text is cut: ``BPE``, ``Unigram``, ``WordPiece``, ``WordLevel``, ``Word``, ``Char`` or ``Trie``.
        ids: token string, in the canonical form, to row of the embedding matrix.
        added: strings that were added behind the trained vocabulary (special tokens, extensions).
        merges: number of merges, 0 where the model has none or its file does not list them.
        byte_level: whether the ordinary strings stand for bytes, through the table :data:`BYTES`.
        specials: strings that control the model and stand for no text, by ascending id.
        oddities: what is unusual and was read all the same, a line each.
    """

    model: str
    ids: Mapping[str, int]
    added: tuple[str, ...]
    merges: int
    byte_level: bool = False
    specials: tuple[str, ...] = ()
    oddities: tuple[str, ...] = ()

    @cached_property
    def digest(self) -> str:
        """BLAKE2b over the sorted ``(string, id)`` pairs: equal vocabularies have equal digests."""
        state = hashlib.blake2b(digest_size=20)
        for text, number in sorted(self.ids.items()):
            state.update(f"{len(text)}:{text}={number};".encode("utf-8", "surrogatepass"))
        return state.hexdigest()


class TokenizerFormat(Protocol):
    """One way to write a vocabulary down."""

    def find(self, source: Source) -> str | None:
        """The path of the file in this format, by name and where the name is not enough by its first bytes."""
        ...

    def read(self, source: Source, path: str) -> Tokenizer:
        """The vocabulary in that file and the files that belong to it. Raises ``FormatError`` and ``InputError``."""
        ...


@dataclass(frozen=True)
class Additions:
    """Tokens beyond the trained vocabulary.

    Attributes:
        ids: string to id, in the order of the file.
        specials: strings called special; not all of them need to have an id.
    """

    ids: Mapping[str, int] = field(default_factory=dict)
    specials: tuple[str, ...] = ()


def assemble(
    model: str,
    vocabulary: Sequence[tuple[str, int]] | Mapping[str, int],
    additions: Additions,
    *,
    merges: int = 0,
    byte_level: bool = False,
    notes: Sequence[str] = (),
) -> Tokenizer:
    """A tokenizer from its parts; repetitions are resolved as the libraries do, and noted.

    Args:
        model: see :class:`Tokenizer`.
        vocabulary: the trained tokens; of a string that stands twice the last id counts.
        additions: added and special tokens; their ids win over those of the vocabulary.
        merges: see :class:`Tokenizer`.
        byte_level: see :class:`Tokenizer`.
        notes: oddities that the format has seen.
    """
    ids = dict(vocabulary)
    found = list(notes)
    if not isinstance(vocabulary, Mapping) and len(ids) < len(vocabulary):
        found.append(
            f"{_tokens(len(vocabulary) - len(ids))} repeated, {_repeated(vocabulary)!r} for one; the last counts"
        )
    added = tuple(text for text in additions.ids if text not in ids)
    moved = [text for text, number in additions.ids.items() if ids.get(text, number) != number]
    if moved:
        text = moved[0]
        found.append(
            f"{_tokens(len(moved))} moved by an added token, {text[:40]!r} from {ids[text]} to {additions.ids[text]}"
        )
    ids.update(additions.ids)
    specials = sorted({text for text in additions.specials if text in ids}, key=lambda text: (ids[text], text))
    if homeless := [text for text in dict.fromkeys(additions.specials) if text not in ids]:
        found.append(f"{_tokens(len(homeless))} called special without an id, {homeless[0][:40]!r} for one")
    found += _oddities(ids)
    return Tokenizer(model, ids, added, merges, byte_level, tuple(specials), tuple(found))


def read_file(source: Source, path: str, limit: int = MAX_TOKENIZER) -> bytes:
    """All bytes of one file of a tokenizer.

    Raises:
        FormatError: it is larger than ``limit`` bytes, empty, or a Git LFS pointer.
    """
    raw = read_whole(source, path, limit)
    if raw.startswith(LFS_POINTER):
        raise lfs_pointer(path)
    if not raw:
        raise FormatError(path, "an empty file", "fetch it again")
    return raw


def read_lines(source: Source, path: str) -> tuple[list[str], list[str]]:
    r"""The lines of a text file, split at ``\n`` alone (tokens may hold any other line separator), and its oddities.

    Raises:
        FormatError: see :func:`read_file`; or it is not UTF-8, holds a NUL, or has :data:`MAX_ID` lines.
    """
    raw, notes = plain_text(read_file(source, path), path)
    try:
        return raw.decode("utf-8").removesuffix("\n").split("\n"), notes
    except UnicodeDecodeError as error:
        raise FormatError(path, f"not UTF-8 (byte {error.start:,})") from None


def plain_text(raw: bytes, path: str) -> tuple[bytes, list[str]]:
    """Bytes of a line-based file without byte order mark and carriage returns at line ends, and what was left out.

    Raises:
        FormatError: it holds a NUL or has at least :data:`MAX_ID` lines.
    """
    if b"\0" in raw:
        raise FormatError(path, f"holds NUL bytes (byte {raw.index(0):,}), so it is not a text file", "fetch it again")
    notes = []
    if raw.startswith(BOM):
        raw = raw[len(BOM) :]
        notes.append(f"{path} begins with a byte order mark, left out")
    if b"\r\n" in raw:
        raw = raw.replace(b"\r\n", b"\n")
        notes.append(f"{path} has CRLF line ends")
    if raw.count(b"\n") >= MAX_ID:
        raise FormatError(path, f"has more than {MAX_ID:,} lines")
    return raw, notes


def check_id(path: str, text: str, number: Any) -> int:
    """An id as a usable integer in ``[0, MAX_ID)``; ``FormatError`` otherwise."""
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < MAX_ID:
        raise FormatError(path, f"token {text[:40]!r} has no usable id")
    return number


def parse_id(path: str, text: str, digits: str | bytes) -> int:
    """An id written in decimal digits, see :func:`check_id`."""
    if digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS and (number := int(digits)) < MAX_ID:
        return number
    return check_id(path, text, None)


def _oddities(ids: Mapping[str, int]) -> Iterator[str]:
    numbers = set(ids.values())
    if len(numbers) < len(ids):
        owner: dict[int, str] = {}
        for text, number in ids.items():
            if owner.setdefault(number, text) != text:
                yield (
                    f"{_tokens(len(ids) - len(numbers))} with the id of another, "
                    f"{owner[number][:40]!r} and {text[:40]!r} ({number}) for one"
                )
                break
    if numbers and (holes := max(numbers) + 1 - len(numbers)):
        first = next(k for k in range(len(numbers) + 1) if k not in numbers)
        yield f"{holes:,} id{'s' if holes > 1 else ''} up to {max(numbers):,} without a token, {first} the first"
    if "" in ids:
        yield f"the empty string is a token ({ids['']})"


def _repeated(vocabulary: Sequence[tuple[str, int]]) -> str:
    times = Counter(text for text, _ in vocabulary)
    return next(text[:40] for text, count in times.items() if count > 1)


def _tokens(count: int) -> str:
    return f"{count:,} token{'s' if count > 1 else ''}"


def _byte_characters() -> str:
    # "Language Models are Unsupervised Multitask Learners" (2019), encoder.py: bytes that print stand for themselves,
    # the other 68 for the characters from U+0100 on, in order.
    plain = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    spare = iter(range(0x100, 0x200))
    return "".join(chr(byte if byte in plain else next(spare)) for byte in range(256))


BYTES = _byte_characters()
"""GPT-2's character for each byte: ``BYTES[0x20] == "Ġ"``."""


def byte_string(raw: bytes) -> str:
    """Raw bytes in the canonical form of byte-level vocabularies, one character of :data:`BYTES` for each."""
    return codecs.charmap_decode(raw, "strict", BYTES)[0]
