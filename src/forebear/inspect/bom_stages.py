"""Stages of a bill of materials that were measured, and what is missing from it: withheld, or not found out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from forebear.bom.record import ClaimRecord, Model, Relative, Slot
from forebear.bom.stages.methods import TRAINING
from forebear.bom.training import Dataset, Input, InputKind, Stage, StageKind, Training
from forebear.bom.values import Basis, Gap, GapState, Said
from forebear.inspect.bom_model import OURS
from forebear.lineage.chain import Standing

_KINDS: Mapping[str, StageKind] = {
    "finetune": StageKind.OTHER,
    "continued_pretraining": StageKind.CONTINUED_PRETRAINING,
    "rl": StageKind.RL,
    "adapter": StageKind.ADAPTER,
    "merge": StageKind.MERGE,
    "quantized": StageKind.QUANTIZATION,
    "pruned": StageKind.PRUNING,
    "width_pruned": StageKind.PRUNING,
    "depth_pruned": StageKind.PRUNING,
    "depth_upscaled": StageKind.OTHER,
    "width_expanded": StageKind.OTHER,
    "upcycled": StageKind.OTHER,
    "vocabulary_changed": StageKind.OTHER,
    "multimodal_extension": StageKind.OTHER,
}
"""By a measured relation, the stage that it shows. Weights that were trained on do not say by which method."""
_TRAINED = frozenset({"finetune", "continued_pretraining", "rl", "adapter"})
NOT_SAID = "no file of the model says it"
_SETTLED = (Standing.MEASURED.value, Standing.PROBABLE.value)
_WORDS = {"finetune": "fine-tuning", "quantized": "quantisation", "rl": "reinforcement learning", "pruned": "pruning"}


def stages_by_relation(relatives: Iterable[Relative], declared: Iterable[Stage]) -> tuple[Stage, ...]:
    """A stage for every relation to an ancestor that no file states as a stage: measured ones first, then declared.

    A fine-tuning that nobody declares is a stage all the same. It is told as measured only where the step from the
    ancestor is settled; what the relation rests on stands with the relative. Several models of one merge are one stage.
    """
    stated = list(declared)
    own = [r for r in relatives if r.slot is Slot.ANCESTOR and not r.child]
    settled = [r for r in own if r.verdict is not None and r.standing in _SETTLED]
    found: dict[tuple[str, str], Stage] = {}
    for relative in settled:
        kind = _KINDS.get(relative.relation)
        if kind is not None and not any(_states(stage, kind, relative.relation) for stage in stated):
            _add(found, ("measured", relative.relation), kind, relative, _measured(relative))
    for relative in own:
        kind = _KINDS.get(relative.declared_relation) if relative.declared_in else None
        shown = [*stated, *(s for (how, _), s in found.items() if how == "measured")]
        if kind is not None and not any(_states(stage, kind, relative.declared_relation) for stage in shown):
            said = Said(by=relative.declared_in, note="the relation to its base model")
            _add(found, (relative.declared_in, relative.declared_relation), kind, relative, said)
    return tuple(found.values())


def _add(
    found: dict[tuple[str, str], Stage], key: tuple[str, str], kind: StageKind, relative: Relative, said: Said
) -> None:
    new = Input(kind=InputKind.MODEL, name=relative.name, revision=relative.version)
    name = _WORDS.get(key[1], key[1].replace("_", " "))
    file = relative.declared_in if said.by == relative.declared_in else ""
    before = found.get(key, Stage(kind=kind, name=name, file=file, said=said))
    found[key] = before.model_copy(update={"inputs": (*before.inputs, new)})


def _measured(relative: Relative) -> Said:
    stated = (
        f"{relative.declared_in} declares {relative.declared_relation} and no stage"
        if relative.declared_relation
        else "no file states this stage"
    )
    order = "" if relative.direction == "a_to_b" else "; that it came first is the declaration's word"
    return Said(basis=Basis.MEASURED, by=OURS, note=f"{stated}; by the weights{order}: {relative.why}")


def _states(stage: Stage, kind: StageKind, relation: str) -> bool:
    """Whether a stated stage can be what was measured: of trainings, any; the method does not show in the weights.

    A merge of models that were trained on a base looks like one of them, when it is compared with the base.
    """
    return stage.kind is kind if relation not in _TRAINED else stage.kind in TRAINING | {StageKind.MERGE}


def gaps_of(
    model: Model,
    training: Training,
    datasets: Iterable[Dataset],
    licences: bool,
    relatives: Iterable[Relative],
    claims: Iterable[ClaimRecord],
    withheld_in: str,
    why: str = NOT_SAID,
) -> tuple[Gap, ...]:
    """What is withheld or unknown by declaration, and what a reader expects that nothing here could tell.

    Args:
        model, datasets, licences, relatives, claims: what the record holds; of licences, whether there is one.
        training: with the gaps that are stated.
        withheld_in: the file that states a base model without naming it, "" for none.
        why: why it could not be told.
    """
    found = list(training.gaps)
    told = {gap.field for gap in found}
    if withheld_in and "base_model" not in told:
        said = Said(by=withheld_in)
        found.append(
            Gap(field="base_model", state=GapState.WITHHELD, why="a base model is stated and not named", said=said)
        )
        told.add("base_model")
    based = any(r.slot is Slot.ANCESTOR and not r.child for r in relatives)
    scratch = any(c.claim == "trained from scratch" for c in claims)
    known = {
        "licence": licences,
        "training_data": any(datasets),
        "version": bool(model.version),
        "purl": bool(model.purl),
        "base_model": based or scratch,
    }
    found += [_unknown(field, why) for field, there in known.items() if not there and field not in told]
    return tuple(found)


def _unknown(field: str, why: str) -> Gap:
    return Gap(field=field, state=GapState.UNKNOWN, why=why, said=Said(by=OURS))
