"""Relations that show in the structure: layers, experts, neurons, tokens or towers more or fewer.

Which of two models has more is a fact; that one of them was made from the other, and not both from a third, is less
sure the more the parts in common differ. So a structure tells a direction by itself only where those parts are equal.
"""

from __future__ import annotations

from forebear.lineage.direction import Reason
from forebear.lineage.relations.base import Found, Observed, toward
from forebear.signals.change import Change
from forebear.signals.parts import ALIKE, SAME

SURE, LIKELY = 4.0, 1.5
"""Log-odds of a structure where the parts in common are equal, and where they were trained on, as in a sibling."""
REPLACED = 0.5
"""Share of tokens in common below which a vocabulary is another one."""
DRAWN = 0.1
"""Cosine of two embeddings of the same tokens below which one was drawn anew; heavy training leaves more."""
TOWER = 0.01
"""Share of all values from which on tensors outside of the language core are spoken of."""


def moved(change: Change) -> bool:
    """Whether a tensor changed by more than rounding to another format does."""
    return change.drift > (SAME if change.precision[0] != change.precision[1] else 0.0)


def _same(observed: Observed) -> bool:
    """Whether the layers in common are equal value by value: what drifted too little to show makes a sibling, too."""
    if observed.changes is None or not observed.changes.body:
        return False
    layers = [c for c in observed.changes.each if c.layer is not None and c.values and not c.from_dense]
    return not any(moved(c) for c in layers)


def _toward(observed: Observed, name: str, b_is_later: bool, text: str, odds: float = 0.0) -> Reason:
    """A structure as a reason: sure, and no sibling's, where the parts in common are equal."""
    same = _same(observed)
    full = f"{name}, {'parts in common equal' if same else 'trained'}"
    return toward(full, b_is_later, odds or (SURE if same else LIKELY), text, no_siblings=same)


def upcycled(observed: Observed) -> Found | None:
    """One has experts in the place of the other's dense MLPs, and they are like them."""
    ours, theirs = (s.experts for s in observed.sizes)
    if bool(ours) == bool(theirs):
        return None
    experts = max(ours, theirs)
    changes = [c for c in observed.changes.each if c.from_dense] if observed.changes else []
    coins = observed.counts.groups.get("upcycled")
    cosine = sum(c.cosine for c in changes) / len(changes) if changes else observed.counts.cosine
    agree = "upcycled" in observed.counts.agreeing_groups
    if not agree and (cosine is None or not changes or cosine < ALIKE):
        return None
    what = f"{experts} experts in the place of a dense MLP"
    said = [f"{len(changes):,} matrices of experts have a mean cosine of {cosine:.2f} to those of the dense MLP"] * (
        bool(changes) and cosine is not None
    )
    if coins is not None:
        said.append(f"{coins.agree:,} of {coins.n:,} coins of its neurons agree")
    later = "the model" if theirs else "the reference"
    fact = f"{later} has several experts like one dense MLP of the other"
    reasons = (_toward(observed, "experts", bool(theirs), fact, SURE),)
    details = {"experts": experts, "expert_cosine": cosine}
    return Found("upcycled", f"{what}: {' and '.join(said)}.", f"upcycled to {experts} experts", details, reasons)


def multimodal_extension(observed: Observed) -> Found | None:
    """One has tensors beside its language core that the other has not."""
    ours, theirs = (s.other for s in observed.sizes)
    extra = {name: size for name, size in theirs.items() if name not in ours}
    missing = {name: size for name, size in ours.items() if name not in theirs}
    later = sum(extra.values()) >= sum(missing.values())
    alone = extra if later else missing
    total = observed.sizes[int(later)].parameters
    if not total or sum(alone.values()) < TOWER * total:
        return None
    listed = ", ".join(f"{name} ({size:,} values)" for name, size in list(alone.items())[:4])
    who = "the model" if later else "the reference"
    return Found(
        "multimodal_extension",
        f"{who.capitalize()} has, beside the language core that both have, {len(alone)} component"
        f"{'s' * (len(alone) > 1)}: {listed}.",
        f"extended by {', '.join(list(alone)[:3])}",
        {"components": {"shared": ["language core"], "alone": dict(alone), "in": "b" if later else "a"}},
        (_toward(observed, "tower", later, f"{who} has a tower more"),),
    )


def _depth(observed: Observed) -> tuple[bool, list[int], dict[int, list[int]]] | None:
    """Whether B is the deeper one, its layers that are like none, and its layers by the one that they are all like."""
    ours, theirs = (s.layers for s in observed.sizes)
    if not observed.partners or ours == theirs:
        return None
    like: dict[int, list[int]] = {}
    for layer, partner in observed.partners.items():
        if partner is not None:
            like.setdefault(partner, []).append(layer)
    copies = {partner: layers for partner, layers in like.items() if len(layers) > 1}
    return theirs > ours, [layer for layer, partner in observed.partners.items() if partner is None], copies


