"""The sign symmetries of recurrent networks, on torch.nn.LSTM and GRU: flipped, trained, and counted.

Flips are guided by the family's data file alone, like those of transformers; which columns ``below`` stands for (the
embedding, or both directions of the layer before) is what this file adds.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from forebear.artifacts import Artifact, read_artifact
from forebear.artifacts.roles import template
from forebear.signals import fingerprint
from forebear.signals.layout import CODE_BITS, LAYER_BITS, RESIDUAL_BITS
from forebear.signals.pairing import paired_blocks
from forebear.signals.sign_code import compare_codes, compare_rows, encode
from forebear.sources import LocalSource
from models import write_safetensors

torch = pytest.importorskip("torch", reason="needs the [torch] extra")

pytestmark = pytest.mark.torch

WIDTH, UNITS, TOKENS, LENGTH = 20, 24, 40, 12
TOLERANCE, CHANGED = 1e-5, 1e-2
F32 = NDArray[np.float32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Case:
    kind: str
    layers: int = 2
    both: bool = False

    @property
    def cells(self) -> int:
        return self.layers * (2 if self.both else 1)


CASES = (Case("lstm", 1), Case("lstm", 3), Case("gru", 2), Case("lstm", 2, both=True), Case("gru", 1, both=True))
EVERY = pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.kind}-{c.layers}{'-both' if c.both else ''}")


def build(case: Case, seed: int, noise: float = 0.0) -> Any:
    """Embedding, recurrent layers, head; PyTorch's own symmetric start, biases too, and as far from it as asked."""
    torch.manual_seed(seed)
    kind = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[case.kind]
    net = torch.nn.ModuleDict(
        {
            "encoder": torch.nn.Embedding(TOKENS, WIDTH),
            "rnn": kind(WIDTH, UNITS, case.layers, batch_first=True, bidirectional=case.both),
            "decoder": torch.nn.Linear(UNITS * (2 if case.both else 1), TOKENS),
        }
    )
    with torch.no_grad():
        for weight in net.parameters():
            weight += noise * torch.randn(weight.shape)
    return net


def forward(net: Any, ids: Any) -> Any:
    return net["decoder"](net["rnn"](net["encoder"](ids))[0])


