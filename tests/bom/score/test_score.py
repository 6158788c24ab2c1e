"""The state of each element, from records made by hand: what is there, what is withheld, what was verified."""

from __future__ import annotations

from dataclasses import replace

import pytest

from documents import check_document
from forebear.bom import cyclonedx, spdx
from forebear.bom.checks import Check, CheckStatus
from forebear.bom.formats import read_bom
from forebear.bom.reading import Reading
from forebear.bom.record import (
    Acknowledgement,
    ClaimRecord,
    File,
    LicenceStatement,
    Model,
    Record,
    Relative,
    Service,
    Slot,
    Status,
)
from forebear.bom.score import Element, Need, Profile, Score, State, load_profile, profiles, score
from forebear.bom.training import Dataset, DatasetRole, Stage, StageKind
from forebear.bom.values import Basis, Gap, GapState, Hash, Said

DIGEST = Hash(algorithm="SHA-256", value="ab" * 32)
EMPTY = Record(model=Model(name="acme/one"), created="2026-11-29T00:00:00Z")


def element(*places: str, every: str = "", only_if: str = "", not_if: str = "") -> Element:
    return Element("e", "E", "c", "t", places, "write it", every, only_if, not_if)


def profile(*elements: Element) -> Profile:
    return Profile("p", "P", "1", "n", elements)


def reading(*records: Record, document: dict[str, object] | None = None) -> Reading:
    return Reading("CycloneDX 1.7", records, document or {})


def state(record: Record, asked: Element, *checks: Check) -> tuple[State, str]:
    (result,) = score(reading(record), profile(asked), checks).results
    return result.state, result.why


def check(id: str, status: CheckStatus) -> Check:
    return Check(id, status, f"{id} came out {status}.")


def test_nothing_stated_is_absent_and_something_is_declared_never_verified_by_its_own_words() -> None:
    asked = element("model.version")
    assert state(EMPTY, asked)[0] is State.ABSENT
    measured = Said(basis=Basis.MEASURED, by="forebear")
    said = EMPTY.model_copy(update={"files": (File(path="a.bin", hashes=(DIGEST,), said=measured),)})
    assert state(said, element("files.hashes.value"))[0] is State.DECLARED


def test_a_check_that_can_only_contradict_verifies_nothing() -> None:
    asked = replace(element("model.name"), refuted_by=("licence-files",))
    assert state(EMPTY, asked, check("licence-files/LICENSE", CheckStatus.PASS))[0] is State.DECLARED
    assert state(EMPTY, asked, check("licence-files/LICENSE", CheckStatus.FAIL))[0] is State.CONTRADICTED


@pytest.mark.parametrize(
    ("name", "elements"),
    [
        ("g7-ai", {"metadata-author", "model-licence", "model-training"}),
        ("uk-base-model", {"licence", "base-model-relation"}),
    ],
)
def test_nothing_that_a_run_checks_verifies_a_name_a_licence_or_a_method(name: str, elements: set[str]) -> None:
    passed = tuple(
        check(i, CheckStatus.PASS)
        for i in (
            "signature",
            "licence-files/LICENSE",
            "lineage/a/b",
            "claims/x",
            "hashes/a",
            "facts/x",
            "identity/name",
        )
    )
    licence = LicenceStatement(spdx="MIT", acknowledgement=Acknowledgement.DECLARED)
    base = Relative(name="a/b", slot=Slot.ANCESTOR, relation="finetune", declared_relation="finetune")
    record = EMPTY.model_copy(update={"licences": (licence,), "relatives": (base,), "author": "Acme"})
    document: dict[str, object] = {"metadata": {"authors": [{"name": "Acme"}]}}
    found = {r.id: r.state for r in score(reading(record, document=document), load_profile(name), passed).results}
    assert {i: found[i] for i in elements} == dict.fromkeys(elements, State.DECLARED)


def test_withheld_is_not_absent_and_unknown_is() -> None:
    asked = replace(element("datasets.name"), gaps=("training_data",))
    for kind, expected in ((GapState.WITHHELD, State.WITHHELD), (GapState.UNKNOWN, State.ABSENT)):
        record = EMPTY.model_copy(update={"gaps": (Gap(field="Training data", state=kind, why="trade secret"),)})
        found, why = state(record, asked)
        assert found is expected and "trade secret" in why
    other = EMPTY.model_copy(update={"gaps": (Gap(field="reward_data", state=GapState.WITHHELD),)})
    assert state(other, asked)[0] is State.ABSENT


