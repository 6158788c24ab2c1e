"""What an identifier says, as one sentence for somebody who buys models and reads no naming schemes."""

from __future__ import annotations

from forebear.catalogue.names.families import Family
from forebear.catalogue.names.grades import GRADES
from forebear.catalogue.names.grammar import Reading
from forebear.catalogue.names.places import Place

_STAGES = {
    "rl": "reinforcement learning",
    "rlhf": "reinforcement learning from human feedback",
    "rlvr": "reinforcement learning with verifiable rewards",
    "grpo": "reinforcement learning (GRPO)",
    "ppo": "reinforcement learning (PPO)",
    "rft": "reinforcement fine-tuning",
    "sft": "supervised fine-tuning",
    "dpo": "preference optimisation (DPO)",
    "cpt": "continued pretraining",
    "base": "base model",
    "instruct": "tuned to follow instructions",
    "chat": "tuned for dialogue",
    "finetune": "fine-tuned",
    "distill": "distilled",
    "lora": "with a low-rank adapter",
    "merge": "merged",
    "thinking": "writes out its reasoning",
    "reasoning": "writes out its reasoning",
    "coder": "for code",
    "code": "for code",
    "math": "for mathematics",
    "abliterated": "refusals removed",
}
_TIERS = frozenset(
    {
        *("fast", "turbo", "lightning", "highspeed", "express", "flash", "flash-lite", "lite", "pro", "plus", "max"),
        *("nano", "micro", "mini", "tiny", "small", "medium", "large", "ultra"),
    }
)
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def sentence(place: Place, reading: Reading, level: str) -> str:
    """The explanation: place, account, family, version, and each further thing the name says; then what it does not."""
    parts = [place.form] if place.form else []
    if place.account:
        parts.append(f"account {place.account}")
    parts += _family(reading)
    if reading.size:
        parts.append(f"size {reading.size.upper()}")
    parts += [_STAGES.get(stage, stage) for stage in reading.stages]
    if reading.date:
        parts.append(f"dated {day(reading.date)}")
    if reading.step is not None:
        parts.append(f"step {reading.step}")
    parts += [f"tier {word}" if word in _TIERS else word for word in reading.variants]
    if reading.quantization:
        parts.append(f"stored as {', '.join(reading.quantization)}")
    if reading.context:
        parts.append(f"context of {reading.context} tokens")
    if revision := place.revision or ", ".join(reading.cuts):
        parts.append(f"revision {revision}")
    if reading.unknown:
        parts.append(f"not understood: {', '.join(reading.unknown[:6])}")
    return "; ".join(parts) + (f" ({GRADES[level]})" if reading.family else "")


def _family(reading: Reading) -> list[str]:
    if reading.family is None:
        return ["no known family"]
    if reading.base:
        told = _title(reading.base, reading.base_version)
        return [f"family {told}", f"by its name the base of this {_title(reading.family, reading.version)}"]
    parts = [f"family {_title(reading.family, reading.version)}"]
    if reading.family.house:
        parts.append(f"a line of the family {reading.family.house}")
    if base := reading.family.base_of(reading.version):
        parts.append(f"by the catalogue a descendant of {base}")
    return parts


def _title(family: Family, version: str | None) -> str:
    whose = [family.developer] * (family.developer != family.title)
    whose += ["unverified"] * (family.confidence == "unverified")
    told = family.title + (f" ({', '.join(whose)})" if whose else "")
    if not version:
        return told
    return f"{told}, version {version.upper() if version[0] in 'krmxzt' else version}"


def day(date: str) -> str:
    """``2024-08-06`` as 6 August 2024, ``2026-03`` as March 2026, ``03-17`` as 17 March."""
    parts = date.split("-")
    if len(parts) == 1:
        return date
    if len(parts) == 3:
        return f"{int(parts[2])} {_MONTHS[int(parts[1]) - 1]} {parts[0]}"
    if len(parts[0]) == 4:
        return f"{_MONTHS[int(parts[1]) - 1]} {parts[0]}"
    return f"{int(parts[1])} {_MONTHS[int(parts[0]) - 1]}"
