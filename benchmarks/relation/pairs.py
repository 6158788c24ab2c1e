"""Every pair of the study with its truth: what the reference is, what was made of it, and how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from zoo.recipes import Recipe

from derivations import derive, gguf, packed
from relation.classes import ADAPTED, PAIRED, TRAINED
from relation.kin import Kin

PERMUTED = ("permute-neurons", "permute-heads", "permute-residual")
ROTATED = ("rotate", "permute-neurons")
GGUF = ("llama", "qwen2", "qwen3", "gpt2")
"""Families that the tests' own GGUF writer has names for."""
UPCYCLED = ("llama", "mistral")


@dataclass(frozen=True)
class Made:
    """One model: a trained one, what was done to it, and how it is stored.

    Attributes:
        recipe: of the trained model.
        steps: of :func:`derivations.derive`.
        form: ``BF16`` or ``F32``, ``packed:`` or ``plain:`` and a scheme, ``gguf:`` and an encoder; empty for the
            trained model's own folder where there are no steps.
        other: the model that a step takes something from.
    """

    recipe: Recipe
    steps: tuple[str, ...] = ()
    form: str = ""
    other: Recipe | None = None

    @property
    def key(self) -> str:
        """What it follows from."""
        return ":".join((self.recipe.digest, *self.steps, self.form, self.other.digest if self.other else ""))

    def write(self, cache: Path, out: Path, seed: int) -> Path:
        """The model's folder: ``out``, or the one in the cache where nothing has to be made.

        Raises:
            Inapplicable: a step is impossible for this model.
        """
        folder = cache / self.recipe.digest
        kind, _, scheme = self.form.partition(":")
        if self.steps or not scheme:
            if not self.steps and not kind:
                return folder
            made = out.with_name(f"{out.name}-steps") if scheme else out
            other = cache / self.other.digest if self.other else None
            folder = derive(folder, made, self.steps, seed, other, "" if scheme else kind)
        if scheme:
            return gguf(folder, out, scheme) if kind == "gguf" else packed(folder, out, scheme, kind == "plain")
        return folder


@dataclass(frozen=True)
class Pair:
    """A reference and a model, and what is true of them.

    Attributes:
        truth: a class, or one of the words for what is measured first.
        name: how the model was made.
        a, b: the reference and the model.
        base: the cluster: whose kin they are.
        family: of the base.
        split: what the pair is for.
        rank: of the adapter, if one was merged.
        start: the random start of both, where witnesses are counted.
        alike: what the same edit makes of the reference; where that is the model itself, nobody can tell.
    """

    truth: str
    name: str
    a: Made
    b: Made
    base: Recipe
    family: str
    split: str
    rank: int = 0
    start: Recipe | None = None
    alike: Made | None = None

    def key(self, seed: int) -> str:
        """What the results are filed under."""
        return "|".join((self.truth, self.name, self.a.key, self.b.key, str(seed)))


@dataclass(frozen=True)
class Blend:
    """A merge of children of one base, to be scanned.

    Attributes:
        method: a key of :data:`derivations.merging.METHODS`.
        parents: children by name.
        shares: the true coefficients of their changes.
    """

    method: str
    parents: Mapping[str, Recipe]
    shares: tuple[float, ...]
    base: Recipe
    family: str
    split: str

    @property
    def name(self) -> str:
        """For the tables."""
        return f"{self.method} {' '.join(f'{s:g}' for s in self.shares)}"

    def key(self, seed: int) -> str:
        """What the results are filed under."""
        digests = (p.digest for p in self.parents.values())
        return "|".join(("merge", self.name, self.base.digest, *digests, str(seed)))


