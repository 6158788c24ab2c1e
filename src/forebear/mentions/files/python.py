"""Python by its syntax tree; nothing is executed. What does not parse is read for its strings alone."""

from __future__ import annotations

import ast
import re
import warnings
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from forebear.mentions.base import MAX_HITS, FileReader, Hit, Kind, Position
from forebear.mentions.files import strings
from forebear.mentions.keys import HUB_CALLS, LOADERS, MAYBE, kind_of, names_a_model

MOST_PARSED = 2_000_000
"""Characters that are parsed; a tree takes a hundred times their memory."""
MOST_NODES = 400_000
"""Nodes of a tree that are looked at; of a larger one the strings are read as in other languages."""
_STEP = 1_000
"""Characters of a line between two marks."""
_DEFAULTS = ("getenv", "get", "add_argument", "Option", "Field", "option", "Argument", "String", "env", "setdefault")
_DATA = re.compile(r"data_?sets?(?:_(?:name|id|path|repo))?$", re.IGNORECASE)
_DATA_CALLS = frozenset({"load_dataset", "load_dataset_builder"})
_AS_FIELD = (
    "model",
    "model_name",
    "model_id",
    "repo_id",
    "pretrained_model_name_or_path",
    "model_name_or_path",
    "model_path",
)


@dataclass
class _Scope:
    """What is known of a module: constants by name, and the strings that were told already."""

    constants: Mapping[str, ast.Constant]
    told: dict[int, Hit] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    unnamed: list[Hit] = field(default_factory=list)
    columns: dict[int, _Columns] = field(default_factory=dict)


class _Columns:
    """From bytes of a line, which the syntax tree counts, to characters: marks keep that from taking the whole line."""

    def __init__(self, line: str) -> None:
        self._line = line
        self._marks = [0]
        if not line.isascii():
            for start in range(0, len(line), _STEP):
                self._marks.append(self._marks[-1] + len(line[start : start + _STEP].encode()))

    def __call__(self, offset: int) -> int:
        """Characters before a byte, counted from 0 both."""
        if len(self._marks) == 1:
            return offset
        mark = bisect_right(self._marks, offset) - 1
        piece = self._line[mark * _STEP : (mark + 1) * _STEP].encode()
        return mark * _STEP + len(piece[: offset - self._marks[mark]].decode(errors="replace"))


def read(text: str) -> Iterator[Hit]:
    """Hits of a module: calls that load models, arguments and variables called after models, other strings."""
    if len(text) > MOST_PARSED:
        yield from strings.read(text)
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a stranger's code
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield from strings.read(text)
        return
    nodes = _nodes(tree)
    if len(nodes) > MOST_NODES:
        yield from strings.read(text)
        return
    scope = _Scope(_constants(nodes), lines=re.split(r"\r\n?|\n", text))
    skipped = _docstrings(nodes) | _of_data(nodes)
    for node in nodes:
        if isinstance(node, ast.Call):
            _call(node, scope)
    for node in nodes:
        _named(node, scope)
    for node in nodes:
        if len(scope.told) > MAX_HITS:
            break  # more than are taken; that it was cut is told by who takes them
        if isinstance(node, ast.Constant) and node.value and isinstance(node.value, str) and id(node) not in skipped:
            _tell(scope, node, "string", Position.TEXT)
    yield from scope.unnamed
    yield from scope.told.values()


def _nodes(tree: ast.AST) -> list[ast.AST]:
    """Every node, breadth first, without recursion."""
    found: list[ast.AST] = [tree]
    for node in found:
        found += ast.iter_child_nodes(node)
        if len(found) > MOST_NODES:
            break
    return found


def _constants(nodes: list[ast.AST]) -> dict[str, ast.Constant]:
    """Names that are assigned one string in the whole file, and nothing else."""
    found: dict[str, ast.Constant | None] = {}
    for node in nodes:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        for target in targets:
            if isinstance(target, ast.Name):
                value = getattr(node, "value", None)
                string = value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None
                found[target.id] = string if target.id not in found else None
    return {name: value for name, value in found.items() if value is not None}


def _docstrings(nodes: list[ast.AST]) -> set[int]:
    """Strings that are statements, and the pieces of f-strings: no values."""
    out = {id(n.value) for n in nodes if isinstance(n, ast.Expr)}
    return out | {id(v) for n in nodes if isinstance(n, ast.JoinedStr) for v in n.values}


def _of_data(nodes: list[ast.AST]) -> set[int]:
    """Strings that name a data set, which lie in the same accounts of the hub as models: ``load_dataset(…)``."""
    found: list[ast.expr | None] = []
    for node in nodes:
        if isinstance(node, ast.Call) and _callee(node.func)[0] in _DATA_CALLS:
            found += [*node.args[:1], *(k.value for k in node.keywords if k.arg == "path")]
        elif isinstance(node, ast.keyword) and _DATA.search(node.arg or ""):
            found.append(node.value)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and _DATA.search(target.id) for target in targets):
                found.append(node.value)
        elif isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            found += [v for k, v in pairs if isinstance(k, ast.Constant) and _DATA.search(str(k.value))]
    return {id(value) for value in found if value is not None}


