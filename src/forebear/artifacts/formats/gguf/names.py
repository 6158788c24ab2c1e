"""Which role a tensor of a GGUF file has, and under which name the family's usual implementation keeps it.

llama.cpp names tensors the same in all architectures, so a table from its names to our roles, with a few exceptions by
architecture, and the family's own data (``data/architectures``) from roles to names are all there is. An architecture
that is not listed keeps the names of the file; :mod:`forebear.artifacts.inference` then looks at shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

GLOBAL = {
    "token_embd": "embed",
    "token_embd_norm": "embed_norm",
    "position_embd": "positions",
    "token_types": "segments",
    "output_norm": "norm",
    "output": "lm_head",
}
"""Tensors outside the layers to roles."""

LAYER = {
    "attn_norm": "attn_norm",
    "attn_q": "attn.q",
    "attn_k": "attn.k",
    "attn_v": "attn.v",
    "attn_qkv": "attn.q",  # fused: the family's q, k and v have one name
    "attn_output": "attn.o",
    "attn_q_norm": "attn.q_norm",
    "attn_k_norm": "attn.k_norm",
    "attn_sinks": "attn.sinks",
    "attn_q_a": "attn.q_latent",
    "attn_q_a_norm": "attn.q_latent_norm",
    "attn_q_b": "attn.q_b.nope",
    "attn_kv_a_mqa": "attn.kv_latent",
    "attn_kv_a_norm": "attn.kv_norm",
    "attn_kv_b": "attn.k_nope",
    "post_attention_norm": "attn_post_norm",
    "post_ffw_norm": "mlp_post_norm",
    "ffn_norm": "mlp_norm",
    "ffn_gate": "mlp.gate",
    "ffn_up": "mlp.up",
    "ffn_down": "mlp.down",
    "ffn_gate_inp": "router",
    "exp_probs_b": "router",  # only its bias
    "ffn_gate_inp_shexp": "shared.scale",
    "ffn_gate_shexp": "shared.gate",
    "ffn_up_shexp": "shared.up",
    "ffn_down_shexp": "shared.down",
    "ffn_gate_exps": "experts.{expert}.gate",
    "ffn_up_exps": "experts.{expert}.up",
    "ffn_down_exps": "experts.{expert}.down",
    "ffn_gate_up_exps": "experts.{expert}.gate",  # gate over up
}
"""Tensors of a layer to roles, below ``blk.N.`` and ``layers.N.``."""

ONE_EXPERT = {f"ffn_{part}": f"experts.{{expert}}.{part}" for part in ("gate", "up", "down")}
"""Before experts were stacked: ``blk.N.ffn_gate.E``."""

FUSED = frozenset(["attn_qkv", "ffn_up", "ffn_gate_up_exps"])
"""Names under which one tensor holds all parts of a fused one."""

QKV = ("attn_q", "attn_k", "attn_v")
"""What ``attn_qkv`` holds, in this order, where the family keeps them apart."""

FALCON_PARALLEL = {"attn_norm": "mlp_norm.parallel", "attn_norm_2": "attn_norm.parallel"}
"""Falcon with a norm of its own before the MLP (40B and 180B): the MLP's has the other one's usual name."""

AFTER_ATTENTION = {"post_attention_norm": "mlp_norm"}
"""Where the norm before the MLP is called by what stands before it."""


@dataclass(frozen=True)
class Conversion:
    """What llama.cpp's converter makes of a family, as far as the family's data does not say it.

    Attributes:
        family: the data file.
        model_type: in ``config.json``; the family's name where it is not given.
        prefix: before the names of all tensors but the head.
        pairs: whether rows of q and k were put in rotating pairs (2i with 2i + 1); in the family they are half a head
            apart.
        roles: exceptions to :data:`LAYER`.
    """

    family: str
    model_type: str = ""
    prefix: str = "model."
    pairs: bool = False
    roles: Mapping[str, str] = field(default_factory=dict)


_LLAMA = Conversion("llama", pairs=True)
MIXTRAL = Conversion("mixtral", pairs=True)
"""Architecture ``llama`` with experts."""
DEEPSEEK_V3 = Conversion("deepseek_v3", roles={"attn_q": "attn.q.nope"})
"""Architecture ``deepseek2`` whose router has a bias or a sigmoid."""

CONVERSIONS = {
    "llama": _LLAMA,
    "mistral3": Conversion("llama", "mistral", pairs=True),
    "minicpm": Conversion("llama", "minicpm", pairs=True),
    "smollm3": Conversion("llama", "smollm3", pairs=True),
    "seed_oss": Conversion("llama", "seed_oss", roles=AFTER_ATTENTION),
    "arcee": Conversion("arcee", pairs=True),
    "granite": Conversion("granite", pairs=True),
    "granitemoe": Conversion("granitemoe", pairs=True),
    "olmo": Conversion("olmo", pairs=True),
    "olmo2": Conversion("olmo2"),
    "olmoe": Conversion("olmoe"),
    "exaone4": Conversion("exaone4"),
    "qwen2": Conversion("qwen2"),
    "qwen2moe": Conversion("qwen2_moe"),
    "qwen3": Conversion("qwen3"),
    "qwen3moe": Conversion("qwen3_moe"),
    "gemma": Conversion("gemma"),
    "gemma2": Conversion("gemma2"),
    "gemma3": Conversion("gemma3", "gemma3_text"),
    "phi2": Conversion("phi"),
    "phi3": Conversion("phi3"),
    "phimoe": Conversion("phimoe"),
    "starcoder2": Conversion("starcoder2"),
    "stablelm": Conversion(
        "stablelm", roles={"attn_q_norm": "attn.heads.{head}.q_norm", "attn_k_norm": "attn.heads.{head}.k_norm"}
    ),
    "command-r": Conversion("cohere"),
    "cohere2": Conversion("cohere", "cohere2"),
    "nemotron": Conversion("nemotron"),
    "chatglm": Conversion("glm"),
    "glm4": Conversion("glm4"),
    "glm4moe": Conversion("glm4_moe", roles=AFTER_ATTENTION),
    "dots1": Conversion("dots1"),
    "ernie4_5": Conversion("ernie4_5"),
    "hunyuan-dense": Conversion("hunyuan", "hunyuan_v1_dense"),
    "minimax-m2": Conversion("minimax_m2"),
    "gpt-oss": Conversion("gpt_oss", roles=AFTER_ATTENTION),
    "deepseek2": Conversion("deepseek_v2", roles={"attn_q": "attn.q.nope"}),
    "falcon": Conversion("falcon", prefix="transformer."),
    "bloom": Conversion("bloom", prefix="transformer."),
    "mpt": Conversion("mpt", prefix="transformer."),
    "gpt2": Conversion("gpt2", prefix="transformer."),
    "gptneox": Conversion("gpt_neox", prefix="gpt_neox."),
    "bert": Conversion(
        "bert", prefix="", roles={"attn_output_norm": "attn_post_norm", "layer_output_norm": "mlp_post_norm"}
    ),
    "modern-bert": Conversion("modernbert"),
}
"""llama.cpp's architectures of which there is a family."""
