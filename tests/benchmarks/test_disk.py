"""Cold and warm reading are told apart."""

import pytest
from signals import voiced, write

from lib.benchmarks.disk import read_speeds


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("disk")
    return [write(folder / f"{i}.flac", voiced(1.2, i), subtype="PCM_24") for i in range(6)]


def test_a_warm_cache_is_faster(paths):
    """Small files: on a machine with other work, the faster of ten turns still shows it."""
    tables = [read_speeds(paths, 9_600) for _ in range(10)]
    for table in tables:
        assert table.cache.tolist() == ["cold", "warm"] and (table.ms > 0).all()
    assert max(table.mb_per_s[1] for table in tables) > max(table.mb_per_s[0] for table in tables)


def test_files_that_are_shorter_than_a_segment_are_read_whole(paths):
    assert (read_speeds(paths, 10**9).ms > 0).all()
