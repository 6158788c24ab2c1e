"""Axolotl's configuration (https://docs.axolotl.ai): its own file, or the one that it writes into the model's card."""

from __future__ import annotations

import re

from forebear.artifacts import bounded_yaml
from forebear.artifacts.documents import CARD
from forebear.bom.stages.base import (
    Papers,
    Plain,
    Reader,
    dataset_name,
    flat,
    listed,
    model_input,
    said,
    settings,
    text,
)
from forebear.bom.stages.methods import method_named
from forebear.bom.training import Dataset, DatasetRole, Input, InputKind, Stage, StageKind, Training
from forebear.errors import FormatError

FILES = ("axolotl_config.yml", "axolotl_config.yaml", "axolotl.yml", "axolotl.yaml")
_DETAILS = re.compile(
    r"<summary>\s*See axolotl config\s*</summary>(?P<before>.{0,2000}?)```ya?ml\n(?P<yaml>.{1,100000}?)\n```", re.DOTALL
)
_VERSION = re.compile(r"axolotl version: `([^`\n]{1,60})`")
_SETTINGS = (
    *("adapter", "lora_r", "lora_alpha", "lora_dropout", "lora_target_modules", "lora_target_linear"),
    *("load_in_8bit", "load_in_4bit", "sequence_len", "sample_packing", "gradient_accumulation_steps"),
    *("micro_batch_size", "num_epochs", "max_steps", "optimizer", "lr_scheduler", "learning_rate", "weight_decay"),
    *("warmup_steps", "warmup_ratio", "bf16", "fp16", "chat_template", "rl_beta", "seed"),
)
_ROLES = {
    StageKind.PREFERENCE: DatasetRole.PREFERENCE,
    StageKind.REWARD_MODEL: DatasetRole.PREFERENCE,
    StageKind.CONTINUED_PRETRAINING: DatasetRole.PRETRAINING,
    StageKind.PRETRAINING: DatasetRole.PRETRAINING,
}


def read(papers: Papers) -> Training:
    """The training of the configuration file, else of the block in the card."""
    name = papers.has(*FILES)
    if name:
        data = papers.yaml(name)
        return _training(data, name, "") if data is not None else Training()
    _, body = papers.card
    match = _DETAILS.search(body) if "See axolotl config" in body else None
    if match is None:
        return Training()
    try:
        stated = bounded_yaml.load(match["yaml"], CARD, "its configuration of axolotl", len(match["yaml"]))
    except FormatError as error:
        papers.problems.append(str(error))
        return Training()
    version = _VERSION.search(match["before"])
    return _training(stated, CARD, version[1] if version else "") if isinstance(stated, dict) else Training()


def _training(data: Plain, file: str, version: str) -> Training:
    if not text(data.get("base_model")):
        return Training()
    kind, method = _kind(data)
    trained_on = _sets(data.get("datasets"), _ROLES.get(kind, DatasetRole.FINE_TUNING), file)
    trained_on += _sets(data.get("pretraining_dataset"), DatasetRole.PRETRAINING, file)
    tested_on = _sets(data.get("test_datasets"), DatasetRole.EVALUATION, file)
    adapter = text(data.get("adapter"))
    how = {"lora": "LoRA", "qlora": "QLoRA"}.get(adapter.lower(), adapter)
    inputs = model_input(data["base_model"], revision=data.get("revision_of_model") or data.get("base_model_revision"))
    inputs += tuple(Input(kind=InputKind.DATASET, name=d.name) for d in trained_on)
    stage = Stage(
        kind=kind,
        method=", ".join(filter(None, (method, how))),
        inputs=inputs,
        reward=_reward(data),
        settings=settings(data, _SETTINGS),
        software=(f"axolotl {version}".strip(),),
        file=file,
        said=said(file),
    )
    return Training(stages=(stage,), datasets=trained_on + tested_on)


def _kind(data: Plain) -> tuple[StageKind, str]:
    """What is done: by ``rl``, ``reward_model`` and ``pretraining_dataset``; otherwise datasets are fine-tuned on."""
    if known := method_named(text(data.get("rl"))):
        return known
    if data.get("reward_model") is True or data.get("process_reward_model") is True:
        return StageKind.REWARD_MODEL, ""
    sets = [d for d in listed(data.get("datasets")) if isinstance(d, dict)]
    if data.get("pretraining_dataset") or (sets and all(d.get("type") == "completion" for d in sets)):
        new = data.get("random_init_weights") is True
        return (StageKind.PRETRAINING if new else StageKind.CONTINUED_PRETRAINING), ""
    return StageKind.SFT, "SFT"


def _sets(stated: object, role: DatasetRole, file: str) -> tuple[Dataset, ...]:
    """Datasets as listed, each with the part and the split that was used."""
    found: dict[str, Dataset] = {}
    for entry in listed(stated):
        known = entry if isinstance(entry, dict) else {"path": entry}
        name = dataset_name(known.get("path"))
        used = ", ".join(f"{k} {flat(known[k])}" for k in ("name", "split", "data_files", "type") if known.get(k))
        if name and name not in found:
            found[name] = Dataset(name=name, roles=(role,), description=used, said=said(file))
    return tuple(found.values())


def _reward(data: Plain) -> str:
    trl = data.get("trl")
    return flat(trl.get("reward_funcs")) if isinstance(trl, dict) else ""


READER = Reader("axolotl's configuration", read)
