"""Finding models: what is one, what is none, links, hub caches, trees that would not end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from forebear.artifacts.formats import READERS
from forebear.inspect import discover as module
from forebear.inspect.discover import Discovery, discover, one_of_each, place, stamp
from forebear.sources import LocalSource
from models import refused, tiny_llama
from trees import Named, hub_cache

FORMATS = (*READERS, Named("gguf", ".gguf")) if not any(r.name.lower() == "gguf" for r in READERS) else READERS


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"")
    return folder


def paths(found: Discovery) -> list[str]:
    return [m.path for m in found.models]


def test_every_folder_with_weights_is_a_model_in_order_of_paths(tmp_path: Path) -> None:
    for path in ("b", "a/z", "a/b/c", "a-1"):
        touch(tmp_path / path, "model.safetensors")
    touch(tmp_path / "notes", "readme.txt")
    touch(tmp_path / "a" / "z" / "checkpoint-5", "model.safetensors.index.json")
    found = discover(str(tmp_path))
    assert paths(found) == ["a/b/c", "a/z", "a/z/checkpoint-5", "a-1", "b"]
    assert found.models[0].target == f"{tmp_path}/a/b/c"
    assert found.problems == () and found.repeats == 0


def test_the_folder_itself_can_be_a_model(tmp_path: Path) -> None:
    tiny_llama(tmp_path)
    touch(tmp_path / "original", "consolidated.safetensors")
    found = discover(str(tmp_path))
    assert paths(found) == [".", "original"]
    assert [m.about for m in found.models] == ["README.md", "original/"]
    assert found.models[0].target == str(tmp_path)


def test_hidden_folders_are_left_out_but_a_hidden_root_is_not(tmp_path: Path) -> None:
    for path in (".git/lfs", ".cache/m", "m"):
        touch(tmp_path / path, "model.safetensors")
    assert paths(discover(str(tmp_path))) == ["m"]
    assert paths(discover(str(tmp_path / ".cache"))) == ["m"]


def test_files_that_are_whole_models_are_one_each_and_parts_are_not(tmp_path: Path) -> None:
    touch(tmp_path / "quants", "m-Q4_K.gguf", "m-Q8_0.gguf", "big-00001-of-00002.gguf", "big-00002-of-00002.gguf")
    touch(tmp_path / "split", "x-00001-of-00003.gguf", "x-00002-of-00003.gguf", "x-00003-of-00003.gguf", "README.md")
    touch(tmp_path / "one", "m.gguf")
    touch(tmp_path / "both", "model.safetensors", "m.gguf")
    found = discover(str(tmp_path), FORMATS)
    assert paths(found) == [
        "both",
        "both/m.gguf",
        "one",
        "quants/big-00001-of-00002.gguf",
        "quants/m-Q4_K.gguf",
        "quants/m-Q8_0.gguf",
        "split",
    ]
    assert [m.about for m in found.models if m.path.startswith("quants/m")] == [
        "quants/m-Q4_K.gguf",
        "quants/m-Q8_0.gguf",
    ]


def test_a_set_that_lost_its_first_part_is_still_one() -> None:
    names = ["x-00003-of-00003.gguf", "x-00002-of-00003.gguf", "y.gguf", "x-00002.gguf"]
    assert one_of_each(names) == ("x-00002-of-00003.gguf", "x-00002.gguf", "y.gguf")


def test_a_link_never_takes_the_place_of_what_it_leads_to(tmp_path: Path) -> None:
    touch(tmp_path / "tree" / "z" / "real", "model.safetensors")
    touch(tmp_path / "elsewhere" / "m", "model.safetensors")
    (tmp_path / "tree" / "a").symlink_to(tmp_path / "tree" / "z")
    (tmp_path / "tree" / "linked").symlink_to(tmp_path / "elsewhere")
    assert paths(discover(str(tmp_path / "tree"))) == ["linked/m", "z/real"]


def test_loops_end(tmp_path: Path, deadline: None) -> None:
    touch(tmp_path / "a" / "b", "model.safetensors")
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a" / "self")
    (tmp_path / "one").symlink_to(tmp_path / "two")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    assert paths(discover(str(tmp_path))) == ["a/b"]


def test_a_repository_of_a_hub_cache_counts_once_under_the_current_commit(tmp_path: Path) -> None:
    hub_cache(tmp_path / "hub", ["aaa", "bbb", "ccc"])
    (tmp_path / "hub" / "models--org--name" / "refs" / "main").write_text("bbb\n")
    found = discover(str(tmp_path / "hub"), (Named("anything", ""),))  # even one that would take blobs for weights
    assert paths(found) == ["models--org--name/snapshots/bbb"]
    assert found.repeats == 2
    assert LocalSource(found.models[0].target).name == "org/name"


def test_snapshots_with_other_weights_are_other_models(tmp_path: Path) -> None:
    hub_cache(tmp_path / "hub", ["aaa", "bbb"])
    weights = tmp_path / "hub" / "models--org--name" / "snapshots" / "bbb" / "model.safetensors"
    weights.unlink()
    weights.write_bytes(b"other")
    found = discover(str(tmp_path / "hub"))
    assert (len(found.models), found.repeats) == (2, 0)


@pytest.mark.parametrize("ref", [b"", b"\xff\xfe", b"../../../etc", b"x" * 10_000])
def test_a_damaged_ref_costs_nothing(ref: bytes, tmp_path: Path) -> None:
    hub_cache(tmp_path / "hub", ["aaa", "bbb"])
    (tmp_path / "hub" / "models--org--name" / "refs" / "main").write_bytes(ref)
    assert paths(discover(str(tmp_path / "hub"))) == ["models--org--name/snapshots/aaa"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into every folder")
def test_a_closed_folder_is_a_problem_and_not_the_end(tmp_path: Path) -> None:
    touch(tmp_path / "open", "model.safetensors")
    touch(tmp_path / "shut").chmod(0)
    found = discover(str(tmp_path))
    assert paths(found) == ["open"]
    assert len(found.problems) == 1 and "shut" in found.problems[0]


def test_a_folder_that_cannot_be_listed_is_a_problem_and_not_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "open", "model.safetensors")
    touch(tmp_path / "shut" / "below", "model.safetensors")
    scandir = os.scandir

    def refusing(path: str) -> object:
        if os.path.basename(path) == "shut":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    found = discover(str(tmp_path))
    assert paths(found) == ["open"]
    assert found.problems == (f"{tmp_path}/shut: cannot be looked into (Permission denied)",)


def test_a_folder_with_too_many_files_is_said_and_what_is_below_it_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forebear.sources.filesystem.MAX_FILES", 5)
    touch(tmp_path / "images", *(f"{k}.png" for k in range(9)))
    touch(tmp_path / "images" / "m", "model.safetensors")
    found = discover(str(tmp_path))
    assert paths(found) == ["images/m"]
    assert len(found.problems) == 1 and "more than 5 files" in found.problems[0]


def test_a_whole_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FOLDERS", 10)
    for k in range(12):
        touch(tmp_path / f"{k}")
    with refused("more than 10 folders", code=2):
        discover(str(tmp_path))


@pytest.mark.whole
def test_a_tree_deeper_than_calls_can_go(tmp_path: Path) -> None:
    folders = [tmp_path]
    for _ in range(1_020):
        folders.append(folders[-1] / "d")
        folders[-1].mkdir()
    weights = folders[-1] / "model.safetensors"
    weights.write_bytes(b"")
    found = paths(discover(str(tmp_path)))
    weights.unlink()
    for folder in reversed(folders[1:]):  # pytest's own cleaning calls itself once per folder
        folder.rmdir()
    assert [path.count("/") for path in found] == [1_019]


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for target, words in ((f"{tmp_path}/file", "not a folder"), ("org/name", "no such folder"), ("", "no such folder")):
        with refused(words, "--recursive takes a folder", code=2):
            discover(target)


def test_names_of_strangers_stay_what_they_are(tmp_path: Path) -> None:
    names = ["new\nline", "esc\x1b[31m", "tab\t", "<xml>&\"'", os.fsdecode(b"bad\xff"), "ünï", "a b%20"]
    for name in names:
        touch(tmp_path / name, "model.safetensors")
    assert sorted(paths(discover(str(tmp_path)))) == sorted(names)


def test_one_model_has_a_place_of_its_own(tmp_path: Path) -> None:
    tiny_llama(tmp_path / "m")
    root, found = place(str(tmp_path / "m"))
    assert (root, found.path, found.about) == (str(tmp_path / "m"), ".", "README.md")
    root, found = place(str(tmp_path / "m" / "model.safetensors"))
    assert (root, found.path, found.about) == (str(tmp_path / "m"), "model.safetensors", "model.safetensors")
    assert place("org/name")[0] is None


def test_the_stamp_is_another_one_after_any_change(tmp_path: Path) -> None:
    model = tiny_llama(tmp_path / "m")
    seen = {stamp(str(model))}
    assert stamp(str(model)) in seen
    weights = model / "model.safetensors"
    info, raw = os.stat(weights), weights.read_bytes()
    weights.write_bytes(raw[:-1] + b"x")
    os.utime(weights, ns=(info.st_atime_ns, info.st_mtime_ns))  # as a copy that keeps times
    assert stamp(str(model)) not in seen
    seen.add(stamp(str(model)))
    (model / "README.md").write_text("another card")
    assert stamp(str(model)) not in seen
    seen.add(stamp(str(model)))
    (model / "tokenizer.json").unlink()
    assert stamp(str(model)) not in seen
    assert stamp(str(weights)) == stamp(str(model))
