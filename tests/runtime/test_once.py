"""Folders that are generated once."""

import pytest

from lib.runtime.once import make_once


def filler(*, fails=False):
    """Something that fills a folder, and the list of the files that it found there."""
    calls = []

    def fill(folder):
        calls.append(sorted(path.name for path in folder.glob("*.txt")))
        (folder / f"{len(calls)}.txt").touch()
        if fails:
            raise KeyboardInterrupt

    return fill, calls


def test_a_second_call_with_the_same_settings_does_nothing(tmp_path):
    fill, calls = filler()
    make_once(tmp_path / "a" / "folder", {"seed": 1}, fill)
    make_once(tmp_path / "a" / "folder", {"seed": 1}, fill)
    assert calls == [[]] and (tmp_path / "a" / "folder" / "1.txt").exists()


def test_other_settings_generate_the_folder_again(tmp_path):
    fill, calls = filler()
    make_once(tmp_path / "folder", {"seed": 1}, fill)
    make_once(tmp_path / "folder", {"seed": 2}, fill)
    assert calls == [[], []] and not (tmp_path / "folder" / "1.txt").exists()


def test_an_interrupted_folder_has_no_name_yet_and_is_continued(tmp_path):
    fill, calls = filler(fails=True)
    with pytest.raises(KeyboardInterrupt):
        make_once(tmp_path / "folder", {"seed": 1}, fill)
    assert not (tmp_path / "folder").exists()
    make_once(tmp_path / "folder", {"seed": 1}, lambda folder: calls.append(list(folder.iterdir())))
    assert len(calls) == 2 and (tmp_path / "folder" / "1.txt").exists()


def test_an_interrupted_folder_of_other_settings_is_thrown_away(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        make_once(tmp_path / "folder", {"seed": 1}, filler(fails=True)[0])
    make_once(tmp_path / "folder", {"seed": 2}, lambda folder: None)
    assert not (tmp_path / "folder" / "1.txt").exists()


def test_a_folder_of_somebody_else_is_not_touched(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.txt").touch()
    with pytest.raises(FileExistsError, match="was not made here"):
        make_once(tmp_path / "folder", {"seed": 1}, filler()[0])
    assert (tmp_path / "folder" / "thesis.txt").exists()
