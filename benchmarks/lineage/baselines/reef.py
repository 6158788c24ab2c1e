"""REEF: linear CKA of hidden states on the same statements.

Zhang, Liu, Zhang, Li et al. 2025, "REEF: Representation encoding fingerprints for large language models", ICLR, arXiv
2410.14273. The hidden state of a statement's last token, for some two hundred statements; biased linear CKA of the
two models' states (Kornblith et al. 2019, arXiv 1905.00414).

Chosen here: statements are lines of the corpora that the small models are trained on, of all kinds alike, because
none of these models knows TruthfulQA's English; the score is the mean over layers of the same relative depth. The
paper reads a heat map, and prints no threshold. Needs torch, and a folder that transformers loads without a missing
tensor.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import import_module
from pathlib import Path

import numpy as np
from zoo.corpora import END_OF_TEXT, text_of

from lineage.baselines.base import Model, Refused
from lineage.view import F32, F64

STATEMENTS, SHORTEST, LONGEST, TOKENS = 200, 24, 60, 48


@dataclass(frozen=True)
class Reef:
    """See the module."""

    name: str = "REEF"
    threshold: float | None = None
    paper: str = "Zhang et al. 2025, arXiv 2410.14273"

    def score(self, a: Model, b: Model) -> float:
        """Mean CKA in [0, 1].

        Raises:
            Refused: torch is missing, or a model cannot be run as it is.
        """
        one, two = states(a.folder), states(b.folder)
        depth = min(len(one), len(two))
        ours, theirs = (np.linspace(0, len(x) - 1, depth).round().astype(np.int64) for x in (one, two))
        return float(np.mean([cka(one[i], two[j]) for i, j in zip(ours, theirs, strict=True)]))


def cka(x: F32, y: F32) -> float:
    """Biased linear CKA of ``(n, features)`` states."""
    one, two = (z.astype(np.float64) - z.mean(axis=0, dtype=np.float64) for z in (x, y))
    size = float(np.linalg.norm(one.T @ one) * np.linalg.norm(two.T @ two))
    return float(np.linalg.norm(one.T @ two) ** 2) / size if size > 0 else 0.0


@cache
def statements() -> tuple[str, ...]:
    """Lines of three corpora in turn, drawn with a fixed seed."""
    rng, kinds = random.Random(11), []
    for corpus in ("code", "prose", "grammar"):
        lines = text_of(corpus).replace(END_OF_TEXT, "\n").splitlines()
        fit = [line.strip()[:LONGEST] for line in lines if len(line.strip()) >= SHORTEST]
        kinds.append(rng.sample(fit, -(-STATEMENTS // 3)))
    return tuple(line for turn in zip(*kinds, strict=True) for line in turn)[:STATEMENTS]


@lru_cache(maxsize=48)
def states(folder: Path) -> tuple[F32, ...]:
    """By layer ``(statements, width)`` hidden states of the last token, the embedding left out.

    Raises:
        Refused: see :meth:`Reef.score`.
    """
    if not (folder / "config.json").is_file() or not (folder / "tokenizer.json").is_file():
        raise Refused("no folder that transformers loads")
    try:
        torch, transformers, tokenizers = (import_module(m) for m in ("torch", "transformers", "tokenizers"))
    except ImportError as error:
        raise Refused(f"not installed: {error.name}") from None
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    try:
        network, report = transformers.AutoModelForCausalLM.from_pretrained(
            str(folder), dtype=torch.float32, output_loading_info=True, local_files_only=True, trust_remote_code=False
        )
        tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # whatever the library says of a folder that was tampered with
        raise Refused(f"transformers does not load it ({type(error).__name__})") from None
    if report["missing_keys"] or report["mismatched_keys"] or report["unexpected_keys"]:
        raise Refused("transformers does not know its tensors")
    ids = [tokenizer.encode(text, add_special_tokens=False).ids[:TOKENS] for text in statements()]
    return _run(torch, network.eval(), [one or [0] for one in ids])


def _run(torch: object, network: object, ids: list[list[int]]) -> tuple[F32, ...]:
    longest = max(len(one) for one in ids)
    batch = torch.tensor([one + [one[-1]] * (longest - len(one)) for one in ids])  # type: ignore[attr-defined]
    last = np.array([len(one) - 1 for one in ids])  # what follows a causal model's token does not change its state
    try:
        with torch.no_grad():  # type: ignore[attr-defined]
            hidden = network(input_ids=batch, output_hidden_states=True, use_cache=False).hidden_states  # type: ignore[operator]
    except Exception as error:
        raise Refused(f"it does not run ({type(error).__name__})") from None
    found: list[F64 | F32] = [layer.numpy()[np.arange(len(ids)), last] for layer in hidden[1:]]
    if not all(np.isfinite(x).all() for x in found):
        raise Refused("its states are not finite")
    return tuple(np.asarray(x, dtype=np.float32) for x in found)
