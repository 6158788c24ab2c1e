"""Bills held against whole models: true ones verify, and each lie is told by the check that is about it."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

import forebear
from bills import base, record_of, written
from documents import check_document
from edits import copy, drifted, edit, move_gains
from forebear.bom import spdx
from forebear.bom.checks import Check, CheckStatus
from forebear.bom.record import ClaimRecord, LicenceStatement, Record, Slot, Status
from forebear.bom.training import Input, InputKind, Stage, StageKind
from forebear.bom.values import Hash
from forebear.bom.verification import Outcome, Verification
from forebear.errors import InputError, MissingExtra, UsageError
from forebear.index import LocalIndex
from forebear.inspect import enrol
from models import tiny_llama
from quantise import quantised

SCRATCH = (ClaimRecord(claim="trained from scratch"),)


@pytest.fixture
def index(tmp_path: Path) -> LocalIndex:
    return LocalIndex(tmp_path / "home")


@pytest.fixture
def parent(tmp_path: Path, index: LocalIndex) -> Path:
    """An indexed base, and a stranger of its shape beside it in the index."""
    for name, seed in (("base", 1), ("stranger", 2)):
        folder = tiny_llama(tmp_path / name, seed=seed)
        move_gains(folder, seed)
        card = (folder / "README.md").read_text()
        (folder / "README.md").write_text("# Of whose licence nothing is known, so that it asks for nothing\n")
        enrol(str(folder), index, f"org/{name}")
        (folder / "README.md").write_text(card)
    return tmp_path / "base"


@pytest.fixture
def child(parent: Path) -> Path:
    return drifted(parent, "child", 0.1)


def pruned(parent: Path) -> Path:
    """A copy with zeros: the direction that values prove."""
    folder = copy(parent, "pruned")

    def prune(_: str, values: Any) -> Any:
        if values.ndim == 2:
            values[:, ::2] = 0
        return values

    edit(folder, prune)
    return folder


def verified(record: Record, target: Path | None, index: LocalIndex, **more: Any) -> Verification:
    path = written(record, index.folder.parent / "bill.json")
    found = forebear.verify_bom(path, str(target) if target else None, index, **more)
    check_document(found.to_json())
    return found


def the(result: Verification, identifier: str) -> Check:
    found = [c for c in result.checks if c.id == identifier]
    assert found, sorted({c.id for c in result.checks})
    return found[0]


def failures(result: Verification) -> set[str]:
    return {c.id for c in result.of(CheckStatus.FAIL)}


# --- what is true


def test_a_true_bill_is_verified(child: Path, index: LocalIndex) -> None:
    result = verified(record_of(child, index), child, index)
    assert result.verdict is Outcome.VERIFIED, [c for c in result.checks if c.status is not CheckStatus.PASS]
    (claim,) = result.claims
    assert (claim.status, claim.reference, claim.log10_p) == (Status.CONFIRMED, "org/base", -30.0)
    assert claim.null == "independent initialisation" and claim.pointer.startswith("/metadata/component/pedigree")


def test_a_declared_base_is_confirmed_where_its_order_was_measured(parent: Path, index: LocalIndex) -> None:
    target = pruned(parent)
    result = verified(record_of(target, relatives=(base("org/base", declared_relation="pruned"),)), target, index)
    assert result.verdict is Outcome.VERIFIED, [c.message for c in result.open]
    assert (result.claims[0].status, result.claims[0].log10_p) == (Status.CONFIRMED, -30.0)


def test_a_copy_of_the_base_is_that_base(parent: Path, index: LocalIndex) -> None:
    target = copy(parent, "copied")
    result = verified(record_of(target, relatives=(base("org/base"),)), target, index)
    assert result.claims[0].status is Status.CONFIRMED and "the bill's word" in result.claims[0].why


def test_dependence_without_an_order_establishes_no_base(parent: Path, child: Path, index: LocalIndex) -> None:
    """A base, a sibling and the model's own child look alike: none of them is confirmed as the base."""
    enrol(str(drifted(parent, "sibling", 0.1, seed=9)), index, "org/sibling")
    enrol(str(drifted(child, "grandchild", 0.1, seed=8)), index, "org/grandchild")
    for name in ("org/base", "org/sibling", "org/grandchild"):
        result = verified(record_of(child, relatives=(base(name, declared_relation="finetune"),)), child, index)
        (claim,) = result.claims
        assert (claim.status, claim.log10_p) == (Status.UNVERIFIED, -30.0), name
        assert "related, but not established as the base" in claim.why and claim.clears
        assert result.verdict is Outcome.INCONCLUSIVE and not failures(result)
    zeros = pruned(parent)
    told = verified(record_of(zeros, relatives=(base("org/sibling"),)), zeros, index).claims[0]
    assert told.status is Status.UNVERIFIED and "what was measured to come first is org/base" in told.why


