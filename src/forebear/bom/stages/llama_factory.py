"""``training_args.yaml`` of LLaMA-Factory (https://llamafactory.readthedocs.io)."""

from __future__ import annotations

from forebear.bom.stages.base import Papers, Reader, dataset_name, datasets, listed, model_input, said, settings, text
from forebear.bom.stages.methods import method_named
from forebear.bom.training import DatasetRole, Input, InputKind, Stage, StageKind, Training

FILES = ("training_args.yaml", "llamafactory_config.yaml", "llamaboard_config.yaml")
_SETTINGS = (
    *("finetuning_type", "template", "cutoff_len", "max_samples", "lora_rank", "lora_alpha", "lora_dropout"),
    *("lora_target", "pref_loss", "pref_beta", "per_device_train_batch_size", "gradient_accumulation_steps"),
    *("learning_rate", "num_train_epochs", "max_steps", "lr_scheduler_type", "warmup_steps", "warmup_ratio", "optim"),
    *("bf16", "fp16", "quantization_bit", "seed"),
)
_ROLES = {
    StageKind.CONTINUED_PRETRAINING: DatasetRole.PRETRAINING,
    StageKind.PREFERENCE: DatasetRole.PREFERENCE,
    StageKind.REWARD_MODEL: DatasetRole.PREFERENCE,
}
_HOW = {"lora": "LoRA", "oft": "OFT", "freeze": "freeze", "full": ""}


def read(papers: Papers) -> Training:
    """The training; nothing for a file of that name by another program."""
    name = papers.has(*FILES)
    data = papers.yaml(name) if name else None
    if data is None or not text(data.get("model_name_or_path")) or not text(data.get("stage")):
        return Training()
    kind, method = method_named(text(data["stage"])) or (StageKind.OTHER, text(data["stage"]))
    how = text(data.get("finetuning_type")).lower()
    used = datasets(_names(data.get("dataset")), _ROLES.get(kind, DatasetRole.FINE_TUNING), name)
    tested = datasets(_names(data.get("eval_dataset")), DatasetRole.EVALUATION, name)
    inputs = model_input(data["model_name_or_path"], revision=data.get("model_revision"))
    for adapter in _names(data.get("adapter_name_or_path")):
        inputs += model_input(adapter, InputKind.ADAPTER)
    inputs += tuple(Input(kind=InputKind.DATASET, name=d.name) for d in used)
    inputs += model_input(data.get("reward_model"), InputKind.REWARD_MODEL)
    stage = Stage(
        kind=kind,
        method=", ".join(filter(None, (method, _HOW.get(how, how)))),
        inputs=inputs,
        settings=settings(data, _SETTINGS),
        software=("LLaMA-Factory",),
        file=name,
        said=said(name),
    )
    return Training(stages=(stage,), datasets=used + tested)


def _names(stated: object) -> tuple[str, ...]:
    """Names in a list, or in a text with commas between them."""
    given = stated.split(",") if isinstance(stated, str) else listed(stated)
    return tuple(n for v in given if (n := dataset_name(v)))


READER = Reader("LLaMA-Factory's training_args.yaml", read)
