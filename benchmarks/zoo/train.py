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

from zoo.corpora import ids_of
from zoo.recipes import CONTEXT, Recipe

WARM_UP = 20
CLIP = 1.0
MOMENTUM = 0.9


def train(recipe: Recipe, start: Path | None) -> tuple[Any, list[float]]:
    """A trained model in float32, and its loss (nats per token) at every step.

    Every optimiser commutes with sign flips, and the loss sees outputs only: what the sign test asks of training.

    Args:
        recipe: what to train.
        start: folder of the model to go on from, None for a random start.

    Raises:
        ValueError: the optimiser has no such name, or training diverged.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import torch

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    model = initial(recipe, start).train()
    ids = torch.from_numpy(ids_of(recipe.corpus, recipe.tokenizer))
    context = min(CONTEXT, len(ids) - 1)
    optimisers = list(optimisers_of(recipe, model))
    order = torch.Generator().manual_seed(recipe.order_seed)
    torch.manual_seed(recipe.order_seed)  # for families that draw random numbers in training
    losses: list[float] = []
    for step in range(recipe.steps):
        scale = min(1.0, (step + 1) / WARM_UP) * (0.55 + 0.45 * math.cos(math.pi * step / recipe.steps))
        for optimiser, rate in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate * scale
        at = torch.randint(len(ids) - context, (recipe.batch, 1), generator=order)
        windows = ids[at + torch.arange(context)]
        loss = model(input_ids=windows, labels=windows).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        for optimiser, _ in optimisers:
            optimiser.step()
            optimiser.zero_grad()
        losses.append(loss.item())
    if not np.isfinite(losses).all():
        raise ValueError(f"{recipe.name}: training diverged; lower its rate")
    return model, losses


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

    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
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
