"""Text to train on, without a download: the standard library of this Python, and seeded generators of other statistics.

The library's text differs between versions of Python; ``recipe.json`` in every built model says which one it was.
"""

from __future__ import annotations

import ast
import hashlib
import random
import sys
import sysconfig
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zoo.recipes import VOCABULARY

if TYPE_CHECKING:
    from tokenizers.implementations import ByteLevelBPETokenizer

END_OF_TEXT = "<|endoftext|>"
MAX_CHARACTERS = 600_000
_LIBRARY = Path(sysconfig.get_path("stdlib"))


def code() -> str:
    """Sources of the top-level modules of the standard library, by name."""
    paths = (_LIBRARY / f"{name}.py" for name in sorted(sys.stdlib_module_names))
    return _joined(path.read_text("utf-8") for path in paths if path.is_file())


def prose() -> str:
    """Docstrings of the standard library's packages, by path."""
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    packages = ("asyncio", "concurrent", "email", "importlib", "logging", "multiprocessing", "unittest", "xml")
    paths = (path for package in packages for path in sorted((_LIBRARY / package).rglob("*.py")))
    nodes = (node for path in paths for node in ast.walk(ast.parse(path.read_text("utf-8"))))
    return _joined(ast.get_docstring(node) or "" for node in nodes if isinstance(node, documented))


def shuffled() -> str:
    """The words of :func:`prose` in random order: its words, none of its sentences."""
    words = prose().split()
    random.Random(5).shuffle(words)
    return " ".join(words)


def grammar() -> str:
    """Sentences of a small context-free grammar over an invented vocabulary with Zipf-like frequencies."""
    rng = random.Random(6)
    syllables = [c + v for c in "bdfgklmnprstvz" for v in "aeiou"]

    def words(count: int, ending: str) -> Callable[[], str]:
        known = ["".join(rng.choices(syllables, k=rng.randint(1, 3))) + ending for _ in range(count)]
        weights = [1 / (k + 1) for k in range(count)]
        return lambda: rng.choices(known, weights)[0]

    noun, verb, adjective = words(200, ""), words(80, "t"), words(60, "sh")

    def phrase(depth: int) -> str:
        head = f"the {adjective()} {noun()}" if rng.random() < 0.4 else f"a {noun()}"
        return f"{head} that {verb()} {phrase(depth + 1)}" if depth < 2 and rng.random() < 0.2 else head

    def sentence() -> str:
        tail = rng.choice((".", "?", "!", f", and {phrase(1)} {verb()}."))
        return f"{phrase(0)} {verb()} {phrase(0)}{tail}".capitalize()

    return _joined(" ".join(sentence() for _ in range(30)) for _ in range(600))


def sums() -> str:
    """Lines of arithmetic with right answers."""
    rng = random.Random(7)

    def line() -> str:
        a, b = rng.randint(0, 999), rng.randint(0, 99)
        sign, value = rng.choice((("+", a + b), ("-", a - b), ("*", a * b)))
        return f"{a} {sign} {b} = {value}"

    return _joined("\n".join(line() for _ in range(200)) for _ in range(250))


CORPORA: Mapping[str, Callable[[], str]] = MappingProxyType(
    {"code": code, "prose": prose, "shuffled": shuffled, "grammar": grammar, "sums": sums}
)


@cache
def text_of(corpus: str) -> str:
    """The whole text of a corpus, at most :data:`MAX_CHARACTERS` long.

    Raises:
        KeyError: there is no such corpus.
    """
    return CORPORA[corpus]()[:MAX_CHARACTERS]


def text_digest(corpus: str) -> str:
    """BLAKE2b of a corpus: equal where two machines trained on the same text."""
    return hashlib.blake2b(text_of(corpus).encode(), digest_size=10).hexdigest()


@cache
def tokenizer_of(corpus: str) -> ByteLevelBPETokenizer:
    """The byte-level BPE tokenizer of a corpus; every byte is a token, the end of a text is row 0."""
    from tokenizers.implementations import ByteLevelBPETokenizer

    tokenizer = ByteLevelBPETokenizer()
    documents = text_of(corpus).split(END_OF_TEXT)
    tokenizer.train_from_iterator(documents, VOCABULARY, special_tokens=[END_OF_TEXT], show_progress=False)
    return tokenizer


@cache
def ids_of(corpus: str, tokenizer: str) -> NDArray[np.int64]:
    """``(n,)`` int64 token ids of a corpus in a tokenizer."""
    return np.array(tokenizer_of(tokenizer).encode(text_of(corpus)).ids, dtype=np.int64)


def ids_with(folder: Path, corpus: str) -> NDArray[np.int64]:
    """``(n,)`` int64 token ids of a corpus in the tokenizer of a stored model."""
    from tokenizers import Tokenizer

    return np.array(Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text_of(corpus)).ids, dtype=np.int64)


def _joined(documents: Iterable[str]) -> str:
    return END_OF_TEXT.join(filter(None, documents))
