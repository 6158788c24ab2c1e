"""Makes ``data/tokenizers/strings.*``: a filter of each known tokenizer's longer tokens.

    python token_strings.py FOLDER... [--data FOLDER]

Files are found by their SHA-256 in ``known.toml``, like those of ``token_catalogue.py``; the first file there of each
tokenizer is read. Vocabularies of pieces of words (BERT's) have none: models that answer do not use them.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from token_catalogue import digest_of, tokenizer_files

from forebear.artifacts.tokenizers import Tokenizer, read_tokenizer
from forebear.artifacts.tokenizers.base import BYTES
from forebear.catalogue.token_strings import packed
from forebear.catalogue.tokenizers import parse_facts
from forebear.sources import LocalSource
from forebear.tokenization import named

_BYTE_OF = {character: value for value, character in enumerate(BYTES)}
_BYTE_TOKEN = re.compile(r"<0x[0-9A-Fa-f]{2}>\Z")


def texts_of(tokenizer: Tokenizer) -> Iterator[str]:
    """The texts that tokens stand for; tokens that are parts of characters, and special ones, have none."""
    special = {*tokenizer.specials, *tokenizer.added}
    for token in tokenizer.ids:
        if token in special or _BYTE_TOKEN.match(token):
            continue
        if not tokenizer.byte_level:
            yield token.replace("▁", " ")
            continue
        try:
            yield bytes(_BYTE_OF[character] for character in token).decode()
        except (KeyError, UnicodeDecodeError):
            continue


def main() -> None:
    """Write both files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--data", type=Path, default=Path(str(resources.files("forebear") / "data" / "tokenizers")))
    given = parser.parse_args()
    facts = parse_facts((given.data / "known.toml").read_text("utf-8"))
    names = {file.sha256: name for name, entry in facts.items() for file in entry.files}
    first = {sha: k for entry in facts.values() for k, sha in enumerate(file.sha256 for file in entry.files)}
    best: dict[str, tuple[int, bytes]] = {}
    for path in tokenizer_files(given.folders):
        sha = digest_of(path)
        if (name := names.get(sha)) is None or (name in best and best[name][0] <= first[sha]):
            continue
        tokenizer = read_tokenizer(named(LocalSource(path)))
        if tokenizer is not None and tokenizer.model != "WordPiece":
            best[name] = first[sha], packed(texts_of(tokenizer))
            print(f"{name:24} {len(best[name][1]):8,} bytes")
    order = sorted(name for name in best if best[name][1])
    (given.data / "strings.json").write_text(
        json.dumps({name: len(best[name][1]) for name in order}, indent=0) + "\n", "utf-8"
    )
    (given.data / "strings.bin").write_bytes(b"".join(best[name][1] for name in order))
    print(f"without: {sorted(set(facts) - set(order))}")


if __name__ == "__main__":
    main()
