"""How many bills of materials are written, validated and read in a minute? One table, a row per format.

    python benchmarks/bom_throughput.py [--number 1000] [--format cyclonedx] [--small]

Bills of a typical model: 30 files, 3 relatives, 4 stages. No weights are read. With jsonschema-rs (extra ``[fast]``)
validation costs a millisecond; without it, seconds for SPDX. Times are those of one processor, so other work on the
machine does not count.
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import pairwise

from forebear.bom.formats import FORMATS
from forebear.bom.reading import Format
from forebear.bom.record import (
    Acknowledgement,
    Attribution,
    ClaimRecord,
    File,
    Jurisdiction,
    LicenceStatement,
    Model,
    Organisation,
    Record,
    Relative,
    Slot,
    Status,
)
from forebear.bom.schemas import violations
from forebear.bom.training import Dataset, DatasetRole, Input, InputKind, Stage, StageKind
from forebear.bom.values import Basis, Gap, GapState, Hash, Observation, Said, Setting
from forebear.types import Test, Verdict

CARD, TOOL = Said(by="README.md"), Said(basis=Basis.MEASURED, by="forebear")
COINS = Observation(
    signal="sign-code/1",
    summary="3,977 of 4,096 coins agree.",
    test=Test.EXACT,
    null="independent initialisation",
    n=4096,
    log10_p=-30.0,
    log10_e=-27.2,
)
KINDS = (StageKind.CONTINUED_PRETRAINING, StageKind.SFT, StageKind.RL, StageKind.QUANTIZATION)


def hashes(number: int) -> tuple[Hash, ...]:
    """Digests in two algorithms, as a bill has them."""
    return Hash(algorithm="SHA-256", value=f"{number:064x}"), Hash(algorithm="SHA-512", value=f"{number:0128x}")


def typical(number: int) -> Record:
    """The record of a fine-tune; another one for every number."""
    model = Model(
        name=f"org/model-{number}",
        purl=f"pkg:huggingface/org/model-{number}",
        hashes=hashes(number),
        task="text-generation",
        library="transformers",
        languages=("en", "zh"),
        family="llama",
        architecture="LlamaForCausalLM",
        parameters=8_030_261_248,
        sizes=tuple(Setting(name=name, value="4096") for name in ("layers", "width", "context")),
    )
    weights = tuple(
        File(path=f"model-{k:05}-of-00028.safetensors", size=10**9 + k, role="weights", hashes=hashes(k), said=TOOL)
        for k in range(28)
    )
    papers = (File(path="README.md", size=9_000, role="card"), File(path="LICENSE", size=11_000, role="licence"))
    base = Relative(
        name="org/base",
        slot=Slot.ANCESTOR,
        relation="finetune",
        direction="a_to_b",
        verdict=Verdict.DERIVED,
        log10_p=-30.0,
        log10_e=-27.2,
        observations=(COINS,),
        declared_in="README.md",
        claim=Status.CONFIRMED,
        said=TOOL,
    )
    inputs = (Input(kind=InputKind.MODEL, name="org/base"), Input(kind=InputKind.DATASET, name="org/data"))
    return Record(
        model=model,
        created="2026-01-02T03:04:05Z",
        attributions=(Attribution(fields=("task", "languages"), said=CARD), Attribution(fields=("hashes",), said=TOOL)),
        files=papers + weights,
        organisations=(Organisation(name="Org", jurisdictions=(Jurisdiction(country="SG"),), said=CARD),),
        licences=(
            LicenceStatement(spdx="MIT", file="LICENSE", said=CARD),
            LicenceStatement(spdx="LicenseRef-base", acknowledgement=Acknowledgement.CONCLUDED, said=TOOL),
        ),
        relatives=(
            base,
            Relative(name="org/root", slot=Slot.ANCESTOR, child="org/base", said=Said(basis=Basis.CATALOGUED)),
            Relative(name="org/sibling", slot=Slot.VARIANT, observations=(COINS,), said=TOOL),
        ),
        stages=tuple(
            Stage(kind=kind, method="LoRA", inputs=inputs, settings=(Setting(name="lr", value="1e-5"),))
            for kind in KINDS
        ),
        datasets=(Dataset(name="org/data", roles=(DatasetRole.FINE_TUNING,), said=CARD),),
        claims=(ClaimRecord(claim="from scratch", status=Status.CONTRADICTED, evidence=(COINS,), said=CARD),),
        gaps=(Gap(field="training_data", state=GapState.WITHHELD, said=CARD),),
        verdict=Verdict.DERIVED,
    )


def measured(known: Format, number: int) -> tuple[list[float], int]:
    """CPU seconds of writing, validating and reading, and bytes; every bill has to be valid and read as it was."""
    if known.write is None:
        raise ValueError(f"{known.name} is not written")
    violations(known.write(typical(0)), known.schema)  # the schema is compiled once
    seconds, size = [0.0, 0.0, 0.0], 0
    for k in range(number):
        record = typical(k)
        times = [time.process_time()]
        text = json.dumps(known.write(record))
        times.append(time.process_time())
        found = violations(json.loads(text), known.schema)
        times.append(time.process_time())
        reading = known.read(json.loads(text))
        times.append(time.process_time())
        if found or reading.records != (record,):
            raise SystemExit(f"{known.name}: a document is not valid, or not read as it was written")
        seconds = [total + later - earlier for total, (earlier, later) in zip(seconds, pairwise(times), strict=True)]
        size += len(text)
    return seconds, size


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description="How fast bills of materials are written, validated and read.")
    parser.add_argument("--number", type=int, default=1000)
    parser.add_argument("--format", default="", help="only formats whose name starts so")
    parser.add_argument("--small", action="store_true", help="seconds: 20 bills")
    given = parser.parse_args()
    number = 20 if given.small else given.number
    print(f"{number:,} bills of 30 files, 3 relatives, 4 stages\n")
    print("| format | write, ms | validate, ms | read, ms | seconds for all | bills a minute | KB a bill |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for known in FORMATS:
        if known.write is None or not known.name.lower().startswith(given.format.lower()):
            continue
        seconds, size = measured(known, number)
        each = " | ".join(f"{1000 * part / number:.1f}" for part in seconds)
        total = sum(seconds)
        print(f"| {known.name} | {each} | {total:.1f} | {60 * number / total:,.0f} | {size / number / 1000:.0f} |")


if __name__ == "__main__":
    main()
