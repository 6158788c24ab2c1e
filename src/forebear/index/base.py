"""Reference models that can be searched: the interface, and the value that a search returns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from forebear.signals import Fingerprint
from forebear.signals.activations import Activations
from forebear.signals.sign_code import SignCode
from forebear.signals.towers import TowerMark


@dataclass(frozen=True)
class Provenance:
    """Who measured a fingerprint, from which bytes, with what. Each is empty where nobody said.

    Attributes:
        by: who measured it, as they call themselves (``FOREBEAR_IDENTITY``) or as the file that brought it is signed.
        version: of the Forebear that measured it.
        revision: the commit of the repository that was read.
        measured: RFC 3339.
        effort: ``light`` where three depths were read, ``whole`` where the plan was.
        origin: of an imported one, the digest of the file that it came in.
        private: whether it is a guarded model's: codes and shape alone, never written to an export unless asked.
    """

    by: str = ""
    version: str = ""
    revision: str = ""
    measured: str = ""
    effort: str = ""
    origin: str = ""
    private: bool = False


@dataclass(frozen=True)
class Listing:
    """What a hub says about a repository at one revision, whether or not its weights were ever read. Claims.

    Attributes:
        name: repository id, ``org/name``.
        revision: commit.
        published: RFC 3339, when the repository was made; "" where the hub does not say.
        changed: RFC 3339, its last change.
        licence: as tagged.
        base_models: repository ids that the card names.
        relation: ``finetune``, ``quantized``, ``merge``, ``adapter``, or "".
        seen: RFC 3339, when the hub said so.
        gone: that a complete list of a hub no longer named it at ``seen``; nothing else is said then.
    """

    name: str
    revision: str = ""
    published: str = ""
    changed: str = ""
    licence: str = ""
    base_models: tuple[str, ...] = ()
    relation: str = ""
    seen: str = ""
    gone: bool = False


@dataclass(frozen=True, eq=False)
class Addition:
    """A model that is to be added: what :meth:`Index.add` takes, as one value."""

    fingerprint: Fingerprint
    location: str
    provenance: Provenance | None = None


@dataclass(frozen=True, eq=False)
class Entry:
    """A reference model as the index keeps it: its fingerprint, and when and whence it was added.

    Attributes:
        fingerprint: everything measured.
        location: absolute path (later: hub id and commit) where the model was read.
        added: RFC 3339.
        provenance: who measured it, None in indexes of before.
    """

    fingerprint: Fingerprint
    location: str
    added: str
    provenance: Provenance | None = None

    @property
    def name(self) -> str:
        """The name that the index knows it by."""
        return self.fingerprint.name


@dataclass(frozen=True)
class Hit:
    """A reference whose code agrees with the query's beyond its peers: a nomination, not yet evidence.

    ``log10_p`` is the exact tail of the raw slot-by-slot agreement of this one reference.
    """

    name: str
    agree: int
    n: int
    log10_p: float


@dataclass(frozen=True)
class LayerPair:
    """A layer of the model and a layer of a reference whose coins agree too much: how many of how many.

    Attributes:
        layer: of the model in question.
        theirs: of the reference.
        agree: agreeing bits of the two slots.
        n: bits valid on both sides, at most 128.
    """

    layer: int
    theirs: int
    agree: int
    n: int


@dataclass(frozen=True)
class LayerHit:
    """A reference with a layer that agrees with some layer of the query: a nomination, not yet evidence.

    Attributes:
        name: of the reference.
        log10_p: exact tail of the best pair, times the 256 pairs of slots that there can be; not times references.
        pairs: those too good for chance alone, best first, at most 16.
    """

    name: str
    log10_p: float
    pairs: tuple[LayerPair, ...]


@dataclass(frozen=True)
class TowerHits:
    """References with a tower of comparable shape: how many there are, and those that agree most, best first."""

    tested: int = 0
    found: tuple[Hit, ...] = ()


@dataclass(frozen=True)
class Nomination:
    """A reference that is worth opening, because two sketches resemble each other. Never evidence.

    Attributes:
        name: of the reference.
        score: sum of both scores in standard deviations of independent references (raw where there are too few of
            them), None where nothing could be compared.
        spectra: the raw score of ``spectra/1``, None where it could not be compared.
        tokens: the raw score of ``token-geometry/1``, the same.
    """

    name: str
    score: float | None = None
    spectra: float | None = None
    tokens: float | None = None


@dataclass(frozen=True)
class Nominations:
    """What a search by sketches found.

    Attributes:
        found: best first; references without sketches last.
        families: independent references that the consensus and the scale are from.
        p: empirical, under the null that the model is one more of them: the share of independent references, itself
            included, of which some other one scores as high as the best does here. At least 1 / (families + 1). None
            where there are too few of them, or the sample does not cover the index.
        notes: what limits the answer, a clause each.
    """

    found: tuple[Nomination, ...]
    families: int
    p: float | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Likeness:
    """A reference whose activations were held against a model's. Never evidence of descent by itself.

    Attributes:
        name: of the reference.
        score: of the first third of the layers: the mean cosine of what is peculiar to both, in standard deviations of
            what is usual for the two of them among a cohort; the bare cosine where there is no cohort.
        by_depth: the cosine at each depth of a sketch, None where one of the two has none there.
    """

    name: str
    score: float
    by_depth: tuple[float | None, ...]


@dataclass(frozen=True)
class Likenesses:
    """What a search by activations found.

    Attributes:
        found: best first.
        cohort: independent references that consensus and scale are from.
        beside: cosines of the model with each of them, descending.
        references: with a sketch, that were searched.
        normalised: whether the cohort is large enough for scores in standard deviations.
    """

    found: tuple[Likeness, ...]
    cohort: int
    beside: tuple[float, ...]
    references: int
    normalised: bool


@dataclass(frozen=True)
class Changed:
    """Which references came, went or changed after an earlier answer.

    Attributes:
        mark: what the next question is asked with.
        names: of those that did, perhaps of some others too; None where the earlier answer is not this index's.
    """

    mark: str
    names: tuple[str, ...] | None


class Index(Protocol):
    """A collection of reference models."""

    @property
    def where(self) -> str:
        """Where it lies, for people: a folder, or an address without its password."""
        ...

    @property
    def address(self) -> str:
        """What :func:`~forebear.index.open_index` takes to open it in another process; may hold a password."""
        ...

    def add(
        self, fingerprint: Fingerprint, location: str, replace: bool = False, provenance: Provenance | None = None
    ) -> bool:
        """Add one model durably; False when the same model is already there under this name."""
        ...

    def add_many(self, additions: Iterable[Addition], replace: bool = False) -> tuple[bool, ...]:
        """Add models in one transaction, all or none of them; what :meth:`add` gives, for each."""
        ...

    def holding(self, digest: str) -> tuple[str, ...]:
        """Names of the references with this fingerprint digest (``slices/2``), by name."""
        ...

    def get(self, name: str) -> Entry | None:
        """A reference by name."""
        ...

    def entries(self) -> Iterator[Entry]:
        """All references, by name; without their sketches, which are large."""
        ...

    def places(self) -> Iterator[tuple[str, str]]:
        """Name and absolute path of every reference whose files lie on a machine, by name."""
        ...

    def remove(self, name: str) -> bool:
        """Forget a reference; False when it is not there."""
        ...

    def search(self, code: SignCode, limit: int = 20) -> Sequence[Hit]:
        """The references whose codes agree most, exact, best first."""
        ...

    def search_many(self, codes: Sequence[SignCode], limit: int = 20) -> Sequence[Sequence[Hit]]:
        """What :meth:`search` gives for each of many codes, in as few passes over the references as fit."""
        ...

    def search_layers(self, code: SignCode, limit: int = 20) -> Sequence[LayerHit]:
        """The references one of whose layers agrees most with any layer of a code, exact, best first."""
        ...

    def search_towers(self, tower: TowerMark, limit: int = 20) -> TowerHits:
        """The references with a tower whose code agrees most with this one's, exact."""
        ...

    def nominate(self, mark: Fingerprint, limit: int = 3) -> Nominations:
        """The references whose sketches resemble a model's most, for when their codes do not; exact, best first."""
        ...

    def cohort(self) -> Sequence[tuple[str, Activations]]:
        """References with activations that are independent of one another as far as codes tell, at most 48."""
        ...

    def alike(self, mark: Fingerprint, limit: int = 5) -> Likenesses:
        """The references whose activations a model's resemble most; ``ValueError`` where the model has none."""
        ...

    def keep_listings(self, listings: Iterable[Listing]) -> int:
        """Keep what a hub said; how many were new or said something new. A repository's earlier revisions stay."""
        ...

    def listings(self, name: str | None = None) -> Iterator[Listing]:
        """What hubs said, by name and then by when it was seen; of one repository, or of all."""
        ...

    def count(self) -> int:
        """Number of references."""
        ...

    def comparable(self, shape: Mapping[str, Any]) -> int:
        """Number of references with coins that line up with those of a model of this shape."""
        ...

    def info(self) -> dict[str, Any]:
        """Where it lies, how large it is, which version."""
        ...

    def state(self) -> str:
        """A digest that is another one after any change of the references, or of their calibration."""
        ...

    def changed(self, since: str = "") -> Changed:
        """Which references (their fingerprints without sketches, locations or privacy) changed since a mark."""
        ...

    def calibration(self) -> tuple[str, str] | None:
        """The calibration that was made from these references: where it lies, and its text. None without one."""
        ...

    def keep_calibration(self, text: str) -> str:
        """Keep a calibration in place of what was there; where it lies."""
        ...
