"""How numbers were quantised, and on which data: ``quantization_config`` in ``config.json``, and quantisers' own files.

AutoGPTQ and GPTQModel write ``quantize_config.json``, AutoAWQ ``quant_config.json``, ModelOpt
``hf_quant_config.json``, llm-compressor ``recipe.yaml``. A config says how numbers are stored; a model that was trained
in FP8 says so there, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from forebear.artifacts.read import CONFIG, read_config
from forebear.bom.stages.base import Papers, Plain, Reader, datasets, flat, listed, said, settings, text
from forebear.bom.training import Dataset, DatasetRole, Input, InputKind, Stage, StageKind, Training
from forebear.bom.values import Setting
from forebear.errors import InputError
from forebear.sources import Metered

GPTQ, AWQ, MODELOPT, RECIPE = "quantize_config.json", "quant_config.json", "hf_quant_config.json", "recipe.yaml"
_TITLES = {"gptq": "GPTQ", "awq": "AWQ", "fp8": "FP8", "mxfp4": "MXFP4", "hqq": "HQQ", "aqlm": "AQLM"}
_SETTINGS = (
    *("bits", "w_bit", "group_size", "q_group_size", "desc_act", "sym", "zero_point", "damp_percent", "version"),
    *("load_in_4bit", "load_in_8bit", "bnb_4bit_quant_type", "bnb_4bit_use_double_quant", "fmt", "activation_scheme"),
    *("weight_block_size", "format", "quantization_status", "checkpoint_format", "quant_algo", "kv_cache_quant_algo"),
    *("scheme", "targets", "ignore", "dampening_frac", "sparsity", "mask_structure", "smoothing_strength"),
    *("modules_to_not_convert", "exclude_modules"),
)
_STORED = "how the numbers are stored; when they were made so is not stated"
_PRUNING = ("sparsegpt", "wanda", "magnitude", "constantpruning")
_MOST_TEXTS = 300
"""Characters: a calibration set with a longer name is the data itself."""


def read(papers: Papers) -> Training:
    """One stage per statement; that a config repeats a quantiser's own file is no second stage."""
    found: list[tuple[Stage, tuple[Dataset, ...]]] = []
    for name in (GPTQ, AWQ, MODELOPT):
        data = papers.json(name)
        if data is not None:
            found += _own(data, name)
    recipe = papers.yaml(RECIPE)
    if recipe is not None:
        found += [(stage, ()) for stage in _recipe(recipe)]
    config: Plain = {}
    with suppress(InputError):  # the model's own reader tells what is wrong with it
        config = read_config(Metered(papers.source)) if CONFIG in papers.names else {}
    for key in ("quantization_config", "compression_config"):
        stated = config.get(key)
        if isinstance(stated, dict):
            found += _config(stated)
            break
    return Training(stages=_once([s for s, _ in found]), datasets=tuple(d for _, sets in found for d in sets))


def _own(data: Plain, name: str) -> Iterator[tuple[Stage, tuple[Dataset, ...]]]:
    if name == MODELOPT:
        inner, producer = data.get("quantization"), data.get("producer")
        made = " ".join(text(producer.get(k)) for k in ("name", "version")) if isinstance(producer, dict) else ""
        if isinstance(inner, dict):
            yield _stage(inner, text(inner.get("quant_algo")), name, "", made.strip()), ()
    elif name == AWQ:
        yield _stage(data, "AWQ", name, ""), _calibration(data, name)
    else:
        yield _stage(data, _title(data) or "GPTQ", name, ""), _calibration(data, name)


def _config(data: Plain) -> Iterator[tuple[Stage, tuple[Dataset, ...]]]:
    meta = data.get("meta")
    made = flat(meta.get("quantizer")) if isinstance(meta, dict) else ""
    yield _stage(data, _title(data), CONFIG, _STORED, made), _calibration(data, CONFIG)


def _title(data: Plain) -> str:
    method = text(data.get("quant_method"))
    return _TITLES.get(method.lower(), method)


def _stage(data: Plain, method: str, file: str, note: str, software: str = "") -> Stage:
    inputs = tuple(Input(kind=InputKind.DATASET, name=d.name, role="calibration") for d in _calibration(data, file))
    return Stage(
        kind=StageKind.QUANTIZATION,
        method=method,
        inputs=inputs,
        settings=settings(data, _SETTINGS),
        software=(software,) if software else (),
        file=file,
        said=said(file, note),
    )


def _calibration(data: Plain, file: str) -> tuple[Dataset, ...]:
    """Calibration data by name; where a file holds the texts themselves it names none."""
    names = [n for n in listed(data.get("dataset")) if isinstance(n, str) and len(n) <= _MOST_TEXTS]
    return datasets(names if len(names) < 10 else (), DatasetRole.CALIBRATION, file)


def _recipe(data: Plain) -> Iterator[Stage]:
    """llm-compressor: stages of groups of modifiers, each with its parameters."""
    for group in data.values():
        for modifiers in group.values() if isinstance(group, dict) else ():
            for name, stated in modifiers.items() if isinstance(modifiers, dict) else ():
                if not str(name).endswith("Modifier"):
                    continue
                method = str(name).removesuffix("Modifier")
                kind = StageKind.PRUNING if method.lower().startswith(_PRUNING) else StageKind.QUANTIZATION
                known = settings(stated, _SETTINGS) if isinstance(stated, dict) else ()
                yield Stage(
                    kind=kind,
                    method=method,
                    settings=known,
                    software=("llm-compressor",),
                    file=RECIPE,
                    said=said(RECIPE),
                )


def _once(stages: list[Stage]) -> tuple[Stage, ...]:
    """Stages without a config's repetition of what a quantiser's own file says; what differs stays."""
    kept: list[Stage] = []
    for stage in stages:
        if stage.file == CONFIG and any(_repeats(stage, other) for other in kept):
            continue
        kept.append(stage)
    return tuple(kept)


def _repeats(stage: Stage, other: Stage) -> bool:
    stated = _values(other.settings)
    same = stage.method == other.method or other.software == ("llm-compressor",)
    return same and all(stated.get(k, v) == v for k, v in _values(stage.settings).items())


def _values(stated: tuple[Setting, ...]) -> dict[str, Any]:
    return {s.name: s.value for s in stated}


READER = Reader("quantisers' files", read)
