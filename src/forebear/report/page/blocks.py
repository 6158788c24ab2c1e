"""What a page consists of, whatever it is written in."""

from __future__ import annotations

from dataclasses import dataclass

from forebear.policy.answer import Decision


@dataclass(frozen=True)
class Cell:
    """A cell of a table: a text, and in which tone it stands: ``met``, ``unmet``, ``conditional``, or none."""

    text: str
    tone: str = ""


@dataclass(frozen=True)
class Table:
    """Rows under named columns.

    Attributes:
        caption: what the rows are.
        head: names of the columns, the first names the row.
        rows: as many cells as columns.
        more: what is left out, in a sentence; "" where nothing is.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    more: str = ""


@dataclass(frozen=True)
class Stop:
    """A model on the way from an ancestor to the model in question.

    Attributes:
        name, by: the model and who made it, "" where that is not known.
        step: how the next model was made from it, in words; "" for the last.
        standing: how the step is known, in words; ``firm`` where it is established.
    """

    name: str
    by: str = ""
    step: str = ""
    standing: str = ""
    firm: bool = True


@dataclass(frozen=True)
class Section:
    """A heading with sentences, ways of descent, a table and a list, in this order; each may be missing."""

    title: str
    lines: tuple[str, ...] = ()
    ways: tuple[tuple[Stop, ...], ...] = ()
    tables: tuple[Table, ...] = ()
    items: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    """A whole page.

    Attributes:
        title: the model's name.
        policy: title of the policy.
        decision, word, answer: the decision, its word for people, and the sentence that gives it.
        sections: in reading order.
        foot: what the page is not.
    """

    title: str
    policy: str
    decision: Decision
    word: str
    answer: str
    sections: tuple[Section, ...]
    foot: str
