"""PyTorch checkpoints, single and sharded: pickles interpreted, tensors read by ranges, nothing executed.

Container: a zip file since torch 1.6 (``archive.py``), before that pickles and raw storages in one file
(``legacy.py``). In both a pickle describes the tensors (``machine.py``, ``calls.py``), which stay on disk
(``layout.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from forebear.artifacts.base import Tensor, Weights
from forebear.artifacts.formats.names import PART
from forebear.artifacts.formats.pytorch.checkpoint import HEAD, kind, read_checkpoint
from forebear.artifacts.formats.pytorch.dangers import clauses
from forebear.artifacts.formats.pytorch.layout import placed
from forebear.artifacts.formats.pytorch.search import state_dict
from forebear.artifacts.formats.pytorch.values import Log
from forebear.artifacts.formats.safetensors import check_index, read_index
from forebear.errors import FormatError, InputError, one_line
from forebear.sources import File, Source

SUFFIXES = (".bin", ".pt", ".pth", ".ckpt")
INDEX = "pytorch_model.bin.index.json"
SINGLE = "pytorch_model.bin"
MOST_SHARED = 64
"""How often over tensors may claim the bytes of their file: tied layers do so a few times, a bomb without end."""
MAX_LOOKED_AT = 64
_INDEX_SUFFIX = ".bin.index.json"
_BESIDE = re.compile(
    r"(training_args|optimizer|optim|scheduler|scaler|rng_state|random_states|adapter_model|tokenizer)(?![a-z])",
    re.IGNORECASE,
)
_SHARD = re.compile(r"(.*[-_.])(\d{5})-of-(\d{5})(\.\w+)\Z")


class PyTorch:
    """The reader of ``*.bin``, ``*.pt``, ``*.pth`` and ``*.ckpt``."""

    name = "PyTorch"

    def handles(self, source: Source) -> bool:
        """True for a file with such a name, and for a directory with an index or a checkpoint.

        The names are used for much else, so in a directory the first bytes decide.
        """
        if source.only:
            return source.only.lower().endswith((*SUFFIXES, _INDEX_SUFFIX)) and not PART.match(source.only)
        files = source.files()
        if any(f.path.endswith(_INDEX_SUFFIX) for f in files):
            return True
        return any(kind(source.read(f.path, 0, min(HEAD, f.size))) for f in candidates(files)[:MAX_LOOKED_AT])

    def read(self, source: Source) -> Weights:
        """The pickles of all shards, checked one by one and against the index.

        Raises:
            FormatError: a file is damaged, no checkpoint, or holds no dictionary of tensors.
            InputError: shards are missing.
        """
        choice = _choose(source)
        sizes = {f.path: f.size for f in source.files()}
        tensors: dict[str, Tensor] = {}
        notes, dangers, unread = list(choice.notes), list[str](), set[str]()
        for path in choice.paths:
            if path not in sizes:
                raise InputError(f"{path}: not in {source.target}", "was it moved or deleted just now?")
            part = read_tensors(source, File(path, sizes[path]))
            for name, tensor in part.tensors.items():
                if name in tensors:
                    raise FormatError(path, f"tensor {name} is also in {tensors[name].path}", "remove one of them")
                tensors[name] = tensor
            unread |= part.unread
            notes += part.notes
            dangers += part.dangers
        if choice.owner is not None:
            check_index(choice.index, dict(choice.owner), tensors)
        return Weights(
            self.name,
            tensors,
            choice.paths,
            notes=tuple(dict.fromkeys(notes)),
            dangers=tuple(dict.fromkeys(dangers)),
            unread=frozenset(unread),
        )


@dataclass(frozen=True)
class Choice:
    """The files of the model: their paths, the index with the file of every tensor where there is one, and remarks."""

    paths: tuple[str, ...]
    index: str = ""
    owner: Mapping[str, str] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """The tensors of one file, where they were found in it, what its pickle would do, and names that are not read."""

    tensors: Mapping[str, Tensor]
    notes: tuple[str, ...] = field(default=())
    dangers: tuple[str, ...] = field(default=())
    unread: frozenset[str] = frozenset()


def read_tensors(source: Source, file: File) -> Part:
    """The model in one checkpoint.

    Raises:
        FormatError: the file is damaged, no checkpoint, holds no named tensors, or lies about their place.
    """
    log = Log()
    try:
        return _read_tensors(source, file, log)
    except FormatError as error:
        if not log.dangers:
            raise
        also = next(iter(log.dangers.values()))
        raise FormatError(file.path, f"{error.problem}; its pickle {also}", "do not load it") from None


def _read_tensors(source: Source, file: File, log: Log) -> Part:
    path = file.path
    checkpoint = read_checkpoint(source, file, log)
    dangers, notes = clauses(path, log)
    found = state_dict(checkpoint.value)
    if found is None:
        raise FormatError(path, "holds no dictionary of named tensors", "save the model's state_dict() with torch.save")
    if found.where:
        notes = (f"{path}: the model is its entry {one_line(found.where, 120)}", *notes)
    if found.passed:
        notes = (*notes, f"{path}: {len(found.passed):,} entries beside its tensors could not be read and are left out")
    if log.passed:
        classes = ", ".join(str(c) for c in list(log.passed)[:3])
        notes = (*notes, f"{path}: also holds {classes}{' and others' if len(log.passed) > 3 else ''}, passed over")
    checkpoint.announce({value.storage.key for value in found.tensors.values()})
    spans: dict[str, tuple[int, int]] = {}
    tensors: dict[str, Tensor] = {}
    for number, (name, value) in enumerate(found.tensors.items()):
        key = value.storage.key
        if key not in spans:
            spans[key] = checkpoint.span(key)
        tensors[name] = placed(name, number, value, spans[key], source, path)
    claimed = sum(t.nbytes for t in tensors.values())
    if claimed > MOST_SHARED * file.size:
        raise FormatError(
            path, f"its tensors claim {claimed:,} bytes, the file has {file.size:,}", "it is made to mislead"
        )
    return Part(tensors, notes, dangers, frozenset(found.passed))


def candidates(files: Iterable[File]) -> list[File]:
    """Files that may hold a model, by their names."""
    found = [f for f in files if f.path.lower().endswith(SUFFIXES) and not _BESIDE.match(f.path)]
    return [f for f in found if not PART.match(f.path)]


def _choose(source: Source) -> Choice:
    """The files to read: what the user named, the index, the usual name, else the largest checkpoint."""
    files = source.files()
    sizes = {f.path: f.size for f in files}
    indexes = [source.only] if source.only else sorted(n for n in sizes if n.endswith(_INDEX_SUFFIX))
    indexes = [n for n in indexes if n.endswith(_INDEX_SUFFIX)]
    if source.only and not indexes:
        return Choice((source.only,))
    if indexes and [f.path for f in candidates(files)] != [SINGLE]:
        index = INDEX if INDEX in indexes else indexes[0]
        owner = read_index(source, index, sizes)
        return Choice(tuple(sorted(set(owner.values()))), index, owner)
    looked = candidates(files)[:MAX_LOOKED_AT]
    found = [f for f in looked if kind(source.read(f.path, 0, min(HEAD, f.size)))]
    names = [f.path for f in found]
    if SINGLE in names:
        return Choice((SINGLE,))
    if not found:
        raise InputError(f"{source.target}: no torch checkpoint in it", "name the file that holds the model")
    largest = max(found, key=lambda f: f.size).path
    shards = _shards(largest, sizes)
    others = [n for n in names if n not in shards]
    notes = (f"{shards[0]} was read; {others[0]} and others may hold models too",) if others else ()
    return Choice(shards, notes=notes)


def _shards(path: str, sizes: Mapping[str, int]) -> tuple[str, ...]:
    """A file alone, or all parts of the set that its name says it belongs to."""
    match = _SHARD.match(path)
    if match is None:
        return (path,)
    stem, _, total, suffix = match.groups()
    first = 0 if f"{stem}00000-of-{total}{suffix}" in sizes else 1
    wanted = [f"{stem}{k:05d}-of-{total}{suffix}" for k in range(first, first + int(total))]
    if path not in wanted:  # a number beyond the total: only a name
        return (path,)
    missing = [n for n in wanted if n not in sizes]
    if missing:
        listed = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        raise InputError(f"{path}: a shard whose others are not there: {listed}", "fetch the missing shards")
    return tuple(wanted)
