"""What the code of each type of model does: a table, read in the code of ``transformers`` row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """What the code of one ``model_type`` does, and takes where the config is silent.

    Attributes:
        activation: the config's key for the activation function, and its default.
        epsilon: the same for what norms add to a variance.
        layer_norm: whether norms centre, and have a bias.
        gated: whether the MLP multiplies by a gate.
        theta: the base of rotary positions; 0 where there are none.
        window: ``none``; ``all`` layers see ``sliding_window`` positions; the ``upper`` ones, from
            ``max_window_layers`` on, where ``use_sliding_window`` is set; or all but every ``every``-th.
        default_window: where the config is silent.
        every: see ``window``.
        biases: roles with a bias, each with the config's key that decides it and the default; without a key, always.
        normed_heads: whether queries and keys have norms.
        post_norms: whether attention and MLP are normed once more before they are added.
        scaled: whether embeddings are multiplied by the root of the width.
        scalar: default of ``query_pre_attn_scalar``; 0 where scores are scaled by the head size.
        softcap: default of ``attn_logit_softcapping``; 0 where the code has none.
        parallel: the config's key for attention and MLP side by side, and its default.
        multiplied: whether embeddings, attention scores and what layers add have multipliers in the config (Granite).
        long: whether any scaling of rotary positions is LongRoPE, whatever name it goes by (Phi-3).
        skips: whether some layers do not rotate (SmolLM3): ``no_rope_layers`` or every ``no_rope_layer_interval``-th.
        gguf: whether everything that varies among such models stands in the metadata of a GGUF file too.
    """

    activation: tuple[str, str] = ("hidden_act", "silu")
    epsilon: tuple[str, float] = ("rms_norm_eps", 1e-6)
    layer_norm: bool = False
    gated: bool = True
    theta: float = 10_000.0
    window: str = "none"
    default_window: int | None = 4096
    every: int = 0
    biases: tuple[tuple[str, str, bool], ...] = ()
    normed_heads: bool = False
    post_norms: bool = False
    scaled: bool = False
    scalar: float = 0.0
    softcap: float = 0.0
    parallel: tuple[str, bool] = ("", False)
    multiplied: bool = False
    long: bool = False
    skips: bool = False
    gguf: bool = False


QKV = ("attn.q", "attn.k", "attn.v")
_ATTENTION = tuple((role, "attention_bias", False) for role in (*QKV, "attn.o"))
_MLP = tuple((f"mlp.{role}", "mlp_bias", False) for role in ("gate", "up", "down"))
_GELU = ("hidden_activation", "gelu_pytorch_tanh")

KINDS: Mapping[str, Kind] = {
    "llama": Kind(biases=_ATTENTION + _MLP, gguf=True),
    "mistral": Kind(window="all"),
    "qwen2": Kind(window="upper", biases=tuple((role, "", True) for role in QKV), gguf=True),
    "qwen3": Kind(window="upper", biases=_ATTENTION, normed_heads=True, gguf=True),
    "mixtral": Kind(epsilon=("rms_norm_eps", 1e-5), theta=1e6, window="all", default_window=None, gguf=True),
    "gemma": Kind(activation=("hidden_act", "gelu_pytorch_tanh"), biases=_ATTENTION, scaled=True),
    "gemma2": Kind(
        _GELU, window="most", every=2, biases=_ATTENTION, post_norms=True, scaled=True, scalar=256, softcap=50
    ),
    "gemma3_text": Kind(
        _GELU, window="most", every=6, biases=_ATTENTION, normed_heads=True, post_norms=True, scaled=True, scalar=256
    ),
    "phi3": Kind(epsilon=("rms_norm_eps", 1e-5), window="all", default_window=None, long=True),
    "smollm3": Kind(theta=2e6, biases=_ATTENTION + _MLP, skips=True),
    "granite": Kind(biases=_ATTENTION + _MLP, multiplied=True),
    "starcoder2": Kind(
        ("hidden_act", "gelu_pytorch_tanh"),
        ("norm_epsilon", 1e-5),
        layer_norm=True,
        gated=False,
        window="all",
        default_window=None,
        biases=tuple((role, "use_bias", True) for role in (*QKV, "attn.o", "mlp.up", "mlp.down")),
    ),
    "gpt2": Kind(
        ("activation_function", "gelu_new"),
        ("layer_norm_epsilon", 1e-5),
        layer_norm=True,
        gated=False,
        theta=0,
        biases=tuple((role, "", True) for role in (*QKV, "attn.o", "mlp.up", "mlp.down")),
    ),
    "gpt_neox": Kind(
        ("hidden_act", "gelu"),
        ("layer_norm_eps", 1e-5),
        layer_norm=True,
        gated=False,
        biases=(
            *((role, "attention_bias", True) for role in (*QKV, "attn.o")),
            *((role, "", True) for role in ("mlp.up", "mlp.down")),
        ),
        parallel=("use_parallel_residual", True),
    ),
}
"""The ``model_type`` values that can be computed, each read in the code of ``transformers`` 5.23."""
