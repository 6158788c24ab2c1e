"""A pickle interpreted without running it: the stack machine of Python's pickle, protocols 0 to 5, over plain values.

Format: the ``pickletools`` module of the Python standard library describes every opcode. A global is a name here and
is never looked up; a call is carried out only where :mod:`~forebear.artifacts.formats.pytorch.calls` knows what it
makes; every other call leaves an :class:`~forebear.artifacts.formats.pytorch.values.Opaque` and, where it could do
something, a line in the log. Steps, memo and stack are bounded by :data:`MAX_STEPS`, bytes by the window.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final

from forebear.artifacts.formats.pytorch.calls import call, instance, keyed, persistent, update
from forebear.artifacts.formats.pytorch.harmless import named
from forebear.artifacts.formats.pytorch.values import Global, Log, Opaque
from forebear.artifacts.formats.pytorch.window import Window

MAX_STEPS = 4_000_000
"""Of all pickles that share a log. The largest shards take about forty for a tensor and have some thousands of them."""
MAX_NUMBER = 4_096
"""Bytes of one integer; a larger one is no part of a checkpoint and slow to work with."""

MAX_NAME = 1_000


def unpickled(window: Window, log: Log) -> Any:
    """The value that a pickle describes; the window is left behind its STOP.

    Raises:
        FormatError: the pickle is damaged, or larger than any checkpoint has.
    """
    return _Machine(window, log).run()


class _Machine:
    def __init__(self, window: Window, log: Log) -> None:
        self.window, self.log = window, log
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.at = window.position

    def run(self) -> Any:
        take = self.window.take
        while self.log.steps < MAX_STEPS:
            self.log.steps += 1
            self.at = self.window.position
            code = take(1)[0]
            if code == _STOP:
                if len(self.stack) != 1 or self.marks:
                    raise self.window.wrong("the pickle does not end with one value")
                return self.stack.pop()
            operation = _OPERATIONS.get(code)
            if operation is None:
                raise self.window.wrong(f"0x{code:02x} is no pickle opcode")
            try:
                operation(self)
            except IndexError:
                raise self.window.wrong("the pickle takes a value from an empty stack") from None
            except KeyError:
                raise self.window.wrong("the pickle recalls what it never stored") from None
            except (ValueError, TypeError, AttributeError, struct.error):
                raise self.window.wrong(f"opcode 0x{code:02x} finds something else than it needs") from None
        raise self.window.wrong(f"more than {MAX_STEPS:,} steps", "no checkpoint has so many")

    # stack

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        if self.marks and len(self.stack) <= self.marks[-1]:  # what lies below a mark is not to be had
            raise IndexError
        return self.stack.pop()

    def pop_mark(self) -> list[Any]:
        mark = self.marks.pop()
        items = self.stack[mark:]
        del self.stack[mark:]
        return items

    def top(self) -> Any:
        return self.stack[-1]

    def pop_any(self) -> None:
        """POP takes a mark where one is on top."""
        if self.marks and len(self.stack) == self.marks[-1]:
            self.marks.pop()
        else:
            self.stack.pop()

    # memo

    def put(self, index: int) -> None:
        if not 0 <= index <= MAX_STEPS:
            raise self.window.wrong(f"memo index {index:,} is larger than any pickle needs")
        self.memo[index] = self.top()

    # numbers and texts

    def number(self, width: int) -> int:
        return int.from_bytes(self.window.take(width), "little")

    def long(self, width: int) -> None:
        count = self.number(width)
        if count > MAX_NUMBER:
            raise self.window.wrong(f"a number of {count:,} bytes")
        self.push(int.from_bytes(self.window.take(count), "little", signed=True))

    def int_line(self) -> int:
        return int(self.window.line(MAX_NUMBER).rstrip(b"L"))

    def int_or_bool(self) -> None:
        text = self.window.line(MAX_NUMBER)
        self.push({b"00": False, b"01": True}[text] if text in (b"00", b"01") else int(text))

    def name(self) -> Global:
        module, name = (self.window.line(MAX_NAME).decode("utf-8", "backslashreplace") for _ in range(2))
        return named(module, name)

    # calls

    def place(self) -> str:
        return self.window.place(self.at)

    def reduce(self) -> None:
        arguments, function = self.pop(), self.pop()
        self.push(call(function, arguments, self.log, self.place))

    def new(self, arguments: Any, of: Any) -> None:
        self.push(instance(of, arguments, self.log, self.place))

    def new_kw(self) -> None:
        _, arguments, of = self.pop(), self.pop(), self.pop()
        self.new(arguments, of)

    def inst(self) -> None:
        of = self.name()
        self.push(call(of, tuple(self.pop_mark()), self.log, self.place))

    def obj(self) -> None:
        of, *arguments = self.pop_mark()
        self.push(call(of, tuple(arguments), self.log, self.place))

    def stack_global(self) -> None:
        name, module = self.pop(), self.pop()
        if not isinstance(name, str) or not isinstance(module, str) or len(module) + len(name) > MAX_NAME:
            raise TypeError
        self.push(named(module, name))

    def build(self) -> None:
        state = self.pop()
        update(self.top(), state, self.log, self.place)

    def extension(self, width: int) -> None:
        code = self.number(width)
        of = f"extension code {code}"
        self.log.dangers.setdefault(of, f"uses {of}, which stands for any class or function ({self.place()})")
        self.push(Opaque(of))

    # containers

    def append(self, items: list[Any]) -> None:
        target = self.top()
        if isinstance(target, list):
            target.extend(items)
        else:
            self.put_into(target, items)

    def set_items(self, items: list[Any]) -> None:
        target = self.top()
        if len(items) % 2:
            raise ValueError
        if isinstance(target, dict):
            target.update((keyed(k), v) for k, v in zip(items[::2], items[1::2], strict=True))
        else:
            self.put_into(target, items)

    def put_into(self, target: Any, items: list[Any]) -> None:
        if not isinstance(target, (Opaque, Global)):
            raise TypeError
        update(target, items, self.log, self.place)

    def one_item(self) -> None:
        value, key = self.pop(), self.pop()
        self.set_items([key, value])


def _constant(value: Any) -> Callable[[_Machine], None]:
    return lambda m: m.push(value)


def _fixed(layout: str) -> Callable[[_Machine], None]:
    form = struct.Struct(layout)
    return lambda m: m.push(form.unpack(m.window.take(form.size))[0])


def _text(width: int) -> Callable[[_Machine], None]:
    return lambda m: m.push(m.window.take(m.number(width)).decode("utf-8", "backslashreplace"))


def _bytes(width: int) -> Callable[[_Machine], None]:
    return lambda m: m.push(m.window.take(m.number(width)))


def _last(count: int) -> Callable[[_Machine], None]:
    def operation(m: _Machine) -> None:
        m.push(tuple([m.pop() for _ in range(count)][::-1]))

    return operation


def _escaped(line: bytes) -> str:
    text = line.decode("raw-unicode-escape")
    return text.encode("utf-8", "backslashreplace").decode()  # half a character could be neither printed nor stored


def _quoted(m: _Machine) -> None:
    text = m.window.line()
    if len(text) < 2 or text[:1] not in b"'\"" or text[-1:] != text[:1]:
        raise ValueError
    m.push(text[1:-1].decode("utf-8", "backslashreplace"))


def _dictionary(m: _Machine) -> None:
    items = m.pop_mark()
    m.push({})
    m.set_items(items)


_STOP: Final = ord(".")
_OPERATIONS: dict[int, Callable[[_Machine], None]] = {
    ord(code): operation
    for code, operation in {
        "\x80": lambda m: m.window.take(1) and None,  # PROTO
        "\x95": lambda m: m.window.take(8) and None,  # FRAME: a hint for buffering
        "(": lambda m: m.marks.append(len(m.stack)),
        "0": _Machine.pop_any,
        "1": lambda m: m.pop_mark() and None,
        "2": lambda m: m.push(m.top()),
        # constants and numbers
        "N": _constant(None),
        "\x88": _constant(True),
        "\x89": _constant(False),
        "I": _Machine.int_or_bool,
        "L": lambda m: m.push(m.int_line()),
        "F": lambda m: m.push(float(m.window.line(MAX_NUMBER))),
        "J": _fixed("<i"),
        "K": _fixed("B"),
        "M": _fixed("<H"),
        "G": _fixed(">d"),
        "\x8a": lambda m: m.long(1),
        "\x8b": lambda m: m.long(4),
        # texts and bytes
        "S": _quoted,
        "V": lambda m: m.push(_escaped(m.window.line())),
        "T": _text(4),
        "U": _text(1),
        "X": _text(4),
        "\x8c": _text(1),
        "\x8d": _text(8),
        "B": _bytes(4),
        "C": _bytes(1),
        "\x8e": _bytes(8),
        "\x96": _bytes(8),
        # containers
        ")": _constant(()),
        "]": lambda m: m.push([]),
        "}": lambda m: m.push({}),
        "\x8f": lambda m: m.push([]),  # a set, of whose members only their number counts
        "t": lambda m: m.push(tuple(m.pop_mark())),
        "l": lambda m: m.push(m.pop_mark()),
        "d": _dictionary,
        "\x91": lambda m: m.push(m.pop_mark()),
        "\x85": _last(1),
        "\x86": _last(2),
        "\x87": _last(3),
        "a": lambda m: m.append([m.pop()]),
        "e": lambda m: m.append(m.pop_mark()),
        "\x90": lambda m: m.append(m.pop_mark()),
        "s": _Machine.one_item,
        "u": lambda m: m.set_items(m.pop_mark()),
        # memo
        "p": lambda m: m.put(m.int_line()),
        "q": lambda m: m.put(m.number(1)),
        "r": lambda m: m.put(m.number(4)),
        "\x94": lambda m: m.put(len(m.memo)),
        "g": lambda m: m.push(m.memo[m.int_line()]),
        "h": lambda m: m.push(m.memo[m.number(1)]),
        "j": lambda m: m.push(m.memo[m.number(4)]),
        # names and calls, none of which is carried out here
        "c": lambda m: m.push(m.name()),
        "\x93": _Machine.stack_global,
        "R": _Machine.reduce,
        "\x81": lambda m: m.new(m.pop(), m.pop()),
        "\x92": _Machine.new_kw,
        "i": _Machine.inst,
        "o": _Machine.obj,
        "b": _Machine.build,
        "\x82": lambda m: m.extension(1),
        "\x83": lambda m: m.extension(2),
        "\x84": lambda m: m.extension(4),
        "Q": lambda m: m.push(persistent(m.pop(), m.log)),
        "P": lambda m: m.push(persistent(m.window.line(), m.log)),
    }.items()
}
"""Every opcode but STOP and the two for buffers outside of the pickle, which a file cannot have."""
