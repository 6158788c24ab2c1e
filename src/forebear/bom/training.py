"""How a model was made: stages, the data they used, energy; as somebody stated it or as its files show."""

from __future__ import annotations

from enum import StrEnum

from forebear.bom.values import Amount, Gap, Name, Path, Said, Setting, Text, Value


class StageKind(StrEnum):
    """What was done."""

    PRETRAINING = "pretraining"
    CONTINUED_PRETRAINING = "continued_pretraining"
    SFT = "sft"
    PREFERENCE = "preference"  # DPO, KTO, ORPO, ...: learning from comparisons without a reward model in the loop
    RL = "rl"
    REWARD_MODEL = "reward_model"
    DISTILLATION = "distillation"
    ADAPTER = "adapter"
    MERGE = "merge"
    PRUNING = "pruning"
    QUANTIZATION = "quantization"
    CONVERSION = "conversion"
    OTHER = "other"


class InputKind(StrEnum):
    """What goes into a stage."""

    MODEL = "model"
    DATASET = "dataset"
    REWARD_MODEL = "reward_model"
    TEACHER = "teacher"
    ADAPTER = "adapter"
    CODE = "code"


class Input(Value):
    """One thing that goes into a stage.

    Attributes:
        kind: what it is.
        name: a relative's or a dataset's name in the record, or any other.
        revision: commit or version.
        role: in words (``weight 0.3 in layers 0-15``, ``prompts``, ``rewards``).
    """

    kind: InputKind
    name: Name
    revision: Name = ""
    role: Text = ""


class Stage(Value):
    """One step of making the model, in the order of the record.

    Attributes:
        kind: what was done.
        name: as its maker calls it.
        method: ``LoRA``, ``DPO``, ``GRPO``, ``slerp``, ``AWQ``, ...
        inputs: what went in; the first model is the one that was trained on.
        outputs: what came out, empty for the model itself.
        reward: of reinforcement learning: where rewards come from (``unit tests``, ``a reward model``).
        settings: hyperparameters as stated.
        software: ``transformers 5.0``.
        hardware: ``512 × H800``.
        hours: accelerator hours.
        flops: floating-point operations.
        started, ended: RFC 3339 date or time, as stated.
        file: which file states it, "" where none does.
        said: who says so.
    """

    kind: StageKind
    name: Name = ""
    method: Text = ""
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Name, ...] = ()
    reward: Text = ""
    settings: tuple[Setting, ...] = ()
    software: tuple[Text, ...] = ()
    hardware: Text = ""
    hours: Amount | None = None
    flops: Amount | None = None
    started: Name = ""
    ended: Name = ""
    file: Path = ""
    said: Said = Said()


class DatasetRole(StrEnum):
    """What a dataset was used for; unspecified where a card only lists it."""

    TRAINING = "training"  # in which stage is not said
    PRETRAINING = "pretraining"
    FINE_TUNING = "fine_tuning"
    PREFERENCE = "preference"
    REWARD = "reward"
    CALIBRATION = "calibration"
    EVALUATION = "evaluation"
    UNSPECIFIED = "unspecified"


class Presence(StrEnum):
    """Yes, no, or nobody says."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Dataset(Value):
    """Data that went into the model or that it was tested on.

    Attributes:
        name: hub id or title.
        roles: what it was used for.
        version, url, description, licence: as stated; the licence an SPDX expression or a name.
        size: in its own words (``15 T tokens``).
        collected: how it was obtained.
        personal: whether it holds personal information.
        synthetic_from: models whose outputs it consists of.
        supplier: who provides it; ``originators`` who made it.
        built, released: RFC 3339, when it was made, and when it was published.
        said: who says so.
    """

    name: Name
    roles: tuple[DatasetRole, ...] = (DatasetRole.UNSPECIFIED,)
    version: Name = ""
    url: Text = ""
    description: Text = ""
    licence: Text = ""
    size: Text = ""
    collected: Text = ""
    personal: Presence = Presence.UNKNOWN
    synthetic_from: tuple[Name, ...] = ()
    supplier: Name = ""
    originators: tuple[Name, ...] = ()
    built: Name = ""
    released: Name = ""
    said: Said = Said()


class EnergyActivity(StrEnum):
    """What the energy went into, in CycloneDX's words."""

    TRAINING = "training"
    FINE_TUNING = "fine-tuning"
    DATA = "data-preparation"
    INFERENCE = "inference"
    OTHER = "other"


class Energy(Value):
    """Energy where somebody knows it: kilowatt-hours, and tonnes of CO2 equivalent where stated."""

    activity: EnergyActivity
    kwh: Amount
    tonnes_co2: Amount | None = None
    method: Text = ""
    said: Said = Said()


class Metric(Value):
    """A result of an evaluation, as stated."""

    name: Name
    value: Name
    dataset: Name = ""
    said: Said = Said()


class Training(Value):
    """What the files beside a model, or a declaration, say about its making.

    Attributes:
        stages, datasets, energy, metrics: as stated.
        gaps: what is withheld, or stated not to be known.
        contradictions: where two files say different things, one line each; neither is believed over the other.
        problems: one line per file that could not be read.
    """

    stages: tuple[Stage, ...] = ()
    datasets: tuple[Dataset, ...] = ()
    energy: tuple[Energy, ...] = ()
    metrics: tuple[Metric, ...] = ()
    gaps: tuple[Gap, ...] = ()
    contradictions: tuple[Text, ...] = ()
    problems: tuple[Text, ...] = ()


__all__ = [
    "Dataset",
    "DatasetRole",
    "Energy",
    "EnergyActivity",
    "Input",
    "InputKind",
    "Metric",
    "Presence",
    "Stage",
    "StageKind",
    "Training",
]
