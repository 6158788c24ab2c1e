"""The sign symmetries of towers, on the modelling code of transformers: flipped, the outputs stay and the bits turn.

Flips are written by hand from what each network does: which dimensions of a head rotate together is said here, and the
package, which reads pairs of neighbours and asks no config, has to be right in every case.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from forebear.artifacts import Artifact, read_artifact
from forebear.artifacts.roles import role_tensor
from forebear.artifacts.towers import STRETCH
from forebear.signals.layout import CODE_BITS, GLU_BITS, LAYER_BITS, PLANE_BITS, RESIDUAL_BITS, VALUE_BITS
from forebear.signals.sign_code import SignCode, encode
from forebear.sources import LocalSource
from models import write_safetensors

torch = pytest.importorskip("torch", reason="needs the [torch] extra")
transformers = pytest.importorskip("transformers", reason="runs the modelling code of transformers")

pytestmark = pytest.mark.torch

WIDTH, LAYERS, HEADS, NEURONS = 128, 2, 2, 192
HEAD = WIDTH // HEADS
TOLERANCE, CHANGED = 1e-5, 1e-2
F32 = NDArray[np.float32]
Signs = NDArray[np.float32]
SIZES: dict[str, Any] = {
    "hidden_size": WIDTH,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "intermediate_size": NEURONS,
    "image_size": 16,
    "patch_size": 4,
}
GRID = {"depth": LAYERS, "num_heads": HEADS, "patch_size": 4, "temporal_patch_size": 1, "spatial_merge_size": 2}


@dataclass(frozen=True)
class Case:
    """A tower of transformers.

    Attributes:
        convention: what the package has to call its names.
        make: the network.
        prefix: put before every name, as in a larger model.
        rotates: whether dimension i of a head rotates with i + half of the head.
        gated: whether neurons carry coins.
    """

    convention: str
    make: Callable[[], Any]
    prefix: str
    rotates: bool = False
    gated: bool = False


def _clip() -> Any:
    return transformers.CLIPVisionModel(transformers.CLIPVisionConfig(**SIZES))


def _siglip() -> Any:
    return transformers.SiglipVisionModel(transformers.SiglipVisionConfig(**SIZES))


def _vit() -> Any:
    return transformers.ViTModel(transformers.ViTConfig(**SIZES), add_pooling_layer=False)


def _pixtral() -> Any:
    config = transformers.PixtralVisionConfig(**SIZES, num_channels=3, head_dim=HEAD)
    return transformers.PixtralVisionModel(config)


def _whisper() -> Any:
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    sizes = {"d_model": WIDTH, "encoder_layers": LAYERS, "encoder_attention_heads": HEADS, "encoder_ffn_dim": NEURONS}
    return WhisperEncoder(transformers.WhisperConfig(**sizes, num_mel_bins=8, max_source_positions=16))


def _qwen2() -> Any:
    from transformers.models.qwen2_vl.configuration_qwen2_vl import Qwen2VLVisionConfig
    from transformers.models.qwen2_vl.modeling_qwen2_vl import Qwen2VisionTransformerPretrainedModel

    return Qwen2VisionTransformerPretrainedModel(
        Qwen2VLVisionConfig(**GRID, embed_dim=WIDTH, hidden_size=64, mlp_ratio=2)
    )


def _qwen2_5() -> Any:
    from transformers.models.qwen2_5_vl.configuration_qwen2_5_vl import Qwen2_5_VLVisionConfig
    from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VisionTransformerPretrainedModel

    sizes = {"hidden_size": WIDTH, "out_hidden_size": 64, "intermediate_size": NEURONS, "window_size": 16}
    return Qwen2_5_VisionTransformerPretrainedModel(Qwen2_5_VLVisionConfig(**GRID, **sizes, fullatt_block_indexes=[1]))


def _qwen3() -> Any:
    from transformers.models.qwen3_vl.configuration_qwen3_vl import Qwen3VLVisionConfig
    from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLVisionModel

    sizes = {"hidden_size": WIDTH, "out_hidden_size": 64, "intermediate_size": NEURONS, "num_position_embeddings": 16}
    return Qwen3VLVisionModel(Qwen3VLVisionConfig(**GRID, **sizes, deepstack_visual_indexes=[0]))


CASES = (
    Case("clip", _clip, "model.vision_tower."),
    Case("clip", _siglip, "vision_tower."),
    Case("pixtral", _pixtral, "vision_tower.", rotates=True, gated=True),
    Case("whisper", _whisper, "audio_tower."),
    Case("vit", _qwen2, "visual.", rotates=True),
    Case("qwen2_5_vl", _qwen2_5, "model.visual.", rotates=True, gated=True),
    Case("qwen3_vl", _qwen3, "model.visual.", rotates=True),
)
UNKNOWN = Case("gpt2", _vit, "vision_model.")
"""Names that no convention has: read by shapes."""
EVERY = pytest.mark.parametrize("case", CASES, ids=lambda c: c.make.__name__.strip("_"))


def built(case: Case) -> Any:
    """The network with random weights in which nothing is one or zero."""
    torch.manual_seed(3)
    net = case.make().eval()
    with torch.no_grad():
        for name, weight in net.named_parameters():
            noise = torch.randn(weight.shape)
            weight.copy_(1 + 0.4 * noise if weight.ndim == 1 and name.endswith("weight") else 0.2 * noise)
    return net


def seen(case: Case, net: Any) -> F32:
    """What the network makes of one random picture or sound."""
    torch.manual_seed(5)
    with torch.no_grad():
        if case.make is _whisper:
            out = net(torch.randn(1, 8, 32))
        elif case.prefix.endswith("visual."):
            out = net(torch.randn(16, 48), grid_thw=torch.tensor([[1, 4, 4]]))
        else:
            out = net(torch.randn(1, 3, 16, 16))
    last = getattr(out, "last_hidden_state", out)
    return np.asarray((last[0] if isinstance(last, tuple) else last).numpy(), dtype=np.float32)


def opened(case: Case, net: Any, folder: Path) -> Artifact:
    """The tower, read from a file that holds it beside nothing else."""
    folder.mkdir()
    tensors = {case.prefix + n: np.array(w.detach().numpy(), dtype=np.float32) for n, w in net.named_parameters()}
    write_safetensors(folder / "model.safetensors", tensors)
    (tower,) = read_artifact(LocalSource(folder)).towers
    return tower.artifact


def tossed(case: Case, layer: int) -> dict[str, Signs]:
    """Signs of a layer's dimensions: of q and k together, of v, of neurons."""
    rng = np.random.default_rng(layer)
    pairs = rng.choice([-1.0, 1.0], (HEADS, HEAD // (4 if case.rotates else 2)))
    keys = np.repeat(pairs, 2, axis=1)
    keys = np.concatenate([keys, keys], axis=1) if case.rotates else keys
    return {
        "key": keys.reshape(-1).astype(np.float32),
        "value": rng.choice([-1.0, 1.0], WIDTH).astype(np.float32),
        "neuron": rng.choice([-1.0, 1.0], NEURONS).astype(np.float32),
    }


def flip(case: Case, net: Any, tower: Artifact, leave: str = "") -> None:
    """Turn every generator that was drawn, in place; ``leave`` names a role that is left as it is."""
    with torch.no_grad():
        weights = dict(net.named_parameters())
        for layer in range(LAYERS):
            signs = {k: torch.from_numpy(v) for k, v in tossed(case, layer).items()}
            acts = {"attn.q": "key", "attn.k": "key", "attn.v": "value", "attn.o": "value"}
            acts |= {"mlp.up": "neuron", "mlp.down": "neuron"} if case.gated else {}
            for role, kind in acts.items():
                for suffix in ("", ".bias"):
                    full = f"layers.{layer}.{role}{suffix}"
                    if role == leave or full not in tower.names or (suffix and role in ("attn.o", "mlp.down")):
                        continue
                    weight, part = weights[tower.names[full].removeprefix(case.prefix)], tower.architecture
                    assert part is not None
                    fused = part.roles[f"layers.{{layer}}.{role}{suffix}"].part
                    if role in ("attn.o", "mlp.down"):
                        weight *= signs[kind]
                    else:
                        start = WIDTH * fused.index if fused else 0
                        rows = weight[start : start + len(signs[kind])]
                        rows *= signs[kind] if suffix else signs[kind][:, None]


def turned(case: Case) -> NDArray[np.bool_]:
    """The bits that have to turn: two stretches of values and of pairs of keys, and the first neurons."""
    bits = np.zeros(CODE_BITS, dtype=bool)
    for slot, layer in ((0, 0), (15, 1)):
        signs = tossed(case, layer)
        at = RESIDUAL_BITS + slot * LAYER_BITS
        if case.gated:
            bits[at : at + GLU_BITS] = signs["neuron"][:GLU_BITS] < 0
        for k, start in enumerate((0, WIDTH // 2)):
            value = at + GLU_BITS + k * STRETCH
            bits[value : value + STRETCH] = signs["value"][start : start + STRETCH] < 0
            plane = at + GLU_BITS + VALUE_BITS + k * PLANE_BITS // 2
            bits[plane : plane + STRETCH // 2] = signs["key"][start : start + STRETCH : 2] < 0
    return bits


def unpacked(code: SignCode) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    return np.unpackbits(code.bits), np.unpackbits(code.valid)


@EVERY
def test_flips_leave_the_outputs_alone_and_turn_their_bits(case: Case, tmp_path: Path) -> None:
    net = built(case)
    before, tower = seen(case, net), opened(case, net, tmp_path / "a")
    assert tower.architecture is not None and tower.architecture.name == case.convention and not tower.by_names
    assert tower.architecture.coins == (("glu",) if case.gated else ()) + ("value_output", "query_key")
    code = encode(tower)[0]
    flip(case, net, tower)
    after = seen(case, net)
    assert np.abs(after - before).max() <= TOLERANCE * np.abs(before).max()
    flipped = encode(opened(case, net, tmp_path / "b"))[0]
    (bits, valid), (other, still) = unpacked(code), unpacked(flipped)
    assert np.array_equal(valid, still) and valid.sum() == LAYERS * (48 + GLU_BITS * case.gated)
    assert np.array_equal((bits != other) & (valid > 0), turned(case) & (valid > 0))


@EVERY
def test_half_a_flip_is_felt(case: Case, tmp_path: Path) -> None:
    for role in ("attn.q", "attn.o", *(("mlp.down",) if case.gated else ())):
        net = built(case)
        before, tower = seen(case, net), opened(case, net, tmp_path / role)
        flip(case, net, tower, leave=role)
        assert np.abs(seen(case, net) - before).max() >= CHANGED * np.abs(before).max(), role


def test_layers_of_unknown_names_are_read_by_their_shapes_and_not_trusted(tmp_path: Path) -> None:
    net = built(UNKNOWN)
    before, tower = seen(UNKNOWN, net), opened(UNKNOWN, net, tmp_path / "a")
    code = encode(tower)[0]
    assert tower.inferred and code.repeats
    flip(UNKNOWN, net, tower)
    assert np.abs(seen(UNKNOWN, net) - before).max() <= TOLERANCE * np.abs(before).max()
    (bits, valid), (other, _) = unpacked(code), unpacked(encode(opened(UNKNOWN, net, tmp_path / "b"))[0])
    assert np.array_equal((bits != other) & (valid > 0), turned(UNKNOWN) & (valid > 0))


def test_the_mark_says_which_matrices_it_read(tmp_path: Path) -> None:
    tower = opened(CASES[4], built(CASES[4]), tmp_path / "a")
    for part, start in (("q", 0), ("k", WIDTH), ("v", 2 * WIDTH)):
        tensor = role_tensor(tower, f"layers.1.attn.{part}")
        assert tensor is not None and tensor.tensor.name == "visual.blocks.1.attn.qkv.weight"
        axis = {"q": "query", "k": "key", "v": "value"}[part]
        assert np.array_equal(tensor.rows(axis, np.arange(3), WIDTH), tensor.tensor.rows(start, start + 3))
