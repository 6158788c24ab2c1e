"""Train one model as its recipe says, with the implementation of its family in ``transformers``.

Imports torch and transformers when it is called, so that recipes and caches can be looked at without them.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.corpora import ids_of, ids_with
from zoo.recipes import CONTEXT, Recipe

WARM_UP = 20
CLIP = 1.0
MOMENTUM = 0.9
PROMPT, ANSWER = 12, 12
"""Tokens of a prompt and of what the model makes up, where it is trained by reward."""


def train(recipe: Recipe, start: Path | None, teacher: Path | None = None) -> tuple[Any, list[float]]:
    """A trained model in float32, and its loss (nats per token) at every step.

    Every optimiser commutes with sign flips, and the loss sees outputs only: what the sign test asks of training.

    Args:
        recipe: what to train.
        start: folder of the model to go on from, None for a random start.
        teacher: folder of the model to imitate, where the recipe has one.

    Raises:
        ValueError: the optimiser has no such name, or training diverged.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import torch

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    model = initial(recipe, start).train()
    ids = torch.from_numpy(_ids(recipe, start))
    context = min(PROMPT if recipe.objective == "reward" else CONTEXT, len(ids) - 1)
    order = torch.Generator().manual_seed(recipe.order_seed)
    torch.manual_seed(recipe.order_seed)  # for families that draw random numbers in training, and for adapters
    adapters = _adapters(recipe, model)
    optimisers = list(optimisers_of(recipe, model))
    master = initial(recipe, teacher).eval() if teacher is not None else None
    losses: list[float] = []
    for step in range(recipe.steps):
        scale = share_of_peak(step, recipe.steps)
        for optimiser, rate in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate * scale
        at = torch.randint(len(ids) - context, (recipe.batch, 1), generator=order)
        windows = ids[at + torch.arange(context)]
        loss = _loss(recipe, model, windows, order, master)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        for optimiser, _ in optimisers:
            optimiser.step()
            optimiser.zero_grad()
        losses.append(loss.item())
    if not np.isfinite(losses).all():
        raise ValueError(f"{recipe.name}: training diverged; lower its rate")
    if adapters:
        from zoo.adapters import merge

        merge(model, adapters)
    return model, losses


def share_of_peak(step: int, steps: int) -> float:
    """The learning rate at a step, as a share of the recipe's."""
    return min(1.0, (step + 1) / WARM_UP) * (0.55 + 0.45 * math.cos(math.pi * step / steps))


def decay_of(recipe: Recipe) -> float:
    """By how much training shrinks a value that no gradient reaches, as a natural logarithm (AdamW's decay)."""
    shares = sum(share_of_peak(k, recipe.steps) for k in range(recipe.steps))
    return recipe.rate * recipe.decay * shares if recipe.optimiser == "adamw" and not recipe.rank else 0.0


def _ids(recipe: Recipe, start: Path | None) -> NDArray[np.int64]:
    """What the recipe reads, in its own tokenizer or in that of a start whose tokens were changed."""
    if start is not None and any("vocabulary" in step for step in recipe.before):
        return ids_with(start, recipe.corpus)
    return ids_of(recipe.corpus, recipe.tokenizer)


def likelihood(model: Any, windows: Any) -> Any:
    """Nats per token of ``(batch, context)`` ids."""
    return model(input_ids=windows, labels=windows).loss


def _loss(recipe: Recipe, model: Any, windows: Any, order: Any, master: Any) -> Any:
    if recipe.objective == "reward":
        return _regret(model, windows, order)
    return likelihood(model, windows) if master is None else divergence(model, master, windows)


def divergence(model: Any, master: Any, windows: Any) -> Any:
    """Nats per token by which a model's predictions miss those of its teacher (Hinton et al. 2015, arXiv 1503.02531).

    Only outputs are seen, and no hidden state of the teacher: the sign test stays valid.
    """
    import torch

    with torch.no_grad():
        taught = master(input_ids=windows).logits.log_softmax(-1)
    told = model(input_ids=windows).logits.log_softmax(-1)
    return (taught.exp() * (taught - told)).sum(-1).mean()


def _regret(model: Any, prompts: Any, order: Any) -> Any:
    """The loss of a policy gradient (Williams 1992): what the model makes up, weighted by how well it was rewarded.

    A token is rewarded if its number is even; the mean over the batch is the baseline, as in GRPO (arXiv 2402.03300).
    """
    import torch

    text = prompts
    with torch.no_grad():
        for _ in range(ANSWER):
            likely = model(input_ids=text).logits[:, -1].softmax(-1)
            text = torch.cat([text, torch.multinomial(likely, 1, generator=order)], dim=1)
    answers = text[:, prompts.shape[1] :]
    rewards = (answers % 2 == 0).float().mean(1)
    advantage = (rewards - rewards.mean()) / (rewards.std() + 1e-4)
    logits = model(input_ids=text).logits[:, prompts.shape[1] - 1 : -1]
    chosen = logits.log_softmax(-1).gather(2, answers[..., None])[..., 0]
    return -(advantage[:, None] * chosen).mean()


def _adapters(recipe: Recipe, model: Any) -> Any:
    """Adapters on the model where the recipe trains one; then nothing else of it can be trained."""
    if not recipe.rank:
        return {}
    from zoo.adapters import TARGETS, adapted

    return adapted(model, TARGETS[recipe.targets], recipe.rank)


def initial(recipe: Recipe, start: Path | None) -> Any:
    """The model before training, from its seed or from a stored model."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    if start is not None:
        return AutoModelForCausalLM.from_pretrained(start, dtype=torch.float32)
    torch.manual_seed(recipe.init_seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = AutoConfig.for_model(recipe.family, **recipe.config)
        return AutoModelForCausalLM.from_config(config, dtype=torch.float32)


def optimisers_of(recipe: Recipe, model: Any) -> Iterator[tuple[Any, float]]:
    """The optimisers of a recipe, each with its peak rate; vectors (gains, biases) do not decay."""
    import torch

    trained = [p for p in model.parameters() if p.requires_grad]
    matrices, vectors = [p for p in trained if p.ndim > 1], [p for p in trained if p.ndim <= 1]
    if recipe.optimiser == "muon":
        hidden = {id(p) for name, p in model.named_parameters() if ".layers." in name and p.ndim == 2}
        yield torch.optim.Muon([p for p in matrices if id(p) in hidden], weight_decay=recipe.decay), recipe.rate
        matrices = [p for p in matrices if id(p) not in hidden]
    groups = [{"params": matrices, "weight_decay": recipe.decay}, {"params": vectors, "weight_decay": 0.0}]
    if recipe.optimiser == "sgd":
        yield torch.optim.SGD(groups, lr=recipe.rate, momentum=MOMENTUM), recipe.rate
    elif recipe.optimiser in ("adamw", "muon"):
        rate = 3e-3 if recipe.optimiser == "muon" else recipe.rate
        yield torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.95)), rate
    else:
        raise ValueError(f"{recipe.name}: no optimiser is called {recipe.optimiser!r}; use adamw, sgd or muon")
