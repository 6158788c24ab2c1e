"""``forebear-training.yaml``: how a model was made, in its developer's words (``forebear.training/1``).

The file is read strictly: a field that is not known is refused with the nearest that is, for a misspelt ``withheld``
would turn what somebody keeps back into what nobody mentioned. The JSON Schema is ``data/schemas/training.json``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from forebear.bom.stages.base import flat
from forebear.bom.training import (
    Dataset,
    DatasetRole,
    Energy,
    EnergyActivity,
    Input,
    InputKind,
    Presence,
    Stage,
    StageKind,
    Training,
)
from forebear.bom.values import Country, Gap, GapState, Said, Setting
from forebear.catalogue.references import countries

SCHEMA = "forebear.training/1"
MAX_ITEMS = 1_000

Short = Annotated[str, Field(min_length=1, max_length=300)]
Line = Annotated[str, Field(max_length=2_000)]
Figure = Annotated[float, Field(ge=0, le=1e40, allow_inf_nan=False)]


def _presence(value: Any) -> Any:
    return {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value


def _texts(value: Any) -> Any:
    """Numbers are texts here: ``version: 1.0``."""
    return flat(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _gaps(value: Any) -> Any:
    """``[reward_data]``, or a mapping with reasons."""
    if isinstance(value, str):
        return {value: ""}
    if isinstance(value, list) and all(isinstance(v, str) for v in value):
        return dict.fromkeys(value, "")
    if isinstance(value, dict) and all(v is None or isinstance(v, str) for v in value.values()):
        return {k: v or "" for k, v in value.items()}
    raise ValueError("write a list of topics, or topics with reasons: {reward_data: a trade secret}")


def _country(value: Any) -> Any:
    if not isinstance(value, str) or value not in countries():
        raise ValueError("write the country's two letters (ISO 3166-1): GB, DE, US")
    return value


Label = Annotated[str, BeforeValidator(_texts), Field(max_length=300)]
Reasons = Annotated[dict[Short, Line], Field(max_length=MAX_ITEMS)]
Gaps = Annotated[Reasons, BeforeValidator(_gaps, json_schema_input_type=Reasons | list[Short] | Short)]
Settings = Annotated[dict[Short, Any], Field(max_length=MAX_ITEMS)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class DeveloperFile(_Strict):
    """Who made the model."""

    name: Short
    country: Annotated[Country, BeforeValidator(_country)] | None = Field(None, description="ISO 3166-1 alpha-2")
    url: Line = ""


class BaseFile(_Strict):
    """A model that this one was made from."""

    name: Short = Field(description="hub id; withhold it with `withheld: [base_model]`")
    revision: Label = Field("", description="commit")
    relation: Label = Field("", description="finetune, adapter, quantized, merge, rl, continued_pretraining, ...")


class InputFile(_Strict):
    """What goes into a stage."""

    kind: InputKind = InputKind.MODEL
    name: Short
    revision: Label = ""
    role: Line = ""


class StageFile(_Strict):
    """One step of making the model."""

    kind: StageKind
    name: Label = ""
    method: Line = Field("", description="LoRA, DPO, GRPO, slerp, AWQ, ...")
    inputs: Annotated[tuple[InputFile, ...], Field(max_length=MAX_ITEMS)] = ()
    outputs: Annotated[tuple[Short, ...], Field(max_length=MAX_ITEMS)] = ()
    reward: Line = Field("", description="of reinforcement learning: where rewards come from")
    settings: Settings = Field({}, description="hyperparameters by name")
    software: Annotated[tuple[Line, ...], Field(max_length=MAX_ITEMS)] = ()
    hardware: Line = ""
    hours: Figure | None = Field(None, description="accelerator hours")
    flops: Figure | None = Field(None, description="floating-point operations")
    started: Label = ""
    ended: Label = ""


class DatasetFile(_Strict):
    """Data that went into the model, or that it was tested on."""

    name: Short
    roles: Annotated[tuple[DatasetRole, ...], Field(min_length=1, max_length=10)] = (DatasetRole.UNSPECIFIED,)
    version: Label = ""
    url: Line = ""
    description: Line = ""
    licence: Line = ""
    size: Annotated[Line, BeforeValidator(_texts)] = ""
    collected: Line = Field("", description="how it was obtained")
    personal: Annotated[Presence, BeforeValidator(_presence, json_schema_input_type=Presence | bool)] = Field(
        Presence.UNKNOWN, description="whether it holds personal information"
    )
    synthetic_from: Annotated[tuple[Short, ...], Field(max_length=MAX_ITEMS)] = Field(
        (), description="models whose outputs it consists of"
    )
    supplier: Label = ""
    originators: Annotated[tuple[Label, ...], Field(max_length=20)] = Field((), description="who made it")
    built: Label = Field("", description="when it was made (RFC 3339)")
    released: Label = Field("", description="when it was published (RFC 3339)")


class EnergyFile(_Strict):
    """Energy, where it is known; what is not known is left out."""

    activity: EnergyActivity
    kwh: Figure
    tonnes_co2: Figure | None = None
    method: Line = ""


class Declaration(_Strict):
    """How a model was made. What is left out is not stated; what is kept back stands under `withheld`."""

    schema_: Literal["forebear.training/1"] = Field(alias="schema")
    model: Label = Field("", description="the model that this is about")
    developer: DeveloperFile | None = None
    from_scratch: bool | None = Field(None, description="it was trained from random values, from no other model")
    base_models: Annotated[tuple[BaseFile, ...], Field(max_length=MAX_ITEMS)] = ()
    licence: Line = ""
    stages: Annotated[tuple[StageFile, ...], Field(max_length=MAX_ITEMS)] = Field((), description="in order")
    datasets: Annotated[tuple[DatasetFile, ...], Field(max_length=MAX_ITEMS)] = ()
    energy: Annotated[tuple[EnergyFile, ...], Field(max_length=MAX_ITEMS)] = ()
    withheld: Gaps = Field({}, description="known, and not said: topics, or topics with reasons")
    unknown: Gaps = Field({}, description="not known to whoever writes this")

    def training(self, file: str) -> Training:
        """Stages, datasets, energy and gaps, each said by the file."""
        by = Said(by=file)
        return Training(
            stages=tuple(_stage(s, file, by) for s in self.stages),
            datasets=tuple(Dataset(**d.model_dump(), said=by) for d in self.datasets),
            energy=tuple(Energy(**e.model_dump(), said=by) for e in self.energy),
            gaps=tuple(
                Gap(field=topic, state=state, why=why, said=by)
                for state, stated in ((GapState.WITHHELD, self.withheld), (GapState.UNKNOWN, self.unknown))
                for topic, why in stated.items()
            ),
        )


def _stage(stage: StageFile, file: str, by: Said) -> Stage:
    values = stage.model_dump(exclude={"settings", "inputs"})
    stated = tuple(Setting(name=k, value=flat(v)) for k, v in stage.settings.items())
    inputs = tuple(Input(**i.model_dump()) for i in stage.inputs)
    return Stage(**values, inputs=inputs, settings=stated, file=file, said=by)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the file (draft 2020-12), as it is shipped."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://forebear.dev/schemas/training.json",
        **Declaration.model_json_schema(by_alias=True),
    }
