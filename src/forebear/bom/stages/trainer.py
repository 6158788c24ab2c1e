"""What the trainers of transformers and TRL leave behind: state, arguments, results; and a pickle that stays closed."""

from __future__ import annotations

from collections.abc import Iterator

from forebear.bom.stages.base import MAX_STATE, Papers, Plain, Reader, flat, model_input, number, said, settings
from forebear.bom.training import Metric, Stage, StageKind, Training
from forebear.bom.values import Gap, GapState, Said, Setting

STATE, ARGUMENTS, PICKLE = "trainer_state.json", "training_args.json", "training_args.bin"
RESULTS = ("all_results.json", "train_results.json", "eval_results.json")
_STATE = ("global_step", "max_steps", "num_train_epochs", "epoch", "train_batch_size", "num_input_tokens_seen")
_ARGUMENTS = (
    *("learning_rate", "per_device_train_batch_size", "gradient_accumulation_steps", "num_train_epochs", "max_steps"),
    *("lr_scheduler_type", "warmup_steps", "warmup_ratio", "weight_decay", "optim", "bf16", "fp16", "seed"),
    *("max_length", "max_seq_length", "max_prompt_length", "max_completion_length", "beta", "loss_type"),
    *("num_generations", "epsilon", "temperature", "neftune_noise_alpha"),
)
_RUN = ("train_runtime", "train_samples", "train_loss", "train_samples_per_second")
_MOST_KEYS = 60


def read(papers: Papers) -> Training:
    """One run, by all files of it; which method it was they do not say, a card may."""
    state = papers.json(STATE, MAX_STATE)
    arguments = papers.json(ARGUMENTS)
    results = [(name, data) for name in RESULTS if (data := papers.json(name)) is not None]
    stated = [name for name, data in ((STATE, state), (ARGUMENTS, arguments), *results) if data is not None]
    gaps = (_closed(),) if PICKLE in papers.names else ()
    if not stated:
        return Training(gaps=gaps)
    found: dict[str, Setting] = {}
    for data, keys in ((arguments or {}, _ARGUMENTS), (state or {}, _STATE), *((d, _RUN) for _, d in results)):
        for setting in (*settings(data, keys), *(_logged(data) if data is state else ())):
            found.setdefault(setting.name, setting)
    first = stated[0]
    stage = Stage(
        kind=StageKind.OTHER,
        name="a run of a trainer",
        inputs=model_input((arguments or {}).get("model_name_or_path")),
        settings=tuple(found.values()),
        software=(),
        flops=number((state or {}).get("total_flos")),
        file=first,
        said=said(", ".join(stated)),
    )
    return Training(stages=(stage,), metrics=tuple(_metrics(results)), gaps=gaps)


def _logged(state: Plain) -> Iterator[Setting]:
    """Which quantities were logged: ``rewards/chosen`` tells a reader more than any guess here would."""
    history = state.get("log_history")
    keys: dict[str, None] = {}
    for entry in history[:200] if isinstance(history, list) else ():
        keys |= dict.fromkeys(str(k)[:60] for k in entry) if isinstance(entry, dict) else {}
    if keys:
        yield Setting(name="logged", value=", ".join(sorted(keys)[:_MOST_KEYS]))


def _metrics(results: list[tuple[str, Plain]]) -> Iterator[Metric]:
    met: set[str] = set()
    for name, data in results:
        for key, value in data.items():
            plain = isinstance(value, int | float | str) and not isinstance(value, bool)
            if key.startswith("eval_") and plain and key not in met and len(met) < _MOST_KEYS:
                met.add(key)
                yield Metric(name=key.removeprefix("eval_") or key, value=flat(value), said=said(name))


def _closed() -> Gap:
    why = f"{PICKLE} is there; it is a pickle, which could run code, and its settings were not read"
    return Gap(field="training_arguments", state=GapState.UNKNOWN, why=why, said=Said(by="forebear"))


READER = Reader("trainers' state and results", read)
