"""The local index beside a dictionary that says what it has to hold, whatever is done to both in whatever order."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from exchanges import HUB, mark
from forebear.attest.trust import Trust
from forebear.errors import IndexError_, UsageError
from forebear.index import Addition, LocalIndex
from forebear.index.repair import repair
from forebear.index.search import ROW_BYTES
from forebear.inspect.share import export_index, import_index
from index.fingerprints import make_code, same

NAMES, SEEDS = st.sampled_from("abcd"), st.integers(1, 4)
PLACES = st.sampled_from((HUB, "/models/here"))
Held = dict[str, tuple[int, str, str]]
"""By name: the seed of the model, where it was measured, and where it was last."""


class Indexes(RuleBasedStateMachine):
    """One index that is written to, and another that gets its files of exchange."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.ours: Held = {}
        self.theirs: Held = {}
        self.index, self.other = LocalIndex(self.folder / "ours"), LocalIndex(self.folder / "theirs")

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @rule(name=NAMES, seed=SEEDS, place=PLACES, replace=st.booleans())
    def add(self, name: str, seed: int, place: str, replace: bool) -> None:
        there, before = self.ours.get(name), self.index.state()
        if there and there[0] != seed and not replace:
            with pytest.raises(UsageError, match="another model"):
                self.index.add(mark(name, seed, target=place), place)
            assert self.index.state() == before
            return
        came = self.index.add(mark(name, seed, target=place), place, replace)
        assert came is (there is None or replace)
        self.ours[name] = (seed, place, place) if came or there is None else (*there[:2], place)

    @rule(wanted=st.lists(st.tuples(NAMES, SEEDS), min_size=1, max_size=3))
    def add_together(self, wanted: list[tuple[str, int]]) -> None:
        """All of them, or none."""
        after, came = dict(self.ours), []
        for name, seed in wanted:
            came.append(name not in after)
            after[name] = (*after.get(name, (seed, HUB))[:2], HUB)
        additions = [Addition(mark(name, seed, target=HUB), HUB) for name, seed in wanted]
        if any(after[name][0] != seed for name, seed in wanted):
            with pytest.raises(UsageError, match="another model"):
                self.index.add_many(additions)
            return
        assert self.index.add_many(additions) == tuple(came)
        self.ours = after

    @rule(name=NAMES)
    def remove(self, name: str) -> None:
        assert self.index.remove(name) is (self.ours.pop(name, None) is not None)

    @rule(replace=st.booleans(), name=st.none() | NAMES)
    def give(self, replace: bool, name: str | None) -> None:
        """What is exported of ours is imported into theirs."""
        file = self.folder / "given.fbx"
        if not self.ours:
            with pytest.raises(UsageError, match="nothing to export"):
                export_index(self.index, file)
            assert not file.exists() or file.read_bytes()
            return
        export_index(self.index, file)
        if name is not None:  # something is there already
            self.other.remove(name)
            self.theirs.pop(name, None)
        done = import_index(self.other, file, Trust(), unsigned=True, replace_=replace)
        added = self.ours.keys() - self.theirs.keys()
        differ = {n for n in self.ours.keys() & self.theirs.keys() if self.ours[n][0] != self.theirs[n][0]}
        assert set(done.added) == added and set(done.replaced) == (differ if replace else set())
        assert {c.name for c in done.conflicts} == (set() if replace else differ)
        for other in added | (differ if replace else set()):
            seed, _, place = self.ours[other]
            told = place if place == HUB else ""  # a folder of this machine is nobody else's business
            self.theirs[other] = seed, told, told

    @precondition(lambda self: self.ours)
    @rule(data=st.data())
    def damage(self, data: st.DataObject) -> None:
        """A flipped bit in a code is noticed, and a repair costs that model alone."""
        name = data.draw(st.sampled_from(sorted(self.ours)))
        with closing(sqlite3.connect(self.index.folder / "index.db")) as db:
            row = db.execute("SELECT row FROM models WHERE name = ?", (name,)).fetchone()[0]
        with open(self.index.folder / "codes.bin", "r+b") as stream:
            stream.seek(row * ROW_BYTES + data.draw(st.integers(0, ROW_BYTES - 1)))
            byte = stream.read(1)[0]
            stream.seek(-1, 1)
            stream.write(bytes([byte ^ 1 << data.draw(st.integers(0, 7))]))
        with pytest.raises(IndexError_, match=f"the code of {name} is damaged"):
            self.index.get(name)
        done = repair(self.index.folder)
        assert {loss.name for loss in done.losses} == {name} and done.kept == len(self.ours) - 1
        del self.ours[name]

    @precondition(lambda self: self.ours)
    @rule()
    def repair_nothing(self) -> None:
        done = repair(self.index.folder)
        assert (done.damaged, done.kept, done.losses) == (False, len(self.ours), ())

    @rule()
    def open_again(self) -> None:
        self.index = LocalIndex(self.index.folder)

    @invariant()
    def holds_what_it_should(self) -> None:
        for index, held in ((self.index, self.ours), (self.other, self.theirs)):
            assert index.count() == len(held)
            assert [e.name for e in index.entries()] == sorted(held)
            for name, (seed, target, place) in held.items():
                entry = index.get(name)
                assert entry is not None and entry.location == place, name
                assert same(entry.fingerprint, mark(name, seed, target=target)), name

    @invariant()
    def finds_what_it_holds(self) -> None:
        for seed in {seed for seed, *_ in self.ours.values()}:
            names = {name for name, (other, *_) in self.ours.items() if other == seed}
            assert {hit.name for hit in self.index.search(make_code(seed), len(names))} == names


TestIndexes = Indexes.TestCase
TestIndexes.settings = settings(
    max_examples=6, stateful_step_count=10, deadline=None, phases=(Phase.generate,)
)  # every step writes to a disk