OF_THE_BASE: Mapping[str, Mapping[str, tuple[tuple[str, ...], str]]] = MappingProxyType(
    {
        "identical": {
            "copy": ((), "BF16"),
            "other licence": (("relicense",), ""),
            "other names": (("rename",), ""),
            "float32": ((), "F32"),
        },
        "quantized": {
            "int8, float32": (("int8",), "F32"),
            "int4, float32": (("int4",), "F32"),
            "int4, bfloat16": (("int4",), "BF16"),
            "int3, bfloat16": (("int3",), "BF16"),
            "FP8": ((), "packed:fp8-rows"),
            "FP8, float32": ((), "plain:fp8-tensor"),
            "bitsandbytes INT8": ((), "packed:bnb-int8"),
            "bitsandbytes NF4": ((), "packed:bnb-nf4"),
            "GPTQ 4": ((), "packed:gptq-4"),
            "GPTQ 4, float32": ((), "plain:gptq-4"),
            "AWQ": ((), "packed:awq"),
        },
        "rotated and quantized": {
            "rotated, int4": (("rotate", "int4"), "BF16"),
            "rotated, int8": (("rotate", "int8"), "F32"),
        },
        "pruned": {
            "0.3": (("prune-values:0.3",), ""),
            "0.5": (("prune-values:0.5",), ""),
            "0.7": (("prune-values:0.7",), ""),
            "2:4": (("two-four",), ""),
        },
        "depth pruned": {"one layer": (("drop-layers",), "")},
        "depth upscaled": {"duplicated": (("duplicate-layers",), "")},
        "width pruned": {
            "neurons": (("prune-neurons",), ""),
            "heads": (("prune-heads",), ""),
            "residual": (("prune-residual",), ""),
        },
        "width expanded": {"duplicates": (("pad-duplicates",), ""), "dead neurons": (("pad-dead",), "")},
        "vocabulary trimmed": {"a third": (("trim-vocabulary",), "")},
        "multimodal": {"core equal": (("add-tower",), "")},
        "obfuscated": {"permuted": (PERMUTED, ""), "rotated": (ROTATED, "")},
    }
)
"""Class, then name, then steps and form: what is made of every base without training."""
ONLY = {"gguf": GGUF, "upcycle": UPCYCLED}
HEALED = MappingProxyType(
    {
        "dropped-healed": "depth pruned",
        "duplicated-healed": "depth upscaled",
        "narrowed-healed": "width pruned",
        "extended": "vocabulary extended",
        "upcycled-trained": "upcycled",
    }
)
"""Trained after an edit: child to class."""
FULL = ("light", "long", "plain", "third", "decayed", "heavy", "heavy-third", "reward", "reward-faster", "second")
SIBLINGS = (
    *(("light", "third"), ("plain", "third"), ("third", "decayed"), ("long", "decayed"), ("heavy", "decayed")),
    *(("light", "decayed"), ("light", "plain"), ("heavy", "long")),
)
"""Of other data, of other data and unequal lengths, of the same data."""


EDITS = (
    *("drop-layers", "duplicate-layers", "prune-neurons", "prune-heads", "pad-duplicates", "trim-vocabulary"),
    *("int4", "prune-values:0.5", "add-tower"),
)
TRAINED_ON = ("reward", "light", "lora-4-all")
"""Something was done to the base, and a child of the base was trained: they look like parent and child, and are not."""


