"""Towers: encoders of images or sound that stand beside a language model, or alone, each read as a model of its own.

A tower's conventions are data files like a family's, under ``data/towers``. Its names are tried wherever layers are
numbered, whatever stands before them (``visual.``, ``vision_tower.vision_model.``, ``model.audio_tower.``). Layers
beside the language model that no convention names are read by their shapes; their coins are never the trusted ones.

No number of heads is needed, and no config is asked: a tower is read in *stretches* of :data:`STRETCH` dimensions of
its attention, which stand in the place of heads. A value dimension is a generator in heads of any size. Keys are read
in pairs of neighbours (2i, 2i + 1) within a stretch. Without rotary positions each of the two is a generator, so
negating both negates the pair's inner product; with them, the partners of a pair lie in it (interleaved) or half a head
away, or a quarter (rotated by axis): outside of the stretch, where heads have 64 dimensions or more. So pairs share no
generator.
"""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib import resources
from math import prod

from forebear.artifacts.architecture import Architecture, Geometry, parse
from forebear.artifacts.base import Artifact, Tensor, Tower
from forebear.artifacts.kinds import NUMBER, shapes
from forebear.artifacts.recognise import Named, Shapes, Templates, match

MOST_TOWERS = 2
"""Of one model, the largest: one for images and one for sound."""
MOST_TENSORS = 20_000
"""Of one tower; the largest that are known have a thousand."""
STRETCH = 16
"""Dimensions that stand in the place of a head."""
FEWEST_LAYERS = 2
FEWEST_MATRICES = 4
"""In a layer: queries, keys and values in one, the output, and an MLP of two."""
UNNAMED = "encoder"
"""What a tower is called whose name does not say."""
COINS = ("glu", "value_output", "query_key")
SENSES: Mapping[str, tuple[str, ...]] = {
    "vision": ("vis", "vit", "image", "img", "clip", "pixel", "featurizer"),
    "audio": ("audio", "speech", "sound", "whisper", "voice"),
    "text": ("text",),
}
"""What a tower is called, by how a part of the name before its layers begins."""


@cache
def conventions() -> tuple[Architecture, ...]:
    """How towers are named, by file name."""
    folder = resources.files("forebear") / "data" / "towers"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    return tuple(parse(tomllib.loads(f.read_text("utf-8")), f.name) for f in files)


def towers(model: Artifact) -> tuple[Tower, ...]:
    """The towers of a model, the largest first; none where every tensor has a role in a known family.

    Raises:
        InputError: rows of layers without known names could not be read.
    """
    if model.adapter is not None:
        return ()
    taken = set(model.names.values())
    if len(taken) == len(model.weights.tensors) and not model.by_names:
        return ()
    unread = model.weights.unread
    rest = {
        n: s for n, s in shapes(model.weights.tensors).items() if (n not in taken or model.by_names) and n not in unread
    }
    found = []
    for stem, names in _stacks(rest):
        tensors = {name: model.weights.tensors[name] for name in names}
        named = _recognised({n: rest[n] for n in names})
        if named is None and taken.isdisjoint(names) and model.source.traffic is None:  # it reads much of large ones
            named = _inferred(tensors)
        if named is not None and (tower := _tower(model, stem, named, tensors)) is not None:
            found.append(tower)
        if len(found) == MOST_TOWERS:
            break
    return tuple(found)


def beside_towers(sizes: Shapes) -> list[str]:
    """Names of the tensors that stand in no tower of a known convention, whatever the language model is."""
    taken = {name for _, names in _stacks(sizes) if _recognised({n: sizes[n] for n in names}) for name in names}
    return [name for name in sizes if name not in taken]


def _stacks(rest: Shapes) -> Iterator[tuple[str, Sequence[str]]]:
    """What stands before the first number of names, and the names: layers of matrices, the most values first."""
    by_stem: dict[str, list[str]] = defaultdict(list)
    matrices: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for name, shape in rest.items():
        if (number := NUMBER.search(name)) is not None:
            by_stem[name[: number.start()]].append(name)
            matrices[name[: number.start()]][number[1]] += len(shape) > 1
    able = [
        stem
        for stem, layers in matrices.items()
        if sum(n >= FEWEST_MATRICES for n in layers.values()) >= FEWEST_LAYERS and len(by_stem[stem]) <= MOST_TENSORS
    ]
    able.sort(key=lambda stem: (-sum(prod(rest[n]) for n in by_stem[stem]), stem))
    yield from ((stem, by_stem[stem]) for stem in able[: 4 * MOST_TOWERS])


def _recognised(sizes: Shapes) -> Named | None:
    """The convention that names most of these tensors."""
    templates = Templates(sizes)
    found = [n for c in conventions() if (n := match(c, {}, templates)) is not None]
    return max(found, key=lambda n: (not n.by_names, len(n.names)), default=None)


def _inferred(tensors: Mapping[str, Tensor]) -> Named | None:
    """Roles by shapes alone."""
    from forebear.artifacts.inference import infer  # large, and few models have towers of unknown names

    guess = infer({}, tensors, embedded=False)
    return guess if isinstance(guess, Named) else None


def _tower(model: Artifact, stem: str, named: Named, tensors: Mapping[str, Tensor]) -> Tower | None:
    """A tower as a model of its own; None where its attention cannot be read in stretches."""
    geometry = _stretched(named, {name: t.shape for name, t in tensors.items()})
    if geometry is None:
        return None
    coins = tuple(c for c in COINS if c in named.architecture.coins)
    artifact = replace(
        model,
        weights=replace(model.weights, tensors=tensors),
        config={},
        architecture=replace(named.architecture, rope="interleaved", coins=coins),
        geometry=geometry,
        names={role: name for role, name in named.names.items() if role.startswith("layers.")},
        unknown="",
        tokenizer=None,
        problems=(),
        notes=named.notes if named.by_names else (),
        by_names=named.by_names,
        inferred=named.inferred,
        disguise="",
    )
    return Tower(_component(stem), artifact)


def _stretched(named: Named, sizes: Shapes) -> Geometry | None:
    """The sizes of a tower with stretches of its attention for heads."""

    def length(role: str, axis: str) -> int:
        described = named.architecture.roles.get("layers.{layer}." + role)
        name = next((n for r, n in named.names.items() if r.endswith("." + role)), None)
        return sizes[name][described.axes.index(axis)] if described is not None and name is not None else 0

    mixed, keys = length("attn.o", "mixed"), length("attn.k", "key")
    described = named.architecture.roles["layers.{layer}.attn.k"]
    if described.part is not None:
        if described.part.layout != "blocks" or keys != mixed * len(described.part.of):
            return None
        keys = mixed
    if not mixed or not keys or mixed % STRETCH or keys % STRETCH or mixed % keys:
        return None
    return replace(
        named.geometry,
        heads=mixed // STRETCH,
        kv_heads=keys // STRETCH,
        head_dim=STRETCH,
        value_dim=STRETCH,
        rotary=STRETCH,
    )


def _component(stem: str) -> str:
    """What a tower is called."""
    words = [word for part in stem.lower().split(".") for word in part.split("_")]
    sense = next((s for s, starts in SENSES.items() if any(w.startswith(starts) for w in words)), None)
    return f"{sense} tower" if sense else UNNAMED
