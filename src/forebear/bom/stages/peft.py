"""``adapter_config.json`` of PEFT (https://huggingface.co/docs/peft): an adapter was trained on a base."""

from __future__ import annotations

from forebear.artifacts.adapter import CONFIG, parse_config
from forebear.bom.stages.base import Papers, Reader, model_input, said, settings
from forebear.bom.training import Stage, StageKind, Training
from forebear.errors import FormatError

_SETTINGS = (
    *("r", "lora_alpha", "lora_dropout", "target_modules", "modules_to_save", "layers_to_transform", "bias"),
    *("task_type", "num_virtual_tokens", "init_lora_weights", "use_dora", "use_rslora"),
)


def read(papers: Papers) -> Training:
    """The adapter's stage, with base and revision as stated."""
    data = papers.json(CONFIG)
    if data is None:
        return Training()
    try:
        adapter = parse_config(dict(data))
    except FormatError as error:
        papers.problems.append(str(error))
        return Training()
    title = adapter.title.removesuffix(" adapter")
    version = data.get("peft_version")
    return Training(
        stages=(
            Stage(
                kind=StageKind.ADAPTER,
                method="" if title == "unknown" else title,
                inputs=model_input(data.get("base_model_name_or_path"), revision=adapter.revision),
                settings=settings(data, _SETTINGS),
                software=(f"peft {version}",) if isinstance(version, str) else (),
                file=CONFIG,
                said=said(CONFIG),
            ),
        )
    )


READER = Reader("PEFT's adapter_config.json", read)
