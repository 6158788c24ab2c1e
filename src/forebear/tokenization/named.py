"""One tokenizer among several files: the one that a user names, under the name by which its format is found."""

from __future__ import annotations

from collections.abc import Iterable

from forebear.artifacts.gguf import SUFFIX
from forebear.artifacts.tokenizers import find_tokenizer
from forebear.artifacts.tokenizers.additions import ADDED, CONFIG, SPECIAL
from forebear.artifacts.tokenizers.huggingface import TOKENIZER
from forebear.artifacts.tokenizers.tekken import TEKKEN
from forebear.artifacts.tokenizers.vocab_merges import MERGES, VOCAB
from forebear.artifacts.tokenizers.vocab_txt import VOCAB as WORDS
from forebear.sources import File, Range, Source

GGUF = "vocab.gguf"


class Named:
    """A source of one tokenizer: its file under the name that its format has, and the small files beside it.

    Args:
        inner: where the file lies.
        path: of the file.
        name: what it is to be called, see :func:`usual_name`.
    """

    only: str | None = None

    def __init__(self, inner: Source, path: str, name: str) -> None:
        self.inner, self.target, self.name, self.location = inner, inner.target, inner.name, inner.location
        self.traffic = inner.traffic
        beside = {ADDED, CONFIG, SPECIAL} | ({MERGES} if name == VOCAB else set())
        sizes = {f.path: f.size for f in inner.files()}
        self._paths = {name: path} | {other: other for other in beside & sizes.keys() if other != path}
        self._files = tuple(File(known, sizes[real]) for known, real in sorted(self._paths.items()))

    def files(self) -> tuple[File, ...]:
        """See :meth:`forebear.sources.Source.files`."""
        return self._files

    def read(self, path: str, start: int, stop: int) -> bytes:
        """See :meth:`forebear.sources.Source.read`."""
        return self.inner.read(self._paths[path], start, stop)

    def prefetch(self, ranges: Iterable[Range]) -> None:
        """See :meth:`forebear.sources.Source.prefetch`."""
        self.inner.prefetch((self._paths[path], start, stop) for path, start, stop in ranges)


def usual_name(path: str) -> str | None:
    """The name under which a format finds such a file, None for one that is no tokenizer by its name."""
    name = path.rpartition("/")[2].lower()
    if name.endswith(SUFFIX):
        return GGUF
    if name in (TEKKEN, VOCAB, WORDS, "tiktoken.model") or name.endswith(".tiktoken") or name.startswith("rwkv_vocab"):
        return path.rpartition("/")[2]
    if name.endswith(".model") or ".model.v" in name:
        return "tokenizer.model"
    ordinary = name in (CONFIG, ADDED, SPECIAL) or not name.endswith(".json")
    return TOKENIZER if "tokenizer" in name and not ordinary else None


def named(source: Source) -> Source:
    """The source of the tokenizer that a target has, with which ``read_tokenizer`` and ``encoder_of`` agree.

    Where a user named a tokenizer's file it is that one alone; where there is no tokenizer file, the vocabulary in the
    first GGUF file; else the source as it is.

    Raises:
        InputError: a file cannot be looked into.
    """
    if source.only is not None and (name := usual_name(source.only)) is not None:
        return Named(source, source.only, name)
    weights = next((f.path for f in source.files() if f.path.lower().endswith(SUFFIX)), None)
    return Named(source, weights, GGUF) if weights is not None and find_tokenizer(source) is None else source
