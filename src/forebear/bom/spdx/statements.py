"""What SPDX has no field for, in annotations: ``forebear.spdx-statement/1``.

The ``statement`` of such an annotation (``contentType`` ``application/json``) is the JSON object ::

    {"schema": "forebear.spdx-statement/1", "kind": "relative", "says": {"log10_p": -30.0, "...": "..."}}

and its subject is the element or relationship that the statement is about:

=============== ============================== =====================================================
kind            subject                        ``says`` holds fields of
=============== ============================== =====================================================
``model``       the model's ai_AIPackage       :class:`forebear.bom.record.Model`
``record``      the model's ai_AIPackage       :class:`forebear.bom.record.Record`: one field each
``file``        a software_File                :class:`forebear.bom.record.File`
``files``       a ``contains`` relationship    ``said``: who says what the files are
``organisation`` an agent                      :class:`forebear.bom.record.Organisation`
``relative``    the relationship to it         :class:`forebear.bom.record.Relative`
``link``        an ``other`` relationship      nothing: its target is named as a relative's child
``dataset``     a dataset_DatasetPackage       :class:`forebear.bom.training.Dataset`
``stage``       a build_Build                  :class:`forebear.bom.training.Stage`
``service``     a software_Package             :class:`forebear.bom.record.Service`
=============== ============================== =====================================================

Only the fields are there that a reader of the SPDX fields alone would get wrong or not at all, in the JSON form of the
record (``docs``: ``forebear.bom-record/1``). A statement on a relative also has ``confidence``, the highest of its
observations (:attr:`forebear.bom.values.Observation.confidence`). A statement never overrules SPDX's own fields: one
that does not fit them is dropped, and told.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from forebear.bom import lineage_profile_read as profile
from forebear.bom.lineage_profile import KEY
from forebear.bom.spdx import terms
from forebear.bom.spdx.graph import Graph
from forebear.bom.spdx.nodes import Node
from forebear.bom.values import Observation, Value
from forebear.types import Json

SCHEMA = "forebear.spdx-statement/1"
LARGEST = 16_000_000
"""Characters of a statement that is read."""
_KEYS = frozenset({"schema", "kind", "says", "confidence"})
_WRITTEN_OUT = frozenset({"tool"})


@dataclass(frozen=True)
class Statement:
    """One annotation of ours.

    Attributes:
        subject: id of what it is about.
        kind: see the table above.
        says: fields.
        confidence: as stated, None where it is not.
        pointer: where the text stands.
        known: it has no keys but those of this version.
    """

    subject: str
    kind: str
    says: Mapping[str, Any]
    confidence: Any
    pointer: str
    known: bool

    def use(self, graph: Graph, *fields: str) -> None:
        """Marks it as read, if it says nothing but what is said here."""
        if self.known and self.says.keys() <= set(fields):
            graph.take(self.pointer)


Statements = dict[str, dict[str, list[Statement]]]
"""By kind and by subject."""


def differences(value: Value, native: Json) -> Json:
    """The fields of a value that ``native``, the fields that SPDX's own say, do not give."""
    short, whole = value.to_json(), value.model_dump(mode="json")
    read = type(value).model_validate(native).model_dump(mode="json")
    keys = [key for key in whole if whole[key] != read[key]]
    return {key: short[key] if key in short and key not in _WRITTEN_OUT else whole[key] for key in keys}


def text_of(kind: str, says: Json, observations: Iterable[Observation] = ()) -> str:
    """The text of a statement."""
    document: Json = {"schema": SCHEMA, "kind": kind, "says": says}
    confidence = max((o.confidence for o in observations), default=None)
    if confidence is not None:
        document["confidence"] = confidence
    return json.dumps(document, ensure_ascii=False, sort_keys=True, allow_nan=False)


def statements(graph: Graph) -> Statements:
    """Every statement of ours in a document; annotations by others stay unread.

    That a statement is there is read here, what it says is read (:meth:`Statement.use`) where it gets into a record.
    """
    if foreign(graph):
        return profile_statements(graph)
    found: Statements = {}
    for node in graph.of_kind("Annotation"):
        texts = node.values("statement")
        document = _parse(texts[0][1]) if len(texts) == 1 else None
        if document is not None and document.get("schema") == SCHEMA:
            for each in _statement(graph, node, texts[0][0], document):
                found.setdefault(each.kind, {}).setdefault(each.subject, []).append(each)
    return found


def foreign(graph: Graph) -> bool:
    """Whether somebody else wrote the document: no id and no annotation of it is ours."""
    if any(name.startswith(terms.OURS) for name in graph.nodes):
        return False
    return not any(SCHEMA in str(v) for node in graph.of_kind("Annotation") for _, v in node.values("statement"))


def profile_statements(graph: Graph) -> Statements:
    """What annotations by others say by the proposed lineage profile (docs/standard), as if we had said it."""
    found: Statements = {}
    for node in graph.of_kind("Annotation"):
        texts, subjects = node.values("statement"), node.values("subject")
        document = profile.parsed(texts[0][1]) if len(texts) == 1 and isinstance(texts[0][1], str) else None
        said = document.get(KEY) if isinstance(document, dict) and document.keys() == {KEY} else None
        subject = graph.at(*subjects[0]) if isinstance(said, dict) and len(subjects) == 1 else None
        if subject is None or not isinstance(said, dict):
            continue
        kind, says, known = _by_profile(subject, said)
        if says:
            node.touch()
            node.word("annotationType", ("other", "review"))
            node.text("contentType")
            made = Statement(subject.id, kind, says, None, texts[0][0], known)
            found.setdefault(kind, {}).setdefault(subject.id, []).append(made)
    return found


_OF_STEP = frozenset({"relation", "component", "assurance", "evidence"})
_OF_MODEL = frozenset(profile.GAPS)


def _by_profile(subject: Node, said: Json) -> tuple[str, Json, bool]:
    """Kind, fields, and whether these are all that is said."""
    if subject.kind == terms.BUILD:
        return "stage", profile.stage_of(said), said.keys() <= {"stage", "method", "reward"}
    if subject.kind in terms.RELATIONSHIPS:
        return "relative", profile.relative_of(said), said.keys() <= _OF_STEP
    if subject.kind in terms.AGENTS:
        return "organisation", {"jurisdictions": profile.jurisdictions_of(said.get("countries"))}, len(said) == 1
    if subject.kind == terms.MODEL:
        whole: Json = {"gaps": profile.gaps_of(said), "claims": profile.claims_of(said)}
        return "record", {key: value for key, value in whole.items() if value}, said.keys() <= _OF_MODEL
    return "", {}, False


def _statement(graph: Graph, node: Node, pointer: str, document: Json) -> list[Statement]:
    kind, says = document.get("kind"), document.get("says")
    subjects = node.values("subject")
    if not isinstance(kind, str) or not isinstance(says, dict) or len(subjects) != 1:
        graph.defect(pointer, "an annotation by Forebear without a kind, a subject or what it says")
        return []
    subject = graph.at(*subjects[0])
    if subject is None:
        return []
    node.touch()
    if node.text("contentType") != "application/json":
        graph.defect(node.pointer, "contentType should be application/json")
    return [Statement(subject.id, kind, says, document.get("confidence"), pointer, document.keys() <= _KEYS)]


def _parse(text: Any) -> Json | None:
    if not isinstance(text, str) or SCHEMA not in text or len(text) > LARGEST:
        return None
    try:
        document = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _refuse(constant: str) -> Any:
    raise ValueError(constant)
