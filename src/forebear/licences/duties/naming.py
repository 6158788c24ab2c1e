"""Duties of display: how a model is called, what its interface, its card and statements about it have to show.

A name or a sentence is looked for in the model's papers and in what the organisation states that it shows. That a card
lacks a sentence does not show that the web site lacks it, so without the organisation's word that stays open.
"""

from __future__ import annotations

from collections.abc import Iterator

from forebear.catalogue.licences import DutyKind, Obligation
from forebear.licences.answer import Duty
from forebear.licences.conditions import weigh
from forebear.licences.duties.base import CONDITIONAL, MET, UNMET, Case, Judge, Seen, agreed, obliged
from forebear.licences.duties.dealings import not_triggered
from forebear.licences.grounds import Ground
from forebear.licences.words import begins, says_one


def duties(ground: Ground, case: Case) -> Iterator[Duty]:
    """Every duty of display that a ground brings; names and statements are those of derivatives."""
    yield from obliged({k: j for k, j in _JUDGES.items() if not ground.own or k in _OF_THE_MODEL}, ground, case)


def _prefix(ground: Ground, obligation: Obligation, case: Case) -> Seen:
    """The model's name begins with given words."""
    names = case.papers.names
    published = tuple(n for n in names if "/" in n) or names[1:]
    candidates = tuple(n.rsplit("/", 1)[-1] for n in (published or names))
    if any(begins(name, obligation.text) for name in candidates):
        good = next(name for name in candidates if begins(name, obligation.text))
        return Seen(MET, f'The name "{good}" begins with "{obligation.text}".', evidence=(good,))
    clears = f'A name that begins with "{obligation.text}", or a permission of the licensor.'
    if not published:
        shown = f'"{candidates[0]}"' if candidates else "what it is called"
        on = ("under which name the model is published",)
        return Seen(CONDITIONAL, f'Only {shown} is known, which does not begin with "{obligation.text}".', on, clears)
    kept = [n for n in candidates for maker in ground.makers if begins(n, f"{maker}{obligation.text}")]
    if kept:  # Meta-Llama-3.1-8B-GGUF: a copy that keeps the name under which the licensor published it
        on = (f'whether the licensor takes "{kept[0]}" for a name that begins with "{obligation.text}"',)
        return Seen(CONDITIONAL, f'"{kept[0]}" begins with the licensor\'s own name.', on, clears, tuple(kept[:1]))
    why = f'The name "{candidates[0]}" does not begin with "{obligation.text}".'
    return agreed(ground, case, Seen(UNMET, why, clears=clears, evidence=candidates[:3]))


def _interface(ground: Ground, obligation: Obligation, case: Case) -> Seen:
    """The interface of a product shows given words, above a size or always."""
    organisation = case.organisation
    shown = organisation.displays if organisation else None
    if shown is not None and any(says_one(text, obligation.any_words) for text in shown):
        return Seen(MET, f'The interface shows "{obligation.text}".', evidence=("organisation: displays",))
    if (no := not_triggered(ground, obligation, case)) is not None:
        return no
    weighed = weigh(obligation, organisation)
    clears = (
        f'Show "{obligation.text}" prominently in the product\'s interface, or reach an agreement with the licensor.'
    )
    display = f'whether the interface shows "{obligation.text}"'
    if weighed.holds is None:
        on = weighed.on if shown is not None else (*weighed.on, display)
        why = f'Whether "{obligation.text}" has to be shown depends on facts that are not stated.'
        return Seen(CONDITIONAL, why, on, clears, weighed.said, None)
    reached = f" ({'; '.join(weighed.said)})" if weighed.said else ""
    if shown is None:
        return Seen(CONDITIONAL, f'"{obligation.text}" has to be shown{reached}.', (display,), clears, weighed.said)
    why = f'"{obligation.text}" has to be shown{reached}, and the interface is stated not to show it.'
    return agreed(ground, case, Seen(UNMET, why, clears=clears, evidence=(*weighed.said, "organisation: displays")))


def _documents(ground: Ground, obligation: Obligation, case: Case) -> Seen:
    """Card, web site or documentation show given words."""
    return _somewhere(ground, obligation, case, "the web site or the documentation shows")


def _statement(ground: Ground, obligation: Obligation, case: Case) -> Seen:
    """Public statements about the model carry a sentence."""
    return _somewhere(ground, obligation, case, "public statements carry")


def _somewhere(ground: Ground, obligation: Obligation, case: Case, where: str) -> Seen:
    words = '" or "'.join((obligation.text, *obligation.alternatives))
    if not words:
        on = ("the words that the licence asks for, which the catalogue does not have",)
        return Seen(CONDITIONAL, "What has to be shown is not known.", on, "See the licence's text.")
    if file := case.papers.holding(obligation.any_words):
        return Seen(MET, f'{file} shows "{words}".', evidence=(file,), of_files=True)
    shown = case.organisation.documents if case.organisation else None
    if shown is not None and any(says_one(text, obligation.any_words) for text in shown):
        return Seen(MET, f'Its documents show "{words}".', evidence=("organisation: documents",))
    if (no := not_triggered(ground, obligation, case)) is not None:
        return no
    weighed = weigh(obligation, case.organisation)
    clears = f'Show "{words}" in the card, on the web site or in the documentation.'
    if weighed.holds is None:
        return Seen(CONDITIONAL, f'The card does not show "{words}".', weighed.on, clears, triggered=None)
    if shown is None:
        why = f'No file shows "{words}".' if case.papers.seen else f'Where "{words}" is shown is not known.'
        return Seen(CONDITIONAL, why, (f'whether {where} "{words}"',), clears)
    why = f'Neither a file nor the documents that are stated show "{words}".'
    seen = Seen(UNMET, why, clears=clears, evidence=("organisation: documents",), of_files=True)
    return agreed(ground, case, seen)


_JUDGES: dict[str, Judge] = {
    DutyKind.NAME_PREFIX.value: _prefix,
    DutyKind.DISPLAY_UI.value: _interface,
    DutyKind.DISPLAY_DOCS.value: _documents,
    DutyKind.PUBLIC_STATEMENT.value: _statement,
}
_OF_THE_MODEL = (DutyKind.DISPLAY_UI.value,)
"""What also holds for the licensor's own model; the rest is asked of derivatives."""