def pairs_of(one: Kin) -> Iterator[Pair]:
    """All pairs of a base and its kin."""
    base, kin = Made(one.base), one.children

    def pair(truth: str, name: str, a: Made, b: Made, rank: int = 0) -> Pair:
        start = one.start if truth == TRAINED else None
        return Pair(truth, name, a, b, one.base, one.family, one.split, rank, start)

    for name, recipe in kin.items():
        made = Made(recipe)
        if recipe.rank:
            yield pair(ADAPTED, name, base, made, recipe.rank)
        elif name in HEALED:
            yield pair(HEALED[name], name, base, made)
        elif name in FULL:
            yield pair(TRAINED, name, base, made)
    if one.base.family in UPCYCLED:
        yield pair("upcycled", "copies", base, Made(one.base, ("upcycle",)))
        yield pair("upcycled", "copies with noise", base, Made(one.base, ("upcycle:0.02",)))
    if one.family == "wide":
        return
    for truth, rows in OF_THE_BASE.items():
        for name, (steps, form) in rows.items():
            yield pair(truth, name, base, Made(one.base, steps, form))
    if one.family in GGUF:
        for encoder in ("q8_0", "q4_0"):
            yield pair("quantized", f"GGUF {encoder}", base, Made(one.base, (), f"gguf:{encoder}"))
    if int(one.base.config["num_hidden_layers"]) >= 4:
        yield pair("depth pruned", "two layers", base, Made(one.base, ("drop-layers:0.5",)))
    light, outsider, other = kin["light"], *one.strangers
    yield pair("multimodal", "core fine-tuned", base, Made(light, ("add-tower",)))
    yield pair("vocabulary replaced", "drawn anew", base, Made(one.base, ("replace-tokenizer",), "", other))
    yield pair("obfuscated", "child permuted", base, Made(light, PERMUTED))
    yield pair("obfuscated", "child rotated", base, Made(light, ROTATED))
    yield pair(TRAINED, "second, of the first", Made(kin["plain"]), Made(kin["second"]))
    for first, second in SIBLINGS:
        yield pair(PAIRED, f"{first}, {second}", Made(kin[first]), Made(kin[second]))
    for step in EDITS:
        for child in TRAINED_ON:
            edited = pair("edited siblings", f"{child}, {step}", Made(kin[child]), Made(one.base, (step,)))
            yield replace(edited, alike=Made(kin[child], (step,)))
    for step in ("plant-layer", "copy-embeddings"):
        yield pair("component shared", step, base, Made(one.base, (step,), "", outsider))
    yield from _without_descent(one, pair)


def _without_descent(one: Kin, pair: object) -> Iterator[Pair]:
    """Pairs of one start, and independent ones: whoever is called descended here is accused falsely."""
    assert callable(pair)
    base, light, decayed = Made(one.base), Made(one.children["light"]), Made(one.children["decayed"])
    near, far = one.twins
    outsider, other = one.strangers
    for name, a, b in (
        ("other order", base, Made(near)),
        ("other data", base, Made(far)),
        ("two others", Made(near), Made(far)),
        ("a child of one", light, Made(near)),
        ("one at int4", base, Made(near, ("int4",), "F32")),
        ("one pruned", base, Made(near, ("prune-values:0.5",))),
    ):
        yield pair("same start", name, a, b)
    for name, a, b in (
        ("same data and order", base, Made(outsider)),
        ("another family", base, Made(other)),
        ("a child of one", light, Made(outsider)),
        ("a far child of one", decayed, Made(outsider)),
        ("one at int4", base, Made(outsider, ("int4",), "F32")),
        ("one pruned", base, Made(outsider, ("prune-values:0.5",))),
        ("one with fewer layers", base, Made(outsider, ("drop-layers",))),
    ):
        yield pair("independent", name, a, b)


MERGES: Sequence[tuple[str, tuple[str, ...], tuple[float, ...]]] = (
    ("linear", ("long", "decayed"), (0.5, 0.5)),
    ("linear", ("plain", "decayed"), (0.7, 0.3)),
    ("linear", ("long", "decayed", "plain"), (0.4, 0.3, 0.3)),
    ("slerp", ("long", "decayed"), (0.6, 0.4)),
    ("ties", ("long", "decayed"), (0.5, 0.5)),
    ("dare", ("long", "decayed"), (0.6, 0.4)),
    ("passthrough", ("long", "decayed"), (1.0, 1.0)),
)
"""Method, parents and coefficients."""


def merges_of(one: Kin) -> Iterator[Blend]:
    """All merges of a base's children."""
    if one.family != "wide":
        for method, parents, shares in MERGES:
            yield Blend(method, {p: one.children[p] for p in parents}, shares, one.base, one.family, one.split)


def a_few(pairs: Sequence[Pair], count: int) -> list[Pair]:
    """As many pairs of every name, of bases in turn: for a quick look, and for no claim."""
    rows: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs:
        rows.setdefault((pair.truth, pair.name), []).append(pair)
    chosen = []
    for turn, row in enumerate(rows.values()):
        chosen += [row[(turn + k) % len(row)] for k in range(min(count, len(row)))]
    return [replace(p, split="report") for p in chosen]
