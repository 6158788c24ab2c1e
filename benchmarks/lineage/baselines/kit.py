"""An open provenance kit: a gate on metadata, then five weighted signals.

Model Provenance Kit 1.0 (Cisco, 2026), as its code does it, written anew: equal architecture fields are "confirmed"
with 1.0, equal family fields and sizes with 0.9, without a look at weights; else a weighted mean of the signals that
could be computed, 0.36 EAS + 0.21 WVC + 0.19 END + 0.16 LEP + 0.08 NLF; above 0.75 "high confidence". Its two
tokenizer signals (TFV, VOA) are reported beside the score and are no part of it.

Chosen here: tensors go by aligned names (the kit follows the order of a file); one list of common words for the
anchors. Where no weight signal can be computed the pair is refused instead of scored by metadata alone, which never
reaches 0.75 in the kit unless the gate does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lineage.baselines.base import Model, Refused
from lineage.baselines.profiles import pearson
from lineage.view import F64, Indices

CONFIRMED, SAME_FAMILY, HIGH = 1.0, 0.9, 0.75
SHARES = {"eas": 0.36, "wvc": 0.21, "end": 0.19, "lep": 0.16, "nlf": 0.08}
ANCHORS, STRIDED, BINS, FEWEST_GAINS = 64, 4_096, 20, 64
MARKS = (*"0123456789", *".,!?:;")
WORDS = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "is",
    "that",
    "for",
    "it",
    "as",
    "with",
    "was",
    "on",
    "be",
    "at",
    "by",
    "this",
    "from",
    "or",
    "an",
    "are",
    "not",
]
PARTS = ("attn.q", "attn.k", "attn.v", "attn.o", ".gate", ".up", ".down")


@dataclass(frozen=True)
class Kit:
    """See the module; without its gate it is the weighted mean alone, which is the better half of it."""

    gate: bool = True
    threshold: float | None = HIGH
    paper: str = "Model Provenance Kit 1.0, Cisco 2026"

    @property
    def name(self) -> str:
        """For tables."""
        return "Kit" if self.gate else "Kit, no gate"

    def score(self, a: Model, b: Model) -> float:
        """In [0, 1].

        Raises:
            Refused: the gate is shut, or there is none, and no signal can be computed.
        """
        if self.gate and a.config and b.config:
            if architecture_digest(a) == architecture_digest(b):
                return CONFIRMED
            if family_digest(a) == family_digest(b):
                return SAME_FAMILY
        found = signals(a, b)
        weight = sum(SHARES[name] for name, value in found.items() if np.isfinite(value))
        if not weight:
            raise Refused("none of its signals can be computed")
        return sum(SHARES[name] * value for name, value in found.items() if np.isfinite(value)) / weight


def architecture_digest(model: Model) -> str:
    """Over type, architectures, sizes and context length."""
    c, g = model.config, model.artifact.geometry
    sizes = (g.width, g.layers, g.heads, g.kv_heads, g.intermediate, g.vocabulary) if g else ()
    return _digest(
        c.get("model_type"), c.get("architectures"), *sizes, c.get("max_position_embeddings") or c.get("n_positions")
    )


def family_digest(model: Model) -> str:
    """Over type, attention, activation, norm, tokenizer, rotation, width and depth."""
    c, g, tokenizer = model.config, model.artifact.geometry, model.folder / "tokenizer.json"
    rope = c.get("rope_parameters") or {}
    theta = round(float(rope.get("rope_theta") or c.get("rope_theta") or 0) / 100)
    style = (g.heads == g.kv_heads, g.width, g.layers) if g else ()
    norm = "rms" if "rms_norm_eps" in c else "layer"
    text = hashlib.sha256(tokenizer.read_bytes()).hexdigest() if tokenizer.is_file() else None
    act = c.get("hidden_act") or c.get("activation_function")
    return _digest(c.get("model_type"), *style, act, norm, text, theta, rope.get("rope_type"))


def _digest(*values: object) -> str:
    return hashlib.sha256(json.dumps(values, default=str).encode()).hexdigest()


def signals(a: Model, b: Model) -> dict[str, float]:
    """The five signals in [0, 1]; not a number where one cannot be computed."""
    both = (a, b)
    x, y = (anchored(m) for m in both)
    eas = (pearson(x, y) + 1) / 2 if len(x) == len(y) and len(x) else float("nan")
    norms = [gains(m) for m in both]
    same = len(norms[0]) == len(norms[1]) >= FEWEST_GAINS
    nlf = cosine(*norms) if same else cosine(*(summary(g) for g in norms)) if all(map(len, norms)) else float("nan")
    depth = min(m.layers for m in both)
    energy = (
        [np.interp(np.linspace(0, 1, depth), np.linspace(0, 1, m.layers), energies(m)) for m in both] if depth else []
    )
    lep = (pearson(*energy) + 1) / 2 if depth > 1 else float("nan")
    end = cosine(*(histogram(m) for m in both))
    slices = [cosine(strided(a, k), strided(b, k)) for k in range(depth)]
    wvc = float(np.mean(np.clip(slices, 0, 1))) if depth > 1 and np.isfinite(slices).all() else float("nan")
    return {"eas": eas, "wvc": wvc, "end": end, "lep": lep, "nlf": nlf}


def anchors(model: Model) -> Indices:
    """Rows of the anchor tokens: marks, common words, then a draw with the kit's seed up to 64."""
    rows = len(model.weights["embed"])
    known = model.artifact.tokenizer.ids if model.artifact.tokenizer else {}
    words = [t for w in WORDS for t in (f"Ġ{w}", f"▁{w}", w) if t in known]
    chosen = [known[t] for t in (*MARKS, *words) if known.get(t, rows) < rows]
    drawn = np.random.RandomState(42).choice(min(rows, 50_000), min(rows, 2 * ANCHORS), replace=False)
    return np.array(list(dict.fromkeys([*chosen, *map(int, drawn)]))[:ANCHORS], dtype=np.int64)


