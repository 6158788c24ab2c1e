"""What changed between two bills of materials, across formats: lineage first, then what follows from it.

Models are compared as records, so a CycloneDX bill and an SPDX one of the same model differ in nothing. What no record
has a place for is compared leaf by leaf, where both bills are in the same format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forebear.bom.check.walk import at
from forebear.bom.reading import Reading
from forebear.bom.record import File, Record
from forebear.bom.training import InputKind, Stage
from forebear.bom.values import Hash, Value
from forebear.errors import one_line
from forebear.types import Json, Level, head, to_json

SCHEMA = "forebear.bom-diff/1"
MOST = 2_000
"""Changes that are told."""
SHOWN = 300
"""Characters of a value."""


@dataclass(frozen=True)
class Change:
    """One difference.

    Attributes:
        part: ``lineage``, ``licences``, ``training``, ``data``, ``files``, ``organisations``, ``services``, ``model``,
            ``claims``, ``document``.
        what: the thing, in words (``ancestor org/base``, ``model.safetensors``).
        kind: ``added``, ``removed``, ``changed``.
        level: a warning where lineage, a licence or weights changed.
        before, after: the values, "" for none.
        field: which field of the thing, "" for all of it.
    """

    part: str
    what: str
    kind: str
    level: Level
    before: str = ""
    after: str = ""
    field: str = ""


@dataclass(frozen=True)
class Difference:
    """Two bills side by side.

    Attributes:
        old, new: the files; ``old_format``, ``new_format`` their formats.
        changes: lineage first.
        left_out: how many more there are than are told.
    """

    old: str
    new: str
    old_format: str
    new_format: str
    changes: tuple[Change, ...]
    left_out: int = 0

    @property
    def equal(self) -> bool:
        """Whether nothing changed that a record holds."""
        return not self.changes

    def to_json(self) -> Json:
        """The ``forebear.bom-diff/1`` document."""
        body = to_json(self)
        return {**head(SCHEMA), **body, "equal": self.equal}


Key = Callable[[Any], str]
Grade = Callable[[Any, str], Level]


@dataclass(frozen=True)
class _Part:
    """A list of the record: what its entries are called, how changes are graded, which fields are no change."""

    name: str
    entries: Callable[[Record], Sequence[Value]]
    key: Key
    grade: Grade = lambda entry, field: Level.NOTE
    ignored: frozenset[str] = frozenset()


def _always(level: Level) -> Grade:
    return lambda entry, field: level


def _of_file(entry: Any, field: str) -> Level:
    weights = isinstance(entry, File) and entry.role in ("weights", "chat template", "tokenizer", "licence", "code")
    return Level.WARNING if weights and field in ("", "hashes", "size") else Level.NOTE


def _of_relative(entry: Any, field: str) -> Level:
    told = {
        "",
        "slot",
        "relation",
        "declared_relation",
        "direction",
        "verdict",
        "claim",
        "version",
        "child",
        "licences",
    }
    assurance = {"said", "standing", "component"}
    return Level.WARNING if field in told | assurance else Level.NOTE


def _of_stage(entry: Any, field: str) -> Level:
    """A base model may be named by what goes into a stage alone."""
    models = isinstance(entry, Stage) and any(given.kind is InputKind.MODEL for given in entry.inputs)
    return Level.WARNING if field == "inputs" or (models and field in ("", "kind", "outputs")) else Level.NOTE


PARTS = (
    _Part("lineage", lambda r: r.relatives, lambda v: f"{v.slot} {v.name}" + _of(v.child), _of_relative),
    _Part(
        "licences",
        lambda r: r.licences,
        lambda v: f"{v.acknowledgement} {v.spdx or v.name}" + _of(v.inherited_from),
        lambda entry, field: Level.WARNING if field in ("", "spdx", "name") else Level.NOTE,
    ),
    _Part("training", lambda r: r.stages, lambda v: v.name or v.kind.value, _of_stage),
    _Part("data", lambda r: r.datasets, lambda v: v.name),
    _Part("data", lambda r: r.energy, lambda v: f"energy of {v.activity}"),
    _Part("files", lambda r: r.files, lambda v: v.path, _of_file),
    _Part("organisations", lambda r: r.organisations, lambda v: v.name + _of(v.model)),
    _Part("services", lambda r: r.services, lambda v: v.name),
    _Part("claims", lambda r: r.claims, lambda v: v.claim, _always(Level.WARNING)),
    _Part("claims", lambda r: r.gaps, lambda v: f"gap {v.field}"),
    _Part("claims", lambda r: r.findings, lambda v: f"finding {v.id}"),
    _Part("model", lambda r: r.metrics, lambda v: f"{v.name}" + _of(v.dataset)),
)
"""Every list of a record, in the order in which changes are told."""
_FIELDS = ("model", "author", "verdict", "notes", "not_tested", "left_out", "problems", "attributions")
_LINEAGE_FIELDS = frozenset({"verdict"})
_IDENTITY = frozenset({"name", "purl", "hashes"})
_ORDER = (*dict.fromkeys(part.name for part in PARTS if part.name != "model"), "model", "document")


def difference(old: Reading, new: Reading, old_name: str = "", new_name: str = "") -> Difference:
    """What changed.

    Args:
        old, new: the bills as read.
        old_name, new_name: what the files are called.
    """
    changes = list(_records(old.records, new.records))
    if old.format.partition(" ")[0] == new.format.partition(" ")[0]:
        changes += _unread(old, new)
    elif old.unread or new.unread:
        said = (f"{len(reading.unread):,} that no record holds" for reading in (old, new))
        changes.append(Change("document", "fields not compared across formats", "changed", Level.NOTE, *said))
    changes += [Change("document", "format", "changed", Level.NOTE, old.format, new.format)] * (
        old.format != new.format
    )
    ordered = sorted(changes, key=lambda change: _ORDER.index(change.part))
    kept = tuple(ordered[:MOST])
    return Difference(old_name, new_name, old.format, new.format, kept, len(ordered) - len(kept))


def _records(old: Sequence[Record], new: Sequence[Record]) -> Iterator[Change]:
    """Models of the same name belong together; else the first of each bill do, and the others came or went."""
    before, after = _by_name(old), _by_name(new)
    if old and new and (old[0].model.name not in after and new[0].model.name not in before):
        yield from between(before.pop(old[0].model.name), after.pop(new[0].model.name))
    for name in sorted(set(before) | set(after)):
        if name in before and name in after:
            yield from between(before[name], after[name])
        else:
            yield Change("model", f"model {name}", "removed" if name in before else "added", Level.WARNING)


def _by_name(records: Sequence[Record]) -> dict[str, Record]:
    """Records by their names; those of one name are numbered."""
    return dict(zip(_numbered(record.model.name for record in records), records, strict=True))


def _numbered(names: Iterable[str]) -> Iterator[str]:
    """Names that all differ: those of one name are numbered, in one pass however many there are."""
    taken: set[str] = set()
    last: dict[str, int] = {}
    for plain in names:
        name = plain
        while name in taken:  # another thing may be called "x (2)"
            last[plain] = last.get(plain, 1) + 1
            name = f"{plain} ({last[plain]})"
        taken.add(name)
        yield name


def between(old: Record, new: Record) -> Iterator[Change]:
    """What changed between two records; when and by which program they were written is no change."""
    for part in PARTS:
        yield from _listed(part, part.entries(old), part.entries(new))
    for field in _FIELDS:
        before, after = getattr(old, field), getattr(new, field)
        if isinstance(before, Value):
            yield from _fields("model", "the model", before, after, _of_model)
        elif before != after:
            name, level = ("lineage", Level.WARNING) if field in _LINEAGE_FIELDS else ("model", Level.NOTE)
            yield Change(name, field.replace("_", " "), "changed", level, shown(before), shown(after), field)


def _of_model(entry: Any, field: str) -> Level:
    return Level.WARNING if field in _IDENTITY else Level.NOTE


def _listed(part: _Part, old: Sequence[Value], new: Sequence[Value]) -> Iterator[Change]:
    before, after = _by_key(part, old), _by_key(part, new)
    for key in dict.fromkeys((*before, *after)):
        if key not in after:
            yield Change(part.name, key, "removed", part.grade(before[key], ""), shown(before[key]))
        elif key not in before:
            yield Change(part.name, key, "added", part.grade(after[key], ""), "", shown(after[key]))
        else:
            yield from _fields(part.name, key, before[key], after[key], part.grade)


def _by_key(part: _Part, values: Sequence[Value]) -> dict[str, Value]:
    """By what they are called; those of one name are numbered."""
    return dict(zip(_numbered(one_line(part.key(value), 200) for value in values), values, strict=True))


def _fields(part: str, what: str, old: Value, new: Value, grade: Grade) -> Iterator[Change]:
    for field in type(new).model_fields:
        before, after = getattr(old, field), getattr(new, field)
        if before != after:
            kind = "added" if _nothing(before) else "removed" if _nothing(after) else "changed"
            yield Change(part, what, kind, grade(new, field), shown(before), shown(after), field)


def _nothing(value: Any) -> bool:
    return value is None or value in ("", ())


def _unread(old: Reading, new: Reading) -> Iterator[Change]:
    """Leaves that no record holds."""
    for pointer in dict.fromkeys((*old.unread, *new.unread)):
        before, after = at(old.document, pointer, _ABSENT), at(new.document, pointer, _ABSENT)
        if before is not _ABSENT and after is not _ABSENT and before == after:
            continue
        kind = "added" if before is _ABSENT else "removed" if after is _ABSENT else "changed"
        values = ("" if v is _ABSENT else shown(v) for v in (before, after))
        yield Change("document", pointer, kind, Level.NOTE, *values)


_ABSENT = object()


def shown(value: Any) -> str:
    """A value in a line: of a list of things their number and the first, of a thing its fields that are not empty."""
    if value is None or value == ():
        return ""
    if isinstance(value, Hash):
        return f"{value.algorithm} {value.value}"
    if isinstance(value, Value):
        return one_line("; ".join(f"{k}: {_plain(v)}" for k, v in value.to_json().items()), SHOWN)
    if isinstance(value, tuple):
        return one_line(", ".join(shown(item) for item in value), SHOWN)
    return one_line(_plain(value), SHOWN)


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_plain(v)}" for k, v in value.items())
    return ", ".join(map(_plain, value)) if isinstance(value, list) else str(value)


def _of(name: str) -> str:
    return f" of {name}" if name else ""