def _call(node: ast.Call, scope: _Scope) -> None:
    name, dotted = _callee(node.func)
    keywords = {k.arg: k.value for k in node.keywords if k.arg}
    loader = next((n for n in (dotted, name) if n in LOADERS), "")
    if loader and node.args:
        argument = _string(node.args[0], scope)
        if argument is not None:
            position = Position.FIELD if loader in MAYBE else Position.LOADER
            _tell(scope, argument, loader, position, kind_of(loader), keywords)
        elif loader not in MAYBE:
            scope.unnamed.append(Hit(node.lineno, 1, "", loader, Position.LOADER))
    if name == "pipeline" and len(node.args) > 1 and (argument := _string(node.args[1], scope)) is not None:
        _tell(scope, argument, name, Position.LOADER, Kind.HUB, keywords)
    for key in _AS_FIELD:
        if key in keywords and (argument := _string(keywords[key], scope)) is not None:
            position = Position.LOADER if name in HUB_CALLS else Position.FIELD
            _tell(scope, argument, f"{name or 'call'}({key}=)", position, _kind(name, dotted), keywords)
    if name in _DEFAULTS:
        _default(node, name, keywords, scope)


def _kind(name: str, dotted: str) -> Kind | None:
    if name in HUB_CALLS:
        return Kind.HUB
    return Kind.OLLAMA if "ollama" in dotted.lower() else None


def _default(node: ast.Call, name: str, keywords: Mapping[str, ast.expr], scope: _Scope) -> None:
    """``getenv("MODEL", "…")``, ``add_argument("--model", default="…")`` and the like."""
    words = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    if not words or not any(names_a_model(word) for word in words[: 1 if name != "add_argument" else 3]):
        return
    values = [*node.args[1:2], *(keywords[k] for k in ("default", "fallback") if k in keywords)]
    for value in values:
        if (argument := _string(value, scope)) is not None and argument.value not in words[:1]:
            _tell(scope, argument, f"default of {words[0]}", Position.FIELD)


def _named(node: ast.AST, scope: _Scope) -> None:
    """Variables, parameters, keys and arguments whose name says that a model is meant."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            key = target.id if isinstance(target, ast.Name) else getattr(target, "attr", "")
            if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
                key = str(target.slice.value)
            _field(key, node.value, scope)
    elif isinstance(node, ast.AnnAssign | ast.NamedExpr):
        _field(getattr(node.target, "id", getattr(node.target, "attr", "")), node.value, scope)
    elif isinstance(node, ast.Dict):
        for entry, value in zip(node.keys, node.values, strict=True):
            if isinstance(entry, ast.Constant) and isinstance(entry.value, str):
                _field(entry.value, value, scope)
    elif isinstance(node, ast.keyword):
        _field(node.arg or "", node.value, scope)
    elif isinstance(node, ast.arguments):
        positional = [*node.posonlyargs, *node.args]
        for argument, value in zip(positional[len(positional) - len(node.defaults) :], node.defaults, strict=True):
            _field(argument.arg, value, scope)
        for argument, default in zip(node.kwonlyargs, node.kw_defaults, strict=True):
            _field(argument.arg, default, scope)


def _field(key: str, value: ast.expr | None, scope: _Scope) -> None:
    """The string in a field, or each of a list of them; of ``a or b`` and ``a if c else b`` all."""
    if value is None or not key or not names_a_model(key):
        return
    values: list[ast.expr] = [value]
    if isinstance(value, ast.List | ast.Tuple | ast.Set):
        values = value.elts
    elif isinstance(value, ast.BoolOp):
        values = value.values
    elif isinstance(value, ast.IfExp):
        values = [value.body, value.orelse]
    elif isinstance(value, ast.Call):  # Field("gpt-4o"), os.getenv(…, "gpt-4o")
        values = [*value.args[-1:], *(k.value for k in value.keywords if k.arg == "default")]
    for each in values:
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            _tell(scope, each, f"field {key}", Position.FIELD)


def _string(value: ast.expr, scope: _Scope) -> ast.Constant | None:
    """The string that an expression is, by name too where that is assigned once."""
    if isinstance(value, ast.Name):
        return scope.constants.get(value.id)
    if isinstance(value, ast.Attribute):
        return scope.constants.get(value.attr)
    return value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None


def _callee(function: ast.expr) -> tuple[str, str]:
    """The last name of what is called, and the last two."""
    if isinstance(function, ast.Name):
        return function.id, function.id
    if isinstance(function, ast.Attribute):
        owner = function.value
        before = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
        return function.attr, f"{before}.{function.attr}"
    return "", ""


def _tell(
    scope: _Scope,
    node: ast.Constant,
    how: str,
    position: Position,
    kind: Kind | None = None,
    keywords: Mapping[str, ast.expr] | None = None,
) -> None:
    """Keep a string as a hit, the strongest reading of it first; what a call adds to it is added."""
    given = keywords or {}
    asked = given.get("revision")
    revision = asked.value if isinstance(asked, ast.Constant) and isinstance(asked.value, str) else ""
    trusted = given.get("trust_remote_code")
    remote = isinstance(trusted, ast.Constant) and trusted.value is True
    if not node.value:
        return
    earlier = scope.told.get(id(node))
    if earlier is not None:
        if revision or remote:
            scope.told[id(node)] = replace(
                earlier, revision=earlier.revision or revision, remote_code=earlier.remote_code or remote
            )
        return
    line = scope.lines[node.lineno - 1] if node.lineno <= len(scope.lines) else ""
    if node.lineno not in scope.columns:
        scope.columns[node.lineno] = _Columns(line)
    column = scope.columns[node.lineno](node.col_offset) + 1
    quote = next((k for k, ch in enumerate(line[column - 1 : column + 4]) if ch in "\"'"), -1)
    opened = column + quote + 1
    if line.startswith(('""', "''"), opened - 1):  # three quotes
        opened += 2
    scope.told[id(node)] = Hit(node.lineno, opened, str(node.value), how, position, kind, revision, remote)


READER = FileReader("Python", lambda path: path.endswith((".py", ".pyi", ".pyw")), read)
