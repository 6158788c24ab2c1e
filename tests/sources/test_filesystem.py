"""Local folders and files: what is listed, what is read, and what never happens."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebear.errors import InputError
from forebear.sources import File, LocalSource, Metered, Traffic, base, filesystem, open_source
from models import Memory, refused

AS_ROOT = pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = tmp_path / "model"
    model.mkdir()
    (model / "model.safetensors").write_bytes(bytes(range(256)))
    (model / "config.json").write_text("{}")
    return model


# what is listed


def test_a_folder_lists_its_regular_files_in_order_and_not_its_subfolders(folder: Path) -> None:
    (folder / "checkpoint-1").mkdir()
    (folder / "checkpoint-1" / "model.safetensors").write_bytes(b"1")
    source = LocalSource(folder)
    assert source.files() == (File("config.json", 2), File("model.safetensors", 256))
    assert (source.only, source.name, source.target) == (None, "model", str(folder))


def test_one_file_keeps_its_neighbours_and_is_the_only_weights(folder: Path) -> None:
    source = LocalSource(folder / "model.safetensors")
    assert source.only == "model.safetensors"
    assert [f.path for f in source.files()] == ["config.json", "model.safetensors"]


@pytest.mark.parametrize(("file", "name"), [("model.safetensors", "model"), ("other.safetensors", "other")])
def test_the_name_is_the_files_or_where_that_says_nothing_the_folders(folder: Path, file: str, name: str) -> None:
    (folder / file).write_bytes(b"12")
    assert LocalSource(folder / file).name == name


def test_the_location_finds_the_model_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    for target in ("model", "./model/", "model/model.safetensors"):
        source = LocalSource(target)
        assert Path(source.location).is_absolute()
        assert LocalSource(source.location).files() == source.files()
        assert LocalSource(source.location).only == source.only


def test_links_to_files_are_followed_as_in_a_hub_cache(tmp_path: Path) -> None:
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "main"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    for name in ("model.safetensors", "config.json"):
        (blobs / f"hash-{name}").write_bytes(name.encode())
        (snapshot / name).symlink_to(blobs / f"hash-{name}")
    source = LocalSource(snapshot)
    assert [f.path for f in source.files()] == ["config.json", "model.safetensors"]
    assert source.read("config.json", 0, 11) == b"config.json"
    alone = LocalSource(snapshot / "model.safetensors")
    assert alone.only == "model.safetensors"
    assert [f.path for f in alone.files()] == ["config.json", "model.safetensors"]


def test_a_link_to_a_folder_is_that_folder(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert LocalSource(tmp_path / "link").files() == LocalSource(folder).files()


def test_links_that_lead_nowhere_or_in_circles_are_left_out(folder: Path) -> None:
    (folder / "a").symlink_to(folder / "b")
    (folder / "b").symlink_to(folder / "a")
    (folder / "gone").symlink_to(folder / "nothing")
    (folder / "self").symlink_to(folder)
    assert [f.path for f in LocalSource(folder).files()] == ["config.json", "model.safetensors"]


def test_a_named_pipe_is_left_out(folder: Path, deadline: None) -> None:
    os.mkfifo(folder / "pipe.safetensors")
    assert [f.path for f in LocalSource(folder).files()] == ["config.json", "model.safetensors"]


def test_an_entry_that_cannot_be_examined_is_left_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir(folder)

    class Entry:
        name = "gone"

        def is_file(self) -> bool:
            raise OSError(errno.ENOENT, "deleted meanwhile")

    class Listing:
        def __enter__(self) -> Iterator[object]:
            return iter([Entry(), *real])

        def __exit__(self, *_: object) -> None:
            real.close()

    source = LocalSource(folder)
    monkeypatch.setattr(os, "scandir", lambda _: Listing())
    assert [f.path for f in source.files()] == ["config.json", "model.safetensors"]


def test_a_folder_with_thousands_of_files_is_no_model(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filesystem, "MAX_FILES", 1)
    with refused("more than 1 files", "name the folder that holds the model"):
        LocalSource(folder).files()


def test_file_names_that_are_not_text_do_no_harm(folder: Path) -> None:
    for name in (b"LICENSE-\xff", b"line\nfeed", b"\x1b[31mred"):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(b"x")
    source = LocalSource(folder)
    for file in source.files():
        assert source.read(file.path, 0, 1)
        with refused("truncated"):
            source.read(file.path, 0, 1_000)


# which targets are refused


def test_targets_that_are_not_there_are_a_mistake_of_the_call(tmp_path: Path) -> None:
    with refused("no such file or directory", "give a folder", code=2):
        open_source(str(tmp_path / "nothing"))
    with refused("empty target", code=2):
        open_source("")


def test_targets_that_are_neither_file_nor_folder_are_refused(tmp_path: Path, deadline: None) -> None:
    os.mkfifo(tmp_path / "model.safetensors")
    for target in (tmp_path / "model.safetensors", Path("/dev/null")):
        with refused("neither a file nor a directory", code=2):
            LocalSource(target)


def test_a_target_below_a_file_is_not_there(folder: Path) -> None:
    with refused("no such file or directory", code=2):
        LocalSource(folder / "config.json" / "model")


@pytest.mark.parametrize("name", ["a\0b", "half\ud800character", "long" * 5_000])
def test_names_that_no_file_can_have_are_refused(name: str) -> None:
    with refused(name[:1]):
        LocalSource(name)


def test_links_in_a_loop_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    (tmp_path / "model.safetensors").symlink_to("model.safetensors")
    (tmp_path / "gone").symlink_to("nothing")
    for name in ("a", "b", "model.safetensors", "a/model.safetensors", "gone"):
        with refused("link"):
            LocalSource(tmp_path / name)


@AS_ROOT
def test_a_folder_without_permission_is_refused(folder: Path) -> None:
    folder.chmod(0)
    try:
        with refused("permission denied"):
            LocalSource(folder).files()
        with refused("permission denied"):
            LocalSource(folder / "model.safetensors").files()
    finally:
        folder.chmod(0o755)


@AS_ROOT
def test_a_file_without_permission_is_refused(folder: Path) -> None:
    (folder / "config.json").chmod(0)
    with refused("config.json: permission denied"):
        LocalSource(folder).read("config.json", 0, 1)


@pytest.mark.parametrize(
    ("error", "words"),
    [(PermissionError(errno.EACCES, "no"), "permission denied"), (OSError(errno.EIO, "Input/output error"), "Input")],
)
def test_what_the_system_refuses_is_said(
    error: OSError, words: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    source = LocalSource(folder)
    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", fail)
        with refused(words):
            source.files()
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", fail)
        with refused(words):
            source.read("config.json", 0, 1)


# what is read


def test_exactly_the_bytes_asked_for_are_read(folder: Path) -> None:
    source = LocalSource(folder)
    assert source.read("model.safetensors", 10, 13) == bytes([10, 11, 12])
    assert source.read("model.safetensors", 0, 256) == bytes(range(256))
    assert source.read("model.safetensors", 256, 256) == b""


def test_short_reads_of_the_system_are_completed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, n, at: real(fd, min(n, 7), at))
    assert LocalSource(folder).read("model.safetensors", 3, 250) == bytes(range(3, 250))
    with refused("ends at byte 256, expected 300"):
        LocalSource(folder).read("model.safetensors", 3, 300)


@pytest.mark.parametrize(
    ("start", "stop"), [(0, 257), (256, 257), (10**6, 10**6 + 1), (-1, 1), (2**64, 2**64 + 1), (0, 2**64)]
)
def test_nothing_is_read_beyond_a_file(folder: Path, start: int, stop: int) -> None:
    with refused("model.safetensors"):
        LocalSource(folder).read("model.safetensors", start, stop)


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/passwd", "sub/file", "", ".", "..", "./config.json", "config.json/"]
)
def test_names_never_lead_out_of_the_folder(folder: Path, name: str) -> None:
    (folder.parent / "secret").write_text("secret")
    with refused("leads out of the model's folder"):
        LocalSource(folder).read(name, 0, 1)


@pytest.mark.parametrize("name", ["nothing", "..\\secret", "a\0b", "half\ud800character", "long" * 5_000])
def test_names_of_no_file_are_refused(folder: Path, name: str) -> None:
    with refused():
        LocalSource(folder).read(name, 0, 1)


def test_what_is_not_a_regular_file_is_not_waited_for(folder: Path, deadline: None) -> None:
    source = LocalSource(folder)
    os.mkfifo(folder / "pipe")
    (folder / "folder").mkdir()
    (folder / "zero").symlink_to("/dev/zero")
    for name in ("pipe", "folder", "zero"):
        with refused("not a regular file"):
            source.read(name, 0, 1)


# files that change under our hands


def test_a_pipe_put_in_a_files_place_is_not_waited_for(folder: Path, deadline: None) -> None:
    source = LocalSource(folder)
    source.files()
    (folder / "config.json").unlink()
    os.mkfifo(folder / "config.json")
    with refused("not a regular file"):
        source.read("config.json", 0, 2)


@pytest.mark.parametrize("listed", [True, False])
def test_a_file_replaced_between_two_reads_is_refused(folder: Path, listed: bool) -> None:
    source = LocalSource(folder)
    if listed:
        source.files()
    else:
        source.read("model.safetensors", 0, 1)
    (folder / "new").write_bytes(bytes(256))
    os.utime(folder / "new", ns=(1, 1))
    os.replace(folder / "new", folder / "model.safetensors")
    with refused("model.safetensors: changed while it was being read"):
        source.read("model.safetensors", 0, 1)


@pytest.mark.parametrize("size", [0, 255, 257])
def test_a_file_that_grows_or_shrinks_is_refused(folder: Path, size: int) -> None:
    source = LocalSource(folder)
    source.files()
    os.truncate(folder / "model.safetensors", size)
    with refused("changed while it was being read"):
        source.read("model.safetensors", 0, 1)


def test_a_file_deleted_after_the_listing_is_refused(folder: Path) -> None:
    source = LocalSource(folder)
    source.files()
    (folder / "config.json").unlink()
    with refused("config.json: not in", "fetch the missing file again"):
        source.read("config.json", 0, 2)


def test_a_folder_deleted_after_it_was_named_is_refused(folder: Path) -> None:
    source = LocalSource(folder)
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    with refused("cannot be listed"):
        source.files()


# the meter


def test_the_meter_counts_what_is_read(folder: Path) -> None:
    meter = Metered(LocalSource(folder))
    assert meter.read("model.safetensors", 0, 100) == bytes(range(100))
    meter.read("config.json", 0, 2)
    assert (meter.bytes_read, meter.requests) == (102, 2)
    assert (meter.files(), meter.name) == (LocalSource(folder).files(), "model")


def test_what_was_refused_is_not_counted(folder: Path) -> None:
    meter = Metered(LocalSource(folder))
    with pytest.raises(InputError):
        meter.read("model.safetensors", 0, 1_000)
    assert (meter.bytes_read, meter.requests) == (0, 0)


def test_a_small_slice_is_read_once(folder: Path) -> None:
    meter = Metered(LocalSource(folder))
    assert meter.read("model.safetensors", 5, 9) == meter.read("model.safetensors", 5, 9)
    assert meter.requests == 1


def test_kept_slices_never_outgrow_their_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "KEPT_BYTES", 25)
    monkeypatch.setattr(base, "KEPT_READ", 10)
    meter = Metered(Memory({"f": bytes(range(100))}))
    for start, stop in [(0, 11), (0, 10), (10, 20), (20, 30), (20, 25)]:  # too long, kept, kept, no room, kept
        assert meter.read("f", start, stop) == meter.read("f", start, stop) == bytes(range(start, stop))
    assert meter.requests == 2 + 1 + 1 + 2 + 1


def test_hints_are_passed_on_but_for_what_is_kept(folder: Path) -> None:
    memory = Memory({"f": bytes(100)})
    meter = Metered(memory)
    meter.read("f", 0, 10)
    meter.prefetch([("f", 0, 10), ("f", 10, 20)])
    assert memory.hints == [("f", 10, 20)]
    local = Metered(LocalSource(folder))
    local.prefetch([("model.safetensors", 0, 10), ("nothing", 5, 2)])
    assert (local.bytes_read, local.requests) == (0, 0)


def test_of_a_remote_source_the_wire_is_counted() -> None:
    memory = Memory({"f": bytes(100)})
    memory.traffic = Traffic(requests=7, bytes_read=1_000)
    meter = Metered(memory)
    meter.read("f", 0, 10)
    memory.traffic.requests += 1
    assert (meter.bytes_read, meter.requests) == (1_000, 8)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(data=st.binary(max_size=40), reads=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=8))
def test_the_meter_changes_nothing(data: bytes, reads: list[tuple[int, int]]) -> None:
    meter = Metered(Memory({"f": data}))
    for a, b in reads:
        start, stop = sorted((min(a, len(data)), min(b, len(data))))
        assert meter.read("f", start, stop) == data[start:stop]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(start=st.integers(-300, 600), length=st.integers(0, 600))
def test_every_range_is_answered_exactly_or_refused(
    start: int, length: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "ranges"
    if not path.exists():
        path.write_bytes(bytes(range(256)))
    source = LocalSource(path)
    if length == 0 or 0 <= start <= start + length <= 256:
        assert source.read("ranges", start, start + length) == bytes(range(256))[start : start + length][:length]
    else:
        with refused("ranges"):
            source.read("ranges", start, start + length)


@pytest.mark.parametrize(("target", "hint"), [("api:m", "forebear probe"), ("index:m", "forebear compare")])
def test_targets_without_files_are_refused_in_words(target: str, hint: str) -> None:
    with refused("not a model's files", hint, code=2):
        open_source(target)


def test_a_local_path_wins_over_a_hub_id_of_the_same_spelling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "org" / "model").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert open_source("org/model").name == "model"
