"""The rows of a bill of materials for people: what is said, and by whom, in as few words as that takes."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import NamedTuple

from forebear.bom.record import LicenceStatement, Organisation, Record, Relative
from forebear.bom.training import Dataset, DatasetRole, Stage, StageKind
from forebear.bom.values import Basis, GapState, Said
from forebear.report import words

LINEAGE = "Lineage"
KEY = 28
"""Columns of a key at most."""
SHOWN = 12
"""Rows of one kind; the document has all of them."""
_BASIS = {
    Basis.DECLARED: "declared",
    Basis.CATALOGUED: "by the catalogue",
    Basis.ATTESTED: "attested",
    Basis.PROBED: "probed",
    Basis.MEASURED: "measured",
}
_TIES = {
    "incorporated_in": "incorporated in",
    "engineering_in": "engineering in",
    "controlled_from": "controlled from",
    "address": "address in",
}


class Row(NamedTuple):
    """A key, "" where it is that of the row above, and its value."""

    key: str
    value: str


def facts(record: Record) -> Iterator[Row]:
    """What the model is."""
    model = record.model
    count = "" if model.parameters is None else f", {words.parameters(model.parameters)} parameters"
    size = sum(f.size for f in record.files)
    shown = [
        ("package URL", model.purl),
        ("version", model.version),
        ("architecture", f"{model.family or model.architecture or 'unknown'}{count}" if record.files else ""),
        ("task", model.task),
        ("files", f"{len(record.files):,}, {words.size(size)}" if record.files else ""),
        ("SHA-256 of the file list", record.digest_of() or ""),
    ]
    yield from (Row(key, value) for key, value in shown if value)
    for service in record.services:
        at = f" at {', '.join(service.endpoints)}" if service.endpoints else ""
        yield Row("service", f"{service.name}{at}{f' by {service.provider}' if service.provider else ''}")
        yield from _many("names that leaked", service.identifiers)
        yield from _many("probed", (o.summary for o in service.observations))


def lineage(record: Record) -> Iterator[Row]:
    """Where it comes from: relatives, the answer in words, claims."""
    for relative in record.relatives[: SHOWN * 2]:
        yield _of(relative.slot.value, relative.child, _relative(relative))
    if more := len(record.relatives) - SHOWN * 2:
        yield from [Row("", f"and {more:,} more")] if more > 0 else []
    yield from _many("origin", record.notes.splitlines())
    known = {f"base model: {r.name}" for r in record.relatives}
    told = (c for c in record.claims if c.claim not in known)
    yield from _many("claim", (f"{c.claim}: {c.status}; {c.why}" if c.why else f"{c.claim}: {c.status}" for c in told))
    yield from _many("finding", (f"{f.level} {f.id}: {f.message}" for f in record.findings))


def stages(record: Record) -> Iterator[tuple[str, list[Row]]]:
    """Licences, makers, training, data, and what is missing: a title and rows of each."""
    yield "Licences", list(_licences(record.licences))
    yield "Developer and countries", [row for o in record.organisations[:SHOWN] for row in _organisation(o)]
    declared = {r.name for r in record.relatives if r.direction != "a_to_b"}
    yield "How it was made", [_stage(s, declared) for s in record.stages[:SHOWN]]
    yield "Data", [Row(_roles(d), _dataset(d)) for d in record.datasets[:SHOWN]]
    yield "Energy", [Row(e.activity.value, f"{e.kwh:,g} kWh ({_said(e.said)})") for e in record.energy[:SHOWN]]
    yield "Results", [Row(m.name, _metric(m.value, m.dataset, m.said)) for m in record.metrics[:SHOWN]]
    yield "What is not here", list(_missing(record))


def _of(role: str, whose: str, value: str) -> Row:
    """``ancestor of X``; a long name stands with the value, for keys share a line with what they are keys of."""
    key = f"{role} of {whose}" if whose else role
    return Row(key, value) if len(key) <= KEY else Row(role, f"of {whose}: {value}")


def _relative(relative: Relative) -> str:
    """``org/base (measured: derived, p < 1e-30; declared in README.md, confirmed)``."""
    parts = []
    if relative.verdict:
        parts.append(
            f"measured: {relative.verdict.replace('_', ' ')}{_kind(relative)}, {words.p_value(relative.log10_p)}"
        )
    elif relative.said.basis is Basis.PROBED:
        parts.append(f"{relative.standing or 'probed'}{_kind(relative)}: {relative.why}")
    elif not relative.declared_in:
        parts.append(f"{relative.standing or _BASIS[relative.said.basis]}: {relative.why or relative.said.by}")
    else:
        parts.append("not measured")
    if relative.declared_in:
        how = f" as {relative.declared_relation}" if relative.declared_relation else ""
        claim = f", {relative.claim}: {relative.claim_why}" if relative.claim else ""
        parts.append(f"declared in {relative.declared_in}{how}{claim}")
    part = f", for its {relative.component}" if relative.component else ""
    return f"{relative.name}{part} ({'; '.join(parts)})"


def _kind(relative: Relative) -> str:
    return "" if relative.relation == "unknown" else f" ({relative.relation.replace('_', ' ')})"


def _licences(licences: Iterable[LicenceStatement]) -> Iterator[Row]:
    for licence in list(licences)[: SHOWN * 2]:
        made_up = licence.spdx.startswith("LicenseRef-")  # an identifier that only programs know
        name = licence.name if made_up and licence.name else licence.spdx or licence.name
        if licence.inherited_from:
            yield Row("inherited", f"{name}, from {licence.inherited_from} ({licence.said.note})")
        elif licence.file:
            yield Row("found", f"{name} ({licence.said.note})")
        else:
            yield Row(licence.acknowledgement, f"{name} ({_said(licence.said)})")


def _organisation(organisation: Organisation) -> Iterator[Row]:
    role = organisation.roles[0].value if organisation.roles else "organisation"
    yield _of(role, organisation.model, f"{organisation.name} ({_said(organisation.said)})")
    ties: dict[str, list[str]] = {}
    for seat in organisation.jurisdictions:
        ties.setdefault(_TIES.get(seat.tie, seat.tie), []).append(seat.country)
    for tie, countries in ties.items():
        yield Row("", f"{tie} {', '.join(dict.fromkeys(countries))}")


def _stage(stage: Stage, undirected: Container[str]) -> Row:
    """What was done: its kind, or its name where it is of no kind.

    Args:
        stage: the stage.
        undirected: relatives of which no weights show that they came first; a measured stage says so of its inputs.
    """
    plain = stage.kind is StageKind.OTHER and stage.name
    used = [f"{i.kind} {i.name}{f'@{i.revision[:12]}' if i.revision else ''}" for i in stage.inputs[:SHOWN]]
    more = f" and {len(stage.inputs) - SHOWN} more" if stage.inputs[SHOWN:] else ""
    parts = [
        "" if plain else stage.name,
        stage.method,
        f"on {', '.join(used)}{more}" if used else "",
        f"rewards: {stage.reward}" if stage.reward else "",
        f"with {', '.join(stage.software)}" if stage.software else "",
    ]
    words_of = "; ".join(p for p in parts if p) or "no detail"
    order = "; which model came first is declared" if any(i.name in undirected for i in stage.inputs) else ""
    basis = f"{_said(stage.said)}{order if stage.said.basis is Basis.MEASURED else ''}"
    return Row(stage.name if plain else stage.kind.value.replace("_", " "), f"{words_of} ({basis})")


def _roles(dataset: Dataset) -> str:
    named = [r.value.replace("_", " ") for r in dataset.roles if r is not DatasetRole.UNSPECIFIED]
    return ", ".join(named) or "role not stated"


def _dataset(dataset: Dataset) -> str:
    parts = [dataset.size, f"licence {dataset.licence}" if dataset.licence else ""]
    parts.append(f"generated by {', '.join(dataset.synthetic_from)}" if dataset.synthetic_from else "")
    return f"{'; '.join(p for p in (dataset.name, *parts) if p)} ({_said(dataset.said)})"


def _metric(value: str, dataset: str, said: Said) -> str:
    return f"{value}{f' on {dataset}' if dataset else ''} ({_said(said)})"


def _missing(record: Record) -> Iterator[Row]:
    """What is withheld, what is unknown, and what the answer does not rest on."""
    stated = [g for g in record.gaps if g.said.by != "forebear"]
    for state, key in ((GapState.WITHHELD, "withheld"), (GapState.UNKNOWN, "stated as unknown")):
        for gap in stated:
            if gap.state is state:
                yield Row(key, f"{_topic(gap.field)}{f': {gap.why}' if gap.why else ''} ({_said(gap.said)})")
    by_why: dict[str, list[str]] = {}
    for gap in record.gaps:
        if gap not in stated:
            by_why.setdefault(gap.why, []).append(_topic(gap.field))
    for why, topics_of in by_why.items():
        yield Row("not known", f"{', '.join(topics_of)}{f': {why}' if why else ''}")
    topics = {"data": record.datasets, "stages": record.stages, "energy": record.energy, "results": record.metrics}
    told = " ".join(gap.field for gap in record.gaps)
    absent = [name for name, there in topics.items() if not there and name not in told]
    if absent:
        yield Row("not stated", ", ".join(absent))
    yield from _many("not tested", record.not_tested)
    yield from _many("left out", record.left_out)
    yield from _many("problem", record.problems)


def _topic(field: str) -> str:
    return {"purl": "public identifier"}.get(field, field.replace("_", " "))


def _said(said: Said) -> str:
    by = "" if said.by in ("", "forebear", "forebear's catalogue") else f" in {said.by}"
    return f"{_BASIS[said.basis]}{by}" if said.basis is Basis.DECLARED else _BASIS[said.basis]


def _many(key: str, values: Iterable[str]) -> Iterator[Row]:
    """Several values of one key, which stands at the first."""
    listed = [v for v in values if v]
    for number, value in enumerate(listed[:SHOWN]):
        yield Row("" if number else key, value)
    if more := len(listed) - SHOWN:
        yield from [Row("", f"and {more:,} more")] if more > 0 else []