def test_a_base_that_only_a_stage_names_is_tested_too(parent: Path, index: LocalIndex) -> None:
    target = pruned(parent)
    stage = Stage(kind=StageKind.SFT, inputs=(Input(kind=InputKind.MODEL, name="org/base"),))
    result = verified(record_of(target, stages=(stage,)), target, index)
    assert [(c.claim, c.status) for c in result.claims] == [("base model: org/base", Status.CONFIRMED)]


def test_an_spdx_bill_is_held_against_the_same(child: Path, index: LocalIndex, tmp_path: Path) -> None:
    path = tmp_path / "bill.spdx.json"
    path.write_text(json.dumps(spdx.write(record_of(child, index))))
    assert forebear.verify_bom(path, str(child), index).verdict is Outcome.VERIFIED
    (child / "config.json").write_text((child / "config.json").read_text() + " ")
    assert "hashes/config.json" in failures(forebear.verify_bom(path, str(child), index))


# --- words that are truer of the model than of what they hide


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"slot": Slot.DESCENDANT}, "that the model came first is not settled"),
        ({"component": "vision tower"}, "not in that part alone"),
        ({"child": "org/elsewhere"}, "does not trace the model to"),
        ({"declared_relation": "distilled"}, "the weights are not independent of it"),
    ],
)
def test_a_base_under_a_milder_name_is_not_verified(
    said: dict[str, Any], told: str, child: Path, index: LocalIndex
) -> None:
    result = verified(record_of(child, relatives=(base("org/base").model_copy(update=said),)), child, index)
    assert result.verdict is Outcome.INCONCLUSIVE
    assert [c.status for c in result.claims] == [Status.UNVERIFIED] and told in result.claims[0].why


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("initialised with random weights of our own", CheckStatus.UNKNOWN),
        ("no base model was used", CheckStatus.UNKNOWN),
        ("safe for children", CheckStatus.NOT_APPLICABLE),
    ],
)
def test_a_claim_of_lineage_in_words_that_are_not_read_is_open(
    words: str, status: CheckStatus, child: Path, index: LocalIndex
) -> None:
    result = verified(record_of(child, index, claims=(ClaimRecord(claim=words),)), child, index)
    assert the(result, "claims/0").status is status
    assert (result.verdict is Outcome.VERIFIED) is (status is CheckStatus.NOT_APPLICABLE)


def test_a_bill_that_is_silent_about_the_base_of_the_models_own_card_is_not_verified(
    child: Path, index: LocalIndex
) -> None:
    (child / "README.md").write_text("---\nbase_model: acme/elsewhere\n---\n# Child\n")
    result = verified(record_of(child, index), child, index)
    assert the(result, "lineage/papers").status is CheckStatus.UNKNOWN and result.verdict is Outcome.INCONCLUSIVE
    (child / "README.md").write_text("---\nbase_model: base\n---\n# Child\n")
    assert verified(record_of(child, index), child, index).verdict is Outcome.VERIFIED


def test_an_order_is_confirmed_only_as_far_as_it_was_measured(parent: Path, index: LocalIndex) -> None:
    early, down = pruned(parent), {"slot": Slot.DESCENDANT}
    enrol(str(early), index, "org/pruned")
    downwards = record_of(early, relatives=(base("org/base").model_copy(update=down),))
    result = verified(downwards, early, index)
    assert result.claims[0].status is Status.CONTRADICTED and result.verdict is Outcome.FAILED
    upwards = record_of(parent, name="org/base", relatives=(base("org/pruned"),))
    assert verified(upwards, parent, index).claims[0].status is Status.UNVERIFIED
    true = record_of(parent, name="org/base", relatives=(base("org/pruned").model_copy(update=down),))
    assert verified(true, parent, index).claims[0].status is Status.CONFIRMED


