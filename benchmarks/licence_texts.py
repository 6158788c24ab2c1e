"""Makes the sketches of licence texts: ``data/licences/texts``.

    python benchmarks/licence_texts.py --spdx REPOSITORY [--scancode WHEEL] [--mirrors FOLDER] [--files FOLDER]

``REPOSITORY`` is a git directory of spdx/license-list-XML; texts of the list come from it, with their optional and
replaceable parts. Which other texts there are, and where each was read, stands in ``sources.toml``: a text is taken
from ``FOLDER/owner+name/repo`` (a git directory), from ``FOLDER/owner+name/path``, or from the wheel of ScanCode; where
a file holds more, ``between`` says how the first and the last line of the text begin. No text is stored, only hashes of
words, the first eight words of every clause, and a list of decisive words.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import subprocess
import tomllib
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from forebear.licences import lexicon
from forebear.licences.normalise import Text, clean, normalise
from forebear.licences.sketches import hash_of

DATA = Path(__file__).parent.parent / "src" / "forebear" / "data" / "licences" / "texts"
LABEL_WORDS = 8
_PACKAGED = re.compile(r"\A\s*\[?For the [\w .-]{1,60}, see https?://\S+\s*\n")
"""A line that a packager put above a text."""
_BLOCKS = ("p", "item", "list", "titleText", "copyrightText", "standardLicenseHeader", "br")
_HEADING = re.compile(
    r"\W*(?:section|article|part|attachment|annex|exhibit|appendix|schedule)\s+[\dA-Z]", re.IGNORECASE
)


@dataclass
class Known:
    """A text on its way into the files."""

    id: str
    name: str
    spdx: str
    licence: str
    source: str
    text: Text
    optional: np.ndarray[Any, np.dtype[np.bool_]]
    alternatives: list[tuple[int, int, str]] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    ai: bool = False


@dataclass
class Marked:
    """A text put together from an SPDX XML file, with the ranges of characters that are optional or replaceable."""

    parts: list[str] = field(default_factory=list)
    size: int = 0
    optional: list[tuple[int, int]] = field(default_factory=list)
    alternatives: list[tuple[int, int, str]] = field(default_factory=list)

    def add(self, text: str | None) -> None:
        """Appends text as :func:`normalise` sees it, so that places stay true."""
        if text:
            made = clean(re.sub(r"\s+", " ", text)) if text != "\n\n" else text
            self.parts.append(made)
            self.size += len(made)


def spdx_texts(repository: Path) -> Iterator[Known]:
    """Every licence of the list, exceptions left out."""
    commit = _git(repository, "rev-parse", "HEAD").decode().strip()
    listed = _git(repository, "ls-tree", "-r", "--name-only", "HEAD", "src").decode().split()
    names = [name for name in listed if name.endswith(".xml") and "/exceptions/" not in name]
    order = sorted(names, key=lambda name: (name.endswith("-or-later.xml"), name.count("/")))
    for name in order:
        root = ElementTree.fromstring(_git(repository, "show", f"HEAD:{name}"))
        licence = next((node for node in root if node.tag.endswith("}license")), None)
        if licence is None or licence.get("deprecatedVersion"):
            continue  # the texts of deprecated identifiers are those of others
        body = next((node for node in licence if node.tag.endswith("}text")), None)
        if body is None:
            continue
        marked = Marked()
        _walk(body, marked)
        text = normalise("".join(marked.parts))
        optional = text.weak | text.holder
        for start, end in marked.optional:
            optional |= (text.starts >= start) & (text.starts < end)
        alternatives = []
        for start, end, pattern in marked.alternatives:
            inside = np.flatnonzero((text.starts >= start) & (text.starts < end))
            at = int(inside[0]) if len(inside) else int(np.searchsorted(text.starts, start))
            alternatives.append((at, at + len(inside), pattern))
        spdx = str(licence.get("licenseId"))
        source = f"spdx/license-list-XML@{commit}:{name}"
        known = Known(spdx, str(licence.get("name")), spdx, "", source, text, optional, alternatives)
        yield known


def _walk(node: ElementTree.Element, marked: Marked) -> None:
    tag = node.tag.rpartition("}")[2]
    if tag in _BLOCKS:
        marked.add("\n\n")
    start = marked.size
    marked.add(node.text)
    for child in node:
        _walk(child, marked)
        marked.add(child.tail)
    if tag in ("optional", "titleText", "copyrightText", "bullet", "standardLicenseHeader"):
        marked.optional.append((start, marked.size))
    if tag == "alt":
        marked.alternatives.append((start, marked.size, str(node.get("match"))))
    if tag in _BLOCKS or tag == "bullet":
        marked.add("\n\n" if tag in _BLOCKS else " ")


def listed_texts(options: argparse.Namespace) -> Iterator[Known]:
    """The texts of ``sources.toml``."""
    for name, entry in tomllib.loads((DATA / "sources.toml").read_text()).items():
        for source in entry["from"]:
            content = _content(source, options)
            if content is None:
                print(f"not found: {source}")
                continue
            text = normalise(_PACKAGED.sub("", _between(content, *entry.get("between", ("", "")))))
            licence = entry.get("licence", name)
            yield Known(
                name, entry["name"], entry.get("spdx", ""), licence, source, text, text.weak | text.holder, ai=True
            )


def _between(content: str, first: str, last: str) -> str:
    """The lines from one that begins with some words to the next that begins with others."""
    if not first:
        return content
    lines = content.split("\n")
    start = next(number for number, line in enumerate(lines) if line.strip().startswith(first))
    end = next(number for number in range(start, len(lines)) if lines[number].strip().startswith(last))
    return "\n".join(lines[start : end + 1])


def _content(source: str, options: argparse.Namespace) -> str | None:
    if source.startswith("scancode:"):
        if options.scancode is None:
            return None
        with zipfile.ZipFile(options.scancode) as wheel:
            raw: str = wheel.read(f"licensedcode/data/licenses/{source[9:]}.LICENSE").decode()
        return raw.split("---", 2)[2]
    repository, _, rest = source.partition("@")
    commit, _, path = rest.partition(":")
    folder = repository.replace("/", "+")
    if options.mirrors and (options.mirrors / folder / "repo").exists():
        with contextlib.suppress(subprocess.CalledProcessError):  # a mirror may not have that commit
            return _git(options.mirrors / folder / "repo", "show", f"{commit}:{path}").decode("utf-8", "replace")
    for files in options.files:
        manifest = files / "manifest.json"
        rows = json.loads(manifest.read_text()) if manifest.exists() else []
        for row in rows:
            if row.get("repo") == folder and row.get("path") == path and row.get("commit") == commit:
                return str((files / row["file"]).read_text(errors="replace"))
        if (files / folder / path).is_file():
            return str((files / folder / path).read_text(errors="replace"))
    return None


def _git(repository: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", "-C", str(repository), *arguments], check=True, capture_output=True).stdout


def clauses_of(known: Known) -> list[tuple[int, str]]:
    """Where clauses start, each with its label: a paragraph, an item of a list, a numbered line or a heading."""
    text = known.text
    lines = text.clean.split("\n")
    starts: list[int] = []
    for word in range(len(text)):
        if word and text.lines[word] == text.lines[word - 1]:
            continue
        number = int(text.lines[word])
        blank = number > 0 and not lines[number - 1].strip()
        if not word or blank or text.weak[word] or _HEADING.match(lines[number]):
            starts.append(word)
    merged: list[int] = []
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        previous_short = merged and start - merged[-1] < 4 and not text.weak[start]
        if not previous_short and end > start:
            merged.append(start)
    return [
        (s, text.quote(s, min(s + LABEL_WORDS, e), 90)) for s, e in zip(merged, [*merged[1:], len(text)], strict=True)
    ]


def distinct(texts: Iterator[Known]) -> list[Known]:
    """Texts with the same words are one; the identifiers of the others are kept."""
    seen: dict[tuple[str, ...], Known] = {}
    for known in texts:
        words = known.text.words  # the optional ones too: a title may be all that tells two versions apart
        if not len(words):
            continue
        kept = seen.setdefault(words, known)
        if kept is known:
            continue
        if known.id != kept.id and known.id not in kept.same:
            kept.same.append(known.id)
    return list(seen.values())


def spelt_words(texts: list[Known]) -> list[str]:
    """Decisive words, those with digits, and names in the texts of AI licences."""
    vocabulary = {word for known in texts for word in known.text.words}
    words = {word for word in vocabulary if lexicon.decisive(word) or word in lexicon.FUNCTION_WORDS}
    for text in (known.text for known in texts if known.ai):
        for at, word in enumerate(text.words):
            start = int(text.starts[at])
            raw, before = text.clean[start : int(text.ends[at])], text.clean[max(0, start - 2) : start].strip()
            inside = before not in (".", "") or (at > 0 and not text.weak[at - 1])
            if inside and re.fullmatch(r"[A-Z][a-z]+|[A-Z]?[a-z]+[A-Z][A-Za-z]*", raw):
                words.add(word)
    return sorted(words)


def write(texts: list[Known], options: argparse.Namespace) -> None:
    """The three files; their sizes are printed."""
    vocabulary = sorted({hash_of(word) for known in texts for word in known.text.words})
    if len(vocabulary) > 65_535:
        raise SystemExit(f"{len(vocabulary)} different words do not fit 16 bits")
    place = {value: number for number, value in enumerate(vocabulary)}
    words = np.concatenate([np.asarray([place[hash_of(w)] for w in k.text.words], "<u2") for k in texts])
    optional = np.packbits(np.concatenate([known.optional for known in texts]))
    raw = np.asarray(vocabulary, "<u4").tobytes() + words.tobytes() + optional.tobytes()
    rows = []
    for known in texts:
        row: dict[str, Any] = {"id": known.id, "name": known.name, "words": len(known.text), "source": known.source}
        more: Mapping[str, Any] = {"spdx": known.spdx, "licence": known.licence, "same": known.same}
        row |= {key: value for key, value in more.items() if value}
        if known.alternatives:
            row["alternatives"] = known.alternatives
        rows.append(row)
    head = {"distinct": len(vocabulary), "words": len(words), "spelt": spelt_words(texts)}
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    meta = json.dumps(head, ensure_ascii=False)[:-1] + ',\n"texts": [\n' + lines + "\n]}\n"
    clauses = json.dumps([clauses_of(known) for known in texts], ensure_ascii=False).encode()
    files = {"texts.json": meta.encode(), "words.bin": zlib.compress(raw, 9), "clauses.bin": zlib.compress(clauses, 9)}
    for name, content in files.items():
        print(f"{name}: {len(content):,} bytes")
        if options.write:
            (DATA / name).write_bytes(content)
    print(f"{len(texts)} texts, {len(words):,} words, {len(vocabulary):,} different")


def catalogued(texts: list[Known]) -> None:
    """Texts of the SPDX list that the catalogue has facts about point to its entry."""
    from forebear.catalogue.licences import licences

    by_spdx = {licence.spdx: licence.id for licence in licences().values() if licence.spdx}
    for known in texts:
        if not known.ai:
            known.licence = by_spdx.get(known.spdx, "")
        elif known.licence and known.licence not in licences():
            print(f"not in the catalogue: {known.licence}")
            known.licence = ""


def main() -> None:
    """Reads the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--spdx", type=Path, required=True)
    parser.add_argument("--scancode", type=Path)
    parser.add_argument("--mirrors", type=Path)
    parser.add_argument("--files", type=Path, action="append", default=[])
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    texts = distinct(iter((*listed_texts(options), *spdx_texts(options.spdx))))
    catalogued(texts)
    write(texts, options)


if __name__ == "__main__":
    main()
