"""What several files say of one making, put together: what repeats is told once, what differs is told as it stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

from forebear.artifacts.documents import CARD
from forebear.bom.stages.declaration_file import FILES as DECLARATIONS
from forebear.bom.stages.methods import TRAINING
from forebear.bom.training import Dataset, DatasetRole, Input, InputKind, Stage, StageKind, Training
from forebear.signals.declared import names_match

_ORDER = (
    *(StageKind.PRETRAINING, StageKind.CONTINUED_PRETRAINING, StageKind.MERGE, StageKind.PRUNING),
    *(StageKind.DISTILLATION, StageKind.OTHER, StageKind.SFT, StageKind.ADAPTER, StageKind.REWARD_MODEL),
    *(StageKind.PREFERENCE, StageKind.RL, StageKind.QUANTIZATION, StageKind.CONVERSION),
)
"""In which order stages stand that different files state: what cannot come before another comes after it."""
_SAME = {"r": "rank", "lora_r": "rank", "lora_rank": "rank", "w_bit": "bits", "q_group_size": "group_size"}
_COMPARED = ("rank", "lora_alpha", "bits", "group_size", "learning_rate")


def combined(found: Iterable[Training], problems: Iterable[str]) -> Training:
    """One answer from those of all readers.

    Args:
        found: by reader, a declaration first.
        problems: files that could not be read.
    """
    each = list(found)
    stages = _ordered(_folded([s for t in each for s in t.stages]))
    datasets, differing = _datasets([d for t in each for d in t.datasets])
    return Training(
        stages=stages,
        datasets=datasets,
        energy=tuple(e for t in each for e in t.energy),
        metrics=tuple(dict.fromkeys(m for t in each for m in t.metrics)),
        gaps=tuple(g for t in each for g in t.gaps),
        contradictions=tuple(dict.fromkeys((*_contradictions(stages), *differing))),
        problems=tuple(dict.fromkeys(problems)),
    )


def _bare(stage: Stage) -> bool:
    """Whether a stage is a word of the card's, or a trainer's list of settings: it names nothing that went in."""
    return not stage.inputs and (stage.file == CARD or stage.kind is StageKind.OTHER)


def _folded(stages: list[Stage]) -> list[Stage]:
    """Bare stages put into the one stage that they can be about; those that several could be stay."""
    kept = [s for s in stages if not _bare(s)]
    bare = [s for s in stages if _bare(s)]
    named = [s for s in bare if s.kind is not StageKind.OTHER]
    runs = [s for s in bare if s.kind is StageKind.OTHER]
    for stage in named:
        same = [k for k, other in enumerate(kept) if _covers(other, stage)]
        if len(same) == 1:
            kept[same[0]] = _both(kept[same[0]], stage)
        elif not same:
            kept.append(stage)
    for run in runs:
        trained = [k for k, other in enumerate(kept) if other.kind in TRAINING and other.kind is not StageKind.ADAPTER]
        if len(trained) == 1:
            kept[trained[0]] = _both(kept[trained[0]], run)
        else:
            kept.append(run)
    return kept


def _covers(stage: Stage, bare: Stage) -> bool:
    if stage.kind is not bare.kind:
        return False
    return not bare.method or bare.method.lower() in stage.method.lower() or stage.kind is StageKind.MERGE


def _both(stage: Stage, more: Stage) -> Stage:
    """A stage with what another statement adds; its own words stand."""
    known = {_plain(s.name) for s in stage.settings}
    by = ", ".join(dict.fromkeys(filter(None, (stage.said.by, more.said.by))))
    return stage.model_copy(
        update={
            "settings": (*stage.settings, *(s for s in more.settings if _plain(s.name) not in known)),
            "software": tuple(dict.fromkeys((*stage.software, *more.software))),
            "flops": stage.flops if stage.flops is not None else more.flops,
            "said": stage.said.model_copy(update={"by": by}),
        }
    )


def _plain(name: str) -> str:
    return _SAME.get(name, name)


def _ordered(stages: list[Stage]) -> tuple[Stage, ...]:
    """Stages of a declaration in its own order, the others behind them as one has to come after the other."""
    declared = [s for s in stages if s.file in DECLARATIONS]
    return (*declared, *sorted((s for s in stages if s not in declared), key=lambda s: _ORDER.index(s.kind)))


def _datasets(found: list[Dataset]) -> tuple[tuple[Dataset, ...], list[str]]:
    """Each dataset once, with all roles, and lines about licences that differ."""
    known: dict[str, Dataset] = {}
    differing: list[str] = []
    for entry in found:
        first = known.get(entry.name)
        if first is None:
            known[entry.name] = entry
            continue
        if first.licence and entry.licence and first.licence != entry.licence:
            differing.append(
                f"{first.said.by} states the licence of {entry.name} as {first.licence}, {entry.said.by} as "
                f"{entry.licence}."
            )
        known[entry.name] = _one(first, entry)
    return tuple(known.values()), differing


def _one(first: Dataset, more: Dataset) -> Dataset:
    roles = dict.fromkeys((*first.roles, *more.roles))
    if len(roles) > 1:
        roles.pop(DatasetRole.UNSPECIFIED, None)
    blank = Dataset(name=first.name)
    added = {
        key: getattr(more, key)
        for key in Dataset.model_fields
        if key not in ("name", "roles", "said") and getattr(first, key) == getattr(blank, key)
    }
    by = ", ".join(dict.fromkeys(filter(None, (first.said.by, more.said.by))))
    said = first.said.model_copy(update={"by": by})
    return first.model_copy(update={**added, "roles": tuple(roles), "said": said})


def _contradictions(stages: Iterable[Stage]) -> Iterator[str]:
    """Pairs of files of which each states something else of the same step."""
    for one, other in combinations([s for s in stages if not _bare(s)], 2):
        if one.file == other.file:
            continue
        if one.kind in TRAINING and other.kind in TRAINING:
            first, second = _base(one), _base(other)
            if first and second and not names_match(first.name, second.name):
                yield f"{one.file} names {first.name} as the model that was trained on, {other.file} {second.name}."
        if one.kind is other.kind or StageKind.ADAPTER in (one.kind, other.kind):
            yield from _figures(one, other)


def _figures(one: Stage, other: Stage) -> Iterator[str]:
    stated = {_plain(s.name): s.value for s in one.settings}
    for setting in other.settings:
        name = _plain(setting.name)
        mine = stated.get(name)
        if name in _COMPARED and mine is not None and not _equal(mine, setting.value):
            yield f"{one.file} states {name} as {mine}, {other.file} as {setting.value}."


def _equal(one: str, other: str) -> bool:
    try:
        return float(one) == float(other)
    except ValueError:
        return one == other


def _base(stage: Stage) -> Input | None:
    return next((i for i in stage.inputs if i.kind is InputKind.MODEL), None)