# --- files


def test_an_altered_file_is_named(child: Path, index: LocalIndex) -> None:
    record = record_of(child, index)
    path = child / "model.safetensors"
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    result = verified(record, child, index)
    assert {"hashes/model.safetensors", "hashes/model/SHA-256", "hashes/model/SHA-512"} == failures(result)
    assert "altered or replaced" in the(result, "hashes/model.safetensors").message


def test_a_missing_and_a_longer_file(child: Path, index: LocalIndex) -> None:
    record = record_of(child, index)
    (child / "tokenizer.json").unlink()
    (child / "config.json").write_text((child / "config.json").read_text() + "\n")
    result = verified(record, child, index)
    assert {"hashes/tokenizer.json", "hashes/config.json"} <= failures(result)
    assert "bytes; the bill says" in the(result, "hashes/config.json").message


def test_weights_that_the_bill_does_not_list(child: Path, index: LocalIndex) -> None:
    record = record_of(child, index)
    (child / "extra.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0{}")
    (child / "modeling_own.py").write_text("x = 1\n")
    (child / "notes.txt").write_text("hello")
    result = verified(record, child, index)
    assert "hashes/extra.safetensors" in failures(result)
    assert the(result, "hashes/modeling_own.py").status is CheckStatus.UNKNOWN
    assert not any("notes.txt" in c.id for c in result.checks)


def test_a_bill_without_files_or_with_weak_digests_verifies_nothing(child: Path, index: LocalIndex) -> None:
    record = record_of(child, index)
    none = record.model_copy(update={"files": (), "model": record.model.model_copy(update={"hashes": ()})})
    assert the(verified(none, child, index), "hashes").status is CheckStatus.UNKNOWN
    assert verified(none, child, index).verdict is Outcome.INCONCLUSIVE
    md5 = Hash(algorithm="MD5", value=hashlib.md5((child / "config.json").read_bytes()).hexdigest())
    files = tuple(f.model_copy(update={"hashes": (md5,)}) if f.path == "config.json" else f for f in record.files)
    result = verified(record.model_copy(update={"files": files}), child, index)
    assert the(result, "hashes/config.json").status is CheckStatus.UNKNOWN
    assert "second file can be made" in the(result, "hashes/config.json").message


def test_the_only_weight_file_may_carry_the_models_digest(child: Path, index: LocalIndex) -> None:
    record = record_of(child, index)
    weights = next(f for f in record.files if f.role == "weights")
    model = record.model.model_copy(update={"hashes": weights.hashes[:1], "hashes_of": ""})
    result = verified(record.model_copy(update={"model": model}), child, index)
    assert the(result, "hashes/model/SHA-256").status is CheckStatus.PASS


def test_a_listed_licence_has_to_be_there(child: Path, index: LocalIndex) -> None:
    licences = (LicenceStatement(spdx="MIT", file="LICENSE.md"),)
    result = verified(record_of(child, index, licences=licences), child, index)
    assert "licence-files/LICENSE.md" in failures(result)


# --- facts


@pytest.mark.parametrize(
    ("field", "value", "identifier"),
    [
        ("parameters", 7, "facts/parameters"),
        ("family", "qwen2", "facts/family"),
        ("purl", "pkg:huggingface/other/model", "identity/purl"),
    ],
)
def test_facts_are_measured_again(field: str, value: Any, identifier: str, child: Path, index: LocalIndex) -> None:
    record = record_of(child, index)
    result = verified(record.model_copy(update={"model": record.model.model_copy(update={field: value})}), child, index)
    assert identifier in failures(result)


def test_a_rounded_number_of_parameters_is_no_lie(child: Path, index: LocalIndex) -> None:
    record = record_of(child, index, attributions=())
    measured = record.model.parameters or 0
    rounded = int(float(f"{measured:.2g}"))
    assert rounded != measured
    for count, status in ((rounded, CheckStatus.PASS), (measured + 1, CheckStatus.FAIL), (0, CheckStatus.FAIL)):
        model = record.model.model_copy(update={"parameters": count})
        result = verified(record.model_copy(update={"model": model}), child, index)
        assert the(result, "facts/parameters").status is status, count


