"""Known bases by shape."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from forebear.catalogue import known_models, look_alikes
from forebear.catalogue.models import KnownModel, parse
from shared import shared


def alike(**sizes: int | None) -> list[tuple[str, bool, str]]:
    unknown = dict.fromkeys(("vocabulary", "intermediate", "heads", "kv_heads"))
    found = look_alikes(**{**unknown, **sizes})  # type: ignore[arg-type]
    return [(a.model.repository, a.exact, a.why) for a in found]


def test_every_known_model_has_a_source_and_a_name_of_its_own() -> None:
    models = known_models()
    assert len(models) >= 60
    assert len({m.repository for m in models}) == len({m.name for m in models}) == len(models)
    assert all(m.source and m.model_types and m.developer for m in models)


def test_no_source_is_a_path_of_somebodys_machine() -> None:
    for model in known_models():
        assert not re.search(r"(^|\s)[/~]|\\|shared/|\.cache", model.source), model.source


def test_what_follows_from_sizes_alone_is_not_called_retrieved() -> None:
    for model in known_models():
        inferred = any(words in model.source for words in ("follows from", "fits", "by its"))
        assert (model.confidence == "unverified") == inferred, model.name


def test_heads_and_widths_fit_together() -> None:
    for model in known_models():
        if model.heads and model.kv_heads:
            assert model.heads % model.kv_heads == 0, model.name
        if model.heads and not model.head_dim and "kimi_linear" not in model.model_types:
            assert model.width % model.heads == 0, model.name


def integers(value: Any) -> Iterator[int]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from integers(item)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield value


CONFIG = re.compile(r"config\.json of ([\w.-]+)/([\w.-]+)")


@pytest.mark.shared
@pytest.mark.parametrize("model", [m for m in known_models() if CONFIG.match(m.source)], ids=lambda m: m.name)
def test_sizes_are_those_of_the_config_that_is_named_as_the_source(model: KnownModel) -> None:
    named = CONFIG.match(model.source)
    assert named is not None
    folder = shared("artefacts/repositories") / f"{named[1]}__{named[2]}"
    there = set(integers(json.loads(min(folder.rglob("config.json")).read_text("utf-8"))))
    assert {model.width, model.layers, model.heads} <= there
    noted = {"kv_heads": "key/value head", "intermediate": "intermediate is half", "vocabulary": "vocabulary"}
    for size in ("kv_heads", "intermediate", "vocabulary", "experts"):
        value = getattr(model, size)
        assert value is None or value in there or noted[size] in model.source, size


def test_an_exact_shape_names_every_model_that_has_it() -> None:
    found = alike(width=4096, layers=32, vocabulary=32000, intermediate=11008, heads=32, kv_heads=32)
    assert [name for name, exact, _ in found if exact] == ["huggyllama/llama-7b", "meta-llama/Llama-2-7b-hf"]
    assert [exact for _, exact, _ in found] == sorted((exact for _, exact, _ in found), reverse=True)
    assert found[0][2] == "the same shape"


def test_generations_of_one_shape_are_all_named() -> None:
    found = alike(width=4096, layers=32, vocabulary=128256, intermediate=14336, heads=32, kv_heads=8)
    assert {n for n, exact, _ in found if exact} == {"meta-llama/Meta-Llama-3-8B", "meta-llama/Llama-3.1-8B"}


def test_added_tokens_still_resemble() -> None:
    found = alike(width=5120, layers=40, vocabulary=131074, intermediate=32768, heads=32, kv_heads=8)
    assert [name for name, _, _ in found] == [
        "mistralai/Mistral-Small-24B-Base-2501",
        "mistralai/Mistral-Small-3.1-24B-Base-2503",
    ]
    assert found[0][1:] == (False, "another vocabulary, of 131,074 and not 131,072 tokens, as after adding tokens")


@pytest.mark.parametrize(
    ("layers", "why"),
    [
        (36, "layers of the same sizes, but 36 of them and not 48, as after removing layers"),
        (72, "layers of the same sizes, but 72 of them and not 48, as after repeating or adding layers"),
    ],
)
def test_another_depth_still_resembles(layers: int, why: str) -> None:
    found = alike(width=5120, layers=layers, vocabulary=152064, intermediate=13824, heads=40, kv_heads=8)
    assert found == [("Qwen/Qwen2.5-14B", False, why)]


def test_depth_and_vocabulary_may_both_differ_and_both_are_said() -> None:
    (found,) = alike(width=5120, layers=36, vocabulary=151665, intermediate=13824, heads=40, kv_heads=8)
    assert "36 of them and not 48" in found[2] and "151,665 and not 152,064" in found[2]


def test_fewer_differences_come_first() -> None:
    found = alike(width=4096, layers=32, vocabulary=64000, intermediate=11008, heads=32, kv_heads=32)
    assert found[0][:2] == ("baichuan-inc/Baichuan-7B", True)
    assert found[-1][0] == "deepseek-ai/deepseek-llm-7b-base" and "; " in found[-1][2]


def test_other_grouped_heads_are_another_shape() -> None:
    found = alike(width=4096, layers=32, vocabulary=64000, intermediate=11008, heads=32, kv_heads=4)
    assert [name for name, _, _ in found] == ["01-ai/Yi-1.5-6B"]


def test_unknown_sizes_do_not_exclude() -> None:
    assert alike(width=7168, layers=61, vocabulary=129280) == [("deepseek-ai/DeepSeek-V3-Base", True, "the same shape")]


def test_an_unknown_vocabulary_is_not_called_another_one() -> None:
    found = alike(width=2048, layers=24, vocabulary=50304, intermediate=8192, heads=16, kv_heads=16)
    (pythia,) = [why for name, _, why in found if name == "EleutherAI/pythia-1.4b"]
    assert "not known" in pythia


def test_width_alone_makes_no_relative() -> None:
    assert alike(width=7168, layers=40, vocabulary=129280) == []


def test_nothing_resembles_an_odd_shape() -> None:
    assert alike(width=96, layers=4, vocabulary=700, intermediate=256, heads=4, kv_heads=2) == []


GOOD = 'developer = "X"\n[[model]]\nname = "a"\nrepository = "x/a"\nmodel_types = ["llama"]\nwidth = 8\nlayers = 2\n'
SOURCED = GOOD + 'source = "s"\nconfidence = "retrieved"\n'


def test_optional_sizes_may_be_missing() -> None:
    (model,) = parse(SOURCED, "x.toml")
    assert (model.width, model.heads, model.developer) == (8, None, "X")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("not toml", "x.toml: "),
        ('developer = "X"\n', "at least one"),
        (SOURCED.replace('developer = "X"\n', ""), "needs a developer"),
        (GOOD, "a has no source"),
        (SOURCED.replace('"s"', '" "'), "a has no source"),
        (SOURCED.replace("retrieved", "sure"), "not sure"),
        (SOURCED.replace("width = 8", "width = -8"), "width is not a positive"),
        (SOURCED.replace("width = 8", "width = true"), "width is not a positive"),
        (SOURCED.replace("width = 8\n", ""), "a has no width"),
        (SOURCED.replace('["llama"]', '"llama"'), "model_types"),
        (SOURCED + "withd = 8\n", "unknown keys: withd"),
        (SOURCED.replace('name = "a"\n', ""), "without a name"),
    ],
)
def test_wrong_data_files_say_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=r"x\.toml") as raised:
        parse(text, "x.toml")
    assert says in str(raised.value)
