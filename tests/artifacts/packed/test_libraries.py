"""Our values beside those of the libraries that write these formats, where they are installed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from forebear.artifacts import Tensor, read_artifact
from forebear.sources import open_source

torch = pytest.importorskip("torch", reason="needs the [torch] extra")
save_file = pytest.importorskip("safetensors.torch", reason="writes the files").save_file

pytestmark = pytest.mark.torch

NAME = "model.layers.0.self_attn.q_proj"


def draw(*shape: int) -> Any:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(5)) * 0.08


def read(folder: Path, tensors: dict[str, Any], config: dict[str, Any] | None = None) -> Tensor:
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"quantization_config": config or {}}))
    (tensor,) = read_artifact(open_source(str(folder))).weights.tensors.values()
    return tensor


def agree(ours: NDArray[Any], theirs: Any, tolerance: float = 3e-7) -> None:
    np.testing.assert_allclose(ours, theirs.detach().float().numpy(), rtol=tolerance, atol=1e-9)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["nf4", "fp4"])
@pytest.mark.parametrize("nested", [False, True], ids=["plain", "nested"])
@pytest.mark.parametrize("storage", ["uint8", "bfloat16"])
def test_four_bits_of_bitsandbytes(kind: str, nested: bool, storage: str, tmp_path: Path) -> None:
    bnb = pytest.importorskip("bitsandbytes.functional", reason="compares with bitsandbytes")
    weight = draw(192, 320)
    packed, state = bnb.quantize_4bit(
        weight, quant_type=kind, compress_statistics=nested, quant_storage=getattr(torch, storage)
    )
    stored = {f"{NAME}.weight.{k}": v for k, v in state.as_dict(packed=True).items()}
    tensor = read(tmp_path, {f"{NAME}.weight": packed, **stored})
    assert tensor.dtype == f"bitsandbytes {kind.upper()}"
    agree(tensor.values(), bnb.dequantize_4bit(packed, state), 3e-6)


@pytest.mark.filterwarnings("ignore")
def test_eight_bits_of_bitsandbytes(tmp_path: Path) -> None:
    bnb = pytest.importorskip("bitsandbytes.functional", reason="compares with bitsandbytes")
    codes, scale, _ = bnb.int8_vectorwise_quant(draw(192, 320).half())
    tensor = read(tmp_path, {f"{NAME}.weight": codes, f"{NAME}.SCB": scale})
    agree(tensor.values(), bnb.int8_vectorwise_dequant(codes, scale))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("group", [None, 32], ids=["rows", "groups"])
@pytest.mark.parametrize("symmetric", [True, False], ids=["symmetric", "zeros"])
def test_integers_of_compressed_tensors(bits: int, group: int | None, symmetric: bool, tmp_path: Path) -> None:
    ct = pytest.importorskip("compressed_tensors.compressors", reason="compares with compressed-tensors")
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme

    strategy = "group" if group else "channel"
    args = QuantizationArgs(num_bits=bits, group_size=group, strategy=strategy, symmetric=symmetric)
    weight, half = draw(96, 320), 2 ** (bits - 1)
    parts = weight.reshape(96, -1, group or 320)
    if symmetric:
        scale = parts.abs().amax(2) / (half - 0.5)
        zero = torch.zeros_like(scale)
    else:
        scale = (parts.amax(2) - parts.amin(2)) / (2**bits - 1)
        zero = (-half - parts.amin(2) / scale).round()
    state = {"weight": weight, "weight_scale": scale}
    state |= {} if symmetric else {"weight_zero_point": zero.to(torch.int8)}
    scheme = QuantizationScheme(targets=["Linear"], weights=args)
    compressor = ct.PackedQuantizationCompressor
    stored = compressor.compress(dict(state), scheme)
    tensor = read(tmp_path, {f"{NAME}.{k}": v for k, v in stored.items()}, {"format": "pack-quantized"})
    assert tensor.dtype == f"compressed-tensors INT{bits}"
    agree(tensor.values(), compressor.decompress(dict(stored), scheme)["weight"])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["nvfp4", "mxfp4"])
def test_four_bit_floats_of_compressed_tensors(kind: str, tmp_path: Path) -> None:
    ct = pytest.importorskip("compressed_tensors.compressors", reason="compares with compressed-tensors")
    from compressed_tensors.quantization import QuantizationScheme, preset_name_to_scheme

    scheme: QuantizationScheme = preset_name_to_scheme("NVFP4A16" if kind == "nvfp4" else "MXFP4A16", ["Linear"])
    block = 16 if kind == "nvfp4" else 32
    weight = draw(96, 320)
    peaks = weight.reshape(96, -1, block).abs().amax(2)
    state = {"weight": weight}
    if kind == "nvfp4":
        whole = 448 * 6 / peaks.max()
        state |= {
            "weight_scale": (peaks / 6 * whole).to(torch.float8_e4m3fn).float(),
            "weight_global_scale": whole[None],
        }
    else:
        state |= {"weight_scale": torch.exp2((peaks / 6).log2().ceil())}
    compressor = ct.NVFP4PackedCompressor if kind == "nvfp4" else ct.MXFP4PackedCompressor
    stored = compressor.compress(dict(state), scheme)
    tensor = read(tmp_path, {f"{NAME}.{k}": v for k, v in stored.items()})
    assert tensor.dtype == kind.upper()
    agree(tensor.values(), compressor.decompress(dict(stored), scheme)["weight"], 2**-8)  # theirs is rounded to BF16


def test_blocks_of_fp8_in_transformers(tmp_path: Path) -> None:
    fp8 = pytest.importorskip("transformers.integrations.finegrained_fp8", reason="compares with transformers")
    weight, scale = draw(320, 448).mul(1000).to(torch.float8_e4m3fn), draw(3, 4).abs()
    stored = {f"{NAME}.weight": weight, f"{NAME}.weight_scale_inv": scale}
    tensor = read(tmp_path, stored, {"quant_method": "fp8", "weight_block_size": [128, 128]})
    full = scale.repeat_interleave(128, 0)[:320].repeat_interleave(128, 1)[:, :448]
    agree(tensor.values(), weight.float() * full)
    whole = fp8._dequantize_fp8_weight(weight[:256, :384], scale[:2, :3].contiguous(), [128, 128], torch.float32)
    agree(tensor.values()[:256, :384], whole)


def test_experts_of_gpt_oss_in_transformers(tmp_path: Path) -> None:
    mxfp4 = pytest.importorskip("transformers.integrations.mxfp4", reason="compares with transformers")
    draws = torch.Generator().manual_seed(4)
    blocks = torch.randint(0, 256, (3, 80, 2, 16), generator=draws, dtype=torch.uint8)
    scales = torch.randint(110, 130, (3, 80, 2), generator=draws, dtype=torch.uint8)
    stem = "model.layers.0.mlp.experts.gate_up_proj"
    tensor = read(tmp_path, {f"{stem}_blocks": blocks, f"{stem}_scales": scales}, {"quant_method": "mxfp4"})
    theirs = mxfp4.convert_moe_packed_tensors(blocks, scales, dtype=torch.float32)
    assert tensor.name == stem and tensor.shape == tuple(theirs.shape) == (3, 64, 80)
    agree(tensor.values(), theirs, 0)
    for start, stop in ((0, 1), (31, 33), (5, 64), (64, 64)):
        agree(tensor.item(1).rows(start, stop), theirs[1, start:stop], 0)