def test_a_name_that_nothing_confirms_is_open_and_one_that_the_card_denies_fails(
    child: Path, index: LocalIndex
) -> None:
    record = record_of(child, index, "acme/unheard-of")
    assert the(verified(record, child, index), "identity/name").status is CheckStatus.UNKNOWN
    (child / "README.md").write_text("---\nlicense: mit\nmodel_name: org/child\n---\n")
    for name, status in (("acme/unheard-of", CheckStatus.FAIL), ("ORG/child", CheckStatus.PASS)):
        record = record_of(child, index, name)
        assert the(verified(record, child, index), "identity/name").status is status


# --- lineage


def test_from_scratch_over_a_derived_model_is_contradicted_with_the_p_value(parent: Path, index: LocalIndex) -> None:
    target = pruned(parent)
    result = verified(record_of(target, claims=SCRATCH), target, index)
    assert failures(result) == {"claims/trained-from-scratch", "lineage/undeclared"}
    (claim,) = result.claims
    assert (claim.status, claim.reference, claim.log10_p, claim.test) == (
        Status.CONTRADICTED,
        "org/base",
        -30.0,
        forebear.Test.EXACT,
    )
    assert "p ≤ 1e-30 (exact test)" in the(result, "claims/trained-from-scratch").message


def test_dependence_without_a_direction_contradicts_nothing(child: Path, index: LocalIndex) -> None:
    result = verified(record_of(child, claims=SCRATCH), child, index)
    assert not failures(result) and result.verdict is Outcome.INCONCLUSIVE
    (claim,) = result.claims
    assert claim.status is Status.UNVERIFIED and "which came first is not settled" in claim.why
    assert claim.log10_p == -30.0
    assert the(result, "lineage/undeclared").status is CheckStatus.UNKNOWN


def test_a_base_is_not_accused_for_its_descendants(parent: Path, index: LocalIndex, tmp_path: Path) -> None:
    """The victim's own children are in the index, even ones that prove their direction."""
    home = LocalIndex(tmp_path / "other")
    for name, folder in (("child", drifted(parent, "c1", 0.1)), ("pruned", pruned(parent))):
        enrol(str(folder), home, f"thief/{name}")
    result = verified(record_of(parent, claims=SCRATCH), parent, home)
    assert not failures(result), [c.message for c in result.of(CheckStatus.FAIL)]


def test_another_base_is_contradicted_only_where_the_claimed_one_is_silent_with_power(
    parent: Path, index: LocalIndex
) -> None:
    target = pruned(parent)
    record = record_of(target, relatives=(base("org/stranger"),))
    result = verified(record, target, index)
    assert "lineage/org/stranger" in failures(result)
    (claim,) = result.claims
    assert claim.reference == "org/base" and claim.log10_p == -30.0 and "0.999" in claim.why
    both = record_of(target, relatives=(base("org/stranger"), base("org/base")))
    statuses = [c.status for c in verified(both, target, index).claims]
    assert statuses == [Status.UNVERIFIED, Status.CONFIRMED]  # it may be a merge of the two


def test_a_base_that_stands_for_the_other_one_is_not_contradicted(parent: Path, index: LocalIndex) -> None:
    """The bill's base and the one that was found are relatives of each other: the bill may well be right."""
    target = pruned(parent)
    enrol(str(drifted(parent, "upstream", 0.3)), index, "org/upstream")
    result = verified(record_of(target, relatives=(base("org/upstream"),)), target, index)
    assert not any(c.status is Status.CONTRADICTED for c in result.claims)


def test_a_base_that_is_not_indexed_is_open_and_says_what_would_settle_it(parent: Path, index: LocalIndex) -> None:
    target = pruned(parent)
    result = verified(record_of(target, relatives=(base("acme/secret"),)), target, index)
    assert result.verdict is Outcome.INCONCLUSIVE and not failures(result)
    assert result.claims[0].clears == "forebear index add hf:acme/secret"
    undeclared = the(result, "lineage/undeclared")
    assert undeclared.status is CheckStatus.UNKNOWN and "acme/secret under another name" in undeclared.message


