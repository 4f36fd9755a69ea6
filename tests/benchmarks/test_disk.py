"""Cold and warm reading are told apart."""

import pytest
from signals import voiced, write

from lib.benchmarks.disk import read_speeds


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("disk")
    return [write(folder / f"{i}.flac", voiced(1.2, i), subtype="PCM_24") for i in range(6)]


def test_each_cache_has_its_row(paths):
    """Which one is faster is for `workers` to say: a busy machine would fail a test of it."""
    table = read_speeds(paths, 9_600)
    assert table.cache.tolist() == ["cold", "warm"]
    assert (table.ms > 0).all() and (table.mb_per_s > 0).all()


def test_files_that_are_shorter_than_a_segment_are_read_whole(paths):
    assert (read_speeds(paths, 10**9).ms > 0).all()
