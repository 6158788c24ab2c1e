"""``forebear-training.yaml``: read strictly, and never half."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from forebear.artifacts import bounded_yaml
from forebear.bom.stages import training_of
from forebear.bom.stages.declaration import json_schema
from forebear.bom.stages.declaration_file import parse, read_declaration
from forebear.bom.values import GapState
from forebear.errors import ForebearError, FormatError, UsageError
from forebear.report.schemas import schema
from forebear.sources import open_source

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "forebear-training.yaml"
HEAD = "schema: forebear.training/1\n"


def test_the_example_is_read_and_fits_the_schema() -> None:
    declared = read_declaration(EXAMPLE)
    training = declared.training("x.yaml")
    assert [(s.kind.value, s.method) for s in training.stages] == [("sft", "LoRA"), ("rl", "GRPO")]
    assert training.stages[0].inputs[0].revision == declared.base_models[0].revision != ""
    assert training.stages[1].reward.startswith("unit tests") and training.stages[0].hours == 96
    assert [d.personal.value for d in training.datasets] == ["yes", "unknown"]
    assert {(g.field, g.state) for g in training.gaps} == {
        ("reward_model", GapState.WITHHELD),
        ("pretraining_data", GapState.UNKNOWN),
    }
    said = [s.said for part in (training.stages, training.datasets, training.energy, training.gaps) for s in part]
    assert all(s.by == "x.yaml" and s.basis == "declared" for s in said)
    data = bounded_yaml.load(EXAMPLE.read_text("utf-8"), "x", "it", 100_000)
    Draft202012Validator(schema("training")).validate(data)
    assert set(data) == set(json_schema()["properties"])


def test_the_example_in_the_documentation_is_read() -> None:
    blocks = re.findall(r"```yaml\n(schema: forebear.training/1\n.*?)```", (ROOT / "docs" / "bom.md").read_text(), re.S)
    assert blocks
    for block in blocks:
        assert parse(block.encode(), "docs").training("docs").gaps


def test_the_shipped_schema_is_the_models() -> None:
    assert schema("training") == json.loads(json.dumps(json_schema()))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("witheld: [reward_data]", ["witheld is no field", "did you mean withheld?"]),
        ("stages: [{kind: stf}]", ["stages.0.kind: 'stf'", "did you mean sft?"]),
        ("stages: [{knd: sft, kind: sft}]", ["stages.0.knd is no field", "did you mean kind?"]),
        ("stages: [{kind: sft, inputs: [{nme: a}]}]", ["stages.0.inputs.0.nme is no field", "did you mean name?"]),
        ("stages: [{method: LoRA}]", ["stages.0.kind is missing"]),
        ("datasets: [{name: a, roles: [x]}]", ["datasets.0.roles.0", "known are ", "fine_tuning"]),
        ("datasets: [{name: a, xyzzy: 1}]", ["known are name, roles"]),
        ("energy: [{activity: training, kwh: -1}]", ["energy.0.kwh: -1", "greater than or equal to 0"]),
        ("energy: [{activity: training}]", ["energy.0.kwh is missing"]),
        ("developer: {name: a, country: uk}", ["developer.country: 'uk'", "ISO 3166-1"]),
        ("withheld: [{a: b}]", ["write a list of topics"]),
        ("withheld: 3", ["write a list of topics"]),
        ("from_scratch: perhaps", ["from_scratch: 'perhaps'"]),
        ("stages: [{kind: sft, hours: .nan}]", ["stages.0.hours"]),
        ("licence: a\nlicence: b", ["line 3: licence stands twice"]),
    ],
)
def test_errors_name_the_field_and_the_nearest(text: str, words: list[str]) -> None:
    with pytest.raises(FormatError) as caught:
        parse((HEAD + text).encode(), "t.yaml")
    assert str(caught.value).startswith("t.yaml: ")
    assert all(w in str(caught.value) for w in words), str(caught.value)


@pytest.mark.parametrize("raw", [b"", b"[]", b"a: 1", b"schema: forebear.training/2", b"\xff", b"{{{", b"&a [*a]"])
def test_what_is_no_declaration_is_refused(raw: bytes, tmp_path: Path) -> None:
    with pytest.raises(FormatError):
        parse(raw, "t.yaml")
    (tmp_path / "t.yaml").write_bytes(raw)
    with pytest.raises(FormatError):  # as any file that is named and damaged
        read_declaration(tmp_path / "t.yaml")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"examples/forebear-training\.yaml"):
        read_declaration(tmp_path / "none.yaml")


def test_beside_a_model_it_is_read_first_and_a_damaged_one_costs_itself(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\ndatasets: [acme/tickets, org/other]\n---\n")
    (tmp_path / "forebear-training.yaml").write_text(EXAMPLE.read_text("utf-8"), "utf-8")
    training = training_of(open_source(str(tmp_path)))
    assert [s.kind.value for s in training.stages] == ["sft", "rl"] and training.problems == ()
    assert {d.name: d.said.by for d in training.datasets}["acme/tickets"] == "forebear-training.yaml, README.md"
    (tmp_path / "forebear-training.yaml").write_text(HEAD + "witheld: [x]\n")
    training = training_of(open_source(str(tmp_path)))
    assert training.stages == () and len(training.datasets) == 2
    assert training.problems == ("forebear-training.yaml: witheld is no field; did you mean withheld?",)


@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda t: (HEAD + t).encode("utf-8", "replace")))
def test_any_bytes_are_read_or_refused_in_one_line(raw: bytes) -> None:
    try:
        parse(raw, "t.yaml")
    except ForebearError as error:
        assert "\n" not in str(error)