def anchored(model: Model) -> F64:
    """EAS: cosines of the anchors' rows, above the diagonal."""
    if "embed" not in model.weights:
        return np.zeros(0)
    rows = model.weights["embed"][anchors(model)].astype(np.float64)
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30)
    return np.asarray((unit @ unit.T)[np.triu_indices(len(unit), 1)])


def gains(model: Model) -> F64:
    """NLF: all norm gains, one after the other."""
    found = [v for role, v in model.weights.items() if v.ndim == 1 and "norm" in role]
    return np.concatenate(found).astype(np.float64) if found else np.zeros(0)


def summary(values: F64) -> F64:
    """What stands for gains where their numbers differ."""
    return np.array([values.mean(), values.std(), values.max(), values.min()])


def energies(model: Model) -> F64:
    """LEP: sums of Frobenius norms by layer, over the largest."""
    found = [
        sum(float(np.linalg.norm(v)) for r, v in model.weights.items() if r.startswith(f"layers.{k}.") and v.ndim == 2)
        for k in range(model.layers)
    ]
    return np.array(found) / max(1e-30, max(found))


def histogram(model: Model) -> F64:
    """END: twenty bins of the embedding rows' norms, between their own ends."""
    if "embed" not in model.weights:
        return np.zeros(0)
    return np.histogram(np.linalg.norm(model.weights["embed"], axis=1), BINS)[0].astype(np.float64)


def strided(model: Model, layer: int) -> F64:
    """WVC: 4,096 values of every matrix of a layer at even strides, one matrix after the other."""
    roles: Sequence[str] = [r for r in model.weights if r.startswith(f"layers.{layer}.") and r.endswith(PARTS)]
    flat = [model.weights[r].ravel() for r in sorted(roles)]
    return (
        np.concatenate([v[:: max(1, len(v) // STRIDED)][:STRIDED] for v in flat]).astype(np.float64)
        if flat
        else np.zeros(0)
    )


def cosine(x: F64, y: F64) -> float:
    """Cosine of two vectors, up to the length of the shorter; not a number where one is empty or zero."""
    n = min(len(x), len(y))
    size = float(np.linalg.norm(x[:n]) * np.linalg.norm(y[:n]))
    return float(x[:n] @ y[:n]) / size if size > 0 else float("nan")
