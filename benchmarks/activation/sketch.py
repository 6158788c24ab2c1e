"""Sketches and hidden states of many models, kept beside them: computed once for each state of the code."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

import forebear
from forebear.activations.encoding import spans_of
from forebear.activations.pooled import COUNT, DEPTHS, FORWARDS, Pooled, layer_at, pooled
from forebear.activations.probes import probe_set
from forebear.artifacts import Artifact, read_artifact
from forebear.errors import ForebearError
from forebear.signals import Fingerprint, fingerprint
from forebear.signals.activations import Activations, activations
from forebear.sources import open_source
from forebear.tokenization import json_encoder_of

F32 = NDArray[np.float32]
PARTS = ("activations", "signals/activations.py", "data/probes")
RANDOM, LENGTH, SEED = 64, 16, 9
"""Sequences of random tokens, for the method that asks them; their length."""


@dataclass(frozen=True)
class Sample:
    """A model: a folder, and what is done to it first.

    Attributes:
        key: names it.
        folder: of the model.
        steps: of ``tests/derivations``, or none.
        other: folder of another model, for steps that take from one; empty without.
    """

    key: str
    folder: Path
    steps: tuple[str, ...] = ()
    other: str = ""


@dataclass(frozen=True)
class Seen:
    """What was computed of a model.

    Attributes:
        sample: the model.
        sketch: None where nothing could be computed, with ``why``.
        mark: shape, tokenizer and code.
        raw: float32 ``(5, 128, width)``: mean hidden states of texts as they are, for methods that take them so; nan
            where a text was not read.
        random: ``(64, width)``: the last layer's state at the end of random tokens.
    """

    sample: Sample
    sketch: Activations | None
    mark: Fingerprint | None
    why: str
    path: Path

    @cached_property
    def raw(self) -> F32:
        """See the class."""
        with np.load(self.path) as data:
            return np.asarray(data["raw"], dtype=np.float32)

    @cached_property
    def random(self) -> F32:
        """See the class."""
        with np.load(self.path) as data:
            return np.asarray(data["random"], dtype=np.float32)


def code_digest() -> str:
    """BLAKE2b of the code and data that decide what is computed."""
    root, digest = Path(forebear.__file__ or "").parent, hashlib.blake2b(digest_size=6)
    for part in PARTS:
        place = root / part
        for path in sorted(place.rglob("*") if place.is_dir() else [place]):
            if path.suffix in (".py", ".json"):
                digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def seen(samples: Sequence[Sample], cache: Path, jobs: int, states: bool = False) -> Iterator[Seen]:
    """What was computed of every model, in no order.

    Args:
        samples: the models.
        cache: folder for results.
        jobs: processes.
        states: keep what other methods need as well.
    """
    cache.mkdir(parents=True, exist_ok=True)
    code = code_digest()
    paths = {s.key: cache / f"{_name(s)}-{code}-{'s' if states else 'k'}.npz" for s in samples}
    missing = [s for s in samples if not paths[s.key].is_file()]
    if missing:
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ[name] = "1"
        with ProcessPoolExecutor(max(1, jobs), mp_context=multiprocessing.get_context("spawn")) as pool:
            work = [pool.submit(_compute, s, paths[s.key], states) for s in missing]
            for done in as_completed(work):
                done.result()
    for sample in samples:
        yield _load(sample, paths[sample.key])


def _name(sample: Sample) -> str:
    text = "|".join((sample.folder.name, *sample.steps, Path(sample.other).name))
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def _compute(sample: Sample, path: Path, states: bool) -> None:
    from derivations import derive
    from disguises import Inapplicable

    with TemporaryDirectory() as place:
        folder = sample.folder
        values: dict[str, Any] = {"why": ""}
        try:
            if sample.steps:
                other = Path(sample.other) if sample.other else None
                folder = derive(sample.folder, Path(place) / "model", sample.steps, 7, other)
            artifact = read_artifact(open_source(str(folder)))
            found = pooled(artifact, depths=DEPTHS)
            if isinstance(found, Pooled):
                values["sketch"] = np.frombuffer(activations(found).to_bytes(), dtype=np.uint8)
                if states:
                    values |= _states(artifact)
            else:
                values["why"] = found.why
        except (Inapplicable, ForebearError) as error:
            values["why"] = f"{type(error).__name__}: {error}"
        part = path.with_suffix(f".{os.getpid()}.npz")
        np.savez_compressed(part, **values)
        part.rename(path)


def _states(artifact: Artifact) -> dict[str, F32]:
    """Hidden states without our own way of taking their mean."""
    model = next(m for f in FORWARDS if not isinstance(m := f.prepare(artifact), str))
    encoder = json_encoder_of(artifact.source)
    assert not isinstance(encoder, str)
    spans, _ = spans_of(encoder, probe_set().first(COUNT).probes, model.rows, model.positions)
    layers = [layer_at(depth, model.layers) for depth in DEPTHS]
    wanted = sorted(set(layers))
    raw = np.full((len(DEPTHS), COUNT, model.width), np.nan, dtype=np.float32)
    starts = np.cumsum([0, *(len(s.ids) for s in spans)])
    streams = model.states([s.ids for s in spans], wanted, 4_000_000_000)
    for layer, stream in zip(wanted, streams, strict=True):
        for slot in (k for k, own in enumerate(layers) if own == layer):
            for start, span in zip(starts, spans, strict=False):
                raw[slot, span.probe] = stream[start + span.counted].mean(axis=0)
    rng = np.random.default_rng(SEED)
    tokens = [rng.integers(0, min(model.rows, 500), LENGTH) for _ in range(RANDOM)]
    last = next(iter(model.states(tokens, [model.layers], 4_000_000_000)))
    return {"raw": raw, "random": last.reshape(RANDOM, LENGTH, -1)[:, -1].copy()}


def _load(sample: Sample, path: Path) -> Seen:
    with np.load(path) as data:
        why = str(data["why"])
        if "sketch" not in data:
            return Seen(sample, None, None, why, path)
        sketch = Activations.from_bytes(data["sketch"].tobytes())
    mark = None if sample.steps else fingerprint(read_artifact(open_source(str(sample.folder))))
    return Seen(sample, sketch, mark, "", path)