def test_a_gap_beside_a_statement_does_not_hide_the_statement() -> None:
    record = EMPTY.model_copy(
        update={
            "datasets": (Dataset(name="web"),),
            "gaps": (Gap(field="training_data", state=GapState.WITHHELD, why="the rest"),),
        }
    )
    assert state(record, replace(element("datasets.name"), gaps=("training_data",)))[0] is State.DECLARED


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ((), State.DECLARED),
        ((CheckStatus.PASS,), State.VERIFIED),
        ((CheckStatus.PASS, CheckStatus.NOT_APPLICABLE), State.VERIFIED),
        ((CheckStatus.NOT_APPLICABLE,), State.DECLARED),
        ((CheckStatus.PASS, CheckStatus.UNKNOWN), State.DECLARED),
        ((CheckStatus.PASS, CheckStatus.FAIL), State.CONTRADICTED),
        ((CheckStatus.UNKNOWN, CheckStatus.FAIL), State.CONTRADICTED),
    ],
)
def test_only_checks_of_this_run_verify(statuses: tuple[CheckStatus, ...], expected: State) -> None:
    asked = replace(element("model.name"), checks=("hashes",))
    checks = [check(f"hashes/{k}", status) for k, status in enumerate(statuses)]
    assert state(EMPTY, asked, *checks, check("schema", CheckStatus.FAIL))[0] is expected


def test_what_is_absent_is_not_verified_by_a_check_that_passed() -> None:
    asked = replace(element("model.version"), checks=("hashes",))
    assert state(EMPTY, asked, check("hashes/a", CheckStatus.PASS))[0] is State.ABSENT


@pytest.mark.parametrize(
    ("status", "expected"),
    [(CheckStatus.PASS, State.DECLARED), (CheckStatus.UNKNOWN, State.DECLARED), (CheckStatus.FAIL, State.CONTRADICTED)],
)
def test_some_checks_contradict_and_verify_nothing(status: CheckStatus, expected: State) -> None:
    asked = replace(element("model.name"), refuted_by=("licence-files",))
    assert state(EMPTY, asked, check("licence-files/LICENSE", status))[0] is expected


def test_of_our_profiles_no_file_verifies_a_licence_no_lineage_the_training_and_no_key_an_author() -> None:
    record = EMPTY.model_copy(
        update={"licences": (LicenceStatement(spdx="MIT", file="LICENSE"),), "stages": (Stage(kind=StageKind.RL),)}
    )
    document: dict[str, object] = {"metadata": {"authors": [{"name": "Somebody Else"}]}}
    checks = [check(n, CheckStatus.PASS) for n in ("licence-files/LICENSE", "lineage/undeclared", "signature")]
    result = score(reading(record, document=document), load_profile("g7-ai"), checks)
    states = {r.id: r.state for r in result.results}
    assert {states[i] for i in ("model-licence", "model-training", "metadata-author")} == {State.DECLARED}
    assert states["metadata-signature"] is State.VERIFIED


def test_a_contradicted_claim_makes_nothing_inapplicable_and_no_part_is_the_base() -> None:
    claim = ClaimRecord(claim="trained from scratch")
    tower = Relative(name="org/tower", slot=Slot.ANCESTOR, component="vision tower")
    above = Relative(name="org/root", slot=Slot.ANCESTOR, child="org/elsewhere")

    def states(status: Status, *relatives: Relative) -> dict[str, State]:
        claims = (claim.model_copy(update={"status": status}),)
        record = EMPTY.model_copy(update={"claims": claims, "relatives": relatives})
        return {r.id: r.state for r in score(reading(record), load_profile("uk-base-model")).results}

    believed = states(Status.UNVERIFIED)
    assert (believed["base-model"], believed["base-model-version"]) == (State.DECLARED, State.NOT_APPLICABLE)
    refuted = states(Status.CONTRADICTED, tower, above)
    assert (refuted["base-model"], refuted["base-model-version"]) == (State.ABSENT, State.ABSENT)


def test_every_entry_needs_it_and_those_without_are_named() -> None:
    sets = (Dataset(name="web", licence="MIT"), Dataset(name="books"))
    asked = element("licence", every="datasets")
    found, why = state(EMPTY.model_copy(update={"datasets": sets}), asked)
    assert found is State.ABSENT and "books" in why and "web" not in why
    assert state(EMPTY.model_copy(update={"datasets": sets[:1]}), asked)[0] is State.DECLARED
    assert state(EMPTY, asked)[0] is State.ABSENT


def test_filters_choose_entries_and_words_for_nothing_say_nothing() -> None:
    base = Relative(name="org/base", slot=Slot.VARIANT)
    record = EMPTY.model_copy(update={"relatives": (base,), "datasets": (Dataset(name="x"),)})
    assert state(record, element("relatives[slot=ancestor].name"))[0] is State.ABSENT
    assert state(record, element("relatives[slot=variant,child=].name"))[0] is State.DECLARED
    assert state(record, element("relatives.relation"))[0] is State.ABSENT  # its value is "unknown"
    assert state(record, element("datasets[roles=unspecified].name"))[0] is State.DECLARED
    assert state(record, element("datasets[roles=evaluation].name"))[0] is State.ABSENT
    role = EMPTY.model_copy(update={"datasets": (Dataset(name="x", roles=(DatasetRole.EVALUATION,)),)})
    assert state(role, element("datasets[roles=evaluation].name"))[0] is State.DECLARED


