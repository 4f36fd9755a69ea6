"""Every file below a folder is found once, behind links too, and a loop ends."""

import os
from pathlib import PurePath

import pytest

from lib.audio.folders import files_below, matches


def found(folder):
    return sorted(path.relative_to(folder).as_posix() for path in files_below(folder))


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_linked_folders_and_files_count(tmp_path):
    """They were left out without a word: the speakers of a corpus are often links."""
    touch(tmp_path / "elsewhere" / "b.wav", tmp_path / "in" / "a.wav")
    (tmp_path / "in" / "speaker").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in" / "again").symlink_to("speaker")
    (tmp_path / "in" / "c.wav").symlink_to(tmp_path / "elsewhere" / "b.wav")
    (tmp_path / "root").symlink_to("in")
    names = ["a.wav", "again/b.wav", "c.wav", "speaker/b.wav"]
    assert found(tmp_path / "in") == found(tmp_path / "root") == names


def test_loops_of_links_end(tmp_path):
    touch(tmp_path / "x" / "1.wav", tmp_path / "y" / "2.wav")
    (tmp_path / "x" / "up").symlink_to("..")
    (tmp_path / "x" / "self").symlink_to("self")
    (tmp_path / "x" / "other").symlink_to("../y")
    (tmp_path / "y" / "other").symlink_to("../x")
    names = ["x/1.wav", "x/other/2.wav", "y/2.wav", "y/other/1.wav"]
    assert [name for name in found(tmp_path) if name.endswith(".wav")] == names


def test_what_cannot_be_read_is_in_the_list_and_what_never_ends_is_not(tmp_path):
    (tmp_path / "gone.wav").symlink_to("nowhere.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    touch(tmp_path / ".hidden.wav", tmp_path / ".cache" / "a.wav")
    assert found(tmp_path) == ["gone.wav"]
    assert list(files_below(tmp_path / "nowhere")) == [tmp_path / "nowhere"]


@pytest.mark.parametrize("name", ["caf\udce9.wav", 251 * "n" + ".wav", "a\nb.wav", " .wav"])
def test_names_may_be_any_bytes(tmp_path, name):
    touch(tmp_path / name)
    assert found(tmp_path) == [name]


@pytest.mark.parametrize(
    "glob",
    ["**/*", "*", "*/*", "**/*.wav", "a/**/*.wav", "**/a/*", "?/*.wa[vx]", "a/b/*", "A/*"],
)
def test_a_pattern_means_what_it_means_in_pathlib(tmp_path, glob):
    paths = ["x.wav", "a/x.wav", "a/b/c.wav", "a/b/a/d.flac", "b/y.wax"]
    touch(*(tmp_path / path for path in paths))
    expected = {
        path.relative_to(tmp_path).as_posix() for path in tmp_path.glob(glob) if path.is_file()
    }
    assert {path for path in paths if matches(PurePath(path), glob)} == expected
