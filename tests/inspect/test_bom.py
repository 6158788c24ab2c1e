"""Bills of materials of whole models: valid for every model there is, honest about who said what."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import forebear
from boms import check_bom
from edits import copy, drifted, edit, move_gains
from forebear.bom import Bom, Relative, Slot
from forebear.bom.values import Basis, GapState
from forebear.errors import FormatError, InputError, UsageError
from forebear.index import LocalIndex
from forebear.inspect import enrol, write_bom
from models import tiny, tiny_llama
from shared import shared

DEMO = Path(str(resources.files("forebear") / "data" / "demo"))


@pytest.fixture
def index(tmp_path: Path) -> LocalIndex:
    return LocalIndex(tmp_path / "home")


@pytest.fixture
def base(tmp_path: Path, index: LocalIndex) -> Path:
    folder = tiny_llama(tmp_path / "base", seed=1)
    move_gains(folder, 1)
    enrol(str(folder), index, "org/base")
    return folder


def written(bom: Bom) -> dict[str, Any]:
    """The CycloneDX document, which has to be valid."""
    document = bom.to_json()
    check_bom(document)
    return document


def only(bom: Bom) -> Relative:
    (relative,) = bom.record.relatives
    return relative


def halved(base: Path) -> Path:
    """A pruned copy: every second value of the big matrices set to zero, which is the direction that can be proved."""
    folder = copy(base, "pruned")

    def prune(_: str, values: Any) -> Any:
        if values.ndim == 2:
            values[:, ::2] = 0
        return values

    edit(folder, prune)
    return folder


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "mixtral", "gpt2", "gpt_neox"])
def test_every_family_against_an_empty_index(family: str, tmp_path: Path, index: LocalIndex) -> None:
    bom = write_bom(str(tiny(family, tmp_path / "m")), index)
    assert bom.problems == () and bom.record.model.family == family
    notes = written(bom)["metadata"]["component"]["pedigree"]["notes"]
    assert notes.startswith("inconclusive: There are no references")
    json.dumps(bom.write("record"))


@pytest.mark.parametrize("name", ["base", "finetune", "permuted", "twin"])
def test_the_bundled_models(name: str, index: LocalIndex) -> None:
    enrol(str(DEMO / "base"), index, "demo/base")
    bom = write_bom(str(DEMO / name), index)
    written(bom)
    assert any(r.slot is Slot.VARIANT for r in bom.record.relatives) == (name in ("finetune", "permuted"))


@pytest.mark.shared
def test_every_model_of_the_zoo(index: LocalIndex) -> None:
    folder = shared("zoo") / "models"
    root = {m["id"]: m["root"] for m in json.loads((folder.parent / "truth.json").read_text())["models"]}
    for name in ("dev-llama-1", "dev-gpt2-1", "dev-qwen2-1", "dev-mixtral-1", "dev-neox-1"):
        enrol(str(folder / name), index, f"zoo/{name}")
    models = sorted(p for p in folder.iterdir() if p.is_dir())
    assert models
    for model in models:
        bom = write_bom(str(model), index)
        check_bom(bom.to_json())
        assert [p for p in bom.problems if "only an adapter" not in p] == [], model
        assert len(bom.record.files) == sum(p.is_file() for p in model.iterdir())
        measured = [r.name for r in bom.record.relatives if r.slot is Slot.ANCESTOR and not r.declared_in]
        assert all(name == f"zoo/{root[model.name]}" for name in measured), model


def test_a_dependent_model_is_a_variant_as_long_as_nobody_gives_a_direction(base: Path, index: LocalIndex) -> None:
    bom = write_bom(str(drifted(base, "child", 0.1)), index)
    written(bom)
    variant = only(bom)
    assert (variant.slot, variant.verdict, variant.direction) == (Slot.VARIANT, "dependent", "unknown")
    assert (variant.log10_p, variant.standing, variant.said.basis) == (-30, "possible", Basis.MEASURED)
    first = variant.observations[0]
    assert (first.test, first.null, first.confidence) == ("exact", "independent initialisation", 0.999999)
    assert first.n > 100 and bom.record.verdict == "dependent"
    assert bom.record.stages == (), "what is open is no stage"


def test_a_derived_model_has_an_ancestor_and_a_stage_that_nobody_declared(base: Path, index: LocalIndex) -> None:
    bom = write_bom(str(halved(base)), index)
    written(bom)
    ancestor = only(bom)
    assert (ancestor.slot, ancestor.verdict, ancestor.direction) == (Slot.ANCESTOR, "derived", "a_to_b")
    assert ancestor.standing == "measured"
    (stage,) = bom.record.stages
    assert (stage.kind, stage.said.basis, stage.inputs[0].name) == ("pruning", Basis.MEASURED, "org/base")
    assert "no file states this stage" in stage.said.note and stage.file == ""


def test_a_stage_that_a_file_states_is_not_told_again_as_measured(base: Path, index: LocalIndex) -> None:
    folder = halved(base)
    (folder / "recipe.yaml").write_text("s: {m: {SparseGPTModifier: {sparsity: 0.5}}}")
    (stage,) = write_bom(str(folder), index).record.stages
    assert (stage.method, stage.said.basis, stage.file) == ("SparseGPT", Basis.DECLARED, "recipe.yaml")


def test_a_reupload_is_told_by_its_hashes(base: Path, index: LocalIndex) -> None:
    variant = only(write_bom(str(copy(base, "again")), index))
    assert [o.signal for o in variant.observations if o.equal and o.confidence == 1.0] == ["content/1"]


CARD = "---\nlicense: mit\nbase_model: {base}\nbase_model_relation: finetune\n---\n# Model\n"


def test_a_claim_and_a_measurement_of_one_model_are_one_relative(base: Path, index: LocalIndex) -> None:
    child = drifted(base, "child", 0.1)
    (child / "README.md").write_text(CARD.format(base="[org/base, someone/else]"))
    bom = write_bom(str(child), index)
    written(bom)
    measured, claimed = bom.record.relatives
    assert (measured.slot, measured.declared_in, measured.declared_relation) == (Slot.ANCESTOR, "README.md", "finetune")
    assert (measured.claim, measured.purl, measured.standing) == ("unverified", "pkg:huggingface/org/base", "probable")
    assert (claimed.name, claimed.verdict, claimed.claim) == ("someone/else", None, "unverified")
    assert (claimed.observations, claimed.said.by, claimed.standing) == ((), "README.md", "declared")
    claims = {c.claim: c for c in bom.record.claims}
    tied = claims["base model: org/base"]
    assert (tied.status, tied.said.by) == ("unverified", "README.md"), "its order was not measured: bom verify says so"
    assert tied.why.endswith("that it came first is the card's word")
    assert tied.evidence[0].log10_p == -30 and claims["base model: someone/else"].evidence == ()


def test_from_scratch_over_a_derived_model_is_contradicted_with_its_evidence(base: Path, index: LocalIndex) -> None:
    folder = halved(base)
    (folder / "README.md").write_text("---\nlicense: mit\n---\nThis model was trained from scratch.\n")
    bom = write_bom(str(folder), index)
    written(bom)
    (claim,) = bom.record.claims
    assert (claim.claim, claim.status, claim.said.by) == ("trained from scratch", "contradicted", "README.md")
    assert claim.evidence[0].test == "exact" and claim.evidence[0].log10_p == -30
    assert "ancestor-undeclared" in {f.id for f in bom.record.findings}


def test_without_a_scan_there_are_declarations_only(base: Path, index: LocalIndex) -> None:
    (base / "README.md").write_text(CARD.format(base="org/other"))
    bom = write_bom(str(base), index, scan=False)
    written(bom)
    assert "declaration only" in bom.record.notes and bom.record.verdict is None
    assert [(r.name, r.verdict, r.claim) for r in bom.record.relatives] == [("org/other", None, "unverified")]
    (stage,) = bom.record.stages
    assert (stage.name, stage.said.by, stage.said.basis) == ("fine-tuning", "README.md", Basis.DECLARED)


def test_a_base_that_only_the_config_names_is_attributed_to_it(base: Path, index: LocalIndex) -> None:
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "_name_or_path": "org/start"}))
    assert only(write_bom(str(base), index, scan=False)).declared_in == "config.json"


def test_a_base_that_is_withheld_is_a_gap_and_no_model(base: Path, index: LocalIndex) -> None:
    (base / "README.md").write_text(CARD.format(base="withheld"))
    record = write_bom(str(base), index, scan=False).record
    assert record.relatives == () and record.claims == ()
    states = {g.field: (g.state, g.said.by) for g in record.gaps}
    assert states["base_model"] == (GapState.WITHHELD, "README.md")
    assert states["version"] == (GapState.UNKNOWN, "forebear")


def test_the_catalogue_goes_on_above_a_declared_base(base: Path, index: LocalIndex) -> None:
    (base / "README.md").write_text(CARD.format(base="moonshotai/Kimi-K2.5"))
    bom = write_bom(str(base), index, scan=False)
    written(bom)
    declared, above = bom.record.relatives[:2]
    assert (above.child, above.standing, above.said.basis) == (declared.name, "catalogued", Basis.CATALOGUED)
    assert "The catalogue has" in above.why and above.slot is Slot.ANCESTOR and above.verdict is None
    inherited = {x.inherited_from: x for x in bom.record.licences if x.inherited_from}
    assert inherited[declared.name].spdx.startswith("LicenseRef-kimi")
    assert "the descent: declared" in inherited[declared.name].said.note
    makers = {o.model: o for o in bom.record.organisations}
    ties = {(j.country, j.tie) for j in makers[declared.name].jurisdictions}
    assert ("CN", "engineering_in") in ties and "" not in makers
    assert all(j.said.by and j.said.basis is Basis.CATALOGUED for j in makers[declared.name].jurisdictions)


def test_licences_declared_and_concluded_stand_apart(base: Path, index: LocalIndex) -> None:
    (base / "README.md").write_text("---\nlicense: mit\n---\n")
    apache = next(p for p in (Path(__file__).parents[2] / "LICENSE",) if p.exists())
    (base / "LICENSE").write_bytes(apache.read_bytes())
    found = [(x.acknowledgement, x.spdx, x.file, x.said.by) for x in write_bom(str(base), index).record.licences]
    assert ("declared", "MIT", "", "README.md") in found
    assert ("concluded", "Apache-2.0", "LICENSE", "forebear") in found


DECLARATION = """schema: forebear.training/1
developer: {name: Acme Ltd, country: GB}
base_models: [{name: org/base, revision: abc, relation: finetune}]
licence: llama3.1
stages: [{kind: rl, method: GRPO, reward: unit tests, inputs: [{name: org/base}]}]
datasets: [{name: acme/tasks, roles: [reward]}]
energy: [{activity: training, kwh: 12.5}]
withheld: [pretraining_data]
"""


@pytest.mark.parametrize("beside", [True, False])
def test_a_training_declaration(beside: bool, base: Path, index: LocalIndex, tmp_path: Path) -> None:
    child = drifted(base, "child", 0.1)
    file = (child if beside else tmp_path) / "forebear-training.yaml"
    file.write_text(DECLARATION)
    bom = write_bom(str(child), index, declaration=None if beside else file)
    written(bom)
    record = bom.record
    relative = only(bom)
    assert (relative.declared_in, relative.version, relative.slot) == (file.name, "abc", Slot.ANCESTOR)
    assert (relative.claim, relative.standing) == ("unverified", "probable"), "judged as a card's claim is"
    assert [(s.kind, s.reward) for s in record.stages] == [("rl", "unit tests")]
    assert record.energy[0].kwh == 12.5 and record.datasets[0].said.by == file.name
    assert ("pretraining_data", GapState.WITHHELD) in [(g.field, g.state) for g in record.gaps]
    own = next(o for o in record.organisations if not o.model)
    assert (own.name, own.jurisdictions[0].country, own.jurisdictions[0].tie) == ("Acme Ltd", "GB", "address")
    assert any(x.said.by == file.name and x.spdx.startswith("LicenseRef-") for x in record.licences)
    assert str(tmp_path) not in record.model_dump_json()


def test_what_card_and_declaration_say_of_one_base_is_joined(base: Path, index: LocalIndex) -> None:
    child = drifted(base, "child", 0.1)
    (child / "README.md").write_text("---\nbase_model: org/base\n---\n")
    (child / "forebear-training.yaml").write_text(DECLARATION)
    relative = only(write_bom(str(child), index))
    assert (relative.declared_in, relative.declared_relation, relative.version) == ("README.md", "finetune", "abc")
    named = DECLARATION.replace("name: org/base, revision: abc", "name: withheld")
    (child / "forebear-training.yaml").write_text(named)
    (child / "README.md").write_text("# x\n")
    gaps = {g.field: (g.state, g.said.by) for g in write_bom(str(child), index, scan=False).record.gaps}
    assert gaps["base_model"] == (GapState.WITHHELD, "forebear-training.yaml")


def test_a_declaration_of_training_from_scratch_is_held_against_the_weights(base: Path, index: LocalIndex) -> None:
    folder = halved(base)
    (folder / "README.md").write_text("# x\n")
    (folder / "forebear-training.yaml").write_text("schema: forebear.training/1\nfrom_scratch: true\n")
    (claim,) = write_bom(str(folder), index).record.claims
    assert (claim.status, claim.said.by) == ("contradicted", "forebear-training.yaml")


def test_training_from_scratch_and_a_base_are_both_claimed(base: Path, index: LocalIndex) -> None:
    (base / "README.md").write_text(CARD.format(base="org/other"))
    (base / "forebear-training.yaml").write_text("schema: forebear.training/1\nfrom_scratch: true\n")
    claims = {c.claim: c.said.by for c in write_bom(str(base), index, scan=False).record.claims}
    assert claims == {"base model: org/other": "README.md", "trained from scratch": "forebear-training.yaml"}


def test_a_wrong_declaration_that_is_given_is_refused_and_one_beside_the_model_costs_itself(
    base: Path, index: LocalIndex
) -> None:
    wrong = base / "forebear-training.yaml"
    wrong.write_text("schema: forebear.training/1\nwitheld: [x]\n")
    bom = write_bom(str(base), index, scan=False)
    assert bom.problems == ("forebear-training.yaml: witheld is no field; did you mean withheld?",)
    written(bom)
    with pytest.raises(FormatError, match="did you mean withheld"):
        write_bom(str(base), index, declaration=wrong)


def test_what_a_merge_or_a_training_started_from_is_an_ancestor_too(base: Path, index: LocalIndex) -> None:
    child = drifted(base, "child", 0.1)
    (child / "README.md").write_text("---\nbase_model: org/one\n---\n")
    merge = "merge_method: slerp\nmodels: [{model: org/one}, {model: org/base@abc}, {model: ./own}]\n"
    (child / "mergekit_config.yml").write_text(merge)
    bom = write_bom(str(child), index)
    written(bom)
    found = {r.name: r for r in bom.record.relatives}
    assert set(found) == {"org/one", "org/base", "own"}
    measured = found["org/base"]
    assert (measured.declared_in, measured.declared_relation, measured.version) == (
        "mergekit_config.yml",
        "merge",
        "abc",
    )
    assert (measured.slot, measured.claim, measured.standing) == (Slot.ANCESTOR, "unverified", "probable")
    assert found["org/one"].declared_in == "README.md"
    claims = {c.claim: c.said.by for c in bom.record.claims}
    assert claims["base model: org/base"] == "mergekit_config.yml"
    assert [s.kind for s in bom.record.stages] == ["merge"]


def test_a_model_that_a_stage_made_for_the_next_is_no_ancestor(base: Path, index: LocalIndex) -> None:
    stages = "[{kind: sft, inputs: [{name: org/start}], outputs: [mine-sft]}, {kind: rl, inputs: [{name: mine-sft}]}]"
    (base / "forebear-training.yaml").write_text(f"schema: forebear.training/1\nstages: {stages}\n")
    (base / "README.md").write_text("# x\n")
    assert only(write_bom(str(base), index, scan=False)).name == "org/start"


def test_files_that_contradict_each_other_are_claims_that_nothing_decides(base: Path, index: LocalIndex) -> None:
    (base / "axolotl_config.yml").write_text("base_model: org/one\nlora_r: 8\n")
    (base / "training_args.yaml").write_text("stage: sft\nmodel_name_or_path: org/two\n")
    bom = write_bom(str(base), index, scan=False)
    (claim,) = [c for c in bom.record.claims if "org/one" in c.claim and "names" in c.claim]
    assert claim.status == "unverified" and "org/two" in claim.claim and bom.problems == ()


KEYS = (
    *("license", "license_name", "license_link", "base_model", "base_model_relation", "datasets", "tags"),
    *("language", "pipeline_tag", "library_name", "model_name", "model_id", "model-index"),
)


@pytest.mark.parametrize(
    "value",
    [
        "7",
        "true",
        "2020-01-01",
        "[[a], {b: c}, null, 3]",
        "{a: {b: c}}",
        '"\\e[31m\\u202e\\0🦙"',
        "'" + "x" * 5_000 + "'",
        "[" + ", ".join(f"t{k}" for k in range(10_000)) + "]",
        '["a\\nb", "a b", "a  b", "ＡＢ", "~1/~0", "%2F", "مرحبا"]',
    ],
)
def test_hostile_cards(value: str, tmp_path: Path, index: LocalIndex) -> None:
    front = "".join(f"{key}: {value}\n" for key in KEYS)
    card = f"---\n{front}---\n# x\n"
    if len(card) > 200_000:
        card = f"---\ntags: {value}\ndatasets: {value}\n---\n"
    bom = write_bom(str(tiny_llama(tmp_path / "m", card=card)), index)
    document = bom.to_json()
    check_bom(document)
    assert len(json.dumps(document)) < 200_000
    assert bom.problems == ()


def test_weights_alone_are_enough(tmp_path: Path, index: LocalIndex) -> None:
    folder = tiny_llama(tmp_path / "m", card=None, tokenizer=None)
    (folder / "config.json").unlink()
    bom = write_bom(str(folder), index)
    check_bom(bom.to_json())
    assert [f.role for f in bom.record.files] == ["weights"]
    unknown = {g.field for g in bom.record.gaps if g.state is GapState.UNKNOWN}
    assert unknown == {"licence", "training_data", "version", "purl", "base_model"}


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.gguf", "adapter_model.safetensors", "model.safetensors"])
def test_weights_that_cannot_be_read_leave_the_rest(name: str, tmp_path: Path, index: LocalIndex) -> None:
    folder = tiny_llama(tmp_path / "m", card=CARD.format(base="org/base"))
    (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(b"no weights")
    bom = write_bom(str(folder), index)
    document = written(bom)
    assert len(bom.problems) == 1 and bom.problems[0] in json.dumps(document, ensure_ascii=False)
    assert str(tmp_path) not in json.dumps(document)
    assert "declaration only" in bom.record.notes and bom.record.relatives[0].name == "org/base"
    assert bom.record.model.parameters is None


def test_the_folder_of_a_hub_cache_gives_name_and_commit(tmp_path: Path, index: LocalIndex) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    folder = tiny_llama(tmp_path / "models--org--my--model" / "snapshots" / commit)
    model_ = write_bom(str(folder), index).record.model
    assert (model_.name, model_.purl) == (commit, ""), "which dashes part owner and name cannot be told"
    folder = tiny_llama(tmp_path / "models--org--Tiny-1.0" / "snapshots" / commit)
    document = write_bom(str(folder), index).to_json()
    check_bom(document)
    model = document["metadata"]["component"]
    assert (model["group"], model["name"], model["version"]) == ("org", "Tiny-1.0", commit)
    assert model["purl"] == f"pkg:huggingface/org/Tiny-1.0@{commit}"


def test_equal_input_gives_equal_bytes(base: Path, index: LocalIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    child = str(drifted(base, "child", 0.1))
    first, second = (json.dumps(write_bom(child, index).to_json()) for _ in range(2))
    assert first == second and '"timestamp": "2023-11-14T22:13:20Z"' in first


def test_no_path_of_this_machine_gets_in(base: Path, index: LocalIndex, tmp_path: Path) -> None:
    child = drifted(base, "child", 0.1)
    for change in (lambda: None, lambda: base.rename(tmp_path / "elsewhere")):
        change()
        bom = write_bom(str(child), index)
        assert str(tmp_path) not in json.dumps([bom.to_json(), bom.write("record"), bom.write("cyclonedx-1.6")])
    assert any("no longer at org/base" in gap for gap in bom.record.not_tested)


def test_one_unreadable_file_costs_only_its_own_part(
    base: Path, index: LocalIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    from forebear.sources import LocalSource

    (base / "notes.txt").write_text("x")
    honest: Callable[..., bytes] = LocalSource.read

    def read(self: LocalSource, path: str, start: int, stop: int) -> bytes:
        if path == "notes.txt":
            raise InputError("notes.txt: permission denied")
        return honest(self, path, start, stop)

    monkeypatch.setattr(LocalSource, "read", read)
    bom = write_bom(str(base), index)
    check_bom(bom.to_json())
    assert bom.problems == ("notes.txt: permission denied",)
    assert "hashes" not in bom.to_json()["metadata"]["component"]


def test_secrets_beside_the_model_are_hashed_and_never_shown(base: Path, index: LocalIndex) -> None:
    (base / ".env").write_text("TOKEN=hf_secretsecretsecret")
    document = write_bom(str(base), index).to_json()
    check_bom(document)
    assert ".env" in [c["name"] for c in document["components"]]
    assert "secretsecret" not in json.dumps(document)


@pytest.mark.skipif(os.name != "posix", reason="names of bytes")
def test_file_names_of_any_bytes(base: Path, index: LocalIndex) -> None:
    for name in (b"\xff\xfe", b"a\nb\x1b[31m", "🦙\u202e".encode()):
        Path(os.fsdecode(os.fsencode(base) + b"/" + name)).write_text("x")
    bom = write_bom(str(base), index)
    check_bom(bom.to_json())
    json.dumps(bom.write("record"), ensure_ascii=False).encode("utf-8")


def test_what_is_no_model_is_refused(tmp_path: Path, index: LocalIndex) -> None:
    saved = tmp_path / "result.json"
    saved.write_text("{}")
    with pytest.raises(UsageError, match="needs the model's files"):
        write_bom(str(saved), index)
    with pytest.raises(UsageError):
        write_bom(str(tmp_path / "nothing"), index)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError):
        write_bom(str(tmp_path / "empty"), index)


def test_the_value_is_frozen_and_public(base: Path, index: LocalIndex) -> None:
    bom = forebear.write_bom(str(base), index)
    assert isinstance(bom, forebear.Bom)
    with pytest.raises(dataclasses.FrozenInstanceError):
        bom.record = None  # type: ignore[misc, assignment]
    assert bom.write("record")["schema"] == "forebear.bom-record/1"
    with pytest.raises(UsageError, match="cyclonedx"):
        bom.write("xml")


# strangers: anything at all in card and config, beside weights that have a relative in the index


CARD_KEYS = st.sampled_from(
    [
        "base_model",
        "base_model_relation",
        "license",
        "license_name",
        "license_link",
        "language",
        "tags",
        "datasets",
        "model_name",
        "pipeline_tag",
        "library_name",
        "thumbnail",
        "metrics",
        "model-index",
        "co2_eq_emissions",
        "new_version",
        "author",
        "inference",
        "extra_gated_prompt",
    ]
)
TEXT = st.text(max_size=12) | st.sampled_from(
    [
        "org/base",
        "base",
        "https://huggingface.co/org/base",
        "../..",
        "mit",
        "other",
        "finetune",
        "en",
        "a//b",
        "@",
        "?#%",
    ]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
CONFIG_KEYS = st.sampled_from(
    [
        "model_type",
        "architectures",
        "_name_or_path",
        "hidden_size",
        "num_attention_heads",
        "num_key_value_heads",
        "num_hidden_layers",
        "vocab_size",
        "head_dim",
        "rope_parameters",
        "partial_rotary_factor",
        "torch_dtype",
        "text_config",
        "transformers_version",
    ]
)


@pytest.fixture(scope="module")
def relatives(tmp_path_factory: pytest.TempPathFactory) -> tuple[LocalIndex, dict[str, Path]]:
    root = tmp_path_factory.mktemp("strangers")
    base = tiny_llama(root / "base", seed=1)
    move_gains(base, 1)
    index = LocalIndex(root / "home")
    enrol(str(base), index, "org/base")
    return index, {"child": drifted(base, "child", 0.1), "pruned": halved(base), "copy": copy(base, "copy")}


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    st.sampled_from(["child", "pruned", "copy"]),
    st.dictionaries(CARD_KEYS | TEXT, ANYTHING, max_size=6),
    st.text(max_size=60),
    st.dictionaries(CONFIG_KEYS, ANYTHING, max_size=4),
)
def test_whatever_card_and_config_say_the_document_is_valid_and_the_relative_is_in_it(
    relatives: tuple[LocalIndex, dict[str, Path]],
    which: str,
    front: dict[str, Any],
    text: str,
    said: dict[str, Any],
) -> None:
    index, folders = relatives
    folder = folders[which]
    original = {n: (folder / n).read_bytes() for n in ("README.md", "config.json")}
    try:
        card = f"---\n{json.dumps(front)}\n---\n{text}".encode("utf-8", "surrogatepass")
        (folder / "README.md").write_bytes(card)
        config = json.loads(original["config.json"]) | said
        (folder / "config.json").write_text(json.dumps(config))
        bom = write_bom(str(folder), index)
        written(bom)
        assert any(r.log10_p is not None for r in bom.record.relatives), bom.record.relatives
    finally:
        for name, content in original.items():
            (folder / name).write_bytes(content)
