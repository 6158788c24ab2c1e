"""What CycloneDX has no field for, as ``forebear:…`` properties, and how both together become a value again.

A value is written in native fields as far as these go. Then they are read back, and every field that came back
different is written as a property besides: ``forebear:said.basis`` = ``measured``,
``forebear:observations.0.log10_p`` = ``-30.0``. Of a list that came back with items missing these are written with
their place: ``forebear:attributions.+0.said.by`` goes in at 0. One that came back otherwise is written whole:
``forebear:synthetic_from[]`` = ``2`` and its items. So little is said twice, other tools see what they can, and reading
gives the value that was written whatever the native fields could not hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import ValidationError

from forebear.bom.cyclonedx.foreign import lineage_fields
from forebear.bom.cyclonedx.tree import Node, Trail
from forebear.bom.values import Value
from forebear.types import Json

PREFIX = "forebear:"
Fields = dict[str, Any]
V = TypeVar("V", bound=Value)
Pair = tuple[str, str | None]
_NAME = re.compile(r"forebear:([a-z0-9_]+(?:\.\+?[a-z0-9_]+){0,11}(?:\[\])?)")
_PLACE = re.compile(r"(\+?)([0-9]{1,9})")


def difference(before: Value | None, after: Value, path: str = "") -> Iterator[Pair]:
    """Names and texts of the properties that make ``after`` of ``before`` (None: of nothing at all)."""
    for number, (name, info) in enumerate(type(after).model_fields.items()):
        new = getattr(after, name)
        if before is not None:
            if new != getattr(before, name):
                yield from _changed(getattr(before, name), new, path + name)
        elif number == 0 or info.is_required() or new != info.default:  # the first: one property is there in any case
            yield from _changed(None, new, path + name)


def _changed(old: Any, new: Any, path: str) -> Iterator[Pair]:
    if isinstance(new, Value):
        yield from difference(old, new, path + ".")
    elif not isinstance(new, tuple):
        yield path, _plain(new)
    elif isinstance(old, tuple) and len(old) == len(new):
        for number, (was, item) in enumerate(zip(old, new, strict=True)):
            if was != item:
                yield from _changed(was, item, f"{path}.{number}")
    elif isinstance(old, tuple) and (missing := _missing(old, new)) is not None:
        for number in missing:
            yield from _changed(None, new[number], f"{path}.+{number}")
    else:
        yield path + "[]", str(len(new))
        for number, item in enumerate(new):
            yield from _changed(None, item, f"{path}.{number}")


def _missing(old: tuple[Any, ...], new: tuple[Any, ...]) -> list[int] | None:
    """Places of the items that make ``new`` of ``old`` when they are put in, None where that is not enough."""
    if not old:
        return None
    kept, missing = 0, []
    for number, item in enumerate(new):
        if kept < len(old) and old[kept] == item:
            kept += 1
        else:
            missing.append(number)
    return missing if kept == len(old) else None


def _plain(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def as_properties(pairs: Iterable[Pair]) -> list[Json]:
    """The properties of some names and texts."""
    return [{"name": PREFIX + name} | ({} if text is None else {"value": text}) for name, text in pairs]


def complete(item: Value, native: Json, fields: Callable[[Node], Fields], trail: Trail) -> Json:
    """A native object with the properties that it needs to be read back to ``item``."""
    before = type(item).model_validate(fields(Node(native, trail)))
    extra = as_properties(difference(before, item))
    return {**native, "properties": [*native.get("properties", ()), *extra]} if extra else native


@dataclass
class _Tree:
    """Properties by the parts of their names; ``leaves`` of the first level: what they came from."""

    text: str | None = None
    given: bool = False
    whole: bool = False
    inner: dict[str, _Tree] = field(default_factory=dict)
    leaves: list[tuple[Any, str]] = field(default_factory=list)


def _tree(nodes: Iterable[Node | None]) -> _Tree:
    root = _Tree()
    taken: set[str] = set()
    for entry in (entry for node in nodes if node is not None for entry in node.children("properties")):
        name, text = entry.value.get("name"), entry.value.get("value")
        match = _NAME.fullmatch(name) if isinstance(name, str) else None
        if match is None or not isinstance(text, str | None) or match[1] in taken:
            continue
        taken.add(match[1])
        first, *rest = match[1].removesuffix("[]").split(".")
        top = place = root.inner.setdefault(first, _Tree())
        for part in rest:
            place = place.inner.setdefault(part, _Tree())
        place.text, place.given, place.whole = text, True, place.whole or match[1].endswith("[]")
        top.leaves += [(entry.value, key) for key in ("name", "value") if key in entry.value]
    return root


def _merged(base: Any, tree: _Tree) -> Any:
    """A value with properties laid over it, in types that validation understands; ``ValueError`` if they do not fit."""
    if tree.whole:
        items = [tree.inner.get(str(number)) for number in range(len(tree.inner))]
        if tree.text != str(len(items)) or None in items:
            raise ValueError("items are missing")
        return [_merged(None, t) for t in items if t is not None]
    if not tree.inner:
        return tree.text
    if tree.given:
        raise ValueError("a text and parts of a text")
    if isinstance(base, tuple | list):
        return _changed_list(list(base), tree.inner)
    fields = _fields(base)
    return fields | {name: _merged(fields.get(name), inner) for name, inner in tree.inner.items()}


def _changed_list(items: list[Any], inner: Mapping[str, _Tree]) -> list[Any]:
    """Items changed where they are, then others put in at their places."""
    new: list[tuple[int, _Tree]] = []
    for key, tree in inner.items():
        match = _PLACE.fullmatch(key)
        if match is None or (not match[1] and int(match[2]) >= len(items)):
            raise ValueError("there is no such item")
        if match[1]:
            new.append((int(match[2]), tree))
        else:
            items[int(match[2])] = _merged(items[int(match[2])], tree)
    for place, tree in sorted(new, key=lambda each: each[0]):
        if place > len(items):
            raise ValueError("items are missing")
        items.insert(place, _merged(None, tree))
    return items


def _fields(base: Any) -> Fields:
    if isinstance(base, Value):
        return {name: getattr(base, name) for name in type(base).model_fields}
    return dict(base) if isinstance(base, Mapping) else {}


def _overlaid(kind: type[Value], fields: Fields, laid: Mapping[str, _Tree]) -> tuple[Fields, set[str]]:
    bad: set[str] = set()
    merged = dict(fields)
    for name, tree in laid.items():
        try:
            info = kind.model_fields[name]
            merged[name] = _merged(fields.get(name, None if info.is_required() else info.default), tree)
        except ValueError:
            bad.add(name)
    return merged, bad


def _says_otherwise(base: Any, tree: _Tree) -> bool:
    """Whether properties replace something that native fields say, where every other reader reads these."""
    if not base or tree.whole or not tree.inner:
        return bool(base)
    if isinstance(base, tuple | list):
        places = ((int(key), inner) for key, inner in tree.inner.items() if key.isdecimal())
        return any(place < len(base) and _says_otherwise(base[place], inner) for place, inner in places)
    fields = _fields(base)
    return any(_says_otherwise(fields.get(name), inner) for name, inner in tree.inner.items() if name != "said")


def build(kind: type[V], node: Node, native: Callable[[Node], Fields], *more: Node | None) -> V | None:
    """A value of native fields and the properties of ``node`` and of ``more``; None where it cannot be built.

    Properties that do not fit stay unread and are a defect; so does all of a value that cannot be built.
    """
    start = node.trail.mark()
    fields = native(node)
    fields = {**fields, **lineage_fields(kind, node, fields)}
    laid = {name: tree for name, tree in _tree((node, *more)).inner.items() if name in kind.model_fields}
    while True:
        merged, bad = _overlaid(kind, fields, laid)
        if not bad:
            try:
                value = kind.model_validate(merged)
                break
            except ValidationError as error:
                bad = {str(each["loc"][0]) for each in error.errors(include_url=False, include_input=False)}
        for name in sorted(bad):
            node.trail.defect(node.pointer, f"its {name} is not what it should be")
        if not bad & set(laid):
            node.trail.back_to(start)
            return None
        for name in bad:
            laid.pop(name, None)
    for name, tree in laid.items():
        for container, key in tree.leaves:
            node.trail.see(container, key)
        if _says_otherwise(fields.get(name), tree):
            node.trail.shadow(node.pointer, name)
    return value