def test_what_it_would_be_about_decides_whether_it_applies() -> None:
    rl = EMPTY.model_copy(update={"stages": (Stage(kind=StageKind.RL),)})
    asked = element("reward", "method", every="stages[kind=rl]", only_if="stages[kind=rl]")
    assert state(EMPTY, asked)[0] is State.NOT_APPLICABLE
    assert state(rl, asked)[0] is State.ABSENT
    assert state(rl, element("model.version", not_if="stages"))[0] is State.NOT_APPLICABLE


def test_an_endpoint_has_no_files_to_ask_for() -> None:
    asked = replace(element("files.hashes"), not_for=("service",))
    served = EMPTY.model_copy(update={"services": (Service(name="one"),)})
    assert state(served, asked)[0] is State.NOT_APPLICABLE
    both = served.model_copy(update={"files": (File(path="a.bin"),)})
    assert state(both, asked)[0] is State.ABSENT
    assert state(EMPTY, asked)[0] is State.ABSENT


def test_software_without_a_model_is_not_applicable_and_counts_for_nothing() -> None:
    document: dict[str, object] = {"metadata": {"timestamp": "2026-01-01T00:00:00Z", "tools": [{"name": "syft"}]}}
    result = score(reading(document=document), load_profile("g7-ai"))
    states = {r.id: r.state for r in result.results}
    assert states["model-name"] is State.NOT_APPLICABLE and states["dataset-name"] is State.NOT_APPLICABLE
    assert states["metadata-timestamp"] is State.DECLARED and states["metadata-tool"] is State.DECLARED
    assert states["metadata-author"] is State.ABSENT
    assert result.subject == "" and result.share is not None
    none = score(reading(), profile(element("model.name")))
    assert none.share is None and "None of the required" in none.sentence
    check_document(none.to_json())


def test_the_share_is_of_required_elements_that_apply_and_the_sentence_says_so() -> None:
    elements = (
        element("model.name"),
        replace(element("model.version"), id="v"),
        replace(element("files.path"), id="r", need=Need.RECOMMENDED),
        replace(element("stages", only_if="stages"), id="n"),
        replace(element("datasets.name"), id="g", gaps=("training_data",)),
    )
    record = EMPTY.model_copy(update={"gaps": (Gap(field="training_data", state=GapState.WITHHELD),)})
    result = score(reading(record), profile(*elements))
    assert result.share == pytest.approx(1 / 3)
    assert result.sentence == "1 of 3 required elements are there, 0 of them verified; 1 withheld, 1 absent."
    document = result.to_json()
    check_document(document)
    assert document["counts"]["recommended"]["absent"] == 1 and document["counts"]["required"]["not_applicable"] == 1


def test_which_model_of_several_is_said() -> None:
    other = EMPTY.model_copy(update={"model": Model(name="acme/two", version="2")})
    both = reading(EMPTY, other)
    asked = profile(element("model.version"))
    assert score(both, asked).results[0].state is State.ABSENT
    chosen = score(both, asked, record=other)
    assert chosen.subject == "acme/two" and chosen.results[0].state is State.DECLARED


def full() -> Record:
    """A record in which the annex of a base model finds all that it requires."""
    said = Said(basis=Basis.MEASURED)
    return EMPTY.model_copy(
        update={
            "relatives": (Relative(name="org/base", slot=Slot.ANCESTOR, relation="finetune", version="1"),),
            "licences": (LicenceStatement(spdx="MIT", acknowledgement=Acknowledgement.CONCLUDED),),
            "files": (File(path="a.bin", hashes=(DIGEST,), said=said),),
        }
    )


def test_more_in_a_record_never_scores_less() -> None:
    def reached(found: Score) -> set[str]:
        return {r.id for r in found.results if r.state in (State.DECLARED, State.VERIFIED)}

    for wanted in profiles().values():
        less, more = score(reading(EMPTY), wanted), score(reading(full()), wanted)
        assert reached(less) < reached(more)
        check_document(more.to_json())
        assert all(bool(r.clears) == (r.state not in (State.DECLARED, State.NOT_APPLICABLE)) for r in more.results)


@pytest.mark.parametrize("name", sorted(profiles()))
def test_a_record_scores_alike_in_every_format(name: str) -> None:
    """But for the version of the bill, for which SPDX has no field."""
    record = EMPTY.model_copy(update={"author": "Acme Ltd", "licences": (LicenceStatement(spdx="MIT"),)})
    documents = (cyclonedx.write(record), cyclonedx.write(record, "1.6"), spdx.write(record))
    scores = [score(read_bom(document), load_profile(name)) for document in documents]
    states = [{r.id: r.state for r in found.results if r.id != "metadata-version"} for found in scores]
    assert states[0] == states[1] == states[2]
