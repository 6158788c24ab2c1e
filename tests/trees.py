"""Folders of models, as people have them: a real tree, a hub cache."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from edits import drifted
from forebear.artifacts.base import Weights
from forebear.index import LocalIndex
from forebear.inspect import enrol
from forebear.sources import Source
from models import tiny_llama


def tree(folder: Path, index: Path) -> Path:
    """Four models, one of them damaged, one an undeclared child of the only reference in the index."""
    base = tiny_llama(folder.parent / "references" / "base", seed=1)
    enrol(str(base), LocalIndex(index), "org/base")
    shutil.move(drifted(base, "child", 0.1), folder / "team" / "child")
    tiny_llama(folder / "other", seed=2)
    tiny_llama(folder / "team" / "qwen", seed=3, family="qwen3")
    broken = tiny_llama(folder / "broken", seed=4) / "model.safetensors"
    broken.write_bytes(broken.read_bytes()[:1000])
    return folder


def hub_cache(folder: Path, commits: Sequence[str], seed: int = 1) -> Path:
    """A hub's cache with one repository: the files of every commit are links to the same blobs."""
    repository = folder / "models--org--name"
    (repository / "blobs").mkdir(parents=True)
    (repository / "refs").mkdir()
    for number, file in enumerate(sorted(tiny_llama(folder.parent / "downloaded", seed=seed).iterdir())):
        blob = f"{number:040x}"
        shutil.move(file, repository / "blobs" / blob)
        for commit in commits:
            snapshot = repository / "snapshots" / commit
            snapshot.mkdir(parents=True, exist_ok=True)
            (snapshot / file.name).symlink_to(Path("..", "..", "blobs", blob))
    return folder


class Named:
    """A reader of files with a suffix, which may be empty; it stands for formats whose files are found by name."""

    def __init__(self, name: str, suffix: str) -> None:
        self.name, self.suffix = name, suffix

    def handles(self, source: Source) -> bool:
        names = [source.only] if source.only else [f.path for f in source.files()]
        return any(n.endswith(self.suffix) for n in names)

    def read(self, source: Source) -> Weights:
        raise NotImplementedError
