"""Folders of models, as people have them: a real tree, a hub cache."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
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


def hub_cache(folder: Path, commits: Iterable[str], seed: int = 1) -> Path:
    """A repository in a hub's cache: the files of every commit are links to the same blobs; returns the cache."""
    repository = folder / "models--org--name"
    blobs = tiny_llama(repository / "blobs", seed=seed)
    for commit in commits:
        snapshot = repository / "snapshots" / commit
        snapshot.mkdir(parents=True)
        for blob in sorted(blobs.iterdir()):
            target = blob if blob.suffix == "" else blob.rename(blobs / blob.name.replace(".", "_"))
            (snapshot / target.name.replace("_safetensors", ".safetensors").replace("_json", ".json")).symlink_to(
                Path("..", "..", "blobs", target.name)
            )
    (repository / "refs").mkdir()
    return folder


class Whole:
    """A reader of a made-up format by its suffix; it stands for formats whose files are found by name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def handles(self, source: Source) -> bool:
        names: Sequence[str] = [source.only] if source.only else [f.path for f in source.files()]
        return any(n.endswith(f".{self.name}") for n in names)

    def read(self, source: Source) -> Weights:
        raise NotImplementedError
