"""What a licence forbids or limits: territory, military and administrative use, commerce, training on outputs, terms.

These are judged by the organisation's facts. What an organisation does not state is not taken for "no": the list of
its uses, once it is given, is taken for all of them, as ``org.yaml`` says.
"""

from __future__ import annotations

from collections.abc import Iterator

from forebear.catalogue.licences import Permission
from forebear.licences.answer import Duty
from forebear.licences.copyleft import may_become
from forebear.licences.declared import meanings, same_terms
from forebear.licences.duties.base import CONDITIONAL, MET, UNMET, Case, Seen, agreed, settle
from forebear.licences.grounds import Ground
from forebear.licences.limits import ADMINISTRATION, COMMERCIAL, MILITARY, OUTPUTS, RELICENSING, TERRITORY
from forebear.licences.papers import is_licence_file
from forebear.licences.territory import country, excluded


def duties(ground: Ground, case: Case) -> Iterator[Duty]:
    """Every limit that a ground brings."""
    licence = ground.licence
    if licence.territory_excluded:
        text = ", ".join(licence.territory_excluded)
        yield settle(ground, case, TERRITORY, agreed(ground, case, _territory(ground, case)), text)
    if licence.military is Permission.NO:
        yield settle(ground, case, MILITARY, agreed(ground, case, _military(case)))
    if licence.public_administration is Permission.NO:
        yield settle(ground, case, ADMINISTRATION, agreed(ground, case, _administration(case)))
    if licence.commercial is Permission.NO:
        yield settle(ground, case, COMMERCIAL, agreed(ground, case, _commercial(case)))
    if licence.outputs is Permission.NO:
        yield settle(ground, case, OUTPUTS, agreed(ground, case, _outputs(ground, case)))
    if not ground.own and not licence.permissive and licence.relicensing in (Permission.NO, Permission.CONDITIONAL):
        yield settle(ground, case, RELICENSING, _relicensing(ground, case))


def _territory(ground: Ground, case: Case) -> Seen:
    out = ground.licence.territory_excluded
    only = f" for {ground.licence.territory_modality} models" if ground.licence.territory_modality else ""
    if only and ground.multimodal is False:
        return Seen(MET, f"It excludes places{only} alone, which {ground.ancestor} is not.", triggered=False)
    listed = ", ".join(out)
    clears = f"A model without this limit, or an agreement with {ground.licence.licensor or 'the licensor'}."
    organisation = case.organisation
    places = (organisation.country, *organisation.territories) if organisation else ()
    places = tuple(dict.fromkeys(country(p) for p in places if p))
    hit = excluded(places, out)
    on: tuple[str, ...] = (
        (f"whether {ground.ancestor} is {ground.licence.territory_modality}",) if only and not ground.multimodal else ()
    )
    if hit:
        why = f"It grants nothing in {', '.join(hit)} (excluded{only}: {listed})."
        evidence = ("organisation: country, territories",)
        return Seen(CONDITIONAL if on else UNMET, why, on, clears, evidence, None if on else True)
    if organisation is None or not organisation.territories or not organisation.country:
        where = f"where else the organisation is, and uses or offers the model, than in {', '.join(places)}"
        where = where if places else "where the organisation is, and uses or offers the model"
        return Seen(CONDITIONAL, f"It grants nothing in {listed}{only}.", (where, *on), clears, triggered=None)
    return Seen(
        MET, f"Not used in {listed}: {', '.join(places)}.", evidence=("organisation: territories",), triggered=False
    )


def _military(case: Case) -> Seen:
    o = case.organisation
    named = (o.defence, o.intelligence) if o else (None, None)
    clears = "A written permission of the licensor, or another model."
    return _by_whom(case, "military", named, "military use", clears, "defence, intelligence")


def _administration(case: Case) -> Seen:
    o = case.organisation
    named = (o.public_body,) if o else (None,)
    clears = "An agreement with the licensor, or another model."
    return _by_whom(case, "administration", named, "use by public administration", clears, "public_body")


