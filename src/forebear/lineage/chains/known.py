"""Which models and developers of the catalogue the names in a chain mean.

A folder's name makes nothing the model that it is called after: the model in question is known by its hub id, by what
its own papers call it together with who publishes it, or behind an API by the name under which it is sold. Nor does
a reference's name in an index: whoever added it chose it. A name that several models fit keeps them as candidates, and
only what all of them agree in is taken over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from forebear.catalogue.developers import Developer, PublishedModel, developer_of, find_models, published
from forebear.catalogue.expression import alternatives
from forebear.catalogue.licences import licence_named
from forebear.catalogue.names import decode
from forebear.lineage.chain import Access, EdgeKind, Node
from forebear.lineage.chains.named import kind_named_by

_FORMATS = re.compile(
    r"gguf|ggml|gptq|awq|exl[23]|mlx|onnx|hqq|bnb|nf4|fp4|fp8|int[48]|w[48]a(?:8|16)|nvfp4|mxfp4|hf|dynamic|quantized|"
    r"[2-8]bit|i?q[2-8](?:_[0-9ksmlx]+)*|ud|g(?:32|64|128)|bf16|fp16|f16|safetensors"
)
"""Words in a repository's name that say how numbers are stored."""
_SILENT = frozenset({"", "none", "noassertion", "unknown", "n/a"})
"""What stands where a licence should and says none."""


def identified(name: str) -> tuple[PublishedModel, ...]:
    """The models that a name says it is: one by repository or name, else all that its words leave open.

    A name that has a base's in it and says that it is something made from it (another account, a training, words that
    nobody knows) is none of them.
    """
    found = find_models(name)
    if len(found) == 1 and _exactly(name, found[0]):
        return found
    return found if _plain(name) else ()


def subject_of(node: Node, access: Access) -> Node:
    """The model in question with publisher, model and licences looked up.

    Args:
        node: as its document has it: the publisher and licences in words.
        access: what could be looked at; only documents and hub ids say who somebody is.
    """
    publisher = None
    if access is Access.TRAFFIC:
        holder = holder_of(node.name)
        made = {m.developer for m in find_models(node.name)}
        publisher = holder if holder is not None and holder.id in made else None
    elif "/" in node.name and not node.name.startswith("api:"):
        publisher = developer_of(node.name)  # an account says more than a stated publisher, who may be its host
    if publisher is None and node.developer:
        publisher = developer_of(node.developer)
    found = find_models(node.name) if access not in (Access.ENDPOINT, Access.TRAFFIC) else ()
    itself = next((m for m in found if "/" in node.name and _exactly(node.name, m)), None)
    open_to: list[PublishedModel] = []
    if itself is None and publisher is not None:
        own = [m for m in found if m.developer == publisher.id]
        sure = [m for m in own if _exactly(node.name, m)] or (own if _plain(node.name) else [])
        itself = sure[0] if len(sure) == 1 else None
        open_to = sure if len(sure) > 1 else []
    known_as = (itself,) if itself is not None else tuple(open_to)
    return replace(
        node,
        model=itself.name if itself is not None else "",
        candidates=tuple(m.name for m in open_to),
        developer=publisher.id if publisher is not None else itself.developer if itself is not None else "",
        licences=_named(node.licences) or agreed_licences(known_as, node.revision),
    )


def holder_of(name: str) -> Developer | None:
    """The developer to whom the account in a served model's path belongs: it is served there, whoever made it."""
    known = decode(name, named=True)
    return developer_of(known.account) if known is not None and known.account else None


def ancestor_of(node: Node, labelled: bool = False) -> Node:
    """An ancestor with model or candidates, developer and licences looked up.

    Args:
        node: as its document has it.
        labelled: its name may be a label that somebody gave a reference of an index (``my-llama-1``): a family's word
            in it says nothing of who made it.
    """
    asked = node.asked
    found = _of_its_publisher(asked) if node.label else identified(asked)
    owners = {m.developer for m in found}
    stated = developer_of(asked) if not found and "/" in asked else None
    stated = stated or (developer_of(node.developer) if node.developer and not found else None)
    told = not found and stated is None and not (node.label or (labelled and "/" not in asked))
    family = decode(asked, named=True) if told else None
    if family is not None and family.developer and kind_named_by(family) is EdgeKind.SAME_MODEL and family.family:
        stated = developer_of(family.developer)
    return replace(
        node,
        model=found[0].name if len(found) == 1 else "",
        candidates=tuple(m.name for m in found) if len(found) > 1 else (),
        developer=owners.pop() if len(owners) == 1 else stated.id if stated is not None else "",
        licences=agreed_licences(found, node.revision) or _named(node.licences),
    )


