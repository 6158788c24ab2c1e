"""Names of training methods, as trainers, configs and tags of cards write them: one table for all readers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from forebear.bom.training import StageKind

METHODS: Mapping[str, tuple[StageKind, str]] = MappingProxyType(
    {
        "pt": (StageKind.CONTINUED_PRETRAINING, ""),
        "cpt": (StageKind.CONTINUED_PRETRAINING, ""),
        "continued-pretraining": (StageKind.CONTINUED_PRETRAINING, ""),
        "sft": (StageKind.SFT, "SFT"),
        "instruction-tuning": (StageKind.SFT, "SFT"),
        **{
            name: (StageKind.PREFERENCE, name.upper().replace("SIMPO", "SimPO"))
            for name in ("dpo", "ipo", "kto", "orpo", "cpo", "simpo", "bco", "apo")
        },
        **{name: (StageKind.RL, name.upper()) for name in ("ppo", "grpo", "rloo", "gspo", "dapo", "rlhf", "rlvr")},
        "online-dpo": (StageKind.RL, "online DPO"),
        "xpo": (StageKind.RL, "XPO"),
        "nash-md": (StageKind.RL, "Nash-MD"),
        "reinforce": (StageKind.RL, "REINFORCE"),
        "rm": (StageKind.REWARD_MODEL, ""),
        "reward-trainer": (StageKind.REWARD_MODEL, ""),
        "reward-model": (StageKind.REWARD_MODEL, ""),
        "gkd": (StageKind.DISTILLATION, "GKD"),
        "distillation": (StageKind.DISTILLATION, ""),
    }
)
"""By name in lower case with dashes: what is done, and the method's title."""

TRAINING = frozenset(
    {
        StageKind.CONTINUED_PRETRAINING,
        StageKind.SFT,
        StageKind.PREFERENCE,
        StageKind.RL,
        StageKind.REWARD_MODEL,
        StageKind.DISTILLATION,
        StageKind.ADAPTER,
        StageKind.OTHER,
    }
)
"""Stages that train on a model that was there."""


def method_named(name: str) -> tuple[StageKind, str] | None:
    """What a name of a method means, None for a word that is none."""
    return METHODS.get(name.strip().lower().replace("_", "-"))
