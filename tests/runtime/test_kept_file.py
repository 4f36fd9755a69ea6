"""A kept file is made once, and again if a bit of it has changed."""

import os

import pytest

from lib.runtime import kept_file
from lib.runtime.kept_file import kept


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A function that makes a content, and how often it was called."""
    monkeypatch.setattr(kept_file, "RUNS", tmp_path)
    calls = []

    def make():
        calls.append(1)
        return os.urandom(1_000)

    make.calls = calls
    return make


def test_it_is_made_once_for_each_name(made):
    assert kept("x/a", made) == kept("x/a", made) != kept("x/b", made)
    assert len(made.calls) == 2


@pytest.mark.parametrize("place", [0, 31, 32, -1])
def test_a_changed_bit_is_found_wherever_it_is(made, tmp_path, place):
    kept("a", made)
    content = bytearray((tmp_path / "cache" / "a").read_bytes())
    content[place] ^= 1
    (tmp_path / "cache" / "a").write_bytes(content)
    assert kept("a", made) == kept("a", made) and len(made.calls) == 2


@pytest.mark.parametrize("content", [b"", b"short", bytes(40)])
def test_a_file_that_is_cut_off_is_made_again(made, tmp_path, content):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "a").write_bytes(content)
    assert len(kept("a", made)) == 1_000 and len(made.calls) == 1
