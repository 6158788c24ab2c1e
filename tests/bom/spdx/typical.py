"""A record such as a fine-tuned model has, with something in every list."""

from __future__ import annotations

from forebear.bom.record import (
    Acknowledgement,
    Attribution,
    ClaimRecord,
    File,
    FindingRecord,
    Jurisdiction,
    LicenceStatement,
    Metric,
    Model,
    Organisation,
    OrganisationRole,
    Record,
    Relative,
    Service,
    Slot,
    Status,
)
from forebear.bom.training import (
    Dataset,
    DatasetRole,
    Energy,
    EnergyActivity,
    Input,
    InputKind,
    Presence,
    Stage,
    StageKind,
)
from forebear.bom.values import Basis, Gap, GapState, Hash, Link, Observation, Said, Setting
from forebear.types import Level, Test, Verdict

MEASURED = Said(basis=Basis.MEASURED, by="forebear sign-code/1")
CARD = Said(by="README.md")
COINS = Observation(
    signal="sign-code/1",
    summary="2,112 of 2,112 coins agree",
    test=Test.EXACT,
    null="independent initialisation",
    n=2112,
    log10_p=-30.0,
    log10_e=-28.5,
)
MODEL = Model(
    name="org/child",
    version="0123abc",
    purl="pkg:huggingface/org/child@0123abc",
    hashes=(Hash(algorithm="SHA-256", value="ab" * 32), Hash(algorithm="CRC32C", value="0badcafe")),
    hashes_of="the list of its files",
    description="A small model for chats.",
    task="text-generation",
    library="transformers",
    languages=("en", "de"),
    tags=("chat",),
    released="2026-01-20",
    download="https://example.org/org/child",
    family="llama",
    architecture="LlamaForCausalLM",
    parameters=7_241_732_096,
    sizes=(Setting(name="layers", value="32"), Setting(name="width", value="4096")),
    inputs=("text",),
    outputs=("text",),
    uses=("Chats in English.", "Research."),
    limitations=("Not for medical advice.",),
    links=(Link(kind="website", url="https://example.org"), Link(kind="citation", url="https://arxiv.org/abs/1")),
    properties=(
        Setting(name="ai_autonomyType", value="no"),
        Setting(name="ai_standardCompliance", value="EN 304 223"),
        Setting(name="colour", value="blue"),
    ),
)
BASE = Relative(
    name="org/base",
    slot=Slot.ANCESTOR,
    version="f00d",
    purl="pkg:huggingface/org/base@f00d",
    licences=("Apache-2.0",),
    relation="finetune",
    direction="a_to_b",
    verdict=Verdict.DERIVED,
    log10_p=-30.0,
    log10_e=-28.5,
    observations=(COINS,),
    why="coins agree, and the difference has low rank",
    declared_in="README.md",
    declared_relation="finetune",
    claim=Status.CONFIRMED,
    said=MEASURED,
)
RELATIVES = (
    BASE,
    Relative(name="org/grandparent", slot=Slot.ANCESTOR, child="org/base", declared_in="README.md", said=CARD),
    Relative(name="org/sibling", slot=Slot.VARIANT, verdict=Verdict.DEPENDENT, said=MEASURED),
    Relative(name="org/merge", slot=Slot.DESCENDANT, said=Said(basis=Basis.CATALOGUED, by="hub")),
)
STAGES = (
    Stage(
        kind=StageKind.SFT,
        method="LoRA",
        inputs=(
            Input(kind=InputKind.MODEL, name="org/base", revision="f00d"),
            Input(kind=InputKind.DATASET, name="org/chats", role="prompts"),
            Input(kind=InputKind.CODE, name="train.py"),
        ),
        outputs=("org/child-sft",),
        settings=(Setting(name="learning_rate", value="1e-4"),),
        software=("transformers 5.0", "peft 0.17"),
        hardware="8 × H100",
        hours=96.5,
        started="2025-12-01T00:00:00+01:00",
        ended="2025-12-02",
        file="training_args.bin",
        said=CARD,
    ),
    Stage(
        kind=StageKind.RL,
        method="GRPO",
        inputs=(
            Input(kind=InputKind.MODEL, name="org/child-sft"),
            Input(kind=InputKind.REWARD_MODEL, name="org/reward"),
        ),
        reward="a reward model",
        flops=1.5e20,
    ),
)
DATASETS = (
    Dataset(
        name="org/chats",
        roles=(DatasetRole.FINE_TUNING,),
        version="1.1",
        url="https://example.org/chats",
        description="Chats.",
        licence="CC-BY-4.0",
        size="15 T tokens",
        collected="bought",
        personal=Presence.NO,
        synthetic_from=("org/teacher",),
        supplier="Example Data Ltd",
        said=CARD,
    ),
    Dataset(name="mmlu", roles=(DatasetRole.EVALUATION,), size="14042"),
    Dataset(name="org/listed"),
)
RECORD = Record(
    model=MODEL,
    created="2026-02-01T10:00:00Z",
    attributions=(Attribution(fields=("task", "description"), said=CARD),),
    files=(
        File(
            path="LICENSE",
            size=11358,
            role="licence",
            hashes=(Hash(algorithm="SHA-256", value="01" * 32),),
            said=MEASURED,
        ),
        File(
            path="config.json",
            size=640,
            role="config",
            hashes=(Hash(algorithm="SHA-512", value="02" * 64),),
            said=MEASURED,
        ),
        File(path="model.safetensors", size=14_483_464_192, role="weights", said=Said(by="the hub")),
    ),
    organisations=(
        Organisation(
            name="Example GmbH",
            roles=(OrganisationRole.DEVELOPER, OrganisationRole.SUPPLIER),
            url="https://example.org",
            jurisdictions=(
                Jurisdiction(country="DE", tie="incorporated_in"),
                Jurisdiction(country="CN", tie="controlled_from"),
            ),
            said=Said(basis=Basis.CATALOGUED, by="a register"),
        ),
        Organisation(name="Base Inc.", model="org/base"),
        Organisation(name="A. Author", roles=(OrganisationRole.AUTHOR,)),
    ),
    licences=(
        LicenceStatement(
            name="Llama 3.1 Community License",
            spdx="LicenseRef-scancode-llama-3.1",
            url="https://example.org/l",
            said=CARD,
        ),
        LicenceStatement(name="other", file="LICENSE"),
        LicenceStatement(
            spdx="Apache-2.0", acknowledgement=Acknowledgement.CONCLUDED, inherited_from="org/base", said=MEASURED
        ),
    ),
    relatives=RELATIVES,
    stages=STAGES,
    datasets=DATASETS,
    services=(
        Service(name="Chat API", provider="Example GmbH", endpoints=("https://api.example.org/v1",), model="child"),
    ),
    metrics=(Metric(name="MMLU", value="63.1", dataset="mmlu", said=CARD),),
    energy=(
        Energy(activity=EnergyActivity.TRAINING, kwh=1234.5, tonnes_co2=0.4),
        Energy(activity=EnergyActivity.DATA, kwh=12.0),
    ),
    claims=(ClaimRecord(claim="base model: org/base", status=Status.CONFIRMED, evidence=(COINS,), said=CARD),),
    findings=(FindingRecord(id="bom-incomplete", level=Level.WARNING, message="Training data are not stated."),),
    gaps=(
        Gap(field="training_data", state=GapState.WITHHELD, why="trade secret", said=CARD),
        Gap(field="base_model", state=GapState.UNKNOWN),
    ),
    verdict=Verdict.DERIVED,
    notes="It descends from org/base.\nThe direction was measured.",
    not_tested=("activations",),
    left_out=("12 links",),
    problems=("a file that could not be read",),
)
BARE = Record(model=Model(name="thing"), created="")
"""A record that knows next to nothing."""