def scores(net: Any) -> F32:
    ids = torch.randint(0, TOKENS, (3, LENGTH), generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        return np.asarray(forward(net, ids).numpy(), dtype=np.float32)


def train(net: Any, steps: int, seed: int, rate: float = 3e-3, decay: float = 0.1) -> Any:
    """AdamW towards the token after next of sequences with a rule in them; the batches are the seed's."""
    optimiser = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=decay)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        start = torch.randint(0, TOKENS, (8, 1), generator=generator)
        ids = (
            start + 3 * torch.arange(LENGTH + 1)[None] + torch.randint(0, 2, (8, LENGTH + 1), generator=generator)
        ) % TOKENS
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(forward(net, ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten()).backward()
        optimiser.step()
    return net


def weights(net: Any) -> dict[str, F32]:
    return {n: np.array(w.detach().numpy(), dtype=np.float32) for n, w in net.state_dict().items()}


def opened(folder: Path, case: Case, tensors: Mapping[str, F32]) -> Artifact:
    folder.mkdir(parents=True)
    write_safetensors(folder / "model.safetensors", tensors)
    (folder / "config.json").write_text(f'{{"model_type": "{case.kind}"}}')
    return read_artifact(LocalSource(folder))


def draw(case: Case, seed: int) -> dict[str, Flags]:
    """Half of the embedding dimensions (``residual``) and of every cell's units (by number)."""
    rng = np.random.default_rng(seed)
    sizes = {"residual": WIDTH} | {str(k): UNITS for k in range(case.cells)}
    return {k: rng.permutation(size) < size // 2 for k, size in sizes.items()}


def flipped(
    net: Any, case: Case, artifact: Artifact, flips: Mapping[str, Flags], leave: str = "", gates: str = "-"
) -> Any:
    """A copy with the flips done: every role's axes say where. ``leave`` names an axis on which nothing is flipped,
    ``gates`` an axis that is flipped although no generator acts on it."""
    family = artifact.architecture
    assert family is not None
    none = {k: np.zeros_like(v) for k, v in flips.items()}
    signs = {k: 1 - 2 * v.astype(np.float32) for k, v in (none | dict(flips)).items()}
    sides = 2 if case.both else 1

    def below(cell: int) -> F32:
        layer = cell // sides
        return (
            signs["residual"]
            if layer == 0
            else np.concatenate([signs[str((layer - 1) * sides + s)] for s in range(sides)])
        )

    changed: dict[str, F32] = {}
    for filled, name in artifact.names.items():
        values = artifact.weights.tensors[name].values().copy()
        by = {"residual": signs["residual"]}
        if filled.startswith("layers."):
            cell = int(filled.split(".")[1])
            by |= {"cell": signs[str(cell)], "own": signs[str(cell)], "below": below(cell), gates: signs[str(cell)]}
        if filled == "lm_head":  # which layers a head reads is the network's affair
            by["free"] = np.concatenate([signs[str(case.cells - sides + s)] for s in range(sides)])
        for at, axis in enumerate(family.roles[template(filled)].axes):
            if axis in by and axis != leave and not (filled == "lm_head" and at == 0):
                values *= by[axis].reshape([-1 if k == at else 1 for k in range(values.ndim)])
        changed[filled] = values
    turned = {k: np.ones(UNITS, dtype=np.float32) if leave == "cell" else signs[str(k)] for k in range(case.cells)}
    return written_back(net, case, changed, turned)


def written_back(net: Any, case: Case, roles: Mapping[str, F32], turned: Mapping[int, F32]) -> Any:
    """A network with these values, gates fused in PyTorch's order; the candidate's two biases, of which an LSTM has
    only the sum as a role, are multiplied by ``turned``."""
    copy = build(case, 0)
    state = {n: w.clone() for n, w in net.state_dict().items()}
    order = {"lstm": ("input", "forget", "candidate", "output"), "gru": ("reset", "update", "candidate")}[case.kind]
    state["encoder.weight"], state["decoder.weight"] = torch.tensor(roles["embed"]), torch.tensor(roles["lm_head"])
    candidate = slice(order.index("candidate") * UNITS, (order.index("candidate") + 1) * UNITS)
    for cell in range(case.cells):
        layer, side = (cell // 2, cell % 2) if case.both else (cell, 0)
        tail, stem = f"l{layer}" + ("_reverse" if side else ""), f"layers.{cell}.rnn."
        state[f"rnn.weight_ih_{tail}"] = torch.tensor(np.concatenate([roles[stem + g] for g in order]))
        state[f"rnn.weight_hh_{tail}"] = torch.tensor(np.concatenate([roles[f"{stem}{g}.recurrent"] for g in order]))
        for bias in ("ih", "hh"):
            state[f"rnn.bias_{bias}_{tail}"][candidate] *= torch.tensor(turned[cell])
    copy.load_state_dict(state)
    return copy


@EVERY
def test_the_network_is_recognised_whole(case: Case, tmp_path: Path) -> None:
    artifact = opened(tmp_path / "m", case, weights(build(case, 1)))
    assert artifact.architecture is not None and artifact.architecture.coins == ("residual", "cell")
    assert (
        not artifact.by_names and not artifact.notes and set(artifact.weights.tensors) == set(artifact.names.values())
    )
    assert artifact.geometry is not None and artifact.geometry.layers == case.cells


@EVERY
def test_flipping_generators_everywhere_leaves_the_outputs_alone(case: Case, tmp_path: Path) -> None:
    net = build(case, 1, noise=0.3)
    artifact = opened(tmp_path / "m", case, weights(net))
    before = scores(net)
    for seed in range(3):
        flips = draw(case, seed)
        for chosen in (flips, {"residual": flips["residual"]}, {k: v for k, v in flips.items() if k != "residual"}):
            full = {k: chosen.get(k, np.zeros_like(v)) for k, v in flips.items()}
            assert np.abs(scores(flipped(net, case, artifact, full)) - before).max() / before.std() < TOLERANCE


@pytest.mark.parametrize("leave", ["cell", "own", "below", "residual"])
@EVERY
def test_half_a_flip_is_felt(case: Case, leave: str, tmp_path: Path) -> None:
    net = build(case, 1, noise=0.3)
    artifact = opened(tmp_path / "m", case, weights(net))
    before = scores(net)
    assert np.abs(scores(flipped(net, case, artifact, draw(case, 0), leave)) - before).max() / before.std() > CHANGED


@EVERY
def test_a_gate_row_is_no_coin(case: Case, tmp_path: Path) -> None:
    net = build(case, 1, noise=0.3)
    artifact = opened(tmp_path / "m", case, weights(net))
    before = scores(net)
    change = scores(flipped(net, case, artifact, draw(case, 0), gates="unit")) - before
    assert np.abs(change).max() / before.std() > CHANGED


@EVERY
def test_training_is_equivariant(case: Case, tmp_path: Path) -> None:
    """Flip, train, flip back: the weights of the run that was never flipped."""
    net = build(case, 2)
    artifact, flips = opened(tmp_path / "start", case, weights(net)), draw(case, 3)
    other = flipped(net, case, artifact, flips)
    start = weights(net)
    plain, turned = train(net, 6, 1), train(other, 6, 1)
    back = weights(flipped(turned, case, opened(tmp_path / "end", case, weights(turned)), flips))
    moved = max(float(np.abs(weights(plain)[n] - start[n]).max()) for n in start)
    apart = max(float(np.abs(weights(plain)[n] - back[n]).max()) for n in start)
    assert moved > 1e-2 and apart < 1e-3 * moved
    assert any(not np.array_equal(weights(plain)[n], weights(turned)[n]) for n in start)


@EVERY
def test_exactly_the_bits_of_flipped_units_change(case: Case, tmp_path: Path) -> None:
    """Bits of a cell change with its units, those of the embedding with its dimensions; the rest of the code stays."""
    net = build(case, 1, noise=0.3)
    artifact = opened(tmp_path / "m", case, weights(net))
    before, _ = encode(artifact)
    slots = {layer: slot for slot, layer in enumerate(before.layers) if layer >= 0}
    for cell in range(case.cells):
        flips = {k: np.zeros_like(v) for k, v in draw(case, 0).items()} | {str(cell): draw(case, cell)[str(cell)]}
        after, _ = encode(opened(tmp_path / str(cell), case, weights(flipped(net, case, artifact, flips))))
        changed = np.unpackbits(before.bits ^ after.bits).astype(bool)
        expected: Flags = np.zeros(CODE_BITS, dtype=bool)
        start = RESIDUAL_BITS + slots[cell] * LAYER_BITS
        expected[start : start + UNITS] = flips[str(cell)]
        first_of_next = (cell // (2 if case.both else 1) + 1) * (2 if case.both else 1)
        for later in range(first_of_next, min(first_of_next + (2 if case.both else 1), case.cells)):
            at = RESIDUAL_BITS + slots[later] * LAYER_BITS
            changed[at : at + UNITS] = False  # these rows are read along the units of the cell below
        assert np.flatnonzero(changed).tolist() == np.flatnonzero(expected).tolist()
        assert np.array_equal(before.valid, after.valid)
    assert before.n == WIDTH + case.cells * UNITS


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Artifact]]:
    """Independently started networks, trained alike on the same data until they know the rule; and children."""
    folder = tmp_path_factory.mktemp("null")
    out: dict[str, list[Artifact]] = {"lstm": [], "gru": [], "children": []}
    for kind in ("lstm", "gru"):
        case = Case(kind, 2)
        for seed in range(24 if kind == "lstm" else 12):
            net = train(build(case, 100 + seed), 150, seed % 3, rate=1e-2)
            out[kind].append(opened(folder / f"{kind}{seed}", case, weights(net)))
            if kind == "lstm" and seed < 4:
                child = train(net, 80, 50 + seed, rate=1e-2)
                out["children"].append(opened(folder / f"child{seed}", case, weights(child)))
    return out


@pytest.mark.sweep(2)
@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_coins_of_independent_networks_are_fair(kind: str, trained: dict[str, list[Artifact]]) -> None:
    """Pooled and by group, by rows and by codes: z-scores over pairs have mean 0 and variance 1.

    The mean over m models counts as m / 2 independent pairs at the least; the bounds are four standard errors of that
    for the mean, and a factor of two for the variance.
    """
    models = trained[kind]
    marks = [fingerprint(a) for a in models]
    groups = frozenset(["residual", "cell"])
    z: dict[str, list[float]] = {}
    for i, j in itertools.combinations(range(len(models)), 2):
        codes = (marks[i].code, marks[j].code)
        rows = [compare_rows(x, y) for x, y in paired_blocks(models[i], models[j], codes, groups)]
        for name, cells in (("rows", rows), ("code", list(compare_codes(*codes, groups)))):
            for group in (*groups, "pooled"):
                n = sum(c.n for c in cells if group in (c.group, "pooled"))
                agree = sum(c.agree for c in cells if group in (c.group, "pooled"))
                z.setdefault(f"{name} {group}", []).append((agree - n / 2) / (0.5 * math.sqrt(n)))
    for name, values in z.items():
        assert abs(float(np.mean(values))) < 4 / math.sqrt(len(models) / 2), (name, np.mean(values))
        assert 0.5 < float(np.var(values)) < 2, (name, np.var(values))
        assert max(np.abs(values)) < 5, name


def test_children_are_found_and_only_by_their_parents(trained: dict[str, list[Artifact]]) -> None:
    groups = frozenset(["residual", "cell"])
    for k, child in enumerate(trained["children"]):
        for parent, model in enumerate(trained["lstm"][:6]):
            codes = (fingerprint(model).code, fingerprint(child).code)
            cells = [compare_rows(x, y) for x, y in paired_blocks(model, child, codes, groups)]
            share = sum(c.agree for c in cells) / sum(c.n for c in cells)
            assert share > 0.95 if parent == k else 0.2 < share < 0.8, (k, parent, share)