def depth_upscaled(observed: Observed) -> Found | None:
    """Several layers of the deeper model are like one of the other."""
    found = _depth(observed)
    if found is None or not found[2]:
        return None
    later, _, copies = found
    ours, theirs = (s.layers for s in observed.sizes)
    extra = sum(len(layers) - 1 for layers in copies.values())
    listed = "; ".join(f"{' and '.join(map(str, layers))} like {one}" for one, layers in list(copies.items())[:4])
    return Found(
        "depth_upscaled",
        f"{extra} of {max(ours, theirs)} layers are a second copy of one of the {min(ours, theirs)} layers of the "
        f"other: {listed}.",
        f"{min(ours, theirs)} layers stretched to {max(ours, theirs)}",
        {"copies": {str(one): layers for one, layers in copies.items()}},
        (_toward(observed, "repeated layers", later, "the deeper model repeats layers of the other", SURE),),
    )


def depth_pruned(observed: Observed) -> Found | None:
    """The deeper model has layers that are like none of the other, which is like it otherwise.

    Layers that write nothing point nowhere: a model is grown by such layers without changing what it computes.
    """
    found = _depth(observed)
    if found is None or not found[1]:
        return None
    deeper_is_b, alone, copies = found
    ours, theirs = (s.layers for s in observed.sizes)
    least = min(ours, theirs)
    kept = len({p for p in observed.partners.values() if p is not None})
    if 2 * kept < least:
        return None
    listed = ", ".join(map(str, alone[:8]))
    nothing = f", and {len(observed.idle)} of them write nothing, as layers do that a model is grown by"
    nothing = nothing if observed.idle else ""
    reasons: tuple[Reason, ...] = ()
    if not copies and not observed.idle:
        fact = "the shallower model lacks layers of the other"
        reasons = (_toward(observed, "missing layers", not deeper_is_b, fact),)
    return Found(
        "depth_pruned",
        f"{kept} of {least} layers are each like one of the {max(ours, theirs)} layers of the other, of which "
        f"{len(alone)} ({listed}) are like none{nothing}.",
        f"{max(ours, theirs)} layers cut to {least}" if not nothing else f"{least} layers beside {max(ours, theirs)}",
        {"dropped": alone, "layers_kept": kept},
        reasons,
    )


def vocabulary_changed(observed: Observed) -> Found | None:
    """Tokens were added, taken away or replaced, or their embeddings drawn anew."""
    tokens = observed.changes.tokens if observed.changes else None
    if observed.changes is None or tokens is None or not len(tokens.ids):
        return None
    rows = next((c for c in observed.changes.each if c.other == "embed"), None)
    cosine = rows.cosine if rows is not None and rows.values else None
    common = len(tokens.ids)
    anew = cosine is not None and abs(cosine) < DRAWN
    share = common / (common + max(tokens.only_a, tokens.only_b))
    if tokens.by == "row":
        if tokens.rows[0] == tokens.rows[1] and not anew:
            return None
        how = "replaced" if anew else "extended" if tokens.rows[1] > tokens.rows[0] else "trimmed"
        text = f"The embeddings have {tokens.rows[0]:,} and {tokens.rows[1]:,} rows"
    else:
        if not (tokens.only_a or tokens.only_b or tokens.moved or anew):
            return None
        how = "replaced" if anew or share < REPLACED else "extended" if not tokens.only_a and tokens.only_b else ""
        how = how or ("trimmed" if tokens.only_a and not tokens.only_b else "")
        how = how or ("renumbered" if not tokens.only_a else "replaced in part")
        text = (
            f"{common:,} tokens are in both vocabularies, {tokens.only_a:,} in the reference's alone, "
            f"{tokens.only_b:,} in the model's alone"
        )
    if cosine is not None:
        text += f"; embedding rows of the same tokens have a cosine of {cosine:.2f} over all of them"
    reasons: tuple[Reason, ...] = ()
    if tokens.appended and not anew:
        later = tokens.appended == "b"
        who = "the model's" if later else "the reference's"
        odds = SURE - 1 if _same(observed) else LIKELY
        reasons = (_toward(observed, "appended tokens", later, f"{who} own tokens stand behind all others", odds),)
    elif tokens.between and not anew:
        later = tokens.between == "a"
        who = "the model" if later else "the reference"
        odds = SURE - 1 if _same(observed) else LIKELY
        fact = f"{who} lacks tokens that stand between the others, which closed up"
        reasons = (_toward(observed, "missing tokens", later, fact, odds),)
    words = {
        "extended": f"vocabulary extended by {tokens.only_b or tokens.rows[1] - tokens.rows[0]:,}",
        "trimmed": f"vocabulary trimmed by {tokens.only_a or tokens.rows[0] - tokens.rows[1]:,}",
    }
    details = {
        "vocabulary": how,
        "tokens": {"common": common, "only_a": tokens.only_a, "only_b": tokens.only_b, "moved": tokens.moved},
        "embedding_cosine": cosine,
    }
    return Found("vocabulary_changed", text + ".", words.get(how, f"vocabulary {how}"), details, reasons)
