"""Known bases by shape."""

from __future__ import annotations

import pytest

from forebear.catalogue import known_models, look_alikes
from forebear.catalogue.models import parse


def test_every_known_model_has_a_source_and_a_name_of_its_own() -> None:
    models = known_models()
    assert len(models) >= 15
    assert len({m.repository for m in models}) == len(models)
    assert all(m.source and m.model_types for m in models)


def test_an_exact_shape_names_every_model_that_has_it() -> None:
    found = look_alikes(width=4096, layers=32, vocabulary=32000, intermediate=11008, heads=32, kv_heads=32)
    exact = {a.model.name for a in found if a.exact}
    assert exact == {"LLaMA-7B", "Llama-2-7B"}
    assert found[0].exact


def test_another_vocabulary_or_depth_still_resembles() -> None:
    extended = look_alikes(width=5120, layers=40, vocabulary=131074, intermediate=32768, heads=32, kv_heads=8)
    assert [a.why for a in extended] == ["the same shape with another vocabulary"]
    pruned = look_alikes(width=5120, layers=36, vocabulary=152064, intermediate=13824, heads=40, kv_heads=8)
    assert "48 of them and not 36" in pruned[0].why


def test_unknown_sizes_do_not_exclude() -> None:
    found = look_alikes(width=7168, layers=61, vocabulary=129280, intermediate=None, heads=None, kv_heads=None)
    assert [a.model.name for a in found] == ["DeepSeek-V3"]


def test_nothing_resembles_an_odd_shape() -> None:
    assert look_alikes(width=96, layers=4, vocabulary=700, intermediate=256, heads=4, kv_heads=2) == ()


GOOD = 'developer = "X"\n[[model]]\nname = "a"\nrepository = "x/a"\nmodel_types = ["llama"]\nwidth = 8\nlayers = 2\n'


def test_optional_sizes_may_be_missing() -> None:
    (model,) = parse(GOOD + 'source = "s"\nconfidence = "retrieved"\n', "x.toml")
    assert (model.width, model.heads) == (8, None)


@pytest.mark.parametrize(
    "text",
    [
        "not toml",
        GOOD,
        GOOD + 'source = ""\nconfidence = "retrieved"\n',
        GOOD + 'source = "s"\nconfidence = "sure"\n',
        GOOD.replace("width = 8", "width = -8") + 'source = "s"\nconfidence = "retrieved"\n',
        GOOD.replace("width = 8\n", "") + 'source = "s"\nconfidence = "retrieved"\n',
    ],
)
def test_wrong_data_files_name_themselves(text: str) -> None:
    with pytest.raises(ValueError, match=r"x\.toml"):
        parse(text, "x.toml")