def _of_its_publisher(name: str) -> tuple[PublishedModel, ...]:
    """The models that a label means: those of the developer in whose account it stands."""
    owner = developer_of(name) if "/" in name else None
    return tuple(m for m in identified(name) if m.developer == owner.id) if owner is not None else ()


def republished(name: str) -> tuple[PublishedModel, EdgeKind] | None:
    """The published model whose very name a repository of somebody else has, and whether it says that it is quantised.

    ``unsloth/DeepSeek-R1-Distill-Llama-8B-unsloth-bnb-4bit``: the name is the model's, and what follows are words for
    formats, widths of numbers and the account's own name.
    """
    account, slash, short = name.lower().removeprefix("hf:").partition("@")[0].rpartition("/")
    if not slash:
        return None
    for model in published().values():
        own = model.repository.lower().rpartition("/")[2] or model.name.lower()
        if model.repository.lower() == f"{account}/{short}" or not short.startswith(own):
            continue
        rest = short[len(own) :]
        words = [w for w in re.split(r"[-_.]", rest) if w and w != account]
        if (not rest or rest[0] in "-_.") and all(_FORMATS.fullmatch(w) for w in words):
            return model, EdgeKind.QUANTIZED if words else EdgeKind.UNKNOWN
    return None


def models_of(node: Node) -> tuple[PublishedModel, ...]:
    """The catalogue's entries for a node: its model, or its candidates."""
    known = published()
    return tuple(known[name] for name in (node.model, *node.candidates) if name in known)


def agreed_licences(models: Iterable[PublishedModel], revision: str) -> tuple[str, ...]:
    """The licences of a revision, if all candidates have the same."""
    found = {_licences_at(model, revision) for model in models}
    return found.pop() if len(found) == 1 else ()


def _licences_at(model: PublishedModel, revision: str) -> tuple[str, ...]:
    """The licences of a revision; where it is not known, the newest, and all of them where none has a date."""
    at = [x for x in model.licences if revision and x.revision and revision.startswith(x.revision)]
    current = at or [x for x in model.licences if not x.until] or list(model.licences[-1:])
    newest = max((x.since for x in current), default="")
    kept = [x for x in current if x.since == newest] if newest and not at else current
    return tuple(dict.fromkeys(x.licence for x in kept))


def _named(licences: Iterable[str]) -> tuple[str, ...]:
    """Licences in words as identifiers; one that is not known stays as it is written beside those that are.

    Dropped, it would be as if the known ones were all: "MIT" beside "Acme Non-Commercial" is not MIT. Nor is an
    expression that leaves a choice taken apart: the parts of "MIT OR CC-BY-NC-4.0" do not hold together.
    """
    said = [one for value in licences if value.strip().lower() not in _SILENT for one in _together(value)]
    found = [licence_named(value) or licence_named("other", value) for value in said]
    if not any(found):
        return ()
    return tuple(dict.fromkeys(one.id if one is not None else value for one, value in zip(found, said, strict=True)))


def _together(value: str) -> tuple[str, ...]:
    """The licences that an SPDX expression joins by AND; the value itself where it is a name, or leaves a choice."""
    ways = () if licence_named(value) else alternatives(value) or ()
    return ways[0] if len(ways) == 1 else (value,)


def _plain(name: str) -> bool:
    """Whether a name says which model this is, and nothing of one made from it."""
    known = decode(name, named=True)
    return known is not None and kind_named_by(known) is EdgeKind.SAME_MODEL


def _exactly(name: str, model: PublishedModel) -> bool:
    plain = name.lower().removeprefix("hf:").partition("@")[0]
    short = plain.rpartition("/")[2]
    if plain in (model.repository.lower(), model.name.lower()):
        return True
    publisher = developer_of(plain) if "/" in plain else None
    return short == model.name.lower() and publisher is not None and publisher.id == model.developer
