"""Names under which a base model is declared, and which listed repository each of them means."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from forebear.catalogue.developers import developer_of, find_models
from forebear.catalogue.names import decode

LONGEST = 200
"""Characters of a name that count; a hub allows 96 for each half."""


def plain(name: str) -> str:
    """A repository's name as it is compared: no scheme, no revision, lower case (hubs do not tell cases apart)."""
    return name[:LONGEST].strip().removeprefix("hf:").split("@", 1)[0].rstrip("/").lower()


def account(name: str) -> str:
    """The account of a plain name, "" without one."""
    return name.partition("/")[0] if "/" in name else ""


def could_be_renamed(name: str) -> bool:
    """Whether a plain name is one under which the catalogue's developers publish, or has no account; quick to tell."""
    return "/" not in name or developer_of(name) is not None


def renamed(name: str) -> str:
    """The plain name of the repository that a developer's former name means by the catalogue; "" where none is meant.

    Only within one developer's accounts, and only where every word of both names says the same: a variant, a stage or
    a size of its own is another model.
    """
    developer = developer_of(name) if "/" in name else None
    models = find_models(name) if developer is not None or "/" not in name else ()
    if len(models) != 1 or not models[0].repository:
        return ""
    found = plain(models[0].repository)
    if found == name or (developer is not None and models[0].developer != developer.id):
        return ""
    if name.rpartition("/")[2] == found.rpartition("/")[2]:
        return found
    said, own = decode(name, named=True), decode(found, named=True)
    if said is None or own is None:
        return ""
    words = ("family", "version", "size", "stage", "variant", "quantization", "line", "date", "step")
    return found if all(getattr(said, word) == getattr(own, word) for word in words) else ""


class Names:
    """Many names in little memory: their bytes one after the other, and where each begins."""

    def __init__(self) -> None:
        self._text = bytearray()
        self._starts = array("Q", [0])

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __getitem__(self, place: int) -> str:
        start, stop = self._starts[place], self._starts[place + 1]
        return self._text[start:stop].decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        return (self[place] for place in range(len(self)))

    def add(self, name: str) -> int:
        """Keep one more; its place."""
        self._text += name[:LONGEST].encode("utf-8", "surrogatepass")
        self._starts.append(len(self._text))
        return len(self._starts) - 2


class Words:
    """Few different texts, each with a number."""

    def __init__(self, *known: str) -> None:
        self.number: dict[str, int] = {text: k for k, text in enumerate(known)}
        self.texts: list[str] = list(known)

    def __len__(self) -> int:
        return len(self.texts)

    def add(self, text: str) -> int:
        """The number of a text, a new one where it is not known."""
        found = self.number.get(text)
        if found is None:
            found = self.number[text] = len(self.texts)
            self.texts.append(text)
        return found