def _by_whom(case: Case, use: str, named: tuple[bool | None, ...], what: str, clears: str, fields: str) -> Seen:
    """A limit of a use that the kind of organisation suggests: only its stated uses break it, only both rule it out."""
    uses = case.organisation.uses if case.organisation else None
    if uses is not None and use in uses:
        why = f"It forbids {what}, which the organisation states."
        return Seen(UNMET, why, clears=clears, evidence=("organisation: uses",))
    if all(answer is False for answer in named) and uses is not None:
        evidence = (f"organisation: uses, {fields}",)
        return Seen(MET, f"No {what} is stated.", evidence=evidence, triggered=False)
    asked = ", ".join((*(("uses",) if uses is None else ()), fields))
    return Seen(CONDITIONAL, f"It forbids {what}.", (f"whether there is {what} ({asked})",), clears, triggered=None)


def _commercial(case: Case) -> Seen:
    uses = case.organisation.uses if case.organisation else None
    clears = "A commercial licence of the licensor, or another model."
    if uses is None:
        on = ("whether the use is commercial",)
        return Seen(CONDITIONAL, "It forbids commercial use.", on, clears, triggered=None)
    if "commercial" in uses:
        why = "It forbids commercial use, which the organisation states."
        return Seen(UNMET, why, clears=clears, evidence=("organisation: uses",))
    return Seen(MET, "No commercial use is stated.", evidence=("organisation: uses",), triggered=False)


def _outputs(ground: Ground, case: Case) -> Seen:
    """Whether other models are trained on outputs: this one, along its route, or others, by the organisation."""
    name, note = ground.licence.name, ground.licence.outputs_note
    clears = f"A permission of {ground.licence.licensor or 'the licensor'}."
    if not ground.weights:
        if ground.line:
            why = f"{case.subject} was trained on its outputs and is itself of its line, which the licence may allow."
            return Seen(CONDITIONAL, why, ("whether the model counts as one of its derivatives",), clears)
        why = f"{case.subject} was trained on outputs of {ground.ancestor}; the {name} forbids that."
        return Seen(UNMET, why, clears=clears, evidence=(note,) if note else ())
    trains = case.organisation.trains_models if case.organisation else None
    if trains is False:
        return Seen(
            MET,
            "No other models are trained on its outputs.",
            evidence=("organisation: trains_models",),
            triggered=False,
        )
    why = f"The {name} forbids to train other models on its outputs."
    if trains:
        return Seen(CONDITIONAL, why, ("whether the models that are trained are its derivatives",), clears)
    return Seen(CONDITIONAL, why, ("whether other models are trained on its outputs",), clears, triggered=None)


def _relicensing(ground: Ground, case: Case) -> Seen:
    """Whether the model's own terms may be others than the ancestor's."""
    licence = ground.licence
    stated = [d for d in case.papers.declared if d.component == ground.component]
    meant = [case.known[i] for d in stated for i in meanings(d) if i in case.known]
    clears = f"State the {licence.name}, or a permission of {licence.licensor or 'its licensor'}."
    keeping = next(
        (k for k in meant if same_terms(k, licence) or (licence.series and k.series == licence.series)), None
    )
    if keeping is not None and same_terms(keeping, licence):
        return Seen(MET, f"The model states the {licence.name}.", evidence=tuple(d.where for d in stated))
    if case.papers.copy_of(licence) is not None:
        return Seen(MET, f"The {licence.name} is among the files.", of_files=True)
    if not meant:
        on = ("under which terms the model is offered",)
        files = [d for d in case.papers.detected if d.name and is_licence_file(d.file)]
        why = "The model states no licence that is known."
        if files:  # it may be its own, or an ancestor's that was kept
            why = f"The model's card states no licence that is known; {files[0].file} is the {files[0].name}."
        return Seen(CONDITIONAL, why, on, clears)
    other = ", ".join(dict.fromkeys(k.name for k in meant))
    note = f" {licence.relicensing_note[:1].upper()}{licence.relicensing_note[1:]}." if licence.relicensing_note else ""
    if licence.relicensing is Permission.CONDITIONAL:
        why = f"It is offered under {other}; the {licence.name} allows other terms on conditions.{note}"
        return Seen(CONDITIONAL, why, ("whether these terms keep what the licence asks for",), clears)
    if any(may_become(licence.spdx, k.spdx) for k in meant):
        why = f"It is offered under {other}, to which the {licence.name} can lead.{note}"
        return Seen(CONDITIONAL, why, (f"whether {ground.ancestor} may be passed on so",), clears)
    why = f"It is offered under {other}; the {licence.name} asks for its own terms.{note} A permission may exist."
    return Seen(UNMET, why, clears=clears, evidence=tuple(d.where for d in stated))
