"""An adapter as a value: which base it says it belongs to, and what it adds to which of the base's matrices.

Names and keys follow PEFT (https://huggingface.co/docs/peft): ``adapter_config.json`` beside a file whose tensors are
called ``base_model.model.<module>.lora_A.weight``. LoRA is Hu et al. 2021 (arXiv 2106.09685), DoRA Liu et al. 2024
(arXiv 2402.09353), rsLoRA Kalajdzievski 2023 (arXiv 2312.03732).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from forebear.errors import FormatError, one_line

if TYPE_CHECKING:
    from forebear.artifacts.base import Tensor

CONFIG = "adapter_config.json"
MAX_RANK = 1_000_000
_PREFIX = "base_model.model."
_PARTS = {
    "lora_A": "down",
    "lora_B": "up",
    "lora_embedding_A": "down",
    "lora_embedding_B": "up",
    "lora_magnitude_vector": "magnitude",
}
_TITLES = {"LORA": "LoRA", "ADALORA": "AdaLoRA", "LOHA": "LoHa", "LOKR": "LoKr", "VERA": "VeRA"}
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


@dataclass(frozen=True)
class LowRank:
    """What an adapter adds to one matrix: B·A, of shape ``(outputs, inputs)``, times a scale.

    Attributes:
        module: the matrix's module in the base, e.g. ``model.layers.0.self_attn.q_proj``.
        down: A, ``(rank, inputs)``; random when training begins.
        up: B, ``(outputs, rank)``; zero when training begins.
        magnitude: DoRA's length of every output, or None.
    """

    module: str
    down: Tensor
    up: Tensor
    magnitude: Tensor | None = None

    @property
    def rank(self) -> int:
        """The number of rows of A."""
        return self.down.shape[0]

    @property
    def shape(self) -> tuple[int, int]:
        """Outputs and inputs: the shape of the base's matrix, either way round (GPT-2 keeps its matrices turned)."""
        return self.up.shape[0], self.down.shape[1]


@dataclass(frozen=True)
class Adapter:
    """What an adapter says about itself, and what its tensors are.

    Attributes:
        peft_type: as in the config, e.g. ``LORA``, ``IA3``, ``PROMPT_TUNING``; empty where nothing says it.
        base: id or name of the base model that it claims; empty where it claims none.
        revision: of that base; empty where none is stated.
        rank, alpha: as stated; the tensors' own ranks are those of ``changes``.
        targets: module names as stated, e.g. ``q_proj``; one pattern where the config holds a pattern.
        variant: ``DoRA`` or ``rsLoRA`` where the config says so.
        changes: by module, where the tensors are pairs of low rank.
        others: tensors that are no part of such a pair: trained copies of whole modules, or another kind of adapter.
    """

    peft_type: str = ""
    base: str = ""
    revision: str = ""
    rank: int | None = None
    alpha: float | None = None
    targets: tuple[str, ...] = ()
    variant: str = ""
    changes: Mapping[str, LowRank] | None = None
    others: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What kind of adapter it is, for people."""
        return f"{self.variant or _TITLES.get(self.peft_type) or one_line(self.peft_type, 40) or 'unknown'} adapter"

    @property
    def pairs(self) -> Mapping[str, LowRank]:
        """``changes``, empty for an adapter of another kind."""
        return self.changes or {}


def parse_config(data: Any, path: str = CONFIG) -> Adapter:
    """The stated half of an adapter.

    Raises:
        FormatError: it is no JSON object, or a key that is used has a value of another type.
    """
    if not isinstance(data, dict):
        raise FormatError(path, "expected a JSON object", "fetch the adapter's own config")

    def text(key: str) -> str:
        value = data.get(key)
        if not isinstance(value, str | None):
            raise FormatError(path, f"{key} is not text")
        return (value or "").strip()[:200]

    rank, alpha, targets = data.get("r"), data.get("lora_alpha"), data.get("target_modules")
    if rank is not None and (type(rank) is not int or not 0 < rank <= MAX_RANK):
        raise FormatError(path, "r, the rank, is not a positive whole number")
    if alpha is not None and (isinstance(alpha, bool) or not isinstance(alpha, int | float)):
        raise FormatError(path, "lora_alpha is not a number")
    if isinstance(targets, str):
        targets = [targets]
    if targets is not None and not (isinstance(targets, list) and all(isinstance(t, str) for t in targets)):
        raise FormatError(path, "target_modules is neither a list of names nor a pattern")
    flags = (("use_dora", "DoRA"), ("use_rslora", "rsLoRA"))
    return Adapter(
        peft_type=text("peft_type").upper(),
        base=claimed_name(text("base_model_name_or_path")),
        revision=text("revision"),
        rank=rank,
        alpha=alpha,
        targets=tuple(sorted(targets or ())),
        variant=next((title for key, title in flags if data.get(key) is True), ""),
    )


def claimed_name(stated: str) -> str:
    """A hub id as it is; of a path on somebody's disk, the last folder, which is often named after the model."""
    if _HUB_ID.fullmatch(stated) and not stated.startswith("."):
        return stated
    parts = [p for p in re.split(r"[/\\]", stated) if p not in ("", ".", "..")]
    return parts[-1] if parts else ""


def low_rank(tensors: Iterable[Tensor]) -> tuple[dict[str, LowRank], tuple[str, ...]]:
    """Pairs of low rank by module, and the names of all other tensors.

    Raises:
        FormatError: half of a pair is missing, two halves do not fit, or one stands there twice.
    """
    found: dict[str, dict[str, Tensor]] = {}
    others: list[str] = []
    for tensor in tensors:
        place = _place(tensor)
        if place is None:
            others.append(tensor.name)
            continue
        module, part = place
        if (twin := found.setdefault(module, {}).get(part)) is not None:
            problem = f"{one_line(tensor.name, 120)} and {one_line(twin.name, 120)} are the same half of a pair"
            raise FormatError(tensor.path, problem, "one adapter at a time: save each under a name of its own")
        found[module][part] = tensor
    return {module: _pair(module, parts) for module, parts in sorted(found.items())}, tuple(sorted(others))


def _place(tensor: Tensor) -> tuple[str, str] | None:
    """Module and part of a tensor of a pair; the adapter's own name (``lora_A.default.weight``) is passed over."""
    parts = tensor.name.removeprefix(_PREFIX).split(".")
    at = next((k for k, part in enumerate(parts) if part in _PARTS), 0)
    ending = parts[at + 1 :]
    if at == 0 or ending[-1:] == ["bias"] or len(ending) > 2 or len(tensor.shape) > 2:
        return None  # biases, convolutions: not of this form
    return ".".join(parts[:at]), _PARTS[parts[at]]


def _pair(module: str, parts: Mapping[str, Tensor]) -> LowRank:
    down, up, magnitude = (parts.get(k) for k in ("down", "up", "magnitude"))
    name = one_line(module, 120)
    if down is None or up is None:
        there = next(iter(parts.values()))
        missing = " and ".join(half for half, t in (("lora_A", down), ("lora_B", up)) if t is None)
        raise FormatError(there.path, f"{name} has no {missing}", "the adapter is incomplete: fetch it again")
    if len(down.shape) != 2 or len(up.shape) != 2 or down.shape[0] != up.shape[1] or not down.shape[0]:
        raise FormatError(
            down.path,
            f"{name}: lora_A of shape {list(down.shape)} and lora_B of {list(up.shape)} are not factors of a matrix",
            "lora_A is (rank, inputs), lora_B (outputs, rank)",
        )
    return LowRank(module, down, up, magnitude)