def test_a_sibling_is_explained_by_a_base_that_the_bill_names(parent: Path, child: Path, index: LocalIndex) -> None:
    enrol(str(drifted(parent, "sibling", 0.1, seed=9)), index, "org/sibling")
    result = verified(record_of(child, relatives=(base("org/base"),)), child, index)
    assert the(result, "lineage/undeclared").status is CheckStatus.PASS


def test_distillation_is_nothing_that_weights_show(parent: Path, index: LocalIndex) -> None:
    target, teacher = pruned(parent), base("org/stranger", declared_relation="distilled")
    result = verified(record_of(target, relatives=(base("org/base"), teacher)), target, index)
    assert [c.status for c in result.claims] == [Status.CONFIRMED, Status.UNVERIFIED]


def test_a_model_under_its_own_name_in_the_index_is_no_secret_ancestor(parent: Path, index: LocalIndex) -> None:
    target = copy(parent, "again")
    result = verified(record_of(target, name="org/base"), target, index)
    assert the(result, "lineage/undeclared").status is CheckStatus.PASS


def test_a_quantised_model_of_a_declared_base(parent: Path, index: LocalIndex) -> None:
    target = quantised(parent, "int8", "bnb-int8")
    for declared, status in (("quantized", CheckStatus.PASS), ("merge", CheckStatus.UNKNOWN)):
        record = record_of(target, relatives=(base("org/base", declared_relation=declared),))
        result = verified(record, target, index)
        assert not failures(result)
        assert the(result, "lineage/org/base/measured").status is status


def test_an_ancestor_of_an_ancestor_is_open_unless_the_catalogue_says_the_same(parent: Path, index: LocalIndex) -> None:
    child = pruned(parent)
    known = base("microsoft/phi-1_5", child="microsoft/phi-2")
    made_up = base("acme/phi-0", child="microsoft/phi-2")
    result = verified(record_of(child, relatives=(base("org/base"), known, made_up)), child, index)
    assert [c.status for c in result.claims] == [Status.CONFIRMED, Status.UNVERIFIED, Status.UNVERIFIED]
    assert the(result, "lineage/microsoft/phi-1_5").status is CheckStatus.NOT_APPLICABLE
    assert the(result, "lineage/acme/phi-0").status is CheckStatus.UNKNOWN


# --- measurements that the bill states


def stated(record: Record, **fields: Any) -> Record:
    return record.model_copy(update={"relatives": (record.relatives[0].model_copy(update=fields),)})


def test_numbers_that_the_same_coins_do_not_give(child: Path, index: LocalIndex) -> None:
    record = record_of(child, index)
    observation = record.relatives[0].observations[0]
    assert observation.n > 100 and observation.log10_p == -30.0
    wrong = observation.model_copy(update={"log10_p": -7.0})
    result = verified(stated(record, observations=(wrong,)), child, index)
    assert "lineage/org/base/measured" in failures(result)
    fewer = observation.model_copy(update={"n": observation.n - 1})
    result = verified(stated(record, observations=(fewer,)), child, index)
    assert the(result, "lineage/org/base/measured").status is CheckStatus.UNKNOWN


@pytest.mark.parametrize(
    "fields",
    [
        {"verdict": forebear.Verdict.DERIVED},
        {"relation": "quantized"},
        {"slot": Slot.ANCESTOR},
        {"digest": "0" * 40},
        {"direction": "a_to_b"},
    ],
)
def test_what_was_measured_otherwise_is_open(fields: dict[str, Any], child: Path, index: LocalIndex) -> None:
    result = verified(stated(record_of(child, index), **fields), child, index)
    assert the(result, "lineage/org/base/measured").status is CheckStatus.UNKNOWN
    assert result.verdict is Outcome.INCONCLUSIVE


def test_a_status_that_is_the_opposite_of_ours_fails(parent: Path, index: LocalIndex) -> None:
    target, relative = pruned(parent), base("org/base", claim=Status.CONTRADICTED)
    result = verified(record_of(target, relatives=(relative,)), target, index)
    assert "lineage/org/base/measured" in failures(result)


# --- without files, and unusable calls


