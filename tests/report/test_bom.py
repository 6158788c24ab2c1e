"""The summary of a bill of materials for people."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from rich.cells import cell_len
from rich.console import Console

from bom.records import records
from forebear.bom.record import (
    ClaimRecord,
    Jurisdiction,
    LicenceStatement,
    Model,
    Organisation,
    Record,
    Relative,
    Service,
    Slot,
    Status,
)
from forebear.bom.training import Dataset, Energy, EnergyActivity, Input, InputKind, Stage, StageKind
from forebear.bom.values import Basis, Gap, GapState, Said
from forebear.report.bom import markdown, sections, table
from forebear.types import Verdict

CATALOGUED = Said(basis=Basis.CATALOGUED, by="forebear's catalogue")
FILE = Said(by="forebear-training.yaml")
RECORD = Record(
    model=Model(name="acme/mine", purl="pkg:huggingface/acme/mine"),
    created="2026-01-01T00:00:00Z",
    organisations=(
        Organisation(
            name="Moonshot AI",
            model="Kimi-K2.5",
            jurisdictions=tuple(Jurisdiction(country=c, tie="engineering_in") for c in ("CN", "SG")),
            said=CATALOGUED,
        ),
    ),
    licences=(
        LicenceStatement(name="mit", spdx="MIT", said=Said(by="README.md")),
        LicenceStatement(spdx="LicenseRef-kimi", inherited_from="Kimi-K2.5", said=Said(note="the descent: probable")),
    ),
    relatives=(
        Relative(
            name="Kimi-K2.5",
            slot=Slot.ANCESTOR,
            verdict=Verdict.DERIVED,
            relation="rl",
            log10_p=-30.0,
            declared_in="README.md",
            claim=Status.CONFIRMED,
            claim_why="it fits",
        ),
        Relative(name="Kimi-K2", slot=Slot.ANCESTOR, child="Kimi-K2.5", standing="catalogued", said=CATALOGUED),
    ),
    stages=(
        Stage(
            kind=StageKind.RL,
            method="GRPO",
            reward="unit tests",
            inputs=(Input(kind=InputKind.MODEL, name="Kimi-K2.5", revision="d04e592bb4f6aa9c"),),
            said=FILE,
        ),
    ),
    datasets=(Dataset(name="acme/tasks", licence="proprietary", synthetic_from=("judge",), said=FILE),),
    energy=(Energy(activity=EnergyActivity.TRAINING, kwh=1200.5, said=FILE),),
    services=(Service(name="acme-api", endpoints=("https://api.example",), identifiers=("kimi-leak",)),),
    claims=(ClaimRecord(claim="trained from scratch", status=Status.CONTRADICTED, why="it was made from it"),),
    gaps=(
        Gap(field="reward_data", state=GapState.WITHHELD, why="a secret", said=FILE),
        Gap(field="version", state=GapState.UNKNOWN, why="no file says it", said=Said(by="forebear")),
        Gap(field="purl", state=GapState.UNKNOWN, why="no file says it", said=Said(by="forebear")),
    ),
    not_tested=("rows: elsewhere",),
)


def shown(record: Record, width: int = 100, quiet: bool = False) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False, no_color=True)
    table(console, record, quiet)
    text = console.file.getvalue() if isinstance(console.file, io.StringIO) else ""
    assert max(map(cell_len, text.splitlines())) <= width  # columns: some characters take none, some two
    return text


def test_a_measured_stage_says_where_the_order_is_only_declared() -> None:
    """Weights that depend on each other do not say which was made from which."""
    measured = Said(basis=Basis.MEASURED, by="forebear")
    used = (Input(kind=InputKind.MODEL, name="org/base"),)
    stage = Stage(kind=StageKind.OTHER, name="fine-tuning", inputs=used, said=measured)
    for direction, expected in (("a_to_b", "(measured)"), ("undetermined", "which model came first is declared)")):
        base = Relative(name="org/base", slot=Slot.ANCESTOR, direction=direction, declared_in="README.md")
        record = Record(model=Model(name="m"), created="x", relatives=(base,), stages=(stage,))
        assert expected in dict(sections(record))["How it was made"][0].value


def test_a_long_name_leaves_room_for_what_is_said() -> None:
    name = "somebody/deepseek-r1-distill-llama-8b-unsloth-bnb-4bit"
    relative = Relative(name="Llama-3.1-8B", slot=Slot.ANCESTOR, child=name, standing="catalogued", said=CATALOGUED)
    maker = Organisation(name="DeepSeek", model=name, said=CATALOGUED)
    licence = LicenceStatement(name="openrail-m", spdx="LicenseRef-scancode-openrail-m", said=Said(by="README.md"))
    record = Record(model=Model(name="m"), created="x", relatives=(relative,), organisations=(maker,))
    text = shown(record.model_copy(update={"licences": (licence,)}))
    assert f"    ancestor  of {name}: Llama-3.1-8B" in text and f"of {name}: DeepSeek" in text
    assert "openrail-m (declared in README.md)" in text and "LicenseRef" not in text


def test_lineage_comes_first_and_everything_has_its_place() -> None:
    titles = [title for title, _ in sections(RECORD)]
    assert titles == [
        "",
        "Lineage",
        "Licences",
        "Developer and countries",
        "How it was made",
        "Data",
        "Energy",
        "What is not here",
    ]


@pytest.mark.parametrize(
    "words",
    [
        "Kimi-K2.5 (measured: derived (rl), p ≤ 1e-30; declared in README.md, confirmed: it fits)",
        "ancestor of Kimi-K2.5",
        "trained from scratch: contradicted; it was made from it",
        "MIT (declared in README.md)",
        "LicenseRef-kimi, from Kimi-K2.5 (the descent: probable)",
        "engineering in CN, SG",
        "GRPO; on model Kimi-K2.5@d04e592bb4f6; rewards: unit tests (declared in forebear-training.yaml)",
        "acme/tasks; licence proprietary; generated by judge (declared in forebear-training.yaml)",
        "1,200.5 kWh",
        "reward data: a secret (declared in forebear-training.yaml)",
        "version, public identifier: no file says it",
        "acme-api at https://api.example",
        "kimi-leak",
        "rows: elsewhere",
    ],
)
def test_what_is_said_and_by_whom(words: str) -> None:
    flat = " ".join(shown(RECORD, 400).split())
    assert words in flat
    assert words in markdown(RECORD).replace("\\", "").replace("&#8203;", "")  # what keeps an address from being a link


def test_an_empty_record_says_what_it_does_not_hold() -> None:
    text = shown(Record(model=Model(name="m"), created="2026-01-01T00:00:00Z"))
    assert text.startswith("m\n") and "data, stages, energy, results" in text


@settings(deadline=None, max_examples=40)
@given(records())
def test_any_record_is_shown_within_its_width(record: Record) -> None:
    shown(record)
    markdown(record)
