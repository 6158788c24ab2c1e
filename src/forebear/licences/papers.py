"""What a model's papers hold, as duties ask for it: its licence files, which licences these are, its card and names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from forebear.artifacts.documents import CARD, Documents
from forebear.catalogue.licences import KnownLicence
from forebear.licences.answer import DeclaredLicence, Detection
from forebear.licences.words import copyright_lines, says_one, shown

Detect = Callable[[str, str], tuple[Detection, ...]]
"""Says which licences a text holds; given the text and the name of its file."""

CLOSE = 0.95
"""Share of words in common from which a file counts as a copy of a licence, if no change of it matters."""
_TITLE = re.compile(r"^#\s+(.{1,200})$", re.MULTILINE)
_LICENCE_FILE = re.compile(r"(?:^|/)(?:licen[cs]e|copying)", re.IGNORECASE)


@dataclass(frozen=True)
class Papers:
    """A model's own papers.

    Attributes:
        seen: whether its files could be listed; False behind an API, or where only a document describes it.
        card: text of the card behind its header, without comments; "" where there is none.
        texts: licence, notice and policy files; name to text, "" where a file is no text.
        detected: which licence each of them is; empty where that was not asked.
        identified: whether it was asked.
        declared: what the model says of its licence.
        names: names that it publishes under, by its repository, its title or its card.
    """

    seen: bool = False
    card: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    detected: tuple[Detection, ...] = ()
    identified: bool = False
    declared: tuple[DeclaredLicence, ...] = ()
    names: tuple[str, ...] = ()

    def copy_of(self, licence: KnownLicence) -> Detection | None:
        """The file that is a copy of a licence, the closest first; also one that was altered (see :func:`faithful`)."""
        found = [d for d in self.detected if d.licence == licence.id or (d.id is not None and d.id in licence.texts)]
        return max(found, key=lambda d: (faithful(d), d.similarity), default=None)

    def sibling_of(self, licence: KnownLicence, known: Mapping[str, KnownLicence]) -> Detection | None:
        """A file with another licence of the same line."""
        for found in self.detected:
            other = known.get(found.licence or "")
            if licence.series and other is not None and other.id != licence.id and other.series == licence.series:
                return found
        return None

    def holding(self, sentence: str, card: bool = True) -> str:
        """The first file that holds a sentence, notices first, "" where none does."""
        return next((file for file, text in self._files(card) if says_one(text, sentence)), "")

    def copyright_lines(self) -> tuple[tuple[str, str], ...]:
        """Every line that states a copyright, with its file."""
        return tuple((file, line) for file, text in self._files(True) for line in copyright_lines(text))

    @property
    def unreadable(self) -> tuple[str, ...]:
        """Files that are there and are no text."""
        return tuple(sorted(file for file, text in self.texts.items() if not text.strip()))

    def _files(self, card: bool) -> Iterator[tuple[str, str]]:
        yield from sorted(self.texts.items(), key=lambda item: (not item[0].lower().startswith("notice"), item[0]))
        if card:
            yield CARD, self.card


def faithful(found: Detection) -> bool:
    """Whether a file is a copy without a change that matters."""
    return found.similarity >= CLOSE and not any(change.matters for change in found.changes)


def is_licence_file(file: str) -> bool:
    """Whether a file by its name states terms, and is no notice and no policy."""
    return _LICENCE_FILE.search(file) is not None


def read_papers(
    documents: Documents | None,
    names: tuple[str, ...],
    declared: tuple[DeclaredLicence, ...],
    detect: Detect | None,
) -> Papers:
    """The papers of a model.

    Args:
        documents: its card and licence files, None where they cannot be seen.
        names: names that are known otherwise; those of the card are added.
        declared: what it declares.
        detect: which licence a text is; None where that is not to be asked.
    """
    if documents is None:
        return Papers(declared=declared, names=names)
    texts = sorted((file, text) for file, text in documents.licences.items() if text.strip())
    found = [one for file, text in texts for one in (detect(text, file) if detect else ())]
    stated = (documents.front_matter.get(key) for key in ("model_id", "model_name"))
    card = shown(documents.card)
    titles = (*(s for s in stated if isinstance(s, str) and s.strip()), *_TITLE.findall(card)[:1])
    return Papers(
        seen=True,
        card=card,
        texts=documents.licences,
        detected=tuple(found),
        identified=detect is not None,
        declared=declared,
        names=tuple(dict.fromkeys((*names, *(t.strip()[:200] for t in titles)))),
    )