def test_without_a_target_lineage_is_open(child: Path, index: LocalIndex) -> None:
    result = verified(record_of(child, index), None, index)
    assert result.verdict is Outcome.INCONCLUSIVE and "Only the document" in result.why
    assert {c.id for c in result.of(CheckStatus.UNKNOWN)} == {"hashes", "lineage/org/base"}


def test_weights_that_cannot_be_read_leave_lineage_open(child: Path, index: LocalIndex) -> None:
    (child / "model.safetensors").write_bytes(b"\xff" * 64)
    described = record_of(copy(child.parent / "base", "readable"))
    result = verified(described.model_copy(update={"relatives": (base("org/base"),)}), child, index)
    assert the(result, "lineage/org/base").status is CheckStatus.UNKNOWN
    assert result.verdict is Outcome.FAILED and result.problems  # the file is not the one listed


def test_software_without_models(tmp_path: Path, child: Path, index: LocalIndex) -> None:
    path = tmp_path / "software.json"
    path.write_text(
        json.dumps(
            {
                "bomFormat": "CycloneDX",
                "specVersion": "1.6",
                "metadata": {"component": {"type": "application", "name": "shop"}},
                "components": [{"type": "library", "name": "numpy", "version": "2.1"}],
            }
        )
    )
    for target in (None, str(child)):
        result = forebear.verify_bom(path, target, index)
        check_document(result.to_json())
        about = {c.id: c.status for c in result.checks if c.id in ("hashes", "identity", "lineage")}
        assert set(about.values()) == {CheckStatus.NOT_APPLICABLE} and len(about) == 3
        assert result.verdict is Outcome.INCONCLUSIVE and not result.claims and result.models == ()


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"<?xml version='1.0'?><bom/>", "XML"),
        (b"[]", "no object"),
        (b"{", "not valid JSON"),
        (b"\xff\xfe", "UTF-8"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b'{"a": ' + b"[" * 100_000, "nested too deeply"),
        (b"{}", "no bill of materials"),
        (b'{"bomFormat": "CycloneDX", "specVersion": "1.2"}', "1.2"),
        (b'{"spdxVersion": "SPDX-2.3"}', "SPDX-2.3"),
    ],
)
def test_each_unreadable_bill_names_its_own_defect(raw: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "bill.json"
    path.write_bytes(raw)
    with pytest.raises(InputError, match=words) as raised:
        forebear.verify_bom(path)
    assert "bill.json" in raised.value.message and "\n" not in str(raised.value)


def test_unusable_calls(child: Path, index: LocalIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(record_of(child), tmp_path / "bill.json")
    calls: list[tuple[Any, dict[str, Any], str]] = [
        (tmp_path / "none.json", {}, "no such file"),
        (tmp_path, {}, "a folder"),
        (path, {"profiles": ("x",)}, "no profile"),
        (path, {"model": "other"}, "describes no model other"),
        (path, {"target": str(tmp_path / "gone")}, "gone"),
        (path, {"target": "api:https://host"}, "api:URL#MODEL"),
        (path, {"signature": path}, "--key"),
        (path, {"key": path}, "--signature"),
    ]
    for bill, more, words in calls:
        with pytest.raises(UsageError, match=words):
            forebear.verify_bom(bill, index=index, **more)
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives", None)
    with pytest.raises(MissingExtra):
        forebear.verify_bom(path, signature=path, key=path)


def test_a_signature_is_checked_over_the_bytes_of_the_bill(
    child: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, envelope, key = written(record_of(child), tmp_path / "b.json"), tmp_path / "b.dsse", tmp_path / "k.pem"
    envelope.write_bytes(b"envelope")
    key.write_bytes(b"key")
    seen: list[Any] = []

    def check(bom: bytes, given: bytes, keys: list[bytes]) -> tuple[Check, ...]:
        seen.append((bom, given, list(keys)))
        return (Check("signature", CheckStatus.FAIL, "It is by another key."),)

    monkeypatch.setattr("forebear.attest.check_bom_signature", check, raising=False)
    result = forebear.verify_bom(path, signature=envelope, key=key)
    assert seen == [(path.read_bytes(), b"envelope", [b"key"])]
    assert result.verdict is Outcome.FAILED and result.why == "It is by another key."
