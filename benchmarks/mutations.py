"""Small changes of a module that its tests ought to notice: one operator, constant, condition or statement at a time.

Left alone are what no test should pin: docstrings and other text, annotations, decorators, what an error says, and
``__all__``. The changes are those of the literature on mutation testing (DeMillo, Lipton and Sayward 1978; the
"sufficient" operators of Offutt et al. 1996), as Python has them.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.MatMult: ast.Mult,
}
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any", "minimum": "maximum", "maximum": "minimum"}
UNTESTED = (ast.Raise, ast.JoinedStr, ast.Import, ast.ImportFrom)
"""What only says something, or brings names: nothing below these is changed."""


@dataclass(frozen=True)
class Mutation:
    """One change of one module: which node in the order of ``ast.walk``, which of its changes, and both texts."""

    node: int
    way: int
    line: int
    was: str
    became: str


def mutations(source: str) -> list[Mutation]:
    """Every change of a module's source, in order. Raises ``SyntaxError`` where the source is no Python."""
    tree = ast.parse(source)
    numbers = {id(node): number for number, node in enumerate(ast.walk(tree))}
    found = []
    for node, statement in _tested(tree, tree):
        for way, changed in enumerate(_changes(node)):
            line = getattr(node, "lineno", getattr(statement, "lineno", 0))
            found.append(Mutation(numbers[id(node)], way, line, _text(node), _text(changed)))
    return found


def mutated(source: str, mutation: Mutation) -> ast.Module:
    """The module with one change, to be compiled."""
    tree = ast.parse(source)
    target = list(ast.walk(tree))[mutation.node]
    changed = list(_changes(target))[mutation.way]

    class Swap(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return ast.copy_location(changed, target) if node is target else self.generic_visit(node)

    made = ast.fix_missing_locations(Swap().visit(tree))
    assert isinstance(made, ast.Module)
    return made


def _tested(node: ast.AST, statement: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Nodes that a test can be asked about, each with the statement that it is in."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_comment", "bases"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, UNTESTED) or _says(child):
                continue
            here = child if isinstance(child, ast.stmt) else statement
            yield child, here
            yield from _tested(child, here)


def _says(node: ast.AST) -> bool:
    """A docstring, a list of public names, a block for type checkers, an alias of types."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.If):
        return ast.unparse(node.test).endswith("TYPE_CHECKING")
    if isinstance(node, ast.Assign):
        names = [t.id for t in node.targets if isinstance(t, ast.Name)]
        return names == ["__all__"] or ast.unparse(node.value).startswith(
            ("Callable", "Literal", "TypeVar", "dict[str,")
        )
    return isinstance(node, ast.Call) and ast.unparse(node.func) in ("cast", "TypeVar", "NewType")


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    """What a node is replaced by, one after the other."""
    match node:
        case ast.Compare(ops=ops):
            for number, operator in enumerate(ops):
                yield _with(node, ops=[*ops[:number], COMPARISONS[type(operator)](), *ops[number + 1 :]])
        case ast.BoolOp(op=boolean):
            yield _with(node, op=ast.Or() if isinstance(boolean, ast.And) else ast.And())
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert(), operand=operand):
            yield copy.deepcopy(operand)
        case ast.BinOp(op=op) | ast.AugAssign(op=op):
            yield _with(node, op=OPERATORS[type(op)]())
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() as value):
            yield ast.Constant(value + 1)
        case ast.Constant(value=float() as value):
            yield ast.Constant(2 * value or 1.0)
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            yield _with(node, test=ast.UnaryOp(ast.Not(), copy.deepcopy(test)))
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield _with(node, value=ast.Constant(None))
        case ast.Expr(value=ast.Call()):
            yield ast.Pass()
        case ast.Break():
            yield ast.Continue()
        case ast.Continue():
            yield ast.Break()
        case ast.Name(id=name, ctx=ast.Load()) if name in NAMES:
            yield _with(node, id=NAMES[name])
        case ast.Attribute(attr=name, ctx=ast.Load()) if name in NAMES:
            yield _with(node, attr=NAMES[name])


def _with(node: ast.AST, **fields: object) -> ast.AST:
    made = copy.deepcopy(node)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def _text(node: ast.AST) -> str:
    """The first line of a node's code, shortened."""
    line = ast.unparse(ast.fix_missing_locations(copy.deepcopy(node))).splitlines()[0]
    return line if len(line) <= 100 else line[:97] + "…"
